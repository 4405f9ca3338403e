"""Find a customer, and see what they have, what happened to them and why."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import RedirectResponse, Response

from projections.console_queries import KINDS, find_entry, page_chain
from projections.queries import find_balances, open_lots, rewards_of
from projections.rows import BalanceRow, LotRow
from projections.service.console import addresses
from projections.service.console.gate import Page, Visit
from projections.service.console.standing import Held, held_at
from projections.service.console.timeline import Link, links, whole
from projections.service.console.troubles import Trouble
from projections.service.ports import Ports

PAGE = 40
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
