"""Wire and run the receiver."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator

import uvicorn

from connectors.chargebee.gate import Gate
from connectors.chargebee.receiver import Receiver, build_receiver
from connectors.publish import KafkaPublisher
from deploy.clock import choose_clock
from deploy.cluster import bootstrap_servers, topics_of
from deploy.embedded.ports import holder_of
from deploy.entrance import entrance
from deploy.errors import ConfigurationError, OperatingError
from deploy.installation import stop_asked
from deploy.metrics import passing
from deploy.settings import Settings
from deploy.telemetry import HealthServer, Vitals, configure_logging
from deploy.tracing import Tracer, tracing

ROLE = "receiver"
CONNECTIONS_MAX = 2_000
BACKLOG = 2_048
GRACE_SECONDS = 10
IDLE_SECONDS = 30


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn would raise them again at its end, before our own clean-up."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def run_receiver(settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM; what has been accepted by then is answered first."""
    configure_logging(settings.log, role=ROLE)
    credentials = webhook_credentials(settings)
    publisher = KafkaPublisher(bootstrap_servers(settings), topics_of(settings).raw)
    vitals = Vitals(ROLE, {"kafka": publisher.complaint})
    vitals.watch_loop()
    listener = listen(settings.receiver.host, settings.receiver.port)
    with HealthServer(vitals, settings.health, settings.run_dir), listener:
        await publisher.start()
        try:
            with tracing(settings.tracing, ROLE) as tracer:
                await serve(_build(settings, credentials, publisher, tracer), listener)
        finally:
            await publisher.stop()


def _build(
    settings: Settings,
    credentials: dict[str, list[str]],
    publisher: KafkaPublisher,
    tracer: Tracer | None,
) -> Receiver:
    clock = choose_clock(settings.clock_file)
    return Receiver(
        Gate(credentials),
        publisher,
        clock,
        stored=passing("stored", lambda: clock() * 1000),
        traced=entrance(tracer, "receive webhook"),
    )


async def serve(receiver: Receiver, listener: socket.socket) -> None:
    """Until Ctrl-C or SIGTERM; requests in flight are answered first."""
    config = uvicorn.Config(
        build_receiver(receiver),
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
    await server.serve([listener])
    stop.cancel()


def webhook_credentials(settings: Settings) -> dict[str, list[str]]:
    """`user:password` pairs by site."""
    credentials = {
        site.site: [pair.get_secret_value() for pair in site.webhook_credentials]
        for site in settings.sites
    }
    if not any(credentials.values()):
        raise ConfigurationError(
            "No site has webhook credentials, so nobody could post a webhook. Give each site in "
            'cactus.toml webhook_credentials = ["user:password"] or webhook_credentials_file.'
        )
    return credentials


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, or an error that says who has the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OperatingError(
            f"The receiver cannot listen at {host}:{port}{holder_of(port)}: {error.strerror}. "
            "Choose another in receiver.port (CACTUS_RECEIVER__PORT)."
        ) from error
    listener.listen(BACKLOG)
    return listener
