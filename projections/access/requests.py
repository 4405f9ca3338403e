"""What intake was asked before: the same id with another body is a conflict, for ever."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.access.tables import requests

Kind = Literal["event", "adjustment", "redemption", "cancellation", "erasure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """`request_id` is the caller's; `digest` of what it asks for; `fact` what it becomes."""

    site: str
    kind: Kind
    request_id: str
    digest: bytes
    fact: str
    accepted_at: int


async def remember(connection: AsyncConnection, asked: Asked) -> bool:
    """Before it is sent. False where the same id asked for something else before."""
    # The one that came first keeps its row, whoever asks at the same time.
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    given = {
        "site": asked.site,
        "kind": asked.kind,
        "request_id": asked.request_id,
        "digest": asked.digest,
        "fact": asked.fact,
        "accepted_at": asked.accepted_at,
    }
    inserted = await connection.execute(
        dialect.insert(requests).values(given).on_conflict_do_nothing()
    )
    if inserted.rowcount == 1:
        return True
    known = await connection.scalar(
        select(requests.c.digest).where(
            requests.c.site == asked.site,
            requests.c.kind == asked.kind,
            requests.c.request_id == asked.request_id,
        )
    )
    return known is not None and bytes(known) == asked.digest
