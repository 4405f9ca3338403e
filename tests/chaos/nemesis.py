"""Carries out a schedule of faults, and puts everything right at the end."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

from tests.chaos.broker import Broker
from tests.chaos.schedule import Fault, Kind
from tests.chaos.watch import Watch
from tests.chaos.workers import Worker, Workers

WORK_SECONDS_MAX = 18.0

Say = Callable[[str], None]


class Nemesis:
    """`done` counts faults by kind, `at_work` those that met a worker committing."""

    def __init__(self, workers: Workers, broker: Broker, watch: Watch, say: Say) -> None:
        self._workers = workers
        self._broker = broker
        self._watch = watch
        self._say = say
        self._resuming: set[asyncio.Task[None]] = set()
        self.done: Counter[Kind] = Counter()
        self.at_work = 0

    async def strike(self, faults: Iterable[Fault]) -> None:
        for number, fault in enumerate(faults, 1):
            await asyncio.sleep(fault.pause_seconds)
            met = fault.at_work and await self._watch.until_committing(WORK_SECONDS_MAX)
            self.at_work += met
            when = "at work" if met else "at any moment"
            self._say(f"fault {number}: {fault.kind}, {when}")
            await self._do(fault)
            self.done[fault.kind] += 1

    async def heal(self) -> None:
        """Returns when nothing is frozen or away any more."""
        await asyncio.gather(*self._resuming)

    async def _do(self, fault: Fault) -> None:
        if fault.kind is Kind.BROKER:
            await self._broker.kill(fault.lasts_seconds)
            return
        worker = await self._victim(fault)
        if fault.kind is Kind.KILL:
            self._workers.kill(worker)
        elif fault.kind is Kind.TERMINATE:
            self._workers.terminate(worker)
        else:
            self._workers.freeze(worker)
            task = asyncio.create_task(self._resume(worker, fault.lasts_seconds))
            self._resuming.add(task)

    async def _resume(self, worker: Worker, after_seconds: float) -> None:
        await asyncio.sleep(after_seconds)
        self._workers.resume(worker)
        self._say(f"worker {worker.number} wakes as a zombie")

    async def _victim(self, fault: Fault) -> Worker:
        while (worker := self._workers.choose(fault.victim)) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        return worker
