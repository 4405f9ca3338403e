"""Keep processes running: start, restart with back-off, gather their output, stop them in order.

Children die with this process whatever kills it (see `deploy.lifeline`), and are started from the
thread that runs the event loop, which must therefore live as long as they do.
"""

import asyncio
import os
import signal
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from deploy.backoff import RestartPolicy
from deploy.lifeline import lifeline

LINE_BYTES_MAX = 16_384
TAIL_LINES = 12
LAST_WORDS_SECONDS_MAX = 1.0
OWN_NAME = "cactus"

Sink = Callable[[str, str], None]
"""Receives (job name, line) for each line of output; our own lines carry `OWN_NAME`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One process to keep running. Jobs of a higher stage are stopped before those of a lower."""

    name: str
    command: list[str]
    stage: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    grace_seconds: float = 10.0


@dataclass(slots=True)
class Child:
    """What is known of a job now."""

    job: Job
    process: asyncio.subprocess.Process | None = None
    starts: int = 0
    failures: int = 0
    crash_looping: bool = False
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL_LINES))

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None


class Supervisor:
    """Jobs kept running until `stop`."""

    def __init__(
        self, sink: Sink, policy: RestartPolicy | None = None, *, crashed: Sink | None = None
    ) -> None:
        """`crashed(name, tail)` is told once when a job begins to crash-loop."""
        self._sink = sink
        self._policy = policy or RestartPolicy()
        self._crashed = crashed or self._report_crash_loop
        self._stopping = False
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.children: dict[str, Child] = {}

    def start(self, job: Job) -> Child:
        """Run `job` from now on. Call it from the event loop."""
        assert job.name not in self.children, f"{job.name} is supervised already"
        assert not self._stopping
        child = Child(job)
        self.children[job.name] = child
        self._tasks[job.name] = asyncio.create_task(self._keep_running(child), name=job.name)
        return child

    async def stop(self) -> None:
        """Stop every job, the highest stage first; kill what outlives its grace."""
        self._stopping = True
        stages = sorted({child.job.stage for child in self.children.values()}, reverse=True)
        for stage in stages:
            here = [child for child in self.children.values() if child.job.stage == stage]
            await asyncio.gather(*(self._stop_one(child) for child in here))

    async def wait(self) -> None:
        """Return when every job was stopped; raise what broke the supervisor itself."""
        await asyncio.gather(*self._tasks.values())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    async def _keep_running(self, child: Child) -> None:
        while True:
            started = time.monotonic()
            code = await self._run_once(child)
            if self._stopping:
                return
            lived = time.monotonic() - started
            child.failures = self._policy.failures_after(child.failures, lived)
            delay = self._policy.delay_seconds(child.failures)
            self._say(f"{child.job.name} {_how_it_ended(code)}; again in {delay:.1f} s")
            looping = self._policy.is_crash_loop(child.failures)
            if looping and not child.crash_looping:
                self._crashed(child.job.name, "\n".join(child.tail))
            child.crash_looping = looping
            await asyncio.sleep(delay)

    async def _run_once(self, child: Child) -> int | str:
        """Run the job to its end: its exit code, or why it did not start."""
        try:
            child.process = await asyncio.create_subprocess_exec(
                *lifeline(child.job.command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env={**os.environ, **child.job.environment},
                start_new_session=True,  # Ctrl-C reaches us alone: we stop them in order
            )
        except OSError as error:
            return f"could not be started: {error}"
        child.starts += 1
        assert child.process.stdout is not None
        async for line in _lines(child.process.stdout):
            child.tail.append(line)
            self._sink(child.job.name, line)
        return await child.process.wait()

    async def _stop_one(self, child: Child) -> None:
        process, task = child.process, self._tasks[child.job.name]
        if process is not None and process.returncode is None:
            _signal_group(process, signal.SIGTERM)
            try:
                async with asyncio.timeout(child.job.grace_seconds):
                    await process.wait()
            except TimeoutError:
                self._say(f"{child.job.name} does not stop: killing it")
                _signal_group(process, signal.SIGKILL)
                await process.wait()
            await asyncio.wait({task}, timeout=LAST_WORDS_SECONDS_MAX)
        # The task waits for a restart, is about to start, or reads what a grandchild holds open.
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if child.running and child.process is not None:
            _signal_group(child.process, signal.SIGKILL)
            await child.process.wait()

    def _say(self, line: str) -> None:
        self._sink(OWN_NAME, line)

    def _report_crash_loop(self, name: str, tail: str) -> None:
        self._say(f"{name} KEEPS CRASHING. Its last words:")
        for line in tail.splitlines():
            self._say(f"    {line}")
        self._say(f"{name} will be tried again for ever, more and more slowly.")


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)  # a session leader's group has its pid
    except ProcessLookupError:
        return


def _how_it_ended(code: int | str) -> str:
    if isinstance(code, str):
        return code
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with code {code}"


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """The lines of a stream; one longer than the limit comes in pieces, so memory stays bounded."""
    rest = b""
    while chunk := await stream.read(LINE_BYTES_MAX):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.decode(errors="replace")
        if len(rest) >= LINE_BYTES_MAX:
            yield rest.decode(errors="replace")
            rest = b""
    if rest:
        yield rest.decode(errors="replace")
