"""API keys: made once, kept as a digest, revoked for good.

A key is written `hc_<8 characters>_<32 characters>`: the first name it, the others are its secret,
160 bits of chance. So much chance needs no slow hash: SHA-256 gives nothing away.
"""

import hashlib
import hmac
import secrets
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal, get_args

import msgspec
from sqlalchemy import Row, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.access.tables import api_keys

Scope = Literal[
    "read", "events:write", "adjustments:write", "redemptions:write", "erasure:write", "admin"
]
SCOPES: tuple[Scope, ...] = get_args(Scope)
ANY_SITE = "*"

PREFIX = "hc"
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Without what is taken for another letter."""
ID_LENGTH = 8
SECRET_LENGTH = 32
KEYS_MAX = 10_000


class UnknownKey(Exception):
    """There is no key with this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """`site` may be `*`; `admin` among the scopes stands for all of them."""

    key_id: str
    site: str
    name: str
    scopes: frozenset[str]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None

    def allows(self, scope: Scope) -> bool:
        return scope in self.scopes or "admin" in self.scopes

    def complaint(self, now: int) -> str | None:
        """What stands against its use."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at is not None and self.expires_at <= now:
            return "expired"
        return None


@dataclass(frozen=True, slots=True)
class KeptKey:
    """A key and the digest of its secret."""

    key: ApiKey
    digest: bytes

    def matches(self, secret: str) -> bool:
        """Takes the same time whatever differs."""
        return hmac.compare_digest(self.digest, digest_of(secret))


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def split_key(text: str) -> tuple[str, str] | None:
    """The id and the secret of what looks like a key."""
    prefix, _, rest = text.partition("_")
    key_id, _, secret = rest.partition("_")
    if prefix != PREFIX or len(key_id) != ID_LENGTH or len(secret) != SECRET_LENGTH:
        return None
    return key_id, secret


async def create_key(
    connection: AsyncConnection,
    *,
    site: str,
    name: str,
    scopes: Collection[Scope],
    now: int,
    expires_at: int | None = None,
) -> tuple[ApiKey, str]:
    """A new key, and its text, which nobody can tell again."""
    assert scopes
    key_id, secret = _chance(ID_LENGTH), _chance(SECRET_LENGTH)
    key = ApiKey(
        key_id=key_id,
        site=site,
        name=name,
        scopes=frozenset(scopes),
        created_at=now,
        expires_at=expires_at,
    )
    await connection.execute(
        insert(api_keys).values(
            key_id=key_id,
            site=site,
            name=name,
            digest=digest_of(secret),
            scopes=msgspec.json.encode(sorted(scopes)).decode(),
            created_at=now,
            expires_at=expires_at,
        )
    )
    return key, f"{PREFIX}_{key_id}_{secret}"


async def find_key(connection: AsyncConnection, key_id: str) -> KeptKey | None:
    found = (
        await connection.execute(select(api_keys).where(api_keys.c.key_id == key_id))
    ).one_or_none()
    return None if found is None else _kept(found)


async def list_keys(connection: AsyncConnection) -> list[ApiKey]:
    """Newest first."""
    statement = select(api_keys).order_by(api_keys.c.created_at.desc(), api_keys.c.key_id)
    return [_kept(row).key for row in await connection.execute(statement.limit(KEYS_MAX))]


async def revoke_key(connection: AsyncConnection, key_id: str, now: int) -> ApiKey:
    """For good. One that is revoked already stays so since then. Raises `UnknownKey`."""
    kept = await find_key(connection, key_id)
    if kept is None:
        raise UnknownKey(f"There is no key {key_id!r}; `cactus keys list` shows all.")
    if kept.key.revoked_at is not None:
        return kept.key
    mine = api_keys.c.key_id == key_id
    await connection.execute(update(api_keys).where(mine).values(revoked_at=now))
    return replace(kept.key, revoked_at=now)


async def note_use(connection: AsyncConnection, key_id: str, now: int) -> None:
    mine = api_keys.c.key_id == key_id
    await connection.execute(update(api_keys).where(mine).values(last_used_at=now))


def _kept(row: Row[*tuple[object, ...]]) -> KeptKey:
    key = ApiKey(
        key_id=row.key_id,
        site=row.site,
        name=row.name,
        scopes=frozenset(msgspec.json.decode(row.scopes, type=list[str])),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
    )
    return KeptKey(key, bytes(row.digest))


def _chance(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
