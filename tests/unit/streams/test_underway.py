"""What was begun ends in its order, and waiting for one thing holds up no other."""

import asyncio

from streams.core.underway import Underway
from tests.support.waiting import eventually


def begin(count: int) -> list[asyncio.Future[None]]:
    return [asyncio.get_running_loop().create_future() for _ in range(count)]


async def test_what_ends_early_is_told_after_what_began_before_it() -> None:
    told: list[int] = []
    underway = Underway(8, crash=_unexpected)
    works = begin(3)
    for number, work in enumerate(works):
        await underway.add(work, lambda number=number: told.append(number))  # type: ignore[misc]
    works[2].set_result(None)
    works[0].set_result(None)
    await eventually(lambda: told == [0])
    works[1].set_result(None)
    await eventually(lambda: told == [0, 1, 2])


async def test_after_a_failure_nothing_that_began_later_is_told() -> None:
    told: list[str] = []
    failures: list[BaseException] = []
    underway = Underway(8, crash=failures.append)
    first, second = begin(2)
    await underway.add(first, lambda: told.append("first"))
    await underway.add(second, lambda: told.append("second"))
    second.set_result(None)
    first.set_exception(OSError("Kafka is away"))
    await eventually(lambda: len(failures) == 1)
    await asyncio.sleep(0)
    assert told == []


async def test_no_more_is_begun_than_there_is_room_for() -> None:
    underway = Underway(1, crash=_unexpected)
    first, second = begin(2)
    await underway.add(first, lambda: None)
    waiting = asyncio.create_task(underway.add(second, lambda: None))
    await asyncio.sleep(0)
    assert not waiting.done()
    first.set_result(None)
    second.set_result(None)
    await waiting


def _unexpected(error: BaseException) -> None:
    raise AssertionError(error)
