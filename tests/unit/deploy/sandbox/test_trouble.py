"""An answer that is held back on purpose: for as long as was said, and only for those who wait."""

import asyncio
from typing import Any

from starlette.requests import Request

from deploy.sandbox.trouble import hold


def request_of(*messages: dict[str, Any]) -> Request:
    """A request that receives these, then nothing any more."""
    waiting = list(messages)

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return Request({"type": "http"}, receive)


async def test_it_is_held_for_as_long_as_was_said() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()

    await hold(request_of({"type": "http.request"}), 0.05)

    assert loop.time() - began >= 0.04


async def test_it_is_held_no_longer_than_somebody_waits() -> None:
    async with asyncio.timeout(10):
        await hold(request_of({"type": "http.request"}, {"type": "http.disconnect"}), 60)
