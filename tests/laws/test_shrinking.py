"""A difference on a late history is made small and told as it was delivered."""

from itertools import pairwise

from schemas.facts import AnyFact
from schemas.program.model import Program
from tests.laws.compare import Difference
from tests.laws.deliveries import REACH, in_order, lateness
from tests.laws.run import LATE_EVERY, Case
from tests.laws.shrink import shrink
from tests.laws.tale import tale
from tests.support.story import DAY, HOUR, T0, happened, paid
from tests.support.year import SITE

PROGRAM = Program.model_validate(
    {
        "program": "plain",
        "site": SITE,
        "effective_from": "2000-01-01T00:00",
        "earn": [
            {"id": "visit", "on": "custom", "event": "visit", "points": 1},
            {"id": "pay", "on": "payment_succeeded", "points": 1},
        ],
    }
)


def differs_after_a_late_visit(program: Program, history: list[AnyFact]) -> Difference | None:
    """As if the fold forgot late visits: those that come straight after a payment."""
    if not any(rule.id == "visit" for rule in program.earn):
        return None
    for place, (before, fact) in enumerate(pairwise(history), start=1):
        if fact.id == "custom:late" and before.id.startswith("payment"):
            return Difference(place, fact, ["nothing"], ["a point"])
    return None


def test_only_what_makes_the_difference_is_left_and_no_later_than_need_be() -> None:
    late = happened("visit", T0, key="late")
    history: list[AnyFact] = [
        happened("visit", T0, key="c0"),
        paid("t1", 100, at=T0 + HOUR),
        happened("visit", T0 + DAY, key="c1"),
        paid("t2", 100, at=T0 + 2 * DAY),
        late,
        happened("visit", T0 + 3 * DAY, key="c2"),
    ]
    program, left = shrink(PROGRAM, history, differs_after_a_late_visit)
    assert [rule.id for rule in program.earn] == ["visit"]
    assert [type(fact) for fact in left] == [type(history[1]), type(late)]
    found = differs_after_a_late_visit(program, left)
    assert found is not None
    told = tale(program, left, found)
    assert "in the order of delivery" in told
    assert "late)" in told


def test_a_part_of_the_histories_comes_late_and_none_later_than_is_promised() -> None:
    histories = {number: Case(0, number).draw()[1] for number in range(120)}
    late = [number for number, history in histories.items() if not in_order(history)]
    assert all(number % LATE_EVERY == 0 for number in late)
    assert 30 <= len(late) <= 40
    assert max(max(lateness(histories[number])) for number in late) == REACH
