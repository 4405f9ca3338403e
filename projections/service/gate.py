"""Who asks, and may they: API keys, their scopes and sites, and how often.

A key that was found good is believed for a few seconds, so that its owner's next request asks no
database; it is as long until a revocation is felt.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import Counter
from starlette.requests import Request

from projections.access.database import AccessUnavailable, access
from projections.access.keys import (
    ANY_SITE,
    ApiKey,
    KeptKey,
    Scope,
    digest_of,
    find_key,
    note_use,
    split_key,
)
from projections.service.ports import Ports
from projections.service.problems import Fault, Problem, invalid
from projections.service.quotas import Quotas
from projections.service.shell import add_headers

log = structlog.get_logger(__name__)

REFUSALS = Counter("cactus_api_refusals_total", "Requests refused by who asked", ["reason"])

BELIEVED_SECONDS = 5
BELIEVED_MAX = 10_000
USE_NOTED_SECONDS = 300
NO_SUCH_KEY = KeptKey(
    ApiKey(key_id="", site="", name="", scopes=frozenset(), created_at=0), digest_of("")
)
"""Compared with where there is none, so that an unknown id takes as long as a wrong secret."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, about which site."""

    key_id: str
    site: str

    @property
    def by(self) -> str:
        """As it is written beside a decision."""
        return f"key:{self.key_id}"


Allowed = Callable[[Request], Coroutine[Any, Any, Caller]]


class Gate:
    """One per service."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._quotas = Quotas(ports.limits)
        self._believed: dict[str, tuple[KeptKey, int]] = {}
        self._looking: dict[str, asyncio.Task[KeptKey | None]] = {}
        self._noted: dict[str, int] = {}

    def allow(self, scope: Scope) -> Allowed:
        """The dependency of a route that needs a scope. Raises `Problem`."""

        async def allowed(request: Request) -> Caller:
            key = await self._identify(request)
            limit = "requests" if scope in {"read", "admin"} else "writes"
            allowance = await self._quotas.take(limit, key.key_id)
            add_headers(request.scope, allowance.headers())
            if not key.allows(scope):
                REFUSALS.labels("scope").inc()
                raise Problem(
                    403, "forbidden", "This key may not do that", f"It needs the scope {scope}."
                )
            return Caller(key.key_id, self._site(request, key))

        allowed.scope = scope  # type: ignore[attr-defined]
        return allowed

    async def _identify(self, request: Request) -> ApiKey:
        header = request.headers.get("authorization", "")
        kind, _, text = header.partition(" ")
        if not header:
            raise await self._refuse(request, "no_key", "Send Authorization: Bearer KEY.")
        parts = split_key(text.strip()) if kind.lower() == "bearer" else None
        if parts is None:
            raise await self._refuse(request, "wrong_key", "This is no API key.")
        key_id, secret = parts
        believed = self._believed.get(key_id)
        now = self._ports.wall()
        if believed is not None and believed[1] > now and believed[0].matches(secret):
            kept = believed[0]
        else:
            kept = await self._look_up(request, key_id, secret)
            if len(self._believed) >= BELIEVED_MAX:
                self._believed.clear()
            self._believed[key_id] = (kept, now + BELIEVED_SECONDS)
        complaint = kept.key.complaint(now)
        if complaint is not None:
            raise await self._refuse(request, complaint, f"This key is {complaint}.")
        return kept.key

    async def _look_up(self, request: Request, key_id: str, secret: str) -> KeptKey:
        await self._quotas.check("refusals", _address(request))
        found = await self._find(key_id)
        kept = found or NO_SUCH_KEY
        if not kept.matches(secret) or found is None:
            raise await self._refuse(request, "wrong_key", "There is no such key.")
        await self._note_use(found.key)
        return found

    async def _find(self, key_id: str) -> KeptKey | None:
        """Asked once for all that ask at the same time: when belief in a busy key ends, many do."""
        looking = self._looking.get(key_id)
        if looking is None:
            looking = self._looking[key_id] = asyncio.create_task(self._read(key_id))
            looking.add_done_callback(lambda _: self._looking.pop(key_id, None))
        return await asyncio.shield(looking)

    async def _read(self, key_id: str) -> KeptKey | None:
        async with access(self._ports.access) as connection:
            return await find_key(connection, key_id)

    async def _note_use(self, key: ApiKey) -> None:
        """Coarse on purpose: once in five minutes, and never in the way of an answer."""
        now = self._ports.wall()
        used = max(key.last_used_at or 0, self._noted.get(key.key_id, 0))
        if key.complaint(now) is not None or now - used < USE_NOTED_SECONDS:
            return
        self._noted[key.key_id] = now
        try:
            async with access(self._ports.access) as connection:
                await note_use(connection, key.key_id, now)
        except AccessUnavailable as error:
            log.warning("key_use_not_noted", key_id=key.key_id, error=str(error))

    async def _refuse(self, request: Request, reason: str, detail: str) -> Problem:
        REFUSALS.labels(reason).inc()
        await self._quotas.take("refusals", _address(request))
        return Problem(
            401,
            "unauthorised",
            "Who asks is not known",
            detail,
            headers={"WWW-Authenticate": 'Bearer realm="cactus"'},
        )

    def _site(self, request: Request, key: ApiKey) -> str:
        asked = request.query_params.get("site")
        if key.site != ANY_SITE:
            if asked not in {None, key.site}:
                REFUSALS.labels("site").inc()
                detail = f"It is of the site {key.site}."
                raise Problem(403, "forbidden", "This key may not ask about that site", detail)
            return key.site
        sites = self._ports.sites
        if asked is None:
            if len(sites) == 1:
                return sites[0]
            raise invalid([Fault("query.site", "this key is of every site: say which")])
        if sites and asked not in sites:
            raise invalid([Fault("query.site", f"known are {', '.join(sites)}")])
        return asked


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "unknown"
