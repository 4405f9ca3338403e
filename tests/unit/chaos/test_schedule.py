"""The schedule of faults: repeatable, and with something of everything."""

import pytest

from streams.app import SESSION_TIMEOUT_SECONDS
from tests.chaos.schedule import Kind, draw_faults


def test_a_seed_gives_the_same_faults_for_ever() -> None:
    assert draw_faults(7, 32) == draw_faults(7, 32)
    first = draw_faults(7, 32)[0]
    assert (first.kind, round(first.pause_seconds, 3), first.at_work) == (Kind.FREEZE, 2.928, True)


def test_another_seed_gives_others() -> None:
    assert draw_faults(7, 32) != draw_faults(8, 32)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_of_fault_is_among_ten(seed: int) -> None:
    faults = draw_faults(seed, 10)

    assert len(faults) == 10
    assert {fault.kind for fault in faults} == set(Kind)


@pytest.mark.parametrize("seed", range(20))
def test_a_freeze_outlasts_the_session_so_that_a_zombie_wakes(seed: int) -> None:
    frozen = [each for each in draw_faults(seed, 32) if each.kind is Kind.FREEZE]

    assert all(fault.lasts_seconds > SESSION_TIMEOUT_SECONDS for fault in frozen)


def test_a_run_without_faults_is_possible() -> None:
    assert draw_faults(1, 0) == ()
