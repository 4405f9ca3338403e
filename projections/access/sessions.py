"""Who is signed in: a random cookie whose digest is stored, with the token of its forms."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from projections.access.database import access
from projections.access.people import Role
from projections.access.tables import people, sessions

LIFE_SECONDS = 12 * 3600
IDLE_SECONDS = 2 * 3600
SEEN_EVERY_SECONDS = 60
"""How exactly the last use is kept: a page view need not be a write."""
TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A person at work. `csrf` must come with whatever they send."""

    digest: bytes
    person: str
    role: Role
    must_change: bool
    csrf: str


class Sessions:
    """Sessions end after two hours unused, after twelve in any case, and when a password changes.

    `wall` tells the wall clock's seconds: an engine's clock may be a simulation's.
    """

    def __init__(self, engine: AsyncEngine, wall: Callable[[], int]) -> None:
        self._engine = engine
        self._wall = wall

    async def begin(self, person: str) -> str:
        """Returns the cookie's value. Sessions that are over are forgotten by the way."""
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._wall()
        row = sa.insert(sessions).values(
            digest=_digest(token),
            person=person,
            csrf=secrets.token_urlsafe(TOKEN_BYTES),
            created_at=now,
            seen_at=now,
            expires_at=now + LIFE_SECONDS,
        )
        over = (sessions.c.expires_at <= now) | (sessions.c.seen_at <= now - IDLE_SECONDS)
        async with access(self._engine) as connection:
            await connection.execute(sa.delete(sessions).where(over))
            await connection.execute(row)
        return token

    async def find(self, token: str) -> Session | None:
        """The session of a cookie, while it lasts and its person may sign in."""
        digest, now = _digest(token), self._wall()
        statement = (
            sa.select(
                sessions.c.person,
                sessions.c.csrf,
                sessions.c.seen_at,
                people.c.role,
                people.c.must_change,
            )
            .join_from(sessions, people, sessions.c.person == people.c.name)
            .where(
                sessions.c.digest == digest,
                sessions.c.expires_at > now,
                sessions.c.seen_at > now - IDLE_SECONDS,
                sa.not_(people.c.disabled),
            )
        )
        async with access(self._engine) as connection:
            row = (await connection.execute(statement)).one_or_none()
        if row is None:
            return None
        if row.seen_at <= now - SEEN_EVERY_SECONDS:
            await self._see(digest, now)
        return Session(
            digest=digest,
            person=row.person,
            role=row.role,
            must_change=row.must_change,
            csrf=row.csrf,
        )

    async def end(self, session: Session) -> None:
        async with access(self._engine) as connection:
            await connection.execute(sa.delete(sessions).where(sessions.c.digest == session.digest))

    async def _see(self, digest: bytes, now: int) -> None:
        async with access(self._engine) as connection:
            await connection.execute(
                sa.update(sessions).where(sessions.c.digest == digest).values(seen_at=now)
            )


def _digest(token: str) -> bytes:
    return sha256(token.encode()).digest()
