"""Facts have outcomes, and points events have facts."""

from collections.abc import Sequence

import msgspec

from deploy.audit.outcomes import Outcomes
from schemas.facts import AnyFact
from schemas.points import AnyPointsEvent
from tests.support.audit import examples, folded_year, tally


def outcomes(facts: Sequence[AnyFact], events: Sequence[AnyPointsEvent]) -> list[str]:
    counted = tally()
    check = Outcomes(counted, 3)
    for event in events:
        check.take_event(event)
    for offset, fact in enumerate(facts):
        check.take_fact(offset, fact)
    check.finish()
    assert counted.examined == len(facts)
    return examples(counted)


def test_a_folded_year_has_an_outcome_for_every_fact_and_a_fact_for_every_event() -> None:
    facts, events = folded_year()

    assert outcomes(facts, events) == []
    assert outcomes([*facts, *facts], events) == [], "repeats have the outcome of the first"


def test_a_fact_without_an_event_is_named() -> None:
    facts, events = folded_year()
    rest = [each for each in events if each.cause.offset != 7]

    [said] = outcomes(facts, rest)

    assert said.startswith(f"no event names the fact {facts[7].id} of ")
    assert said.endswith("at offset 7 of partition 3")


def test_an_event_whose_fact_is_not_there_is_named() -> None:
    facts, events = folded_year()
    cause = msgspec.structs.replace(events[-1].cause, offset=len(facts) + 9)
    invented = msgspec.structs.replace(events[-1], cause=cause)

    [said] = outcomes(facts, [*events, invented])

    assert said.startswith(f"events name a fact at offset {len(facts) + 9}")


def test_an_event_that_names_another_fact_is_named() -> None:
    facts, events = folded_year()
    cause = msgspec.structs.replace(events[0].cause, fact="payment:never:happened")
    wrong = [
        msgspec.structs.replace(each, cause=cause) if each.cause.offset == 0 else each
        for each in events
    ]

    assert outcomes(facts, wrong)[0].startswith(f"events name another fact than {facts[0].id}")
    assert "others name another one" in outcomes(facts, [*events, wrong[0]])[0]


def test_a_repeat_that_was_decided_again_is_named() -> None:
    facts, events = folded_year()
    cause = msgspec.structs.replace(events[0].cause, offset=len(facts))
    again = msgspec.structs.replace(events[0], cause=cause)

    [said] = outcomes([*facts, facts[0]], [*events, again])

    assert said.startswith("a repeat has events of its own")
