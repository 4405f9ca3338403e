"""Wire and run the rewarder."""

import asyncio
import contextlib
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager

import structlog

from connectors import fault_points
from connectors.chargebee.client import BadApiUrlError, ChargebeeClient, SiteAccess
from connectors.outgoing.client import Guard, OutgoingClient
from connectors.publish import KafkaPublisher
from connectors.rewards.chargebee_gateway import ChargebeeGateway
from connectors.rewards.dispatcher import Dispatcher, Pace, Traced
from connectors.rewards.entries import Entry
from connectors.rewards.executors import build_executors
from connectors.rewards.gateway import Executor
from connectors.rewards.intake import Intake, Listeners, build_consumer
from connectors.rewards.ledger import Ledger
from connectors.rewards.limits import Limits
from connectors.rewards.orders import OrderExecutor
from connectors.rewards.outcomes import run_reports
from connectors.rewards.policy import Policy
from connectors.rewards.watch import run_watch
from connectors.rewards.webhook import Endpoint, WebhookExecutor
from deploy.clock import choose_clock
from deploy.cluster import bootstrap_servers, topics_of
from deploy.errors import ConfigurationError
from deploy.installation import stop_asked
from deploy.metrics import Lag, burying, passing, rebalancing, violating
from deploy.migrations.runner import upgrade
from deploy.quota import OpenBucket, open_quota
from deploy.reward_ledger import open_own_ledger
from deploy.settings import Settings, Site
from deploy.telemetry import HealthServer, Vitals, configure_logging
from deploy.tracing import NOT_TRACED, Tracer, tracing
from schemas.program.amounts import parse_table

log = structlog.get_logger(__name__)

ROLE = "rewarder"


async def run_rewarder(settings: Settings) -> None:
    """Work rewards off until Ctrl-C or SIGTERM; calls in flight are finished first."""
    configure_logging(settings.log, role=ROLE)
    _arm_fault_point(settings)
    with tracing(settings.tracing, ROLE) as tracer:
        async with (
            open_own_ledger(settings) as ledger,
            open_quota(settings) as quota,
            OutgoingClient(
                guard_of(settings), trace_headers=None if tracer is None else tracer.headers
            ) as client,
        ):
            await upgrade(ledger.engine, "ledger")
            await _run(settings, ledger, quota, build_services(settings, client), tracer)


def _arm_fault_point(settings: Settings) -> None:
    try:
        fault_points.arm(settings.fault_point)
    except fault_points.NoSuchPointError as error:
        raise ConfigurationError(f"fault_point: {error}") from error
    if settings.fault_point:
        log.warning("fault_point_armed", point=settings.fault_point)


def build_services(settings: Settings, client: OutgoingClient) -> dict[str, Executor]:
    """The executors that call no billing site."""
    account = settings.tremendous
    key = "" if account.api_key is None else account.api_key.get_secret_value()
    return {
        "webhook": WebhookExecutor(client, endpoints_of(settings), time.time),
        "order": OrderExecutor(
            client, api_url=account.api_url, api_key=key, funding_source=account.funding_source
        ),
    }


def guard_of(settings: Settings) -> Guard:
    """What may be called; the development switch is said loudly wherever it is used."""
    outgoing = settings.outgoing
    if outgoing.allow_loopback:
        log.warning(
            "calls_to_this_machine_allowed",
            reason="outgoing.allow_loopback is set: for development only, never where others write"
            " programs",
        )
    return Guard(ports=frozenset(outgoing.ports), allow_loopback=outgoing.allow_loopback)


def endpoints_of(settings: Settings) -> dict[str, Endpoint]:
    return {
        each.name: Endpoint(
            name=each.name,
            url=each.url,
            secrets=tuple(secret.get_secret_value() for secret in each.secrets),
        )
        for each in settings.endpoints
    }


async def _run(
    settings: Settings,
    ledger: Ledger,
    quota: OpenBucket,
    services: Mapping[str, Executor],
    tracer: Tracer | None,
) -> None:
    servers, topics = bootstrap_servers(settings), topics_of(settings)
    stopping, settled = asyncio.Event(), asyncio.Event()
    dispatchers = build_dispatchers(settings, ledger, quota, services, settled, tracer=tracer)
    intake = Intake(
        build_consumer(servers, group_id=f"{settings.app_id}-rewarder"),
        ledger,
        dead_letters := KafkaPublisher(servers, topics.dlq),
        topic=topics.rewards,
        arrived=lambda sites: _wake(dispatchers, sites),
        listeners=_listeners(topics.rewards, tracer),
    )
    facts = KafkaPublisher(servers, topics.facts)
    vitals = Vitals(ROLE, {"kafka": facts.complaint, "commands": intake.complaint})
    vitals.watch_loop()
    async with _started(facts), _started(dead_letters):
        with HealthServer(vitals, settings.health, settings.run_dir):
            async with asyncio.TaskGroup() as tasks:
                stop = tasks.create_task(_set_when_asked(stopping))
                tasks.create_task(intake.run(stopping))
                tasks.create_task(run_reports(ledger, facts, settled=settled, stopping=stopping))
                tasks.create_task(run_watch(ledger, time.time, stopping=stopping))
                for dispatcher in dispatchers.values():
                    tasks.create_task(dispatcher.run(stopping))
                await stop
                settled.set()
        # What settled while the last calls were finished.
        await run_reports(ledger, facts, settled=settled, stopping=stopping)


def build_dispatchers(
    settings: Settings,
    ledger: Ledger,
    quota: OpenBucket,
    services: Mapping[str, Executor],
    settled: asyncio.Event,
    *,
    tracer: Tracer | None = None,
) -> dict[str, Dispatcher]:
    """One per site that has an API key. Rewards of other sites wait in the ledger."""
    owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    policy = Policy(
        key_life_seconds=settings.rewarder.key_life_seconds,
        absent_apart_seconds=settings.rewarder.absent_apart_seconds,
        give_up_seconds=settings.rewarder.give_up_seconds,
    )
    pace = Pace(
        concurrency=settings.rewarder.concurrency, lease_seconds=settings.rewarder.lease_seconds
    )
    limits = limits_of(settings)
    delivered = passing("delivered")
    dispatchers: dict[str, Dispatcher] = {}
    for site in settings.sites:
        if site.api_key is None:
            log.warning("rewards_wait", site=site.site, reason="the site has no api_key")
            continue
        gateway = ChargebeeGateway(build_client(settings, site, quota))
        dispatchers[site.site] = Dispatcher(
            ledger,
            build_executors(gateway, services),
            site=site.site,
            owner=owner,
            clock=choose_clock(settings.clock_file),
            wall=time.time,
            policy=policy,
            pace=pace,
            limits=limits,
            settled=settled.set,
            delivered=delivered,
            traced=_traced_calls(tracer),
        )
    return dispatchers


def _listeners(topic: str, tracer: Tracer | None) -> Listeners:
    return Listeners(
        lag=Lag(topic).show,
        buried=burying("rewards"),
        conflicting=violating("one_command"),
        rebalanced=rebalancing(topic),
        trace=None if tracer is None else tracer.stage("take reward"),
    )


def _traced_calls(tracer: Tracer | None) -> Traced:
    """A span around each call for a reward that is traced."""

    def traced(entry: Entry) -> AbstractContextManager[object]:
        if tracer is None or not entry.way.traceparent:
            return NOT_TRACED
        return tracer.call(f"give {entry.kind}", entry.way.traceparent)

    return traced


def limits_of(settings: Settings) -> Limits:
    ceilings = settings.ceilings
    return Limits(
        customer_per_day=parse_table(ceilings.customer_per_day),
        site_per_hour=parse_table(ceilings.site_per_hour),
        program_per_day=parse_table(ceilings.program_per_day),
    )


def build_client(settings: Settings, site: Site, quota: OpenBucket) -> ChargebeeClient:
    """The API of a site that has a key, within the quota that all processes share."""
    assert site.api_key is not None
    access = SiteAccess(
        site=site.site,
        api_key=site.api_key.get_secret_value(),
        api_url=site.api_url or "",
        read_seconds=settings.chargebee.timeout_seconds,
    )
    bucket = quota(site.site, settings.chargebee.rewarder_per_minute)
    try:
        return ChargebeeClient(access, bucket)
    except BadApiUrlError as error:
        raise ConfigurationError(f"site {site.site!r}: {error}") from error


def _wake(dispatchers: dict[str, Dispatcher], sites: set[str]) -> None:
    for site in sites:
        if site in dispatchers:
            dispatchers[site].wake()
        else:
            log.warning("rewards_wait", site=site, reason="no such site with an api_key here")


async def _set_when_asked(stopping: asyncio.Event) -> None:
    await stop_asked()
    stopping.set()


@asynccontextmanager
async def _started(publisher: KafkaPublisher) -> AsyncIterator[None]:
    await publisher.start()
    try:
        yield
    finally:
        with contextlib.suppress(Exception):
            await publisher.stop()
