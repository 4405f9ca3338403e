"""A guarded call over a real socket: what it refuses, and what it makes of trouble."""

import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from connectors.outgoing.client import (
    ANSWER_BYTES_MAX,
    AddressRefusedError,
    Answer,
    Guard,
    NoAnswerError,
    NotSentError,
    OutgoingClient,
)
from tests.support.serving import serving

DEVELOPMENT = Guard(allow_loopback=True)


class Names(AbstractResolver):
    """A name service in the hand of the test: one answer after another, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in answer
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def never_asked(_: web.Request) -> web.Response:
    raise AssertionError("nobody may call this")


async def call(address: str, guard: Guard = DEVELOPMENT, *, seconds: float = 5) -> Answer:
    async with OutgoingClient(guard, total_seconds=seconds) as client:
        return await client.call("POST", address, body=b"{}", headers={})


async def asked(names: Names, address: str = "https://shop.example/hook") -> Answer:
    async with OutgoingClient(Guard(), resolver=names, total_seconds=5) as client:
        return await client.call("POST", address, headers={})


async def test_an_answer_comes_whole_with_its_headers() -> None:
    async def handler(request: web.Request) -> web.Response:
        assert await request.read() == b"{}"
        return web.Response(text="done", headers={"Retry-After": "7"}, status=201)

    async with serving(handler) as address:
        answer = await call(address)
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (201, b"done", "7")


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    reached: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        reached.append(request.path)
        return web.Response(status=302, headers={"Location": "/inside"})

    async with serving(handler) as address:
        assert (await call(address)).status == 302
    assert reached == ["/"]


async def test_of_a_long_answer_only_the_beginning_is_read() -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * (4 * ANSWER_BYTES_MAX))

    async with serving(handler) as address:
        assert len((await call(address)).body) == ANSWER_BYTES_MAX


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="direct")

    async with serving(handler) as address:
        assert (await call(address)).body == b"direct"


async def test_no_connection_means_that_nothing_was_sent() -> None:
    async with serving(never_asked) as address:
        pass  # it listens no more
    with pytest.raises(NotSentError, match="no connection"):
        await call(address)


async def test_a_late_answer_leaves_in_doubt_what_was_done() -> None:
    release = asyncio.Event()

    async def handler(_: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    async with serving(handler) as address:
        with pytest.raises(NoAnswerError):
            await call(address, seconds=0.2)
        release.set()


async def test_an_answer_cut_off_leaves_in_doubt_what_was_done() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async with serving(handler) as address:
        with pytest.raises(NoAnswerError):
            await call(address)


@pytest.mark.parametrize(
    "answer",
    [["127.0.0.1"], ["169.254.169.254"], ["::ffff:10.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["fe80::1"]],
)
async def test_a_name_with_any_refused_address_is_not_called(answer: list[str]) -> None:
    with pytest.raises(AddressRefusedError, match="resolves to an address we do not call"):
        await asked(Names(answer))


async def test_a_name_that_changes_between_two_calls_is_checked_at_each() -> None:
    """Rebinding: a public address first, the metadata service next."""
    names = Names(["192.0.2.1"], ["169.254.169.254"])
    for _ in range(2):
        with pytest.raises(AddressRefusedError):
            await asked(names)


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost", "0x7f.1", "2130706433."],
)
async def test_disguised_loopback_is_refused(host: str) -> None:
    with pytest.raises(AddressRefusedError):
        await asked_of_the_system(f"https://{host}/")


async def asked_of_the_system(address: str) -> Answer:
    async with OutgoingClient(Guard(), resolver=aiohttp.ThreadedResolver()) as client:
        return await client.call("POST", address, headers={})


async def test_without_the_development_switch_this_machine_is_not_called() -> None:
    async with serving(never_asked) as address:
        with pytest.raises(AddressRefusedError):
            await call(address, Guard())
