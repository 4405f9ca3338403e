"""Simulations: what lines stand for, and that the fold is the worker's own."""

import json
from collections.abc import Iterable

import pytest

from deploy.simulation.lines import BAD_LINES_KEPT, Advance, BadLineError, LineReader
from deploy.simulation.run import Simulation, known_from_the_start
from deploy.simulation.summary import Tally
from schemas import ids
from schemas.codec import FACTS, POINTS
from schemas.facts import AnyFact, PaymentSucceeded, ProgramPublished
from schemas.points import AnyPointsEvent, PointsActivated, PointsEarned, PointsExpired
from schemas.program.load import load_program
from schemas.program.model import Program
from schemas.topics import PROGRAMS_KEY
from streams.account.programs import Programs
from streams.fold import PartitionFold
from tests.support import chargebee as cb
from tests.support.records import fact_record
from tests.support.year import SITE, programs, year

T0 = 1_764_547_200
DAY = 86_400

PROGRAM = """
program: plain
site: acme-test
effective_from: 2025-01-01T00:00
expiry: {after: P30D}
earn:
  - {id: pay, on: payment_succeeded, activate_after: P14D, points: {per: {USD: "1.00"}}}
"""


def program(text: str = PROGRAM) -> Program:
    return load_program(text)


def paid(name: str, customer: str = "ann", at: int = T0) -> PaymentSucceeded:
    return PaymentSucceeded(
        id=ids.payment(name, f"inv_{name}"),
        site=SITE,
        customer=customer,
        occurred_at=at,
        transaction=name,
        invoice=f"inv_{name}",
        amount_minor=10_000,
        currency="USD",
    )


def simulated(inputs: Iterable[AnyFact | Advance]) -> list[AnyPointsEvent]:
    simulation = Simulation(known_from_the_start([program()]))
    return [POINTS.decode(event) for event in simulation.run(inputs)]


def line(document: object) -> bytes:
    return json.dumps(document).encode()


def read(*lines: bytes) -> tuple[list[AnyFact | Advance], LineReader]:
    reader = LineReader(SITE)
    return list(reader.read(lines)), reader


def test_a_line_is_an_event_or_a_fact_or_a_step_of_the_clock() -> None:
    found, _ = read(
        line(cb.payment_succeeded()), FACTS.encode(paid("t1")), b"", line({"advance_to": T0})
    )
    event, fact, step = found
    assert isinstance(event, PaymentSucceeded)
    assert (event.id, event.site) == ("payment:txn_1:inv_1", SITE)
    assert (fact, step) == (paid("t1"), Advance(T0))


def test_an_answer_of_the_events_api_may_stand_on_a_line() -> None:
    found, _ = read(line({"list": [{"event": cb.payment_succeeded()}]}))
    assert [type(each) for each in found] == [PaymentSucceeded]


def test_events_that_are_no_facts_are_counted_by_reason() -> None:
    plan = line(cb.event("plan_created", plan={"id": "p"}))
    found, reader = read(plan, plan)
    assert found == []
    assert list(reader.ignored.values()) == [2]


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (line({"id": "ev_1", "event_type": "payment_succeeded"}), "broken Chargebee event"),
        (line({"nothing": "known"}), "expected a Chargebee event, a fact"),
        (line({"invoice": cb.invoice()}), "a Chargebee resource (invoice)"),
        (line({"type": "PaymentSucceeded", "v": 1}), "not a fact: PaymentSucceeded"),
        (line({"type": "Payment", "v": 1}), "not a fact"),
        (FACTS.encode(paid("t1", at=T0 * 1000)), "milliseconds are divided by 1000"),
        (line({"advance_to": T0 * 1000}), "in unix seconds up to"),
        (line({"advance_to": "2026-01-01"}), "not a step of the clock"),
        (line({"advance_to": T0, "by": 1}), "nothing else"),
    ],
)
def test_a_bad_line_is_told_what_was_expected(bad: bytes, said: str) -> None:
    with pytest.raises(BadLineError) as error:
        LineReader(SITE).read_line(bad)
    assert said in str(error.value)


def test_a_published_program_that_cannot_be_read_is_a_bad_line() -> None:
    published = ProgramPublished(
        id="program:x:1", site=SITE, customer="", occurred_at=0, program="x", version=1, document={}
    )
    with pytest.raises(BadLineError, match="cannot be read"):
        LineReader(SITE).read_line(FACTS.encode(published))


def test_all_bad_lines_are_counted_and_nothing_after_the_first_is_taken() -> None:
    good = FACTS.encode(paid("t1"))
    found, reader = read(good, *[b"{"] * (BAD_LINES_KEPT + 5), good)
    assert found == [paid("t1")]
    assert [each.number for each in reader.bad] == list(range(2, BAD_LINES_KEPT + 2))
    assert reader.bad_count == BAD_LINES_KEPT + 5


def test_the_clock_lets_each_account_live_through_each_of_its_instants() -> None:
    events = simulated(
        [paid("t1"), paid("t2", "bob", T0 + DAY), Advance(T0 + 100 * DAY), Advance(T0)]
    )
    happened = [(type(each), each.customer, each.cause.offset) for each in events]
    assert happened == [
        (PointsEarned, "ann", 0),
        (PointsEarned, "bob", 1),
        (PointsActivated, "ann", 2),
        (PointsActivated, "bob", 3),
        (PointsExpired, "ann", 4),
        (PointsExpired, "bob", 5),
    ]
    assert events[2].cause.fact == ids.time_reached(T0 + 14 * DAY)


def test_the_clock_stops_where_it_was_told_to() -> None:
    stopped = simulated([paid("t1"), Advance(T0 + 14 * DAY - 1)])
    reached = simulated([paid("t1"), Advance(T0 + 14 * DAY)])
    assert [type(each) for each in stopped] == [PointsEarned]
    assert [type(each) for each in reached] == [PointsEarned, PointsActivated]


def test_a_program_without_a_start_always_applies_and_versions_count_up() -> None:
    always = PROGRAM.replace("effective_from: 2025-01-01T00:00\n", "")
    later = PROGRAM.replace("2025-01-01", "2025-12-02").replace('"1.00"', '"0.50"')
    known = known_from_the_start([program(always), program(later)])
    events = [
        POINTS.decode(event)
        for event in Simulation(known).run([paid("t1"), paid("t2", at=T0 + 2 * DAY)])
    ]
    earned = [each for each in events if isinstance(each, PointsEarned)]
    assert [(each.program_version, each.points) for each in earned] == [(1, 100), (2, 200)]


def test_a_year_gives_the_same_bytes_as_the_partition_fold_and_again() -> None:
    facts = list(year(1, 40))
    expected = partition_fold(facts)
    for _ in range(2):
        assert list(Simulation(programs()).run(facts)) == expected


def partition_fold(facts: list[AnyFact]) -> list[bytes]:
    """Fact by fact, as a worker under little load does."""
    fold = PartitionFold("test")
    fold.restore(PROGRAMS_KEY, programs().encode())
    events: list[bytes] = []
    for offset, fact in enumerate(facts):
        events += [event for _, event, _ in fold.apply([fact_record(offset, fact)]).events]
    return events


def test_a_summary_agrees_with_the_last_event_of_each_customer() -> None:
    simulation, tally = Simulation(programs()), Tally()
    events = list(simulation.run(year(1, 40)))
    tally.count(events)
    last = {event.customer: event for event in map(POINTS.decode, events)}
    customers = list(tally.customers(simulation))
    assert {each.customer: (each.balance, each.pending, each.lifetime) for each in customers} == {
        customer: (event.balance, event.pending, event.lifetime) for customer, event in last.items()
    }
    totals = tally.totals(simulation, customers)
    assert (totals.events, totals.customers) == (len(events), len(last))
    assert totals.rewards == sum(each.rewards for each in customers) > 0


def test_without_a_program_every_fact_is_ignored_for_a_reason() -> None:
    simulation, tally = Simulation(Programs()), Tally()
    tally.count(simulation.run([paid("t1"), paid("t1"), paid("t2")]))
    [customer] = tally.customers(simulation)
    assert (customer.ignored, simulation.repeats) == (2, 1)
