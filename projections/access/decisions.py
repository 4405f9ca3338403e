"""What people and keys decided, so that it can be asked who did what and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.access.tables import decisions

PAGE_MAX = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """`kind` is a verb (`replay`, `erase`); `subject` what it was about; `detail` may be JSON."""

    at: int
    by: str
    kind: str
    subject: str
    reason: str
    detail: str = ""


async def record_decision(connection: AsyncConnection, decision: Decision) -> None:
    """In the transaction of the connection, beside what it is about where that is stored here."""
    await connection.execute(
        insert(decisions).values(
            at=decision.at,
            by=decision.by,
            kind=decision.kind,
            subject=decision.subject,
            reason=decision.reason,
            detail=decision.detail,
        )
    )


async def list_decisions(
    connection: AsyncConnection, *, limit: int, subject: str | None = None
) -> list[Decision]:
    """Newest first, all or those about one subject."""
    assert 0 < limit <= PAGE_MAX
    statement = select(decisions).order_by(decisions.c.id.desc()).limit(limit)
    if subject is not None:
        statement = statement.where(decisions.c.subject == subject)
    return [_decision(row) for row in await connection.execute(statement)]


async def decisions_about(
    connection: AsyncConnection, subjects: Sequence[str]
) -> dict[str, list[Decision]]:
    """Those about each of the subjects that has any, newest first."""
    assert len(subjects) <= PAGE_MAX
    statement = select(decisions).where(decisions.c.subject.in_(subjects))
    found: dict[str, list[Decision]] = {}
    for row in await connection.execute(statement.order_by(decisions.c.id.desc())):
        found.setdefault(row.subject, []).append(_decision(row))
    return found


def _decision(row: Row[Any]) -> Decision:
    return Decision(
        at=row.at,
        by=row.by,
        kind=row.kind,
        subject=row.subject,
        reason=row.reason,
        detail=row.detail,
    )
