"""A demo from its first line to its last, whatever ends it: nothing is left running."""

import asyncio
import contextlib
from collections.abc import Iterator

import msgspec
import typer

from deploy.audit.printing import print_report
from deploy.clock import wall_clock
from deploy.console import err, out
from deploy.demo.play import Script, play
from deploy.demo.screen import Screen
from deploy.demo.stage import Stage
from deploy.demo.summary import Summary, print_summary
from deploy.installation import stop_asked
from deploy.service.access import open_own_access
from deploy.settings import FILE_VARIABLE
from deploy.supervisor import Sink, Supervisor
from projections.access.people import People

PERSON = "saguaro"
PASSED = 0
FAILED = 1
INTERRUPTED = 130


async def perform(stage: Stage, script: Script, *, exit_after: bool, json: bool) -> int:
    """Returns the exit code: 0, 1 where the audit failed, 130 where somebody stopped it."""
    asked = asyncio.create_task(stop_asked())
    with _log(stage) as sink:
        async with Supervisor(sink) as supervisor:
            summary = await _play_unless(asked, stage, script, supervisor, sink)
            if summary is None:
                err.print("stopping")
                return INTERRUPTED
            _tell(summary, json=json)
            if not exit_after:
                _invite(stage, await let_in(stage))
                await asked
            asked.cancel()
    return PASSED if summary.audit.passed else FAILED


@contextlib.contextmanager
def _log(stage: Stage) -> Iterator[Sink]:
    """What all processes say goes into one file: the terminal is for the figures."""
    with stage.log_file.open("a", encoding="utf-8", buffering=1) as log:

        def sink(name: str, line: str) -> None:
            log.write(f"{name:<9}│ {line}\n")

        yield sink


async def _play_unless(
    asked: asyncio.Task[None], stage: Stage, script: Script, supervisor: Supervisor, sink: Sink
) -> Summary | None:
    """The summary, or None where a stop was asked for before it was there."""
    with Screen(err).showing() as screen:
        playing = asyncio.create_task(play(stage, script, supervisor, sink, screen))
        await asyncio.wait({playing, asked}, return_when=asyncio.FIRST_COMPLETED)
        if playing.done():
            return playing.result()
        playing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await playing
        return None


def _tell(summary: Summary, *, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode(summary).decode())
        return
    print_summary(summary, out)
    print_report(summary.audit)


async def let_in(stage: Stage) -> str:
    """A first person for the console, who may do everything. Returns the one-time password."""
    async with open_own_access(stage.settings) as access:
        return await People(access, wall_clock).add(PERSON, "admin")


def _invite(stage: Stage, password: str) -> None:
    err.print(
        f"\nEverything is still up. The console is at {stage.console_url}\n"
        f"  name {PERSON}, one-time password {password}\n"
        f"In another terminal:\n"
        f"  export {FILE_VARIABLE}={stage.settings_file}\n"
        f"  .venv/bin/cactus rewards list          who got something\n"
        f"  .venv/bin/cactus balance CUSTOMER      what they have\n"
        f"  .venv/bin/cactus entries CUSTOMER      and why\n"
        f"The roles write to {stage.log_file}. Ctrl-C stops everything.",
        markup=False,
    )
