"""The sandbox on a port: for the command line until it is told to stop, or beside a test."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator

import uvicorn
from starlette.applications import Starlette

from deploy.errors import OperatingError
from deploy.sandbox.control import Control
from deploy.sandbox.sandbox import Sandbox, SandboxSettings

HOST = "127.0.0.1"
START_SECONDS_MAX = 20.0


class PortTakenError(OperatingError):
    """Another process listens where the sandbox should."""


def build_app(sandbox: Sandbox) -> Starlette:
    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await sandbox.close()

    return Starlette(
        routes=[
            *Control(sandbox).routes(),
            *sandbox.hooks.routes(),
            *sandbox.tremendous.routes(),
            *sandbox.api.routes(),  # answers everything else under /api/v2
        ],
        lifespan=lifespan,
    )


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"cannot listen on {host}:{port} ({error.strerror}): choose another with --port"
        ) from error
    listener.listen(128)
    return listener


def build_server(sandbox: Sandbox) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            build_app(sandbox),
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
            ws="none",
        )
    )


class RunningSandbox:
    """A sandbox that answers on `port`, in a thread of its own."""

    def __init__(self, sandbox: Sandbox, port: int) -> None:
        self.sandbox = sandbox
        self.port = port

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


@contextlib.contextmanager
def running(settings: SandboxSettings, port: int = 0) -> Iterator[RunningSandbox]:
    """A sandbox for the length of a with block, reached by HTTP like any other."""
    listener = listen(HOST, port)
    ready = threading.Event()
    held: list[tuple[Sandbox, uvicorn.Server]] = []

    async def serve() -> None:
        sandbox = Sandbox(settings)
        server = build_server(sandbox)
        held.append((sandbox, server))
        ready.set()
        await server.serve(sockets=[listener])

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="sandbox", daemon=True)
    thread.start()
    try:
        if not ready.wait(START_SECONDS_MAX):
            raise TimeoutError("the sandbox did not start")
        # The socket listens already: calls made before the server is up wait in its backlog.
        yield RunningSandbox(held[0][0], listener.getsockname()[1])
    finally:
        if held:
            held[0][1].should_exit = True
        thread.join(START_SECONDS_MAX)
        listener.close()
