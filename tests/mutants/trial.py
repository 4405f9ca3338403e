"""Try mutants, each in processes of its own: the mistake is in memory, no file is changed.

A process forks from this one, which has imported all that takes long and nothing of the fold;
so a mistake that the module's own tests notice costs about a second.
"""

import importlib
import os
import resource
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType

from tests.mutants import selection
from tests.mutants.places import Mutant
from tests.mutants.selection import Step

SLOW_TO_IMPORT = (
    "connectors.chargebee.translate", "dateutil.relativedelta", "deploy.kafka",
    "deploy.sandbox.site", "deploy.settings", "hypothesis.strategies", "orjson", "schemas.codec",
    "schemas.program.load", "schemas.program.model", "zoneinfo",
)  # fmt: skip
PATIENCE = 3
"""A mistake that takes so many times the CPU that no mistake takes is noticed: it never ends."""
SPARE_CPU_S = 3.0
MEMORY_BYTES = 3 << 30


class TestsFailAlreadyError(Exception):
    """Without any mistake a step fails: nothing would mean anything."""


@dataclass
class Trial:
    """`noticed_by` is the step that noticed, None as long as none has."""

    mutant: Mutant
    left: deque[Step]
    noticed_by: Step | None = None
    endless: bool = False


@dataclass
class Trials:
    workers: int
    cpu_s: dict[Step, float] = field(default_factory=dict)

    def prepare(self) -> None:
        selection.settle()
        for module in SLOW_TO_IMPORT:
            importlib.import_module(module)
        early = [module for module in sys.modules if module.startswith("streams.account")]
        assert not early, f"imported before there was a mistake in it: {', '.join(early)}"

    def measure(self, mutants: Iterable[Mutant]) -> None:
        """What each step takes where there is no mistake, in which it must find none."""
        for step in dict.fromkeys(
            step for mutant in mutants for step in selection.steps(mutant.path)
        ):
            pid = _start(step, None, None)
            _, status, used = os.wait4(pid, 0)
            if status != 0:
                raise TestsFailAlreadyError(selection.name(step), step)
            self.cpu_s[step] = used.ru_utime + used.ru_stime

    def run(self, mutants: Sequence[Mutant]) -> Iterator[Trial]:
        """Each as soon as it is decided."""
        waiting = deque(Trial(each, deque(selection.steps(each.path))) for each in mutants)
        running: dict[int, Trial] = {}
        while waiting or running:
            while waiting and len(running) < self.workers:
                trial = waiting.popleft()
                step = trial.left[0]
                limit = SPARE_CPU_S + PATIENCE * self.cpu_s[step]
                running[_start(step, trial.mutant, limit)] = trial
            pid, status = os.wait()
            trial = running.pop(pid)
            step = trial.left.popleft()
            if status != 0:
                trial.noticed_by, trial.endless = step, os.WIFSIGNALED(status)
            if trial.noticed_by is not None or not trial.left:
                yield trial
            else:
                waiting.appendleft(trial)


def _start(step: Step, mutant: Mutant | None, cpu_s: float | None) -> int:
    """The id of a process that ends with 0 where the step notices nothing."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if cpu_s is not None:
            limit = int(cpu_s) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (limit, limit))
        if mutant is not None:
            sys.meta_path.insert(0, _Finder(mutant))
        status = 0 if selection.passes(step) else 1
    finally:
        os._exit(status)


class _Finder(MetaPathFinder):
    """Finds one module with its mistake, and no other."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname != self.mutant.module:
            return None
        loader = _Loader(fullname, str(self.mutant.file), self.mutant)
        return spec_from_file_location(fullname, self.mutant.file, loader=loader)


class _Loader(SourceFileLoader):
    def __init__(self, fullname: str, path: str, mutant: Mutant) -> None:
        super().__init__(fullname, path)
        self.mutant = mutant

    def get_code(self, fullname: str) -> CodeType:
        del fullname
        return compile(self.mutant.source(), Path(self.path), "exec")
