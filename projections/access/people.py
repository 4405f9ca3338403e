"""People who may use the console: names, roles and passwords. Only argon2 hashes are stored.

A password that somebody else has seen (a new person's, or one given anew) must be changed first.
"""

import asyncio
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from projections.access.database import access
from projections.access.tables import people, sessions

Role = Literal["viewer", "operator", "admin"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "admin")
"""Each may do what those before it may."""

NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,79}")
PASSWORD_LENGTH_MIN = 12
PASSWORD_LENGTH_MAX = 200
ONE_TIME_BYTES = 12
PEOPLE_MAX = 1_000
HASHING_AT_ONCE_MAX = 2
"""Each takes 64 MB and a core for a twentieth of a second."""


class PeopleRefused(Exception):
    """What was asked for cannot be done; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Times are unix seconds of the wall clock."""

    name: str
    role: Role
    created_at: int
    changed_at: int
    disabled: bool
    must_change: bool


def may(role: Role, needed: Role) -> bool:
    """Whether a role includes another."""
    return ROLES.index(role) >= ROLES.index(needed)


class People:
    """Reads and writes people. `wall` tells the wall clock's seconds."""

    def __init__(
        self, engine: AsyncEngine, wall: Callable[[], int], hasher: PasswordHasher | None = None
    ) -> None:
        self._engine = engine
        self._wall = wall
        self._hasher = hasher or PasswordHasher()
        self._hashing = asyncio.Semaphore(HASHING_AT_ONCE_MAX)
        # Names that nobody has cost as much time as those that somebody has.
        self._nobody = self._hasher.hash(secrets.token_urlsafe(ONE_TIME_BYTES))

    async def add(self, name: str, role: Role) -> str:
        """Returns the one-time password, which is told nowhere else."""
        if not NAME.fullmatch(name):
            raise PeopleRefused(
                f"{name!r} is no name for a person: up to 80 of a-z, 0-9, and . _ @ + - inside it"
            )
        password, now = _one_time(), self._wall()
        row = sa.insert(people).values(
            name=name,
            password=await self._hash(password),
            role=role,
            created_at=now,
            changed_at=now,
            disabled=False,
            must_change=True,
        )
        async with access(self._engine) as connection:
            try:
                await connection.execute(row)
            except IntegrityError as error:
                raise PeopleRefused(
                    f"there is a person {name!r} already; for a new password: cactus people passwd"
                ) from error
        return password

    async def everyone(self) -> list[Person]:
        statement = sa.select(*_SHOWN).order_by(people.c.name).limit(PEOPLE_MAX)
        async with access(self._engine) as connection:
            return [_person(row) for row in await connection.execute(statement)]

    async def renew(self, name: str) -> str:
        """A new one-time password; who is signed in by the old one is signed out."""
        password = _one_time()
        await self._change(
            name, password=await self._hash(password), must_change=True, changed_at=self._wall()
        )
        return password

    async def disable(self, name: str) -> None:
        """They are signed out, and cannot sign in any more."""
        await self._change(name, disabled=True)

    async def enable(self, name: str) -> None:
        await self._change(name, disabled=False)

    async def check(self, name: str, password: str) -> Person | None:
        """The person whose password this is; None also for those who are disabled."""
        statement = sa.select(people.c.password, *_SHOWN).where(people.c.name == name)
        async with access(self._engine) as connection:
            row = (await connection.execute(statement)).one_or_none()
        stored = self._nobody if row is None else row.password
        right = await self._verify(stored, password)
        if row is None or not right or row.disabled:
            return None
        if self._hasher.check_needs_rehash(stored):
            await self._change(name, ends_sessions=False, password=await self._hash(password))
        return _person(row)

    async def change_password(self, name: str, old: str, new: str) -> None:
        """By the person. Raises `PeopleRefused` where the old one is wrong or the new one weak."""
        if await self.check(name, old) is None:
            raise PeopleRefused("That is not your present password.")
        if not PASSWORD_LENGTH_MIN <= len(new) <= PASSWORD_LENGTH_MAX:
            raise PeopleRefused(
                f"A password has at least {PASSWORD_LENGTH_MIN} characters"
                f" and at most {PASSWORD_LENGTH_MAX}."
            )
        if new == old:
            raise PeopleRefused("The new password is the old one.")
        if name in new.lower() or len(set(new)) < 5:
            raise PeopleRefused("That password is too easy to guess: take a few unrelated words.")
        await self._change(
            name, password=await self._hash(new), must_change=False, changed_at=self._wall()
        )

    async def _change(self, name: str, *, ends_sessions: bool = True, **values: object) -> None:
        async with access(self._engine) as connection:
            changed = await connection.execute(
                sa.update(people).where(people.c.name == name).values(**values)
            )
            if not changed.rowcount:
                raise PeopleRefused(f"there is no person {name!r}; see: cactus people list")
            if ends_sessions:
                await _end_sessions(connection, name)

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def _verify(self, stored: str, password: str) -> bool:
        if len(password) > PASSWORD_LENGTH_MAX:
            return False
        async with self._hashing:
            try:
                return await asyncio.to_thread(self._hasher.verify, stored, password)
            except (VerificationError, InvalidHashError):
                return False


async def _end_sessions(connection: AsyncConnection, name: str) -> None:
    await connection.execute(sa.delete(sessions).where(sessions.c.person == name))


_SHOWN = [people.c[name] for name in Person.__slots__]


def _person(row: sa.Row[tuple[object, ...]]) -> Person:
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's documented way to a row's names
    return Person(**{name: values[name] for name in Person.__slots__})


def _one_time() -> str:
    return secrets.token_urlsafe(ONE_TIME_BYTES)
