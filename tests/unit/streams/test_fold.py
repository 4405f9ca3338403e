"""The fold of one partition: what goes out, what is rejected, what is due, what is restored."""

from schemas import ids
from schemas.bounds import LAST_INSTANT
from schemas.codec import FACTS, POINTS
from schemas.facts import CustomEventReceived, ProgramPublished, TimeReached
from schemas.points import FactIgnored, PointsActivated, PointsEarned
from schemas.program.load import load_program
from schemas.topics import PROGRAMS_KEY
from streams.core.ports import Output
from streams.fold import PartitionFold
from tests.support.records import TIMESTAMP_MS, fact_record, record

SITE = "acme"
ANN, BOB = b"acme:ann", b"acme:bob"
T0 = 1_764_547_200
DAY = 86_400

PROGRAM = """
program: small
site: acme
timezone: UTC
effective_from: 2025-01-01T00:00
earn:
  - {id: visit, on: custom, event: visit, points: 10, activate_after: P1D}
"""


def published(version: int = 1, text: str = PROGRAM) -> ProgramPublished:
    program = load_program(text)
    return ProgramPublished(
        id=ids.program_published(program.program, version),
        site=SITE,
        customer="",
        occurred_at=T0,
        program=program.program,
        version=version,
        document=program.document(),
    )


def visit(name: str, customer: str = "ann", at: int = T0) -> CustomEventReceived:
    return CustomEventReceived(
        id=ids.custom(name), site=SITE, customer=customer, occurred_at=at, name="visit"
    )


def fold() -> PartitionFold:
    """One that knows the program."""
    known = PartitionFold("0.1.0")
    known.apply([fact_record(0, published())])
    return known


def restored(*outputs: Output) -> PartitionFold:
    """What a new owner makes of what was committed."""
    again = PartitionFold("0.1.0")
    for output in outputs:
        for key, value in output.states:
            again.restore(key, value)
    return again


def test_events_carry_the_timestamp_of_their_fact_and_states_are_written_once() -> None:
    output = fold().apply([fact_record(1, visit("a")), fact_record(2, visit("b"))])

    assert [(key, timestamp) for key, _, timestamp in output.events] == [
        (ANN, TIMESTAMP_MS + 1),
        (ANN, TIMESTAMP_MS + 2),
    ]
    events = [POINTS.decode(value) for _, value, _ in output.events]
    assert [type(event) for event in events] == [PointsEarned, PointsEarned]
    assert [event.sequence for event in events] == [1, 2]
    assert [key for key, _ in output.states] == [ANN]


def test_a_repeated_fact_is_counted_and_writes_nothing() -> None:
    folding = fold()
    folding.apply([fact_record(1, visit("a"))])

    output = folding.apply([fact_record(2, visit("a")), fact_record(3, visit("a"))])

    assert (output.repeats, output.events, output.states) == (2, [], [])


def test_what_is_no_fact_is_rejected_with_its_bytes_and_the_others_are_folded() -> None:
    output = fold().apply(
        [record(1, b"{broken"), fact_record(2, visit("a")), record(3, None, key=None)]
    )

    broken, empty = output.rejected
    assert (broken.key, broken.value) == (ANN, b"{broken")
    assert dict(broken.headers)["class"] == b"DecodeError"
    assert dict(broken.headers)["offset"] == b"1"
    assert (empty.key, empty.value) == (None, b"")
    assert len(output.events) == 1


def test_a_fact_under_another_key_is_rejected_because_the_partition_may_be_another_accounts() -> (
    None
):
    output = fold().apply([record(1, FACTS.encode(visit("a")), key=BOB)])

    [rejected] = output.rejected
    assert dict(rejected.headers)["class"] == b"MisplacedFactError"
    assert output.states == []


def test_a_fact_of_no_plausible_time_is_rejected_before_calendars_break() -> None:
    at = [-1, LAST_INSTANT + 1, 10**18]
    output = fold().apply([fact_record(1 + n, visit("a", at=each)) for n, each in enumerate(at)])

    assert [str(dict(each.headers)["offset"], "ascii") for each in output.rejected] == list("123")
    assert output.events == []
    assert fold().apply([fact_record(1, visit("a", at=LAST_INSTANT))]).rejected == []


def test_a_program_that_cannot_be_read_is_rejected_and_the_one_before_holds() -> None:
    folding = fold()
    bad = ProgramPublished(
        id="program:small:2",
        site=SITE,
        customer="",
        occurred_at=T0,
        program="small",
        version=2,
        document={"program": "small"},
    )

    output = folding.apply([fact_record(1, bad), fact_record(2, visit("a"))])

    assert [dict(each.headers)["class"] for each in output.rejected] == [b"UnusableProgramError"]
    [(_, value, _)] = output.events
    assert isinstance(POINTS.decode(value), PointsEarned)
    assert PROGRAMS_KEY not in dict(output.states)


def test_programs_are_restored_with_the_accounts() -> None:
    folding = PartitionFold("0.1.0")
    first = folding.apply([fact_record(0, published()), fact_record(1, visit("a"))])
    assert set(dict(first.states)) == {ANN, PROGRAMS_KEY}

    again = restored(first)
    facts = [fact_record(2, visit("b")), fact_record(3, visit("a"))]

    assert again.apply(facts) == folding.apply(facts)


def test_without_its_programs_a_fold_would_ignore_what_the_first_one_paid() -> None:
    output = PartitionFold("0.1.0").apply([fact_record(1, visit("a"))])

    [(_, value, _)] = output.events
    ignored = POINTS.decode(value)
    assert isinstance(ignored, FactIgnored)
    assert ignored.reason == "no_program"


def test_what_is_due_is_told_once_and_again_only_after_the_account_moved_on() -> None:
    folding = fold()
    folding.apply([fact_record(1, visit("a")), fact_record(2, visit("b", at=T0 + 60))])

    assert folding.due(T0 + DAY - 1) == []
    [(key, value)] = folding.due(T0 + DAY)
    assert folding.due(T0 + DAY) == []

    time = FACTS.decode(value)
    assert isinstance(time, TimeReached)
    assert (key, time.customer, time.occurred_at) == (ANN, "ann", T0 + DAY)
    moved, *_ = folding.apply([fact_record(3, time)]).events
    assert isinstance(POINTS.decode(moved[1]), PointsActivated)
    [(_, later)] = folding.due(T0 + DAY + 60)
    assert FACTS.decode(later).occurred_at == T0 + DAY + 60


def test_an_instant_that_passed_with_an_earlier_fact_is_not_told_any_more() -> None:
    folding = fold()
    folding.apply([fact_record(1, visit("a"))])

    folding.apply([fact_record(2, visit("b", at=T0 + 2 * DAY))])

    assert folding.due(T0 + 2 * DAY) == []
    assert [key for key, _ in folding.due(T0 + 3 * DAY)] == [ANN]


def test_what_was_due_and_not_yet_folded_is_told_again_by_the_next_owner() -> None:
    folding = PartitionFold("0.1.0")
    output = folding.apply(
        [fact_record(0, published()), fact_record(1, visit("a")), fact_record(2, visit("b", "bob"))]
    )
    told = folding.due(T0 + DAY)
    assert {key for key, _ in told} == {ANN, BOB}

    assert sorted(restored(output).due(T0 + DAY)) == sorted(told)


def test_events_go_on_with_the_trace_of_their_fact_and_with_nothing_else() -> None:
    traced = record(
        2, FACTS.encode(visit("b")), headers=[("source", b"poller"), ("traceparent", b"00-1-2-01")]
    )
    records = [fact_record(1, visit("a")), traced, fact_record(3, visit("c"))]

    output = fold().apply(records)

    assert output.headers == {1: [("traceparent", b"00-1-2-01")]}
    assert output.found == 1
    plain = fold().apply([fact_record(1, visit("a")), fact_record(2, visit("b")), records[2]])
    assert (plain.events, plain.states) == (output.events, output.states)


def test_a_fact_that_the_poller_brings_after_the_webhook_was_not_missing() -> None:
    polled = record(2, FACTS.encode(visit("a")), headers=[("source", b"poller")])

    output = fold().apply([fact_record(1, visit("a")), polled])

    assert (output.found, output.repeats) == (0, 1)
