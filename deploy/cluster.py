"""Which Kafka the settings mean: one that is given, or the embedded one under home."""

from deploy.embedded.jars import Say
from deploy.errors import OperatingError
from deploy.kafka import EmbeddedKafka
from deploy.settings import Settings
from schemas.topics import Topics


class NoBroker(OperatingError):
    """The embedded broker is meant and does not run."""


def embedded_kafka(
    settings: Settings, say: Say = lambda _line: None, *, port: int | None = None
) -> EmbeddedKafka:
    """The embedded broker of these settings, running or not."""
    return EmbeddedKafka(
        settings.home / "kafka",
        jar_cache=settings.cache / "jars",
        port=settings.kafka.port if port is None else port,
        java=settings.kafka.java,
        say=say,
    )


def bootstrap_servers(settings: Settings) -> str:
    """Where clients connect."""
    if settings.kafka.bootstrap_servers is not None:
        return settings.kafka.bootstrap_servers
    if running := embedded_kafka(settings).status():
        return running.bootstrap_servers
    msg = (
        "No Kafka is running here. Start the embedded one with `cactus kafka start`, everything "
        "with `cactus up`, or name a cluster in CACTUS_KAFKA__BOOTSTRAP_SERVERS."
    )
    raise NoBroker(msg)


def topics_of(settings: Settings) -> Topics:
    return Topics(settings.topic_prefix)
