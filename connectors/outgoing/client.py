"""One guarded HTTP call to a service that a merchant names.

The address is checked where the connection is made, on what the name resolved to for that very
connection, so that a name which changes between check and call gains nothing. No redirect is
followed, no proxy of the environment is used, and the answer is read up to a limit.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from connectors.outgoing.addresses import refusal

ANSWER_BYTES_MAX = 64 * 1024
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
HTTPS_PORT = 443
_NUMBER = re.compile(r"(^|\.)(0x[0-9a-f]*|[0-9]+)\.?$", re.IGNORECASE)
"""A host that ends in a number is an IPv4 address to every resolver, in decimal, octal or hex, and
aiohttp would connect to it without asking ours: url.spec.whatwg.org, "ends in a number"."""


TraceHeaders = Callable[[], Mapping[str, str]]
"""What a call carries of the trace that it is made in; empty outside of one."""


class AddressRefusedError(Exception):
    """The address must not be called, however often it is asked."""


class NotSentError(Exception):
    """The call never left: no connection was made. Nothing can have been done by it."""


class NoAnswerError(Exception):
    """The call left, and no whole answer came: it may have been carried out."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers (names in lower case) and at most `ANSWER_BYTES_MAX` bytes of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What may be called. `allow_loopback` is for development: plain http to this machine too."""

    ports: frozenset[int] = frozenset({HTTPS_PORT})
    allow_loopback: bool = False


def check_url(text: str, guard: Guard) -> URL:
    """The address of a call, if its form may be called; raises `AddressRefusedError`.

    What its name resolves to is checked when the connection is made.
    """
    try:
        url = URL(text)
    except ValueError as error:
        raise AddressRefusedError(f"{text!r} is no address: {error}") from error
    if url.user is not None or url.password is not None:
        raise AddressRefusedError("an address with a user or password in it is refused")
    if not url.host:
        raise AddressRefusedError(f"{text!r} names no host; write https://host/path")
    if guard.allow_loopback and url.host in {"127.0.0.1", "::1", "localhost"}:
        return url
    if url.scheme != "https":
        raise AddressRefusedError(f"only https is called, not {url.scheme or 'a bare name'}")
    if url.port not in guard.ports:
        allowed = ", ".join(map(str, sorted(guard.ports)))
        raise AddressRefusedError(f"port {url.port} is refused; allowed are {allowed}")
    try:
        refused = refusal(url.host, allow_loopback=guard.allow_loopback)
    except ValueError:
        if _NUMBER.search(url.host):
            raise AddressRefusedError(f"{url.host} is a disguised number, not a name") from None
        return url  # a name: the resolver has the word
    if refused is not None:
        raise AddressRefusedError(refused)
    return url


class GuardedResolver(AbstractResolver):
    """Refuses a name if any of its addresses is refused; the call goes to no other than these."""

    def __init__(self, resolver: AbstractResolver, guard: Guard) -> None:
        self._resolver = resolver
        self._guard = guard

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)  # type: ignore[arg-type]
        for each in found:
            refused = refusal(each["host"], allow_loopback=self._guard.allow_loopback)
            if refused is not None:
                raise AddressRefusedError(
                    f"{host} resolves to an address we do not call: {refused}"
                )
        return found

    async def close(self) -> None:
        await self._resolver.close()


class OutgoingClient:
    """Makes calls, several at once. Use it as a context manager."""

    def __init__(
        self,
        guard: Guard,
        *,
        resolver: AbstractResolver | None = None,
        tls: ssl.SSLContext | None = None,
        connections: int = 100,
        total_seconds: float = TOTAL_SECONDS,
        trace_headers: TraceHeaders | None = None,
    ) -> None:
        self._guard = guard
        self._total_seconds = total_seconds
        self._resolver = resolver
        self._tls = tls
        self._connections = connections
        self._trace_headers = trace_headers
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        resolver = self._resolver or aiohttp.ThreadedResolver()
        connector = aiohttp.TCPConnector(
            resolver=GuardedResolver(resolver, self._guard),
            use_dns_cache=False,  # each connection is checked on its own resolution
            limit=self._connections,
            ssl=self._tls if self._tls is not None else True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # a small answer must not become a large one
            timeout=aiohttp.ClientTimeout(total=self._total_seconds, sock_connect=CONNECT_SECONDS),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def call(
        self, method: str, address: str, *, body: bytes = b"", headers: Mapping[str, str]
    ) -> Answer:
        """Raises `AddressRefusedError`, `NotSentError`, `NoAnswerError`."""
        assert self._session is not None, "the client is used as a context manager"
        url = check_url(address, self._guard)
        trace = {} if self._trace_headers is None else self._trace_headers()
        try:
            async with self._session.request(
                method,
                url,
                data=body or None,
                headers={**trace, **headers, "accept-encoding": "identity"},
                allow_redirects=False,
            ) as response:
                return await _read(response)
        except AddressRefusedError:
            raise
        except aiohttp.ClientConnectorError as error:
            raise NotSentError(f"no connection to {url.host}: {error}") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise NotSentError(f"no connection to {url.host} within seconds") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoAnswerError(f"{url.host}: {str(error) or type(error).__name__}") from error


async def _read(response: aiohttp.ClientResponse) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    body = bytearray()
    async for part in response.content.iter_any():
        body += part[: ANSWER_BYTES_MAX - len(body)]
        if len(body) >= ANSWER_BYTES_MAX:
            response.close()  # the rest is not wanted
            break
    return Answer(response.status, headers, bytes(body))
