"""The demo itself: set the stage, let a year go by, come to rest, audit, and tell what happened."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from deploy.audit.run import run_audit
from deploy.audit.truth import Truth
from deploy.clock import write_clock
from deploy.demo.meters import Meters, Readings
from deploy.demo.rest import Rest
from deploy.demo.screen import Screen
from deploy.demo.site import SandboxSite, SiteStatus
from deploy.demo.stage import SITE, WEBHOOK_USER, Stage
from deploy.demo.summary import Summary, gather
from deploy.errors import OperatingError
from deploy.installation import bring_up
from deploy.rolecall import cactus, role_jobs
from deploy.sandbox.life import FIRST_INSTANT
from deploy.sandbox.terms import DAY
from deploy.settings import Role
from deploy.supervisor import Job, Sink, Supervisor

ROLES: tuple[Role, ...] = ("receiver", "poller", "worker", "projector", "rewarder", "api")
SANDBOX = "sandbox"
LOOK_EVERY_SECONDS = 0.25
REST_SECONDS_MAX = 180.0
TROUBLE = [
    {"kind": "lost_answer", "method": "POST", "skip": 20, "times": 3, "seconds": 8.0},
    {"kind": "lock_timeout", "method": "POST", "skip": 60, "times": 3},
    {"kind": "server_error", "method": "GET", "path": "events", "skip": 4, "times": 2},
]
"""What goes wrong at Chargebee meanwhile: calls that are carried out and never answered, others
that find the customer locked, and a poll that fails. A 429 for the site is left out: it silences
every caller for a minute, as it should, and a minute is four simulated months.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What is played. `day_seconds` is the pause after each simulated day."""

    customers: int = 1000
    days: int = 365
    seed: int = 1
    day_seconds: float = 0.1


async def play(
    stage: Stage, script: Script, supervisor: Supervisor, sink: Sink, screen: Screen
) -> Summary:
    """From an empty directory to the audited figures; whoever calls stops the supervisor."""
    # Nothing is due before the life has begun.
    write_clock(stage.clock_file, FIRST_INSTANT)
    screen.phase("starting Kafka and every role")
    supervisor.start(_sandbox_job(stage, script))
    late = await bring_up(stage.settings, role_jobs(list(ROLES)), supervisor, sink, {})
    if late:
        reasons = "; ".join(f"{name}: {why}" for name, why in late.items())
        msg = f"The demo does not come up ({reasons}). Its log is {stage.log_file}."
        raise OperatingError(msg)
    async with _watching(stage) as (site, meters):
        await _await_sandbox(site, stage)
        await site.trouble(TROUBLE)
        await site.run(pause_seconds=script.day_seconds)
        status, readings = await _follow(stage, site, meters, screen)
        truth = Truth(await site.truth(), SITE)
        # While the sandbox still answers: what it gave away is part of the proof.
        report = await run_audit(stage.settings, progress=screen.audited, truth=truth)
    return await gather(stage.settings, status, readings, report)


def _sandbox_job(stage: Stage, script: Script) -> Job:
    return Job(
        name=SANDBOX,
        command=cactus(
            SANDBOX,
            *("--port", str(stage.sandbox_port)),
            *("--customers", str(script.customers)),
            *("--days", str(script.days)),
            *("--seed", str(script.seed)),
            *("--start", str(FIRST_INSTANT)),
            *("--webhook", stage.webhook_url),
            *("--webhook-user", WEBHOOK_USER),
        ),
        environment={"CACTUS_SANDBOX_WEBHOOK_PASSWORD": stage.password},
    )


@contextlib.asynccontextmanager
async def _watching(stage: Stage) -> AsyncIterator[tuple[SandboxSite, Meters]]:
    site = SandboxSite(stage.sandbox_url)
    meters = Meters(stage.settings.run_dir, list(ROLES))
    try:
        yield site, meters
    finally:
        await site.close()
        await meters.close()


async def _await_sandbox(site: SandboxSite, stage: Stage) -> None:
    deadline = time.monotonic() + REST_SECONDS_MAX
    while await site.status() is None:
        if time.monotonic() > deadline:
            raise OperatingError(f"The sandbox does not answer. The log is {stage.log_file}.")
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _follow(
    stage: Stage, site: SandboxSite, meters: Meters, screen: Screen
) -> tuple[SiteStatus, Readings]:
    """Until the life is over and all it set in motion has come to rest."""
    rest, deadline = Rest(), float("inf")
    while True:
        status, readings = await site.status(), await meters.read()
        if status is None or status.error:
            why = "it does not answer" if status is None else status.error
            raise OperatingError(f"The sandbox stopped: {why}. The log is {stage.log_file}.")
        write_clock(stage.clock_file, _engine_time(status))
        now = time.monotonic()
        if rest.reached(status, readings, now):
            return status, readings
        if status.running:
            screen.phase(f"living a year: {status.date}", status.progress)
        else:
            deadline = min(deadline, now + REST_SECONDS_MAX)
            complaint = rest.complaint(status, readings)
            screen.phase(complaint or "coming to rest", status.progress)
            if now > deadline:
                raise OperatingError(
                    f"It did not come to rest in {REST_SECONDS_MAX:.0f} s: {complaint}. "
                    f"The log is {stage.log_file}."
                )
            await site.flush()
        screen.figures(status, readings)
        await asyncio.sleep(LOOK_EVERY_SECONDS)


def _engine_time(status: SiteStatus) -> int:
    """A day behind the life while it goes on: the day's webhooks are still on their way."""
    return status.end if status.over else max(status.start, status.now - DAY)
