"""The service on databases in a directory, asked without a socket."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from argon2 import PasswordHasher

from deploy.service.programs import PublishedPrograms
from deploy.settings import Settings
from projections.access.database import access, open_access
from projections.access.keys import Scope, create_key
from projections.account_reader import open_account_reader
from projections.database import open_engine
from projections.service.app import build_service
from projections.service.ports import ErasureReport, Explained, Ports
from tests.support.engine import AccountsHere, SmallEngine, sample_program, views_url
from tests.support.migrated import migrate
from tests.support.points import NOON
from tests.support.year import SITE

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes in no time; how strong the real one is, is not what these tests are about."""


class Watch:
    """A clock that stands until it is set."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@contextlib.asynccontextmanager
async def service_ports(directory: Path, **given: Any) -> AsyncIterator[Ports]:
    """Ports over empty views and an empty access database; `given` fills in the others."""
    url = views_url(directory)
    writing = open_engine(url)
    await migrate(writing, "views")
    await writing.dispose()
    views = open_engine(url, read_only=True)
    access_engine = open_access(f"sqlite+aiosqlite:///{directory / 'access.sqlite'}")
    await migrate(access_engine, "access")
    watch, reader = Watch(), open_account_reader(views)
    bare = Ports(
        views=views,
        access=access_engine,
        clock=watch,
        wall=watch,
        account_reader=reader,
        hasher=QUICK,
    )
    try:
        yield replace(bare, **given)
    finally:
        await reader.close()
        await views.dispose()
        await access_engine.dispose()


def client_of(ports: Ports, **more: Any) -> httpx.AsyncClient:
    """Errors of the service become answers, as a server makes them."""
    transport = httpx.ASGITransport(build_service(ports), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service", **more)


async def key_for(
    ports: Ports, *scopes: Scope, site: str = SITE, expires_at: int | None = None
) -> str:
    """The text of a new key."""
    async with access(ports.access) as connection:
        _, text = await create_key(
            connection, site=site, name="test", scopes=scopes, now=0, expires_at=expires_at
        )
    return text


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


class ExplainerHere:
    async def explain_entry(self, site: str, customer: str, sequence: int) -> Explained | None:
        if sequence > 1:
            return None
        return Explained(
            fact="f",
            fact_type="PaymentSucceeded",
            source="ev_1",
            occurred_at=1,
            program="spikes",
            program_version=1,
            sentences=("because",),
            steps=({"step": "rule"},),
            events=({"type": "PointsEarned"},),
        )


class PrivacyHere:
    """Erases and exports nothing, and says so."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    async def erase(self, site: str, customer: str, by: str, reason: str) -> ErasureReport:
        self.asked.append((site, customer, by, reason))
        return ErasureReport(
            site=site, customer=customer, fact="x", found={"views": 3}, left={}, remaining=("none",)
        )

    async def export(self, site: str, customer: str) -> dict[str, Any] | None:
        return {"customer": customer} if customer.startswith("c") else None


@dataclass(frozen=True, slots=True)
class World:
    """A service over an engine that has the sample program and no customers yet."""

    ports: Ports
    engine: SmallEngine
    client: httpx.AsyncClient
    watch: Watch
    privacy: PrivacyHere

    def time_is(self, now: int) -> None:
        self.watch.now = now


@contextlib.asynccontextmanager
async def small_world(directory: Path, **given: Any) -> AsyncIterator[World]:
    async with service_ports(directory) as bare:
        engine, privacy, watch = SmallEngine(views_url(directory)), PrivacyHere(), Watch()
        await engine.open()
        await engine.publish(sample_program(SITE))
        ports = replace(
            bare,
            clock=watch,
            wall=watch,
            accounts=AccountsHere(engine),
            inbox=engine,
            explainer=ExplainerHere(),
            programs=PublishedPrograms(Settings(), engine.known, watch),
            eraser=privacy,
            exporter=privacy,
            sites=(SITE,),
            **given,
        )
        key = await key_for(ports, "admin")
        async with client_of(ports, headers=bearer(key)) as client:
            yield World(ports, engine, client, watch, privacy)
        await engine.close()
