"""Facts whose figures nobody can count with are refused before they reach an account."""

import pytest

from schemas.bounds import AMOUNT_MAX, LAST_INSTANT, OutOfBoundsError, check
from schemas.codec import FACTS, DecodeError
from schemas.facts import AnyFact
from streams.fold import PartitionFold
from tests.support.records import fact_record
from tests.support.story import T0, adjusted, created, happened, paid, refunded, subscription

MILLISECONDS = T0 * 1000


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (happened("visit", MILLISECONDS), "CustomEventReceived: occurred_at is 1764547200000"),
        (happened("visit", -1), "occurred_at is -1"),
        (paid("t1", AMOUNT_MAX + 1), "PaymentSucceeded: amount_minor is 1000000000001"),
        (refunded("r1", "t1", 2**64), "amount_minor"),
        (adjusted("gift", -AMOUNT_MAX - 1), "points is -1000000000001"),
        (created(subscription(1, started_at=MILLISECONDS)), "subscription.started_at"),
        (paid("t1", 1, subscription=subscription(1, term_start=-5)), "subscription.term_start"),
    ],
)
def test_a_figure_that_cannot_be_meant_is_named(fact: AnyFact, said: str) -> None:
    with pytest.raises(OutOfBoundsError) as error:
        check(fact)
    assert said in str(error.value)
    assert isinstance(error.value, DecodeError)


@pytest.mark.parametrize(
    "fact",
    [
        happened("visit", 0),
        happened("visit", LAST_INSTANT),
        paid("t1", AMOUNT_MAX),
        adjusted("gift", -AMOUNT_MAX),
        created(subscription(1)),
    ],
)
def test_the_bounds_themselves_are_fine(fact: AnyFact) -> None:
    check(fact)


def test_the_fold_rejects_such_a_fact_and_goes_on() -> None:
    bad, good = happened("visit", MILLISECONDS), happened("visit", T0)
    output = PartitionFold("test").apply([fact_record(0, bad), fact_record(1, good)])
    [rejected] = output.rejected
    assert rejected.value == FACTS.encode(bad)
    assert dict(rejected.headers)["class"] == b"OutOfBoundsError"
    assert len(output.events) == 1
