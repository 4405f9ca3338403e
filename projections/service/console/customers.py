"""Find a customer, and see what they have, what happened to them and why."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from projections.accounts import Account, find_account, find_entry, lots_open_at, page_rewards
from projections.console_queries import KINDS, page_chain, search_accounts
from projections.search import search
from projections.service.console import addresses
from projections.service.console.gate import Page, Visit
from projections.service.console.holdings import hold
from projections.service.console.timeline import Link, links, whole
from projections.service.console.troubles import Trouble, offered
from projections.service.ports import Ports
from projections.service.reading import reading

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
        async with reading(self._ports) as connection:
            where = text and await self._named(connection, text)
        return RedirectResponse(where or addresses.address("/customers", q=text), 303)

    async def _named(self, connection: AsyncConnection, text: str) -> str:
        for site in self._ports.sites:
            found = await search(connection, site, text, limit=1)
            if found.customers and found.customers[0].customer == text:
                return addresses.customer(site, text)
            if found.rewards:
                return addresses.reward(text)
            if found.entries:
                told = found.entries[0]
                return addresses.customer(site, told.customer, before=told.sequence + 1)
        site, _, rest = text.partition(":")
        if await find_account(connection, site, rest):
            return addresses.customer(site, rest)
        name, _, number = rest.rpartition(":")
        if number.isdigit() and await find_entry(connection, site, name, int(number)) is not None:
            return addresses.address("/entry", site=site, customer=name, sequence=number)
        return ""

    async def search(self, visit: Visit) -> Response:
        sites = self._ports.sites
        text, site = visit.asked("q"), visit.asked("site") or (sites[0] if sites else "")
        async with reading(self._ports) as connection:
            found = await search_accounts(
                connection, site, text, limit=FOUND_MAX + 1, after=visit.asked("after")
            )
        older = ""
        if len(found) > FOUND_MAX:
            found = found[:FOUND_MAX]
            older = addresses.address("/customers", q=text, site=site, after=found[-1].customer)
        template = "_found.html" if visit.is_fragment else "customers.html"
        return visit.page(template, found=found, q=text, site=site, sites=sites, older=older)

    async def show(self, visit: Visit) -> Response:
        site, customer = visit.needed("site"), visit.needed("customer")
        kind = visit.asked("kind") if visit.asked("kind") in KINDS else ""
        async with reading(self._ports) as connection:
            account = await self._account(connection, site, customer)
            now = self._ports.clock()
            chain = await self._chain(connection, visit, site, customer, kind)
            if visit.is_fragment:
                return visit.page(
                    "_timeline.html",
                    links=chain.links,
                    older=chain.older,
                    site=site,
                    customer=customer,
                )
            lots = await lots_open_at(connection, site, customer, now)
            rewards = await page_rewards(connection, site, customer, limit=REWARDS_SHOWN + 1)
        return visit.page(
            "customer.html",
            account=account.row,
            held=hold(account, lots, self._ports.accounts, now),
            site=site,
            customer=customer,
            kind=kind,
            kinds=KINDS,
            lots=lots[:LOTS_SHOWN],
            lots_more=max(0, len(lots) - LOTS_SHOWN),
            rewards=rewards[:REWARDS_SHOWN],
            rewards_more=len(rewards) > REWARDS_SHOWN,
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
        async with reading(self._ports) as connection:
            await self._account(connection, site, customer)
        report = await eraser.erase(site, customer, visit.person, reason)
        return visit.page("erased.html", report=report)

    async def _account(self, connection: AsyncConnection, site: str, customer: str) -> Account:
        found = await find_account(connection, site, customer)
        if found is None:
            raise Trouble(
                f"The views hold nothing of customer {customer!r} on site {site!r}.", status=404
            )
        return found
