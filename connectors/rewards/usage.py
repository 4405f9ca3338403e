"""How much of each limit is used up: counted in the transaction that stores the attempt.

Whoever adds holds the row until its transaction ends, so that no two can both take the last piece.
Names are taken in their order, so that no two wait for each other.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from connectors.rewards.limits import Claim
from connectors.rewards.tables import usage


class LimitReachedError(Exception):
    """The claim does not fit any more. Nothing was counted."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(claim.reason)
        self.claim = claim


async def take(
    connection: AsyncConnection, insert: Any, claims: Iterable[Claim], held: Mapping[str, int]
) -> dict[str, int]:
    """Counts `claims` in place of those `held`, all or none; returns what is held then.

    Raises `LimitReachedError`: then the transaction must be rolled back.
    """
    wanted = {claim.name: claim for claim in claims}
    for name in sorted(wanted.keys() | held.keys()):
        claim = wanted.get(name)
        if claim is None:
            await give_back(connection, {name: held[name]})
        elif (more := claim.amount - held.get(name, 0)) > 0:
            await _add(connection, insert, claim, more)
        elif more < 0:
            await give_back(connection, {name: -more})
    return {name: claim.amount for name, claim in wanted.items()}


async def _add(connection: AsyncConnection, insert: Any, claim: Claim, more: int) -> None:
    if more > claim.limit:
        raise LimitReachedError(claim)
    first = insert(usage).values(name=claim.name, used=more, ends_wall=claim.ends_wall)
    added = await connection.execute(
        first.on_conflict_do_update(
            index_elements=["name"],
            set_={"used": usage.c.used + more},
            where=usage.c.used + more <= claim.limit,
        )
    )
    if added.rowcount != 1:
        raise LimitReachedError(claim)


async def give_back(connection: AsyncConnection, claimed: Mapping[str, int]) -> None:
    for name in sorted(claimed):
        await connection.execute(
            sa.update(usage).where(usage.c.name == name).values(used=usage.c.used - claimed[name])
        )


async def forget(connection: AsyncConnection, wall: float) -> None:
    await connection.execute(sa.delete(usage).where(usage.c.ends_wall < wall))
