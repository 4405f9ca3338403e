"""A console over one customer's story, and clients signed in as each role."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from projections.access.people import People, Role
from projections.database import open_engine
from projections.service.app import build_service
from projections.service.ports import Ports
from tests.support.console import PASSWORD, console_fakes, sign_in
from tests.support.points import logged, story
from tests.support.service import QUICK, service_ports
from tests.support.views import fill

NAMES: dict[Role, str] = {"viewer": "vera", "operator": "otto", "admin": "ada"}


@dataclass
class Console:
    """`ports` are what the pages stand on; `token` is for forms of the last who signed in."""

    ports: Ports
    service: ASGIApp
    stack: AsyncExitStack
    token: str = ""

    async def anonymous(self) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(self.service, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url="https://console")
        return await self.stack.enter_async_context(client)

    async def as_(self, role: Role) -> httpx.AsyncClient:
        client = await self.anonymous()
        self.token = await sign_in(client, NAMES[role])
        return client

    async def post(self, client: httpx.AsyncClient, path: str, **fields: Any) -> httpx.Response:
        form = {"csrf": self.token, **fields}
        return await client.post(f"/console{path}", data=form)


async def quick_person(people: People, name: str, role: Role) -> None:
    once = await people.add(name, role)
    await people.change_password(name, once, PASSWORD)


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Opens a console; what is given takes the place of some ports."""
    async with AsyncExitStack() as stack:

        async def open_console(**given: Any) -> Console:
            ports = await stack.enter_async_context(
                service_ports(tmp_path, **console_fakes(**given))
            )
            writing = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'views.sqlite'}")
            await fill(writing, logged(story()[:20]))
            await writing.dispose()
            people = People(ports.access, ports.wall, QUICK)
            for role, name in NAMES.items():
                await quick_person(people, name, role)
            return Console(ports, build_service(ports), stack)

        yield open_console


@pytest.fixture
async def console(opened: Callable[..., Any]) -> Console:
    made: Console = await opened()
    return made
