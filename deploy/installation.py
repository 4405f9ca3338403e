"""A whole installation on one machine: broker, topics, programs, then every role, supervised.

`cactus up` runs it as it is; a demo starts it with a sandbox beside it.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping

from deploy.cluster import embedded_kafka, topics_of
from deploy.errors import OperatingError
from deploy.kafka import has_controller
from deploy.rolecall import await_ready, cactus, kafka_job
from deploy.settings import Settings
from deploy.supervisor import OWN_NAME, Job, Sink, Supervisor
from deploy.topics import apply_topics

READY_SECONDS_MAX = 90.0
POLL_SECONDS = 0.2


async def run_installation(
    settings: Settings,
    jobs: list[Job],
    sink: Sink,
    *,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run until Ctrl-C or SIGTERM, in whatever phase that comes; leaves nothing running.

    `jobs` are roles, each ready when the `/readyz` its run file names says so. `environment` is
    added to what the broker and the publishing of programs see.
    """
    async with Supervisor(sink) as supervisor:
        work = asyncio.create_task(bring_up(settings, jobs, supervisor, sink, environment or {}))
        asked = asyncio.create_task(stop_asked())
        await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            await work  # raises where the installation cannot come up
            await asked
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work
        sink(OWN_NAME, "stopping")
    sink(OWN_NAME, "everything is stopped")


async def stop_asked() -> None:
    """Return at the first Ctrl-C or SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


async def prepare_cluster(
    settings: Settings,
    supervisor: Supervisor,
    sink: Sink,
    *,
    environment: Mapping[str, str] | None = None,
) -> str:
    """A Kafka that answers, with every topic as it must be. Returns where clients connect."""
    servers = await _find_or_start_kafka(settings, supervisor, sink, environment or {})
    applied = await apply_topics(
        servers,
        topics_of(settings),
        partitions=settings.partitions,
        replication=settings.replication,
    )
    sink(OWN_NAME, f"topics: {len(applied.created)} made, {len(applied.present)} checked")
    return servers


async def bring_up(
    settings: Settings,
    jobs: list[Job],
    supervisor: Supervisor,
    sink: Sink,
    environment: Mapping[str, str],
) -> dict[str, str]:
    """Broker, topics, programs, then the jobs. Returns why for those not ready in time."""
    await prepare_cluster(settings, supervisor, sink, environment=environment)
    for program in settings.programs:
        await _publish(str(program), sink, environment)
    for job in jobs:
        # What an earlier life wrote there must not be taken for this one's.
        (settings.run_dir / f"{job.name}.json").unlink(missing_ok=True)
        supervisor.start(job)
    late = await await_ready(
        settings.run_dir,
        [job.name for job in jobs],
        deadline_seconds=READY_SECONDS_MAX,
        ready=lambda role, url: sink(OWN_NAME, f"{role} is ready, health at {url}"),
    )
    for name, why in late.items():
        sink(OWN_NAME, f"{name} is NOT READY: {why}")
    if not late:
        sink(OWN_NAME, "to watch it: cactus prometheus")
        sink(OWN_NAME, "everything is ready; Ctrl-C stops it")
    return late


async def _find_or_start_kafka(
    settings: Settings, supervisor: Supervisor, sink: Sink, environment: Mapping[str, str]
) -> str:
    if settings.kafka.bootstrap_servers is not None:
        return settings.kafka.bootstrap_servers
    kafka = embedded_kafka(settings)
    if running := kafka.status():
        sink(OWN_NAME, f"Kafka runs already at {running.bootstrap_servers}: left alone")
        return running.bootstrap_servers
    child = supervisor.start(kafka_job(environment))
    while not child.crash_looping:
        running = kafka.status()
        if running and await has_controller(running.bootstrap_servers):
            sink(OWN_NAME, f"Kafka answers at {running.bootstrap_servers}")
            return running.bootstrap_servers
        await asyncio.sleep(POLL_SECONDS)
    msg = "The embedded Kafka does not start. Its last words:\n" + "\n".join(child.tail)
    raise OperatingError(msg)


async def _publish(program: str, sink: Sink, environment: Mapping[str, str]) -> None:
    process = await asyncio.create_subprocess_exec(
        *cactus("program", "publish", program),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **environment},
    )
    said, _ = await process.communicate()
    for line in said.decode(errors="replace").splitlines():
        sink("program", line)
    if process.returncode != 0:
        msg = f"The program {program} was not published."
        raise OperatingError(msg)
