"""Wire and run the receiver."""

from connectors.chargebee.gate import Gate
from connectors.chargebee.receiver import Receiver, build_receiver
from connectors.publish import KafkaPublisher
from deploy.clock import choose_clock
from deploy.cluster import bootstrap_servers, topics_of
from deploy.entrance import entrance
from deploy.errors import ConfigurationError
from deploy.metrics import passing
from deploy.serving import listen, serve
from deploy.settings import Settings
from deploy.telemetry import HealthServer, Vitals, configure_logging
from deploy.tracing import Tracer, tracing

ROLE = "receiver"


async def run_receiver(settings: Settings) -> None:
    """Serve until Ctrl-C or SIGTERM; what has been accepted by then is answered first."""
    configure_logging(settings.log, role=ROLE)
    credentials = webhook_credentials(settings)
    publisher = KafkaPublisher(bootstrap_servers(settings), topics_of(settings).raw)
    vitals = Vitals(ROLE, {"kafka": publisher.complaint})
    vitals.watch_loop()
    listener = listen(ROLE, settings.receiver.host, settings.receiver.port)
    with HealthServer(vitals, settings.health, settings.run_dir), listener:
        await publisher.start()
        try:
            with tracing(settings.tracing, ROLE) as tracer:
                receiver = _build(settings, credentials, publisher, tracer)
                await serve(build_receiver(receiver), listener)
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
