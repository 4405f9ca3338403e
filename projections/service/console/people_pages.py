"""Who may sign in, and the trail of what everybody decided."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import RedirectResponse, Response

from projections.access.database import access
from projections.access.decisions import Decision, record_decision
from projections.access.people import ROLES, People, PeopleRefused, Role
from projections.access.trail import page_decisions
from projections.service.console import addresses
from projections.service.console.gate import Page, Visit
from projections.service.console.troubles import Trouble
from projections.service.ports import Ports

PAGE = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """One decision of either trail: `of` is `console` or `rewards`, `id` its place there."""

    of: str
    id: int
    at: float
    by: str
    verb: str
    subject: str
    reason: str
    detail: str


class PeoplePages:
    def __init__(self, ports: Ports, people: People) -> None:
        self._ports = ports
        self._people = people

    def pages(self) -> list[Page]:
        return [
            Page(method="GET", path="/decisions", access="viewer", answer=self.decisions),
            Page(method="GET", path="/people", access="admin", answer=self.index),
            Page(method="POST", path="/people/add", access="admin", answer=self.add),
            Page(method="POST", path="/people/renew", access="admin", answer=self.renew),
            Page(method="POST", path="/people/disable", access="admin", answer=self.disable),
            Page(method="POST", path="/people/enable", access="admin", answer=self.enable),
        ]

    async def decisions(self, visit: Visit) -> Response:
        """Two trails in one: what is stored here, and what the reward ledger keeps of its own."""
        console, rewards = visit.number("console"), visit.number("rewards")
        found = await self._console_trail(console) + await self._rewards_trail(rewards)
        found.sort(key=lambda each: -each.at)
        shown = found[:PAGE]
        older = ""
        if len(found) > PAGE:
            last = {each.of: each.id for each in shown}
            older = addresses.address(
                "/decisions",
                console=last.get("console", console),
                rewards=last.get("rewards", rewards),
            )
        return visit.page("decisions.html", decisions=shown, older=older)

    async def _console_trail(self, before: int | None) -> list[Decided]:
        async with access(self._ports.access) as connection:
            rows = await page_decisions(connection, limit=PAGE + 1, before=before)
        return [
            Decided(
                of="console",
                id=number,
                at=each.at,
                by=each.by,
                verb=each.kind,
                subject=each.subject,
                reason=each.reason,
                detail=each.detail,
            )
            for number, each in rows
        ]

    async def _rewards_trail(self, before: int | None) -> list[Decided]:
        if self._ports.rewards is None:
            return []
        rows: list[Mapping[str, Any]] = await self._ports.rewards.decisions(PAGE + 1, before)
        return [
            Decided(
                of="rewards",
                id=int(row["id"]),
                at=float(row["at"]),
                by=str(row["by"]),
                verb=str(row["verb"]),
                subject=str(row["subject"]),
                reason=str(row["reason"]),
                detail=str(row["detail"]),
            )
            for row in rows
        ]

    async def index(self, visit: Visit) -> Response:
        return await self._page(visit)

    async def _page(self, visit: Visit, *, name: str = "", password: str = "") -> Response:
        return visit.page(
            "people.html",
            people=await self._people.everyone(),
            roles=ROLES,
            name=name,
            once=password,
        )

    async def add(self, visit: Visit) -> Response:
        name, role = visit.field("name").strip().lower(), _role(visit.field("role"))
        with _in_words():
            password = await self._people.add(name, role)
        await self._record(visit, "add person", name, detail=role)
        return await self._page(visit, name=name, password=password)

    async def renew(self, visit: Visit) -> Response:
        name = self._other(visit)
        with _in_words():
            password = await self._people.renew(name)
        await self._record(visit, "renew password", name)
        return await self._page(visit, name=name, password=password)

    async def disable(self, visit: Visit) -> Response:
        name = self._other(visit)
        with _in_words():
            await self._people.disable(name)
        await self._record(visit, "disable person", name)
        return RedirectResponse(addresses.address("/people"), 303)

    async def enable(self, visit: Visit) -> Response:
        name = self._other(visit)
        with _in_words():
            await self._people.enable(name)
        await self._record(visit, "enable person", name)
        return RedirectResponse(addresses.address("/people"), 303)

    def _other(self, visit: Visit) -> str:
        """Not oneself: who locks the last admin out needs the command line to get in again."""
        name = visit.field("name")
        if name == visit.person:
            raise Trouble("That would sign you out yourself; ask another admin.", status=409)
        return name

    async def _record(self, visit: Visit, verb: str, name: str, *, detail: str = "") -> None:
        decision = Decision(
            at=self._ports.wall(),
            by=visit.person,
            kind=verb,
            subject=name,
            reason=visit.field("reason").strip()[:500],
            detail=detail,
        )
        async with access(self._ports.access) as connection:
            await record_decision(connection, decision)


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except PeopleRefused as refused:
        raise Trouble(str(refused), status=409) from refused


def _role(text: str) -> Role:
    for role in ROLES:
        if role == text:
            return role
    raise Trouble(f"There is no role {text!r}.", status=422)
