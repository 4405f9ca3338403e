"""Erasure with the means of these settings, and the same as the service's port."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncEngine

from connectors.database import Access
from connectors.rewards.ledger import Ledger
from deploy.clock import choose_clock, wall_clock
from deploy.cluster import bootstrap_servers, topics_of
from deploy.databases import sqlite_files
from deploy.erasure.erase import Erasure, Means, Person
from deploy.erasure.needles import Needles
from deploy.erasure.search import Hits, Progress, search
from deploy.erasure.views import written_of
from deploy.replay.reader import open_reader
from deploy.reward_ledger import open_own_ledger
from deploy.service.refusals import as_refusals
from deploy.settings import Settings
from deploy.topic_logs import open_logs
from deploy.views import UnknownCustomer
from projections.service.ports import ErasureReport
from schemas.facts import AnyFact

Send = Callable[[AnyFact], Awaitable[None]]


class KafkaEraser:
    """The service's port. `send` makes a fact durable on Kafka."""

    def __init__(self, settings: Settings, access: AsyncEngine, send: Send) -> None:
        self._settings = settings
        self._access = access
        self._send = send

    async def erase(self, site: str, customer: str, by: str, reason: str) -> ErasureReport:
        """Of a customer whom the views know: an id that was mistyped closes no account to come."""
        with as_refusals():
            if not (await written_of(self._settings, site, customer)).is_known:
                raise UnknownCustomer(f"Nothing is known of the customer {customer}.")
            return await self.erase_person(Person(site=site, customer=customer), by, reason)

    async def erase_person(self, person: Person, by: str, reason: str) -> ErasureReport:
        """With texts that tell of the person, letters that hold one of them are theirs too."""
        settings = self._settings
        servers, topics = bootstrap_servers(settings), topics_of(settings)
        async with (
            open_reader(servers, topics) as reader,
            own_ledger(settings, access="write") as ledger,
        ):
            means = Means(
                settings=settings,
                topics=topics,
                bootstrap_servers=servers,
                reader=reader,
                access=self._access,
                ledger=ledger,
                send=self._send,
                clock=choose_clock(settings.clock_file),
                wall=wall_clock,
            )
            return await Erasure(means, person, by, reason).run()


@contextlib.asynccontextmanager
async def own_ledger(settings: Settings, *, access: Access) -> AsyncIterator[Ledger | None]:
    """None where there is none: a SQLite file that no rewarder has made yet."""
    is_file = make_url(settings.ledger_url).get_backend_name() == "sqlite"
    if is_file and "reward ledger" not in sqlite_files(settings):
        yield None
        return
    async with open_own_ledger(settings, access=access) as ledger:
        yield ledger


async def search_everything(
    settings: Settings, texts: Sequence[str], files: Sequence[Path], progress: Progress
) -> Hits:
    """Where an installation holds one of the texts, place by place."""
    async with open_logs(bootstrap_servers(settings), settings.app_id) as logs:
        return await search(
            settings, logs, topics_of(settings), Needles(texts), files=files, progress=progress
        )
