"""What a writer takes up from the accounts topic."""

import pytest

from schemas.topics import POSITION_KEY
from streams.core.batches import Record
from streams.core.restore import ForeignRecordError, Kept
from tests.support.counting_fold import CountingFold
from tests.support.records import record

ACCOUNTS = "loyalty.accounts.v1"


def written(offset: int, key: bytes | None, value: bytes | None) -> Record:
    return record(offset, value, key=key, topic=ACCOUNTS)


def test_the_last_state_and_the_last_position_hold() -> None:
    fold = CountingFold()
    kept = Kept(fold)

    kept.take_up([written(0, b"acme:ann", b"1"), written(1, POSITION_KEY, b"10")])
    kept.take_up([written(3, b"acme:ann", b"2"), written(4, POSITION_KEY, b"12")])

    assert fold.counts == {b"acme:ann": 2}
    assert (kept.restored_to, kept.next_offset) == (5, 12)


@pytest.mark.parametrize(("key", "value"), [(b"acme:ann", None), (None, b"1")])
def test_a_record_that_no_worker_wrote_is_named(key: bytes | None, value: bytes | None) -> None:
    """A tombstone would make an account forget its facts: going on would pay them again."""
    with pytest.raises(ForeignRecordError, match=f"{ACCOUNTS}-3 holds at offset 7 a record"):
        Kept(CountingFold()).take_up([written(7, key, value)])
