"""The trail of decisions, page by page."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.access.decisions import PAGE_MAX, Decision
from projections.access.tables import decisions


async def page_decisions(
    connection: AsyncConnection, *, limit: int, before: int | None
) -> list[tuple[int, Decision]]:
    """Newest first, each with its id; the next page begins before the last id of this one."""
    assert 0 < limit <= PAGE_MAX
    statement = select(decisions).order_by(decisions.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(decisions.c.id < before)
    return [
        (
            row.id,
            Decision(
                at=row.at,
                by=row.by,
                kind=row.kind,
                subject=row.subject,
                reason=row.reason,
                detail=row.detail,
            ),
        )
        for row in await connection.execute(statement)
    ]
