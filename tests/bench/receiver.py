"""Another service for the webhook benchmark: takes every message and answers at once.

`python -m tests.bench.receiver PORT`. A process of its own, so that its work is not the rewarder's.
"""

import sys

from aiohttp import web


async def take(request: web.Request) -> web.Response:
    await request.read()
    return web.json_response({"id": request.headers["webhook-id"]})


if __name__ == "__main__":
    application = web.Application()
    application.router.add_post("/{path:.*}", take)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None)
