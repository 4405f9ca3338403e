"""What the console asks of the views beyond what the API does. Reads only, each by an index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.queries import PAGE_MAX
from projections.rows import BalanceRow, EntryRow, RewardRow
from projections.search import begins
from projections.tables import balances, day_flows, entries, flows, rewards

KINDS: Mapping[str, tuple[str, ...]] = {
    "points": (
        "PointsEarned",
        "PointsActivated",
        "PointsExpired",
        "PointsReversed",
        "PointsRedeemed",
        "PointsRestored",
        "PointsAdjusted",
        "CorrectionApplied",
    ),
    "rewards": ("RewardEarned", "RewardDelivered", "RewardFailed", "RewardRevoked"),
    "tiers": ("TierChanged",),
    "ignored": ("FactIgnored",),
}
"""Kinds of entries that a timeline can be narrowed to."""

FLOW_NAMES: Mapping[str, tuple[str, ...]] = {
    "Earned": ("earned",),
    "Spent": ("redeemed", "restored"),
    "Refunded": ("reversed",),
    "Expired": ("expired", "voided", "erased"),
    "By hand": ("adjusted",),
    "Other": ("absorbed", "corrected"),
}
"""The kinds of flows as people think of them. Points that filled a deficit never stood in a lot."""


DAY_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """How much each of `FLOW_NAMES` moved in one day or month, and by how many changes of lots."""

    period: str
    points: Mapping[str, int]
    changes: Mapping[str, int]

    def rows(self) -> list[tuple[str, int, int]]:
        """(name, points, changes) of what moved anything, and of what people look for first."""
        return [
            (name, self.points[name], self.changes[name])
            for name in FLOW_NAMES
            if self.changes[name] or name in {"Earned", "Spent"}
        ]

    @property
    def net(self) -> int:
        return sum(self.points.values())


def day_name(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


async def search_accounts(
    connection: AsyncConnection, site: str, text: str, *, limit: int, after: str = ""
) -> list[BalanceRow]:
    """Accounts whose customer's id begins with `text`, by id; the next page begins after the last
    id of this one.
    """
    assert 0 < limit <= PAGE_MAX
    statement = select(balances).where(balances.c.site == site)
    if text:
        sqlite = connection.dialect.name == "sqlite"
        statement = statement.where(begins(balances.c.customer, text, sqlite=sqlite))
    if after:
        statement = statement.where(balances.c.customer > after)
    answer = await connection.execute(statement.order_by(balances.c.customer).limit(limit))
    return [BalanceRow(*row) for row in answer]


async def find_reward(connection: AsyncConnection, reward_id: str) -> RewardRow | None:
    statement = select(rewards).where(rewards.c.reward_id == reward_id)
    row = (await connection.execute(statement)).one_or_none()
    return None if row is None else RewardRow(*row)


async def page_chain(
    connection: AsyncConnection,
    site: str,
    customer: str,
    *,
    kind: str,
    limit: int,
    before: int | None,
) -> list[EntryRow]:
    """Newest first, of one of `KINDS` or of all where it is empty."""
    assert 0 < limit <= PAGE_MAX
    statement = select(entries).where(entries.c.site == site, entries.c.customer == customer)
    if kind:
        statement = statement.where(entries.c.type.in_(KINDS[kind]))
    if before is not None:
        statement = statement.where(entries.c.sequence < before)
    answer = await connection.execute(statement.order_by(entries.c.sequence.desc()).limit(limit))
    return [EntryRow(*row) for row in answer]


async def flow_by_day(
    connection: AsyncConnection, *, since: str, until: str, site: str = "", program: str = ""
) -> list[Flow]:
    """Each day in which anything moved, in order; both ends count."""
    statement = (
        select(
            day_flows.c.day,
            day_flows.c.kind,
            cast(func.sum(day_flows.c.points), BigInteger),
            cast(func.sum(day_flows.c.changes), BigInteger),
        )
        .where(day_flows.c.day >= since, day_flows.c.day <= until)
        .group_by(day_flows.c.day, day_flows.c.kind)
        .order_by(day_flows.c.day)
    )
    if site:
        statement = statement.where(day_flows.c.site == site)
    if program:
        statement = statement.where(day_flows.c.program == program)
    return _periods([tuple(row) for row in await connection.execute(statement)])


def every_day(found: Sequence[Flow], now: int, days: int) -> list[Flow]:
    """The last days up to the instant's own, in order: one in which nothing moved is one too."""
    known = {each.period: each for each in found}
    names = [day_name(now - back * DAY_SECONDS) for back in reversed(range(days))]
    return [known.get(name) or _flow(name, []) for name in names]


async def flow_by_month(
    connection: AsyncConnection, *, site: str = "", program: str = ""
) -> list[Flow]:
    """From the beginning on, in order."""
    statement = (
        select(
            flows.c.month,
            flows.c.kind,
            cast(func.sum(flows.c.points), BigInteger),
            cast(func.sum(flows.c.changes), BigInteger),
        )
        .group_by(flows.c.month, flows.c.kind)
        .order_by(flows.c.month)
    )
    if site:
        statement = statement.where(flows.c.site == site)
    if program:
        statement = statement.where(flows.c.program == program)
    return _periods([tuple(row) for row in await connection.execute(statement)])


async def programs_that_flow(connection: AsyncConnection) -> list[tuple[str, str]]:
    """(site, program) of whatever moved points."""
    statement = (
        select(flows.c.site, flows.c.program).distinct().order_by(*flows.c["site", "program"])
    )
    return [(row.site, row.program) for row in await connection.execute(statement)]


def _periods(rows: Sequence[tuple[str, str, int, int]]) -> list[Flow]:
    found: dict[str, list[tuple[str, int, int]]] = {}
    for period, kind, points, changes in rows:
        found.setdefault(period, []).append((kind, points, changes))
    return [_flow(period, moved) for period, moved in found.items()]


def _flow(period: str, moved: Sequence[tuple[str, int, int]]) -> Flow:
    points = dict.fromkeys(FLOW_NAMES, 0)
    changes = dict.fromkeys(FLOW_NAMES, 0)
    for kind, summed, times in moved:
        points[_NAME_OF[kind]] += summed
        changes[_NAME_OF[kind]] += times
    return Flow(period=period, points=points, changes=changes)


_NAME_OF = {kind: name for name, kinds in FLOW_NAMES.items() for kind in kinds}
