"""The service on databases in a directory, asked without a socket."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from deploy.migrations.runner import upgrade
from projections.access.database import open_access
from projections.database import open_engine
from projections.service.app import build_service
from projections.service.ports import Ports
from tests.support.points import NOON


class Watch:
    """A clock that stands until it is set."""

    def __init__(self, now: int = NOON) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@contextlib.asynccontextmanager
async def service_ports(directory: Path, **given: Any) -> AsyncIterator[Ports]:
    """Ports over empty views and an empty access database; `given` fills in the others."""
    url = f"sqlite+aiosqlite:///{directory / 'views.sqlite'}"
    writing = open_engine(url)
    await upgrade(writing, "views")
    await writing.dispose()
    views = open_engine(url, read_only=True)
    access = open_access(f"sqlite+aiosqlite:///{directory / 'access.sqlite'}")
    await upgrade(access, "access")
    watch = Watch()
    try:
        yield replace(Ports(views=views, access=access, clock=watch, wall=watch), **given)
    finally:
        await views.dispose()
        await access.dispose()


def client_of(ports: Ports) -> httpx.AsyncClient:
    """Errors of the service become answers, as a server makes them."""
    transport = httpx.ASGITransport(build_service(ports), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service")
