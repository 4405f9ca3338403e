"""Carries out the faults of a run as its load goes on, and puts everything right at the end."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterable

from tests.chaos_rewards.rewarders import Process, Rewarders
from tests.chaos_rewards.sandbox import Others
from tests.chaos_rewards.schedule import (
    AWAY_SECONDS,
    LEASE_SECONDS,
    Fault,
    Kind,
    away_faults,
    call_faults,
    doubtful_faults,
)

UNDOS_IN_DOUBT = 6
"""So many that whoever is to die when such a doubt is read back meets one of them."""
DOUBTFUL_SECONDS_MAX = 20.0
AWAY_REAL_SECONDS = 5.0
FROZEN_SECONDS = LEASE_SECONDS + 2
POLL_SECONDS = 0.1


class Nemesis:
    """`progress` tells which share of the load has been said, `undos_in_doubt` of how many takings
    back it is not known what became of them. `done` counts faults by kind.
    """

    def __init__(
        self,
        rewarders: Rewarders,
        others: Others,
        *,
        progress: Callable[[], float],
        undos_in_doubt: Callable[[], int],
        say: Callable[[str], None],
    ) -> None:
        self._rewarders = rewarders
        self._others = others
        self._progress = progress
        self._undos_in_doubt = undos_in_doubt
        self._say = say
        self._resuming: set[asyncio.Task[None]] = set()
        self.done: Counter[Kind] = Counter()

    async def strike(self, faults: Iterable[Fault]) -> None:
        await self._others.trouble(call_faults())
        for fault in faults:
            while self._progress() < fault.at:  # noqa: ASYNC110 - a share of the load, no event
                await asyncio.sleep(POLL_SECONDS)
            self._say(fault.kind)
            await self._do(fault)
            self.done[fault.kind] += 1

    async def heal(self) -> None:
        """Returns when nobody is frozen and every call is answered properly."""
        await self._others.trouble([])
        self._rewarders.disarm()
        await asyncio.gather(*self._resuming)

    async def _do(self, fault: Fault) -> None:
        if fault.kind is Kind.OUTAGE:
            await self._go_away()
            return
        process = await self._victim(fault)
        if fault.kind is Kind.KILL:
            self._rewarders.kill(process)
            return
        self._rewarders.freeze(process)
        self._resuming.add(asyncio.create_task(self._resume(process)))

    async def _go_away(self) -> None:
        """First what is done is not heard of, then nothing is done, and meanwhile keys die."""
        await self._others.trouble(doubtful_faults())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DOUBTFUL_SECONDS_MAX):
                await self._until_undos_are_in_doubt()
        await self._others.trouble(away_faults())
        await self._others.pass_time(AWAY_SECONDS)
        await asyncio.sleep(AWAY_REAL_SECONDS)
        await self._others.trouble(call_faults())

    async def _until_undos_are_in_doubt(self) -> None:
        while await asyncio.to_thread(self._undos_in_doubt) < UNDOS_IN_DOUBT:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)

    async def _resume(self, process: Process) -> None:
        await asyncio.sleep(FROZEN_SECONDS)
        self._rewarders.resume(process)

    async def _victim(self, fault: Fault) -> Process:
        while (process := self._rewarders.choose(fault.victim)) is None:  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)
        return process
