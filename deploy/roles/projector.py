"""Wire and run the projector: one writes the views, any other stands by to take over."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.cluster import bootstrap_servers, topics_of
from deploy.installation import stop_asked
from deploy.metrics import Lag, passing, violating
from deploy.migrations.runner import upgrade
from deploy.settings import Settings
from deploy.telemetry import HealthServer, Vitals, configure_logging
from deploy.tracing import Tracer, tracing
from deploy.views import now_ms, open_own_views
from projections.lease import PROJECTOR, hold_lease
from projections.log import open_log
from projections.projector import Listeners, Projector, build_producer
from projections.states import PROJECTION as STATES
from projections.states import States
from projections.store import Positions, Store

log = structlog.get_logger(__name__)

ROLE = "projector"


@dataclass(slots=True)
class Progress:
    """How far the role has come."""

    standing_by: bool = False
    projector: Projector | None = None

    def complaint(self) -> str | None:
        """What stands against readiness.

        Standing by is ready: it is all that a second projector is for, and a roll-out that waited
        for the new one to read before it stops the old one would wait for ever.
        """
        if self.projector is not None:
            return self.projector.complaint()
        return None if self.standing_by else "it is starting"

    def stand_by(self) -> None:
        self.standing_by = True
        log.info("standing by", reason="another projector writes these views")


async def run_projector(settings: Settings) -> None:
    """Project until Ctrl-C or SIGTERM; the batch at hand is finished first."""
    configure_logging(settings.log, role=ROLE)
    progress, stopping = Progress(), asyncio.Event()
    vitals = Vitals(ROLE, {"views": progress.complaint})
    vitals.watch_loop()
    with (
        HealthServer(vitals, settings.health, settings.run_dir),
        tracing(settings.tracing, ROLE) as tracer,
    ):
        async with open_own_views(settings) as engine:
            work = asyncio.create_task(_project(settings, engine, progress, stopping, tracer))
            asked = asyncio.create_task(stop_asked())
            await asyncio.wait({work, asked}, return_when=asyncio.FIRST_COMPLETED)
            stopping.set()
            if progress.projector is None:
                work.cancel()  # it waits, or has only begun: there is nothing to finish
            with contextlib.suppress(asyncio.CancelledError):
                await work


def _listeners(topic: str, tracer: Tracer | None) -> Listeners:
    return Listeners(
        lag=Lag(topic).show,
        projected=passing("projected"),
        gaps=violating("sequence"),
        unreadable=violating("readable"),
        unbalanced=violating("figures"),
        trace=None if tracer is None else tracer.stage("project"),
    )


async def _project(
    settings: Settings,
    engine: AsyncEngine,
    progress: Progress,
    stopping: asyncio.Event,
    tracer: Tracer | None,
) -> None:
    servers, topics = bootstrap_servers(settings), topics_of(settings)
    listeners = _listeners(topics.points, tracer)
    async with hold_lease(engine, PROJECTOR, standing_by=progress.stand_by):
        # Under the lease: a newer stand-by must not change tables that an older one still writes.
        await upgrade(engine, "views")
        async with (
            open_log(servers, topics.points) as points,
            open_log(servers, topics.accounts) as accounts,
            _started(build_producer(servers)) as producer,
        ):
            turn = asyncio.Lock()
            projector = Projector(
                points,
                Store(engine, topics.points, now_ms, turn),
                producer,
                topics.rewards,
                listeners,
            )
            positions = Positions(engine, topics.accounts, STATES)
            keeper = States(accounts, positions, turn, Lag(topics.accounts).show)
            await projector.open()
            await keeper.open()
            progress.projector = projector
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(projector.run(stopping))
                    tasks.create_task(keeper.run(stopping))
            except ExceptionGroup as group:
                raise group.exceptions[0] from group


@asynccontextmanager
async def _started(producer: AIOKafkaProducer) -> AsyncIterator[AIOKafkaProducer]:
    await producer.start()
    try:
        yield producer
    finally:
        with contextlib.suppress(Exception):
            await producer.stop()
