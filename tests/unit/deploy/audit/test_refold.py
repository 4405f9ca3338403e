"""The points log against the facts folded anew."""

from collections.abc import Iterable

from deploy.audit.refold import Refold, compare_states
from schemas.codec import POINTS
from tests.support.audit import account_of, examples, folded_year, tally

Encoded = list[tuple[bytes, int, bytes]]


def log() -> Encoded:
    _, events = folded_year()
    return [(account_of(each), each.sequence, POINTS.encode(each)) for each in events]


def refolded(logged: Encoded, folded: Iterable[tuple[bytes, int, bytes]]) -> list[str]:
    counted = tally()
    refold = Refold(counted)
    for account, sequence, value in logged:
        refold.take_logged(account, sequence, value)
    for account, _, value in folded:
        refold.take_folded(account, value)
    refold.finish()
    return examples(counted)


def test_a_log_that_is_what_its_facts_give_is_sound() -> None:
    assert refolded(log(), log()) == []


def test_a_missing_event_is_told_alone() -> None:
    logged = log()
    account, sequence, _ = logged.pop(50)

    [said] = refolded(logged, log())

    assert said.startswith(f"{account.decode()}: event {sequence} (")
    assert said.endswith("is missing in the points log")


def test_an_event_that_differs_in_one_byte_is_told_alone() -> None:
    logged = log()
    account, sequence, value = logged[50]
    logged[50] = (account, sequence, value.replace(b'"lifetime":', b'"lifetime":1'))

    [said] = refolded(logged, log())

    assert said.startswith(f"{account.decode()}: event {sequence} is not the ")


def test_an_invented_event_at_the_end_is_told_alone() -> None:
    logged = log()
    account, _, value = logged[-1]
    last = max(number for name, number, _ in logged if name == account)
    logged.append((account, last + 1, value))

    assert refolded(logged, log()) == [f"{account.decode()}: event {last + 1} follows from no fact"]


def test_an_invented_event_that_takes_the_place_of_a_real_one_is_told_alone() -> None:
    logged = log()
    account, sequence, value = logged[50]
    logged.insert(50, (account, sequence, value + b" "))

    assert refolded(logged, log()) == [
        f"{account.decode()}: event {sequence} stands in the points log once too often"
    ]


def test_a_doubled_event_is_told_alone() -> None:
    logged = log()
    logged.insert(51, logged[50])

    [said] = refolded(logged, log())

    assert said.endswith("stands in the points log once too often")


def test_an_account_without_any_fact_is_told() -> None:
    logged = [*log(), (b"acme:nobody", 1, b"{}")]

    assert refolded(logged, log()) == ["acme:nobody: event 1 follows from no fact"]


def test_states_are_compared_both_ways() -> None:
    counted = tally()

    compare_states(
        counted,
        {b"same": b"1", b"other": b"2", b"invented": b"3"},
        {b"same": b"1", b"other": b"1", b"missing": b"1"},
    )

    assert counted.examined == 3
    assert sorted(examples(counted)) == [
        "the state of invented follows from no fact",
        "the state of missing is missing",
        "the state of other is not the one its facts give",
    ]
