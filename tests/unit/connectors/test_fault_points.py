"""Steps at which a process can be made to die."""

import subprocess
import sys

import pytest

from connectors import fault_points


class Deaths:
    def __init__(self) -> None:
        self.count = 0

    def die(self) -> None:
        self.count += 1


@pytest.fixture(autouse=True)
def disarmed() -> object:
    yield
    fault_points.arm("")


@pytest.mark.parametrize(("spec", "dies_at"), [("grant_leased", 1), ("grant_leased:3", 3)])
def test_a_process_dies_at_the_nth_time_and_once(spec: str, dies_at: int) -> None:
    deaths = Deaths()
    fault_points.arm(spec, deaths.die)
    for time in range(1, 6):
        fault_points.reach("undo_leased")
        fault_points.reach("grant_leased")
        assert deaths.count == int(time >= dies_at)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("nowhere", "'nowhere' is no fault point; known are commands_stored"),
        ("grant_leased:0", "which time"),
        ("grant_leased:x", "which time"),
        (":2", "is no fault point"),
    ],
)
def test_a_point_that_does_not_exist_is_said(spec: str, said: str) -> None:
    with pytest.raises(fault_points.NoSuchPointError, match=said):
        fault_points.arm(spec)
    fault_points.reach("grant_leased")


def test_the_death_is_one_that_nothing_can_catch() -> None:
    story = (
        "from connectors import fault_points as f\n"
        "f.arm('undo_before_call')\n"
        "try:\n    f.reach('undo_before_call')\n"
        "finally:\n    print('said goodbye')\n"
    )
    ended = subprocess.run([sys.executable, "-c", story], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (-9, b"")
