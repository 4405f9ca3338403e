"""Wire and run a worker: the translate and fold agents of one process."""

import asyncio
import contextlib
import math
import os
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import NoReturn, TypeVar

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from prometheus_client import Info

from connectors.chargebee.translate import translate
from deploy.clock import choose_clock
from deploy.cluster import bootstrap_servers, topics_of
from deploy.installation import stop_asked
from deploy.known_programs import KnownPrograms
from deploy.native.loading import running_fold
from deploy.settings import Settings
from deploy.telemetry import LAG_MESSAGES, HealthServer, Vitals, configure_logging
from deploy.topics import ClusterUnreachable
from schemas.topics import Topics
from streams.app import Writers, build, idempotent_producer
from streams.core.lag import LagMeter
from streams.core.writer import Services
from streams.fold import PartitionFold
from streams.translate import Translator

ROLE = "worker"
CRASH_EXIT_CODE = 70
LAG_SECONDS = 1.0

FOLD = Info("cactus_fold", "Whether the account fold runs compiled or interpreted.")

log = structlog.get_logger(__name__)

Service = TypeVar("Service", KnownPrograms, AIOKafkaProducer)


def crash(error: BaseException) -> NoReturn:
    """End the process at once, so that nothing is committed past what went wrong."""
    log.critical("the worker ends here and starts again", exc_info=error)
    os._exit(CRASH_EXIT_CODE)


async def run_worker(settings: Settings) -> None:
    """Translate and fold until Ctrl-C or SIGTERM."""
    configure_logging(settings.log, role=ROLE)
    servers, topics = bootstrap_servers(settings), topics_of(settings)
    code = version("hellocactus")
    FOLD.info({"running": running_fold()})
    log.info("folding", fold=running_fold())
    async with (
        _running(idempotent_producer(servers)) as producer,
        _running(KnownPrograms(servers, topics.programs)) as programs,
    ):
        services = Services(
            bootstrap_servers=servers,
            app_id=settings.app_id,
            topics=topics,
            make_fold=lambda _partition: PartitionFold(code),
            clock=choose_clock(settings.clock_file),
            time_producer=producer,
            crash=crash,
        )
        translator = Translator(
            topics=topics,
            producer=producer,
            translate=translate,
            named_properties=programs.named_properties,
            code_version=code,
        )
        app, writers = build(
            bootstrap_servers=servers,
            app_id=settings.app_id,
            topics=topics,
            partitions=settings.partitions,
            services=services,
            translator=translator,
            directory=settings.home / "faust",
        )
        vitals = Vitals(ROLE, {"partitions": writers.complaint})
        vitals.watch_loop()
        with HealthServer(vitals, settings.health, settings.run_dir):
            app.finalize()
            await app.start()
            background = [
                asyncio.create_task(_or_crash(programs.follow())),
                asyncio.create_task(
                    _or_crash(keep_lag_shown(servers, settings.app_id, topics, writers))
                ),
            ]
            stopped = asyncio.create_task(app.wait_until_stopped())
            await asyncio.wait(
                {asyncio.create_task(stop_asked()), stopped}, return_when=asyncio.FIRST_COMPLETED
            )
            if stopped.done():
                crash(app.crash_reason or RuntimeError("Faust stopped by itself"))
            for task in background:
                task.cancel()
            await writers.retire()
            await app.stop()


async def _or_crash(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - a worker without it would be blind
        crash(error)


async def keep_lag_shown(servers: str, group_id: str, topics: Topics, writers: Writers) -> None:
    """Keep the lag gauges true for the partitions of this worker. While Kafka is away they are not
    known, and the worker lives on: it has only to wait.
    """
    while True:
        meter = LagMeter(servers, group_id)
        try:
            await meter.start()
            while True:
                await _measure(meter, topics, writers)
                await asyncio.sleep(LAG_SECONDS)
        except KafkaError as error:
            log.warning("the lag is not known", error=repr(error))
            for topic in (topics.facts, topics.raw, topics.custom):
                LAG_MESSAGES.labels(topic).set(math.nan)
        finally:
            await meter.stop()
        await asyncio.sleep(LAG_SECONDS)


async def _measure(meter: LagMeter, topics: Topics, writers: Writers) -> None:
    positions = {each: writer.next_offset for each, writer in writers.partitions.items()}
    LAG_MESSAGES.labels(topics.facts).set(await meter.behind(topics.facts, positions))
    for topic in (topics.raw, topics.custom):
        LAG_MESSAGES.labels(topic).set(await meter.uncommitted(topic, set(positions)))


@asynccontextmanager
async def _running(service: Service) -> AsyncIterator[Service]:
    try:
        await service.start()
    except (KafkaError, TimeoutError) as error:
        await service.stop()
        raise ClusterUnreachable(f"Kafka does not answer: {error!r}. Does it run?") from error
    try:
        yield service
    finally:
        with contextlib.suppress(Exception):
            await service.stop()
