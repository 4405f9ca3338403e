"""Taking over partitions: how many accounts a second come back, and what each then weighs.

A worker is started on an accounts topic that holds the states of so many accounts, each as a life
in the sandbox left it, and another one on an empty topic: the difference of their memory is the
accounts'.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from schemas import ids
from schemas.topics import POSITION_KEY, PROGRAMS_KEY
from tests.bench import ours
from tests.bench.facts import LIVED_CUSTOMERS_MAX, live, partition_of
from tests.bench.peer import running
from tests.bench.program import known
from tests.bench.race import Say
from tests.bench.stage import Records, Stage, set_up, write
from tests.support.year import SITE

READY_SECONDS_MAX = 120.0
POLL_SECONDS = 0.1
SETTLE_SECONDS = 3.0
NEXT_OFFSET = b"1"


@dataclass(frozen=True, slots=True)
class Restored:
    """`seconds` from assignment to the last partition restored; bytes are per account."""

    accounts: int
    seconds: float
    state_bytes: float
    memory_bytes: float

    @property
    def accounts_per_second(self) -> float:
        return self.accounts / self.seconds


class _Line(msgspec.Struct):
    event: str
    seconds: float = 0.0


async def measure_restore(
    bootstrap_servers: str,
    accounts: int,
    *,
    facts_per_account: int,
    partitions: int,
    directory: Path,
    say: Say,
) -> Restored:
    states = _states(accounts, facts_per_account)
    empty, _ = await _restore(bootstrap_servers, {}, partitions, directory / "empty", say)
    full, seconds = await _restore(bootstrap_servers, states, partitions, directory / "full", say)
    return Restored(
        accounts=len(states),
        seconds=seconds,
        state_bytes=sum(len(value) for value in states.values()) / len(states),
        memory_bytes=(full - empty) / len(states),
    )


def _states(accounts: int, facts_per_account: int) -> dict[bytes, bytes]:
    customers = min(accounts, LIVED_CUSTOMERS_MAX)
    story = live(customers, customers * facts_per_account)
    doubles = -(-accounts // len(story.states))
    every = (
        (ids.account_key(SITE, f"{customer}-{number}").encode(), state)
        for number in range(doubles)
        for customer, state in story.states.items()
    )
    return dict(pair for pair, _ in zip(every, range(accounts), strict=False))


async def _restore(
    bootstrap_servers: str,
    states: dict[bytes, bytes],
    partitions: int,
    directory: Path,
    say: Say,
) -> tuple[int, float]:
    """Resident bytes of the worker once it is ready, and the seconds its restore took."""
    name = f"restore-{len(states)}"
    async with set_up(bootstrap_servers, name, partitions, directory) as stage:
        await write(stage, stage.topics.accounts, _records(states, partitions))
        say(f"restoring {len(states):,} accounts")
        log = directory / "worker.log"
        with running(ours.worker(stage), log) as process:
            seconds = await _until_restored(stage, log)
            await asyncio.sleep(SETTLE_SECONDS)
            return int(process.memory_info().rss), seconds


def _records(states: dict[bytes, bytes], partitions: int) -> Records:
    yield from ((partition_of(key, partitions), key, value) for key, value in states.items())
    yield from _marks(partitions)


def _marks(partitions: int) -> Iterator[tuple[int, bytes, bytes]]:
    programs = known().encode()
    for partition in range(partitions):
        yield partition, PROGRAMS_KEY, programs
        yield partition, POSITION_KEY, NEXT_OFFSET


def _restored_partitions(log: Path) -> list[float]:
    """The seconds that each restored partition took, as the worker logged them."""
    lines = [line for line in log.read_bytes().splitlines() if line.startswith(b"{")]
    told = [msgspec.json.decode(line, type=_Line) for line in lines]
    return [each.seconds for each in told if each.event == "partition restored"]


async def _until_restored(stage: Stage, log: Path) -> float:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline:
        restored = await asyncio.to_thread(_restored_partitions, log)
        if len(restored) == stage.partitions:
            return max(restored)  # they are restored at the same time
        await asyncio.sleep(POLL_SECONDS)
    msg = f"{stage.name} was not restored in time; see {log}"
    raise RuntimeError(msg)
