"""Which stretches of a partition are read for scattered offsets."""

from deploy.replay.spans import spans


def test_what_lies_near_is_read_in_one_stretch() -> None:
    assert spans([5, 900, 7, 105, 1_001], near=100) == [(5, 105), (900, 900), (1_001, 1_001)]


def test_order_and_repetition_do_not_matter() -> None:
    assert spans([9, 3, 9, 3], near=1) == [(3, 3), (9, 9)]


def test_nothing_wanted_is_nothing_read() -> None:
    assert spans([]) == []
