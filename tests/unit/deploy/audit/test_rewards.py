"""Every reward from event to outcome, sound, and tampered with in each place."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from deploy.audit.rewards import Rewards
from deploy.audit.stories import LedgerReward, OutcomeFact, spelled
from deploy.audit.tally import Tally
from projections.rewards import react
from schemas import ids
from schemas.facts import RewardDelivered, RewardFailed
from schemas.points import (
    AccountErased,
    AnyPointsEvent,
    Cause,
    LotChange,
    PointsRedeemed,
    PointsRestored,
    RewardEarned,
    RewardRevoked,
)
from schemas.points import RewardDelivered as DeliveredEvent
from schemas.points import RewardFailed as FailedEvent
from schemas.rewards import AnyRewardCommand, Discount, GrantReward
from tests.support.audit import examples, tally

ID = "acme:c1:five-off:1"
GRANT = Discount(via="promotional_credit", amounts_minor={"USD": 500})
REFERENCE, REASON = "pc_1", "no subscription"


def event(kind: type[Any], **fields: Any) -> AnyPointsEvent:
    head: dict[str, Any] = {
        "site": "acme",
        "customer": "c1",
        "sequence": 1,
        "cause": Cause(fact="payment:t1:i1", trigger="threshold", offset=1),
        "occurred_at": 1_000,
        **dict.fromkeys(("balance", "pending", "lifetime", "deficit"), 0),
    }
    made: AnyPointsEvent = kind(**head, **fields)
    return made


EARNED = event(
    RewardEarned,
    program="spikes",
    program_version=1,
    reward="five-off",
    reward_id=ID,
    grant=GRANT,
    cost=100,
    currency="USD",
)
LOTS = (LotChange(lot="1", points=100),)
REDEEMED = event(PointsRedeemed, points=100, reward="five-off", reward_id=ID, lots=LOTS)
RESTORED = event(PointsRestored, points=100, reward="five-off", reward_id=ID, lots=LOTS)
DELIVERED = event(DeliveredEvent, reward="five-off", reward_id=ID, reference=REFERENCE)
FAILED = event(FailedEvent, reward="five-off", reward_id=ID, reason=REASON)


def command(**changes: Any) -> GrantReward:
    made = react(EARNED)
    assert isinstance(made, GrantReward)
    return msgspec.structs.replace(made, **changes)


def outcome(kind: type[Any], **fields: Any) -> OutcomeFact:
    made: OutcomeFact = kind(
        id=ids.outcome(ID), site="acme", customer="c1", occurred_at=2_000, reward_id=ID, **fields
    )
    return made


TOLD_DELIVERED = outcome(RewardDelivered, reference=REFERENCE)
TOLD_FAILED = outcome(RewardFailed, reason=REASON)


def row(state: str, **changes: Any) -> LedgerReward:
    settled = state in {"delivered", "failed"}
    values: dict[str, Any] = {
        "reward_id": ID,
        "site": "acme",
        "customer": "c1",
        "via": "promotional_credit",
        "amounts_minor": {"USD": 500},
        "command": spelled(command()),
        "state": state,
        "stuck": False,
        "settled_at": 1_500 if settled else None,
        "reference": REFERENCE if state == "delivered" else "",
        "reason": REASON if state == "failed" else "",
        "told": settled,
        "body": "{}",
    }
    return LedgerReward(**{**values, **changes})


@dataclass
class World:
    """What the logs and the ledger hold of one reward. By default it was delivered."""

    commands: list[AnyRewardCommand] = field(default_factory=lambda: [command()])
    events: list[AnyPointsEvent] = field(default_factory=lambda: [EARNED, REDEEMED, DELIVERED])
    facts: list[OutcomeFact] = field(default_factory=lambda: [TOLD_DELIVERED])
    before: LedgerReward | None = field(default_factory=lambda: row("delivered"))
    after: LedgerReward | None = field(default_factory=lambda: row("delivered"))
    is_projected: bool = True
    is_received: bool = True
    tallies: tuple[Tally, Tally, Tally] = field(default_factory=lambda: (tally(), tally(), tally()))

    def said(self) -> tuple[list[str], list[str], list[str]]:
        """Complaints about commands, ledger and outcomes."""
        rewards = Rewards(*self.tallies, {} if self.before is None else {ID: self.before})
        for each in self.commands:
            rewards.take_command(each, is_received=self.is_received)
        for one in self.events:
            rewards.take_event(one, is_projected=self.is_projected)
        for fact in self.facts:
            rewards.take_outcome(fact, is_folded=True)
        rewards.finish_partition()
        rewards.finish({} if self.after is None else {ID: self.after})
        commands, rows, outcomes = (
            [said.removeprefix(f"{ID} ") for said in examples(each)] for each in self.tallies
        )
        return commands, rows, outcomes


def failed(**changes: Any) -> World:
    values: dict[str, Any] = {
        "events": [EARNED, REDEEMED, FAILED, RESTORED],
        "facts": [TOLD_FAILED],
        "before": row("failed"),
        "after": row("failed"),
    }
    return World(**{**values, **changes})


def test_a_delivered_and_a_failed_reward_are_sound_however_often_they_are_commanded() -> None:
    world = World(commands=[command(), command(), command()])

    assert world.said() == ([], [], [])
    assert world.tallies[0].check().note == "2 commands repeat one, with the same content"
    assert failed().said() == ([], [], [])


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (World(commands=[], before=None, after=None, events=[EARNED], facts=[]), "has no command"),
        (World(events=[DELIVERED]), "is commanded and was never earned"),
        (World(events=[EARNED, EARNED, DELIVERED]), "is earned 2 times"),
        (World(commands=[command(), command(currency="EUR")]), "has 2 different commands"),
        (World(commands=[command(currency="EUR")]), "says something else than its event"),
    ],
)
def test_a_reward_has_exactly_one_command(world: World, said: str) -> None:
    assert any(said in each for each in world.said()[0])


def test_a_reward_that_the_views_have_not_seen_needs_no_command_yet() -> None:
    world = World(
        commands=[], before=None, after=None, events=[EARNED], facts=[], is_projected=False
    )

    assert world.said() == ([], [], [])


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (World(before=None), "was received and is not in the ledger"),
        (World(before=row("delivered", settled_at=None)), "is delivered at no time"),
        (World(before=row("delivered", reference="")), "without the gateway's reference"),
        (failed(before=row("failed", reason="")), "has failed without a reason"),
        (World(before=row("due", told=True)), "is due and yet settled"),
        (World(before=row("unknown", settled_at=5)), "is unknown and yet settled"),
        (World(before=row("delivered", command=b"{}")), "a command that is not in the log"),
        (World(commands=[], events=[], facts=[]), "is in the ledger and in no log"),
    ],
)
def test_the_ledger_holds_each_command_in_a_sound_state(world: World, said: str) -> None:
    assert any(said in each for each in world.said()[1])


@pytest.mark.parametrize(
    ("world", "said"),
    [
        (World(facts=[], events=[EARNED]), "is delivered and its outcome is not among the facts"),
        (World(events=[EARNED]), "has an outcome fact, and its account has no event for it"),
        (World(facts=[TOLD_DELIVERED, TOLD_FAILED]), "an outcome fact of either kind"),
        (World(events=[EARNED, DELIVERED, FAILED]), "was delivered 1 and failed 1 times"),
        (World(events=[EARNED, DELIVERED, DELIVERED]), "was delivered 2"),
        (World(facts=[TOLD_FAILED]), "is delivered to the account by no fact"),
        (failed(facts=[TOLD_DELIVERED]), "has failed for the account by no fact"),
        (failed(events=[EARNED, REDEEMED, FAILED]), "cost 100 points and gave back 0"),
        (failed(events=[EARNED, REDEEMED, FAILED, RESTORED, RESTORED]), "gave back 200"),
        (
            World(events=[EARNED, REDEEMED, DELIVERED, RESTORED]),
            "cost 100 points and gave back 100",
        ),
        (World(before=row("failed"), after=row("failed")), "its outcome fact differs"),
        (World(before=None, after=None), "has an outcome and is not in the ledger"),
    ],
)
def test_ledger_facts_and_account_agree_on_the_outcome(world: World, said: str) -> None:
    assert any(said in each for each in world.said()[2])


def test_what_happens_between_two_readings_of_the_ledger_is_no_breach() -> None:
    """Settled after the first reading, told before the facts were read."""
    world = World(before=row("attempting"), after=row("delivered"))

    assert world.said() == ([], [], [])


def test_what_is_settled_and_not_yet_told_is_noted() -> None:
    world = World(events=[EARNED], facts=[], before=row("delivered", told=False))

    assert world.said() == ([], [], [])
    assert world.tallies[2].check().note == "1 outcomes are not told yet"


def revoked(reason: str) -> AnyPointsEvent:
    head = {"program": "spikes", "program_version": 1, "reward": "five-off", "reward_id": ID}
    return event(RewardRevoked, **head, reason=reason)


@pytest.mark.parametrize("reason", ["refunded", "cancelled"])
def test_a_reward_that_was_revoked_gives_back_what_it_cost(reason: str) -> None:
    taken_back = [EARNED, REDEEMED, DELIVERED, revoked(reason)]

    assert World(events=[*taken_back, RESTORED]).said() == ([], [], [])
    assert World(events=taken_back).said()[2] == ["cost 100 points and gave back 0"]


def test_a_tier_that_was_left_gives_nothing_back() -> None:
    left = [EARNED, REDEEMED, DELIVERED, revoked("tier_left")]

    assert World(events=left).said() == ([], [], [])
    assert World(events=[*left, RESTORED]).said()[2] == ["cost 100 points and gave back 100"]


def test_an_outcome_that_comes_after_the_revocation_is_nobodys() -> None:
    world = failed(events=[EARNED, REDEEMED, revoked("cancelled"), RESTORED])

    assert world.said() == ([], [], [])


def test_an_erased_account_has_forgotten_its_open_rewards() -> None:
    erased = event(AccountErased)

    assert World(events=[EARNED, erased]).said() == ([], [], [])
