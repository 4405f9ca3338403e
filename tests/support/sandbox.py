"""A receiver of webhooks that tests can look into, and lives small enough for unit tests."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from deploy.sandbox.life import Life, LifeSettings
from deploy.sandbox.terms import DAY
from deploy.sandbox.webhooks import Endpoint

USER = "cactus"
PASSWORD = "secret of a test"


def live(*, seed: int = 1, customers: int = 60, days: int = 365, step_days: int = 1) -> Life:
    """A whole life, lived step by step."""
    life = Life(LifeSettings(seed=seed, customers=customers, days=days))
    start = life.settings.start
    for day in range(step_days, days + step_days, step_days):
        life.advance(min(life.end, start + day * DAY))
    return life


class WebhookInbox:
    """Answers with what `answer` says for the how-manieth request this is; keeps what it took."""

    def __init__(self, answer: Callable[[int], int] | None = None) -> None:
        self._answer = answer or (lambda _: 200)
        self.requests = 0
        self.taken: list[dict[str, Any]] = []
        self.refused = 0
        self.url = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.requests += 1
        given = request.headers.get("Authorization", "")
        if given and given != web_auth():
            return web.Response(status=401)
        status = self._answer(self.requests)
        if 200 <= status < 300:
            self.taken.append(orjson.loads(await request.read()))
        else:
            self.refused += 1
        return web.Response(status=status)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(url=self.url, user=USER, password=PASSWORD)


def web_auth() -> str:
    return aiohttp.encode_basic_auth(USER, PASSWORD)


@contextlib.asynccontextmanager
async def webhook_inbox(answer: Callable[[int], int] | None = None) -> AsyncIterator[WebhookInbox]:
    """An HTTP server on a free port of this machine."""
    inbox = WebhookInbox(answer)
    app = web.Application()
    app.router.add_post("/webhooks", inbox.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        inbox.url = f"http://127.0.0.1:{port}/webhooks"
        yield inbox
    finally:
        await runner.cleanup()
