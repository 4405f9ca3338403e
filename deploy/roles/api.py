"""Wire and run the API: it holds no lease, so any number of it may run."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.clock import choose_clock, wall_clock
from deploy.cluster import bootstrap_servers, topics_of
from deploy.known_programs import KnownPrograms
from deploy.service.access import open_own_access
from deploy.service.accounts import FoldedAccounts
from deploy.service.dead_letters import KafkaDeadLetters, desk_of
from deploy.service.erasure import KafkaEraser
from deploy.service.explainer import ReplayingExplainer
from deploy.service.export import ReplayingExporter
from deploy.service.inbox import KafkaInbox
from deploy.service.programs import PublishedPrograms
from deploy.service.rewards import open_reward_book
from deploy.service.workings import ObservedWorkings
from deploy.serving import listen, serve
from deploy.settings import Settings
from deploy.telemetry import HealthServer, Vitals, configure_logging
from deploy.views import in_sentences
from projections.account_reader import AccountReader, open_account_reader
from projections.database import open_engine
from projections.service.app import build_service
from projections.service.ports import Limits, Ports
from projections.tables import positions

ROLE = "api"
LOOK_SECONDS = 2.0


@dataclass(slots=True)
class Readable:
    """Whether the views answer, looked at time and again."""

    engine: AsyncEngine
    complaint: str | None = "they have not been read yet"

    async def keep_looking(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        try:
            async with self.engine.connect() as connection:
                await connection.execute(select(positions).limit(1))
        except (SQLAlchemyError, OSError) as error:
            self.complaint = str(getattr(error, "orig", None) or error)
        else:
            self.complaint = None


async def run_api(settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM; requests in flight are answered first."""
    configure_logging(settings.log, role=ROLE)
    listener = listen(ROLE, settings.api.host, settings.api.port)
    servers, topics = bootstrap_servers(settings), topics_of(settings)
    with in_sentences():
        views = open_engine(settings.views_url, read_only=True)
    with listener:
        async with (
            open_own_access(settings) as access,
            KafkaInbox(servers, topics) as inbox,
            _followed(KnownPrograms(servers, topics.programs)) as known,
            _looked_at(views) as readable,
            _reading(views) as reader,
            open_reward_book(settings, choose_clock(settings.clock_file), wall_clock) as rewards,
            ObservedWorkings(settings, letters := _letters(settings, access)) as workings,
        ):
            probes = {"kafka": inbox.complaint, "views": lambda: readable.complaint}
            vitals = Vitals(ROLE, probes)
            vitals.watch_loop()
            with HealthServer(vitals, settings.health, settings.run_dir):
                stopping = asyncio.Event()
                ports = replace(
                    build_ports(
                        settings,
                        views=views,
                        access=access,
                        inbox=inbox,
                        known=known,
                        reader=reader,
                    ),
                    dead_letters=letters,
                    rewards=rewards,
                    workings=workings,
                    stopping=stopping.is_set,
                )
                await serve(build_service(ports), listener, stopping)


def build_ports(
    settings: Settings,
    *,
    views: AsyncEngine,
    access: AsyncEngine,
    inbox: KafkaInbox,
    known: KnownPrograms,
    reader: AccountReader,
) -> Ports:
    """What the service is made of here."""
    api, explainer = settings.api, ReplayingExplainer(settings)
    clock = choose_clock(settings.clock_file)
    return Ports(
        views=views,
        access=access,
        clock=clock,
        wall=wall_clock,
        account_reader=reader,
        accounts=FoldedAccounts(settings, known),
        programs=PublishedPrograms(settings, known, clock),
        inbox=inbox,
        explainer=explainer,
        dry_run=explainer,
        eraser=KafkaEraser(settings, access, inbox.send),
        exporter=ReplayingExporter(settings),
        limits=Limits(
            requests_per_minute=api.requests_per_minute,
            writes_per_minute=api.writes_per_minute,
            refusals_per_minute=api.refusals_per_minute,
        ),
        cors_origins=tuple(api.cors_origins),
        sites=tuple(site.site for site in settings.sites),
        secure_cookies=api.secure_cookies,
        environment=environment_of(settings),
    )


def environment_of(settings: Settings) -> str:
    """What the console's badge says: a simulated clock is a sandbox's, `-test` ends Chargebee's
    names of test sites.
    """
    if settings.clock_file is not None:
        return "sandbox"
    names = [site.site for site in settings.sites]
    return "test" if names and all(name.endswith("-test") for name in names) else "live"


def _letters(settings: Settings, access: AsyncEngine) -> KafkaDeadLetters:
    return KafkaDeadLetters(desk_of(settings, access))


@contextlib.asynccontextmanager
async def _reading(views: AsyncEngine) -> AsyncIterator[AccountReader]:
    reader = open_account_reader(views)
    try:
        yield reader
    finally:
        await reader.close()


@contextlib.asynccontextmanager
async def _followed(known: KnownPrograms) -> AsyncIterator[KnownPrograms]:
    await known.start()
    try:
        # Who cannot follow any more ends the process: it would answer by old programs for ever.
        async with asyncio.TaskGroup() as tasks:
            following = tasks.create_task(known.follow(), name="programs")
            yield known
            following.cancel()
    finally:
        await known.stop()


@contextlib.asynccontextmanager
async def _looked_at(views: AsyncEngine) -> AsyncIterator[Readable]:
    readable = Readable(views)
    looking = asyncio.create_task(readable.keep_looking(), name="views")
    try:
        yield readable
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking
        await views.dispose()
