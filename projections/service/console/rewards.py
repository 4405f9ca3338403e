"""Rewards: what became of each, and what people decide about them."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.responses import RedirectResponse, Response

from projections.accounts import find_entry
from projections.console_queries import find_reward
from projections.rows import EntryRow
from projections.service.console import addresses
from projections.service.console.gate import Page, Visit
from projections.service.console.timeline import links
from projections.service.console.troubles import Trouble, offered
from projections.service.ports import COUNTED_MAX, Ports, RewardBook, RewardCase
from projections.service.reading import reading

PAGE = 30
STATES = ("unknown", "stuck", "due", "attempting", "failed", "delivered", "cancelled")
"""What needs somebody first."""
SCOPE = ("site", "program", "kind")


class Rewards:
    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def pages(self) -> list[Page]:
        return [
            Page(method="GET", path="/rewards", access="viewer", answer=self.index),
            Page(method="GET", path="/reward", access="viewer", answer=self.show),
            Page(method="POST", path="/reward/retry", access="operator", answer=self.retry),
            Page(method="POST", path="/reward/resolve", access="operator", answer=self.resolve),
            Page(method="POST", path="/reward/cancel", access="operator", answer=self.cancel),
            Page(method="POST", path="/rewards/pause", access="operator", answer=self.pause),
            Page(method="POST", path="/rewards/resume", access="operator", answer=self.resume),
        ]

    @property
    def _book(self) -> RewardBook:
        return offered(self._ports.rewards, "the reward ledger")

    async def index(self, visit: Visit) -> Response:
        counts = await self._book.counts()
        # Whoever opens the page without saying more sees what needs somebody.
        first = next((state for state in STATES[:2] if counts.get(state)), "all")
        state = visit.asked("state") or first
        if state not in {*STATES, "all"}:
            raise Trouble(f"There is no state {state!r} of a reward.", status=404)
        site, after = visit.asked("site"), visit.number("after")
        found = await self._book.page(
            None if state == "all" else state,
            site or None,
            PAGE + 1,
            None if after is None else str(after),
        )
        older = ""
        if len(found) > PAGE:
            older = addresses.address(
                "/rewards", state=state, site=site, after=found[PAGE - 1].cursor
            )
        return visit.page(
            "rewards.html",
            rewards=found[:PAGE],
            counts=counts,
            counted_max=COUNTED_MAX,
            states=STATES,
            state_shown=state,
            site=site,
            sites=self._ports.sites,
            older=older,
            pauses=await self._book.pauses(),
        )

    async def show(self, visit: Visit) -> Response:
        reward_id = visit.needed("id")
        case = await self._book.show(reward_id)
        async with reading(self._ports) as connection:
            row = await find_reward(connection, reward_id)
            entry: EntryRow | None = None
            if row is not None:
                entry = await find_entry(connection, row.site, row.customer, row.sequence)
        if case is None and row is None:
            raise Trouble(f"Nothing is known of a reward {reward_id!r}.", status=404)
        return visit.page(
            "reward.html",
            reward_id=reward_id,
            case=case,
            row=row,
            link=links([entry])[0] if entry is not None else None,
            steps=_steps(case),
            moves=_moves(case),
            resolve_as=visit.asked("as"),
        )

    async def retry(self, visit: Visit) -> Response:
        return await self._decide(visit, self._book.retry)

    async def cancel(self, visit: Visit) -> Response:
        return await self._decide(visit, self._book.cancel)

    async def resolve(self, visit: Visit) -> Response:
        as_ = visit.field("as")
        reference = visit.field("reference").strip()
        if as_ == "delivered":

            async def settle(reward_id: str, by: str, reason: str) -> str:
                return await self._book.resolve(
                    reward_id, by, reason, as_="delivered", reference=reference
                )
        elif as_ == "failed":

            async def settle(reward_id: str, by: str, reason: str) -> str:
                return await self._book.resolve(reward_id, by, reason, as_="failed")
        else:
            raise Trouble("Say what is true: delivered or failed.", status=422)
        return await self._decide(visit, settle)

    async def _decide(
        self, visit: Visit, act: Callable[[str, str, str], Awaitable[str]]
    ) -> Response:
        reward_id = visit.field("id")
        await act(reward_id, visit.person, visit.reason())
        return RedirectResponse(addresses.reward(reward_id), 303)

    async def pause(self, visit: Visit) -> Response:
        scope = _scope(visit)
        if not scope and visit.field("everything") != "yes":
            raise Trouble(
                "Name a site, a program or a kind, or say that everything is to be paused.",
                status=422,
            )
        await self._book.pause(scope, visit.person, visit.reason())
        return RedirectResponse(addresses.address("/rewards"), 303)

    async def resume(self, visit: Visit) -> Response:
        await self._book.resume(_scope(visit), visit.person, visit.reason())
        return RedirectResponse(addresses.address("/rewards"), 303)


def _scope(visit: Visit) -> dict[str, str]:
    return {name: visit.field(name).strip() for name in SCOPE if visit.field(name).strip()}


def _steps(case: RewardCase | None) -> list[Mapping[str, Any]]:
    return [] if case is None else list(case.history)


def _moves(case: RewardCase | None) -> set[str]:
    """What can be decided about it, as far as its state tells; the ledger has the last word."""
    if case is None:
        return set()
    match case.state:
        case "due":
            return {"retry", "cancel"}
        case "unknown":
            return {"retry", "resolve"}
        case "stuck":
            return {"retry", "resolve", "cancel"}
        case _:
            return set()
