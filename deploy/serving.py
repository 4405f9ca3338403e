"""Serve an application over HTTP until it is time to stop."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp

from deploy.embedded.ports import holder_of
from deploy.errors import OperatingError
from deploy.installation import stop_asked

CONNECTIONS_MAX = 2_000
BACKLOG = 2_048
GRACE_SECONDS = 10
IDLE_SECONDS = 30


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn would raise them again at its end, before our own clean-up."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(
    app: ASGIApp, listener: socket.socket, stopping: asyncio.Event | None = None
) -> None:
    """Until Ctrl-C or SIGTERM; requests in flight are answered first.

    `stopping` is set when that comes, for answers that would otherwise never end.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = _Server(config)
    stop = asyncio.create_task(stop_asked())
    stop.add_done_callback(lambda _: server.handle_exit(signal.SIGTERM, None))
    if stopping is not None:
        stop.add_done_callback(lambda _: stopping.set())
    await server.serve([listener])
    stop.cancel()


def listen(role: str, host: str, port: int) -> socket.socket:
    """A listening socket, or an error that says who has the port. `role` names its settings."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OperatingError(
            f"The {role} cannot listen at {host}:{port}{holder_of(port)}: {error.strerror}. "
            f"Choose another in {role}.port (CACTUS_{role.upper()}__PORT)."
        ) from error
    listener.listen(BACKLOG)
    return listener
