"""Golden test 11: editing a tier's threshold takes nobody's points; its effects are seen before.

And a version that is published while events flow: it applies by when something occurred, among the
versions known at that offset.
"""

import pytest

from deploy.simulation.lines import Advance
from deploy.simulation.run import Simulation
from schemas import ids
from schemas.codec import POINTS
from schemas.facts import AnyFact, PaymentSucceeded, ProgramPublished
from schemas.points import AnyPointsEvent, PointsEarned, TierChanged
from schemas.program.diff import diff
from schemas.program.load import load_program
from schemas.program.model import Program
from streams.account.compiled import CompiledProgram
from streams.account.outlook import AccountView, view
from streams.account.programs import Programs
from tests.support.story import DAY, T0, YEAR
from tests.support.year import SITE

PROGRAM = """
program: garden
site: acme-test
effective_from: 2025-12-01T00:00
expiry: {after: P24M}
earn: [{id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}}]
tiers:
  window: P12M
  levels: [{id: seedling}, {id: saguaro, at: 100, multiplier: "2"}, {id: barrel, at: 500}]
"""
NEW_DAY = "2025-12-11"
EDIT = T0 + 10 * DAY
RAISED = PROGRAM.replace("at: 100", "at: 200").replace("2025-12-01", NEW_DAY)
LOWERED = PROGRAM.replace("at: 100", "at: 40").replace("2025-12-01", NEW_DAY)


def published(text: str, version: int, at: int) -> ProgramPublished:
    return ProgramPublished(
        id=ids.program_published("garden", version),
        site=SITE,
        customer="",
        occurred_at=at,
        program="garden",
        version=version,
        document=load_program(text).document(),
    )


def paid(customer: str, name: str, amount_minor: int, at: int) -> PaymentSucceeded:
    return PaymentSucceeded(
        id=ids.payment(f"{customer}-{name}", "i"),
        site=SITE,
        customer=customer,
        occurred_at=at,
        transaction=f"{customer}-{name}",
        invoice="i",
        amount_minor=amount_minor,
        currency="USD",
    )


class Garden:
    """A partition under the first version, and what its customers have."""

    def __init__(self) -> None:
        self.simulation = Simulation(Programs())
        self.events: list[AnyPointsEvent] = []
        self.tell(published(PROGRAM, 1, T0))

    def tell(self, *inputs: AnyFact | Advance) -> list[AnyPointsEvent]:
        told = [POINTS.decode(event) for event in self.simulation.run(inputs)]
        self.events += told
        return told

    def tiers(self) -> dict[str, str]:
        return {name: account.ledger.tier for _, name, account in self.simulation.accounts()}

    def views(self, at: int, program: Program | None = None) -> dict[str, AccountView]:
        """What customers have, under the version in force or under a draft of the next."""
        force = (
            CompiledProgram(program) if program else self.simulation.programs.effective(SITE, at)
        )
        return {name: view(each, force, at) for _, name, each in self.simulation.accounts()}


@pytest.fixture
def garden() -> Garden:
    """Ann is well above the threshold, Bob just, Cleo below."""
    garden = Garden()
    garden.tell(
        paid("ann", "t1", 30_000, T0), paid("bob", "t1", 12_000, T0), paid("cleo", "t1", 5_000, T0)
    )
    assert garden.tiers() == {"ann": "saguaro", "bob": "saguaro", "cleo": "seedling"}
    return garden


def points_of(views: dict[str, AccountView]) -> dict[str, tuple[int, int, object]]:
    return {name: (each.balance, each.lifetime, each.expiring) for name, each in views.items()}


@pytest.mark.parametrize("edited", [RAISED, LOWERED], ids=["raised", "lowered"])
def test_11_nobody_loses_points_or_a_tier_when_a_threshold_is_edited(
    garden: Garden, edited: str
) -> None:
    before, tiers = points_of(garden.views(EDIT)), garden.tiers()
    garden.tell(published(edited, 2, EDIT), Advance(EDIT + DAY))
    assert points_of(garden.views(EDIT + DAY)) == before
    assert garden.tiers() == tiers


def test_11_a_raised_threshold_is_previewed_and_takes_the_tier_at_the_review_only(
    garden: Garden,
) -> None:
    draft = load_program(RAISED)
    effects = diff(load_program(PROGRAM), draft).effects
    assert (
        "Who is in saguaro keeps it until its next review; who is not needs more to reach it."
        in (effects)
    )
    # What each would need: Bob is short of what keeps him, Cleo of more than before.
    now = {name: each.tier for name, each in garden.views(EDIT).items()}
    then = {name: each.tier for name, each in garden.views(EDIT, draft).items()}
    assert [(each.tier, each.needed_to_keep) for each in now.values() if each] == [
        ("saguaro", 100),
        ("saguaro", 100),
        ("seedling", None),
    ]
    assert [(each.tier, each.needed_to_keep) for each in then.values() if each] == [
        ("saguaro", 200),
        ("saguaro", 200),
        ("seedling", None),
    ]
    assert [each["cleo"].missing for each in (now, then) if each["cleo"]] == [50, 150]

    garden.tell(published(RAISED, 2, EDIT))
    # Bob still has the tier's multiplier, and a refund of nothing he rests on takes nothing.
    [earned] = garden.tell(paid("bob", "t2", 1_000, EDIT + DAY))
    assert isinstance(earned, PointsEarned)
    assert (earned.points, earned.program_version) == (20, 2)
    garden.tell(paid("ann", "t2", 15_000, EDIT + DAY))
    review = garden.tell(Advance(T0 + YEAR))
    assert [(each.customer, each.to_tier) for each in review if isinstance(each, TierChanged)] == [
        ("bob", "seedling")  # Ann's second payment earned 300, which is enough
    ]
    assert garden.views(T0 + YEAR)["bob"].balance == 140


def test_11_a_lowered_threshold_raises_who_reaches_it_when_they_next_pay(garden: Garden) -> None:
    draft = load_program(LOWERED)
    would = garden.views(EDIT, draft)["cleo"].tier
    assert would is not None
    assert (would.tier, would.next_tier, would.missing) == ("seedling", "saguaro", 0)
    garden.tell(published(LOWERED, 2, EDIT))
    told = garden.tell(paid("cleo", "t2", 100, EDIT + DAY))
    assert [type(each).__name__ for each in told] == ["PointsEarned", "TierChanged"]
    assert garden.tiers()["cleo"] == "saguaro"
    assert garden.views(EDIT + DAY)["cleo"].balance == 51


def test_11_a_level_that_is_gone_places_by_what_counts_and_takes_no_points(garden: Garden) -> None:
    gone = PROGRAM.replace("id: saguaro", "id: prickly-pear").replace("2025-12-01", NEW_DAY)
    garden.tell(published(gone, 2, EDIT))
    before = points_of(garden.views(EDIT))["ann"][0]
    garden.tell(paid("ann", "t2", 100, EDIT + DAY))
    assert garden.tiers()["ann"] == "prickly-pear"
    assert garden.views(EDIT + DAY)["ann"].balance == before + 1


def test_a_version_published_while_events_flow_applies_by_when_they_occurred(
    garden: Garden,
) -> None:
    """The version in force at the instant, among those that the offset knows."""
    doubled = PROGRAM.replace('"1.00"', '"0.50"').replace("2025-12-01", NEW_DAY)
    garden.events.clear()
    garden.tell(
        paid("dora", "early", 1_000, EDIT - DAY),
        paid("dora", "unknowing", 1_000, EDIT + DAY),  # in force by then, and not known yet
        published(doubled, 2, T0),
        paid("dora", "late", 1_000, EDIT - 1),  # comes after it was published, occurred before
        paid("dora", "at-once", 1_000, EDIT),
        published(doubled.replace("0.50", "0.25"), 2, T0),  # a number is published once
        paid("dora", "again", 1_000, EDIT + 2 * DAY),
        paid("eve", "first", 1_000, EDIT + 2 * DAY),
    )
    earned = [
        (each.cause.fact, each.program_version, each.points)
        for each in garden.events
        if isinstance(each, PointsEarned)
    ]
    assert earned == [
        ("payment:dora-early:i", 1, 10),
        ("payment:dora-unknowing:i", 1, 10),
        ("payment:dora-late:i", 1, 10),
        ("payment:dora-at-once:i", 2, 20),
        ("payment:dora-again:i", 2, 20),
        ("payment:eve-first:i", 2, 20),
    ]


def test_of_versions_known_at_once_the_one_that_took_effect_last_applies(garden: Garden) -> None:
    """Publishing a correction for the past applies to what is folded after it."""
    second = PROGRAM.replace('"1.00"', '"0.50"').replace("2025-12-01", NEW_DAY)
    correction = PROGRAM.replace('"1.00"', '"0.25"').replace("2025-12-01", "2025-12-06")
    garden.events.clear()
    garden.tell(
        published(second, 2, EDIT),
        published(correction, 3, EDIT),
        paid("dora", "a", 1_000, T0 + 4 * DAY),
        paid("dora", "b", 1_000, T0 + 6 * DAY),
        paid("dora", "c", 1_000, EDIT),
    )
    assert [
        (each.program_version, each.points)
        for each in garden.events
        if isinstance(each, PointsEarned)
    ] == [(1, 10), (3, 40), (2, 20)]


def test_a_retired_program_earns_nothing_from_its_day_on(garden: Garden) -> None:
    ended = f"{PROGRAM.replace('2025-12-01', NEW_DAY)}retired: true\n"
    before = points_of(garden.views(EDIT))
    garden.tell(published(ended, 2, EDIT))
    assert [each.balance for each in garden.tell(paid("ann", "t2", 1_000, EDIT - 1))] == [320]
    ignored = garden.tell(*(paid(name, "t3", 90_000, EDIT) for name in ("ann", "bob", "cleo")))
    assert {getattr(each, "reason", "") for each in ignored} == {"program_retired"}
    garden.tell(Advance(T0 + 2 * YEAR - 1))
    assert garden.tiers() == {"ann": "saguaro", "bob": "saguaro", "cleo": "seedling"}
    assert points_of(garden.views(EDIT))["bob"] == before["bob"]
    expired = garden.tell(Advance(T0 + 2 * YEAR))
    assert {type(each).__name__ for each in expired} == {"PointsExpired"}
