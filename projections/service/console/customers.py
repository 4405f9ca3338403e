"""Find a customer, and see what they have, what happened to them and why."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from projections.console_queries import (
    KINDS,
    find_entry,
    find_reward,
    find_told,
    page_chain,
    search_accounts,
)
from projections.queries import find_balances, open_lots, rewards_of
from projections.rows import BalanceRow
from projections.service.console import addresses
from projections.service.console.gate import Page, Visit
from projections.service.console.holdings import hold
from projections.service.console.timeline import Link, links, whole
from projections.service.console.troubles import Trouble, offered
from projections.service.ports import Ports

PAGE = 30
LOTS_SHOWN = 50
REWARDS_SHOWN = 10
FOUND_MAX = 25


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A page of the timeline; `older` is the address of the next, empty at the beginning."""

    links: Sequence[Link]
    older: str


class Customers:
    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def pages(self) -> list[Page]:
        return [
            Page(method="GET", path="/find", access="viewer", answer=self.find),
            Page(method="GET", path="/customers", access="viewer", answer=self.search),
            Page(method="GET", path="/customer", access="viewer", answer=self.show),
            Page(method="GET", path="/entry", access="viewer", answer=self.explain),
            Page(method="GET", path="/export", access="operator", answer=self.export),
            Page(method="POST", path="/erase", access="admin", answer=self.erase),
        ]

    async def find(self, visit: Visit) -> Response:
        """The page that an id names, or the search for customers whose ids begin with it."""
        text = visit.asked("q")
        async with self._ports.views.connect() as connection:
            where = text and await self._named(connection, text)
        return RedirectResponse(where or addresses.address("/customers", q=text), 303)

    async def _named(self, connection: AsyncConnection, text: str) -> str:
        accounts = await find_balances(connection, text)
        if len(accounts) == 1:
            return addresses.customer(accounts[0].site, text)
        told = await find_told(connection, text)
        if told is not None:
            return addresses.customer(told.site, told.customer, before=told.sequence + 1)
        site, colon, rest = text.partition(":")
        if not colon:
            return ""
        if await find_balances(connection, rest, site):
            return addresses.customer(site, rest)
        if await find_reward(connection, text) is not None:
            return addresses.reward(text)
        name, _, number = rest.rpartition(":")
        if number.isdigit() and await find_entry(connection, site, name, int(number)) is not None:
            return addresses.address("/entry", site=site, customer=name, sequence=number)
        return ""

    async def search(self, visit: Visit) -> Response:
        text, site = visit.asked("q"), visit.asked("site")
        last = visit.asked("after"), visit.asked("after_site")
        async with self._ports.views.connect() as connection:
            found = await search_accounts(
                connection, text, site=site, limit=FOUND_MAX + 1, after=last if last[0] else None
            )
        more = len(found) > FOUND_MAX
        found = found[:FOUND_MAX]
        older = ""
        if more:
            end = found[-1]
            older = addresses.address(
                "/customers", q=text, site=site, after=end.customer, after_site=end.site
            )
        template = "_found.html" if visit.is_fragment else "customers.html"
        return visit.page(
            template, found=found, q=text, site=site, sites=self._ports.sites, older=older
        )

    async def show(self, visit: Visit) -> Response:
        site, customer = visit.needed("site"), visit.needed("customer")
        kind = visit.asked("kind") if visit.asked("kind") in KINDS else ""
        async with self._ports.views.connect() as connection:
            account = await self._account(connection, site, customer)
            chain = await self._chain(connection, visit, site, customer, kind)
            if visit.is_fragment:
                return visit.page(
                    "_timeline.html",
                    links=chain.links,
                    older=chain.older,
                    site=site,
                    customer=customer,
                )
            lots = await open_lots(connection, site, customer)
            rewards = await rewards_of(connection, site, customer)
        return visit.page(
            "customer.html",
            account=account,
            held=hold(account, lots, self._ports.clock()),
            tier=None,
            site=site,
            customer=customer,
            kind=kind,
            kinds=KINDS,
            lots=lots[:LOTS_SHOWN],
            lots_more=max(0, len(lots) - LOTS_SHOWN),
            rewards=rewards[:REWARDS_SHOWN],
            rewards_more=max(0, len(rewards) - REWARDS_SHOWN),
            links=chain.links,
            older=chain.older,
            before=visit.number("before"),
            can_erase=self._ports.eraser is not None,
            can_export=self._ports.exporter is not None,
        )

    async def _chain(
        self, connection: AsyncConnection, visit: Visit, site: str, customer: str, kind: str
    ) -> Chain:
        entries = await page_chain(
            connection, site, customer, kind=kind, limit=PAGE + 1, before=visit.number("before")
        )
        more = len(entries) > PAGE
        shown = whole(entries[:PAGE], more=more)
        older = ""
        if more:
            older = addresses.customer(site, customer, kind=kind, before=shown[-1].sequence)
        return Chain(links=links(shown), older=older)

    async def explain(self, visit: Visit) -> Response:
        """One entry with its explanation, as a page or for the place below it."""
        site, customer = visit.needed("site"), visit.needed("customer")
        sequence = visit.number("sequence")
        explainer = offered(self._ports.explainer, "explanations")
        told = None
        if sequence is not None:
            told = await explainer.explain_entry(site, customer, sequence)
        if told is None:
            raise Trouble("There is no such entry.", status=404)
        template = "_explanation.html" if visit.is_fragment else "entry.html"
        return visit.page(template, told=told, site=site, customer=customer, sequence=sequence)

    async def export(self, visit: Visit) -> Response:
        site, customer = visit.needed("site"), visit.needed("customer")
        exported = await offered(self._ports.exporter, "exports").export(site, customer)
        if exported is None:
            raise Trouble("Nothing is held of that customer.", status=404)
        return Response(
            json.dumps(exported, indent=2, ensure_ascii=False),
            media_type="application/json",
            headers={"Content-Disposition": 'attachment; filename="customer.json"'},
        )

    async def erase(self, visit: Visit) -> Response:
        site, customer = visit.field("site"), visit.field("customer")
        eraser = offered(self._ports.eraser, "erasure")
        reason = visit.reason()
        if visit.field("confirmed") != customer:
            raise Trouble(
                "Nothing was erased: write the customer's id exactly to confirm.", status=422
            )
        async with self._ports.views.connect() as connection:
            await self._account(connection, site, customer)
        report = await eraser.erase(site, customer, visit.person, reason)
        return visit.page("erased.html", report=report)

    async def _account(self, connection: AsyncConnection, site: str, customer: str) -> BalanceRow:
        found = await find_balances(connection, customer, site)
        if not found:
            raise Trouble(
                f"The views hold nothing of customer {customer!r} on site {site!r}.", status=404
            )
        return found[0]
