"""Wire and run the poller, or walk once with a progress bar."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from connectors.chargebee.client import BadApiUrlError, ChargebeeClient, SiteAccess
from connectors.chargebee.errors import CallError
from connectors.chargebee.poller import RETENTION_SECONDS, EndlessListingError, Poller, Walk
from connectors.chargebee.positions import PositionFiles, PositionUnreadableError
from connectors.publish import KafkaPublisher, PublishError
from deploy.clock import choose_clock
from deploy.cluster import bootstrap_servers, topics_of
from deploy.console import err, out
from deploy.entrance import entrance
from deploy.errors import ConfigurationError, OperatingError
from deploy.installation import stop_asked
from deploy.quota import OpenBucket, open_quota
from deploy.settings import Settings, Site
from deploy.telemetry import HealthServer, Vitals, configure_logging
from deploy.tracing import Tracer, tracing
from schemas.program.periods import PeriodError, parse_period, parse_zone, subtract

ROLE = "poller"


def sites_to_poll(settings: Settings, names: list[str]) -> list[Site]:
    """The sites named, or all that have an API key."""
    sites = [settings.site(name) for name in names] or [
        site for site in settings.sites if site.api_key is not None
    ]
    for site in sites:
        if site.api_key is None:
            raise ConfigurationError(f"Site {site.site!r} has no api_key: it cannot be polled.")
    if not sites:
        raise ConfigurationError(
            "No site has an api_key, so there is nothing to poll. Give a site in cactus.toml "
            'api_key_file = "/run/secrets/chargebee".'
        )
    return sites


def back_fill_seconds(text: str) -> int:
    """A duration such as P90D in seconds, counted back from any day that is the same in UTC."""
    utc, anchor = parse_zone("UTC"), 2_000_000_000
    try:
        seconds = anchor - subtract(anchor, parse_period(text), utc)
    except PeriodError as error:
        raise ConfigurationError(f"--backfill {text}: {error}") from error
    if not 0 < seconds <= RETENTION_SECONDS:
        raise ConfigurationError(
            f"--backfill {text}: Chargebee keeps events for 90 days; write at most P90D."
        )
    return seconds


async def run_poller(settings: Settings, sites: list[Site], back_seconds: int | None) -> None:
    """Poll every site until Ctrl-C or SIGTERM."""
    configure_logging(settings.log, role=ROLE)
    with tracing(settings.tracing, ROLE) as tracer:
        await _run(settings, sites, back_seconds, tracer)


async def _run(
    settings: Settings, sites: list[Site], back_seconds: int | None, tracer: Tracer | None
) -> None:
    async with _publisher(settings) as publisher, open_quota(settings) as quota:
        pollers = [_poller(settings, site, quota, publisher, tracer) for site in sites]
        probes = {f"site {each.site}": each.complaint for each in pollers}
        vitals = Vitals(ROLE, {"kafka": publisher.complaint, **probes})
        vitals.watch_loop()
        with HealthServer(vitals, settings.health, settings.run_dir):
            work = asyncio.create_task(_poll_all(settings, pollers, back_seconds))
            stop = asyncio.create_task(stop_asked())
            await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)
            if not stop.done():
                await work  # polling never ends by itself: raise what ended it
            work.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await work


async def poll_once(settings: Settings, sites: list[Site], back_seconds: int | None) -> None:
    """One walk per site, shown on a terminal."""
    configure_logging(settings.log, role=ROLE)
    clock = choose_clock(settings.clock_file)
    async with _publisher(settings) as publisher, open_quota(settings) as quota:
        if complaint := publisher.complaint():
            raise OperatingError(f"{complaint}: nothing was polled.")
        with _progress_bar() as bar:
            for site in sites:
                walk = await _walk_once(
                    _poller(settings, site, quota, publisher),
                    start_at=None if back_seconds is None else max(0, clock() - back_seconds),
                    progress=_shown_on(bar, site.site, clock()),
                )
                out.print(f"{site.site}: {walk.published} events polled and written to Kafka")


async def _poll_all(settings: Settings, pollers: list[Poller], back_seconds: int | None) -> None:
    await asyncio.gather(*(_poll_for_ever(settings, each, back_seconds) for each in pollers))


async def _poll_for_ever(settings: Settings, poller: Poller, back_seconds: int | None) -> None:
    if back_seconds is not None:
        start_at = max(0, choose_clock(settings.clock_file)() - back_seconds)
        await poller.walk_until_done(start_at=start_at)
    try:
        await poller.run(settings.poller.interval_seconds)
    except PositionUnreadableError as error:
        raise OperatingError(str(error)) from error


async def _walk_once(
    poller: Poller, *, start_at: int | None, progress: Callable[[Walk], None]
) -> Walk:
    try:
        return await poller.walk(start_at=start_at, progress=progress)
    except CallError as error:
        raise OperatingError(
            f"Chargebee did not answer for {poller.site}: {error}. What was polled so far is in "
            "Kafka; run it again, repeated events are harmless."
        ) from error
    except (PublishError, EndlessListingError, PositionUnreadableError) as error:
        raise OperatingError(f"{poller.site}: {error}") from error


@asynccontextmanager
async def _publisher(settings: Settings) -> AsyncIterator[KafkaPublisher]:
    publisher = KafkaPublisher(bootstrap_servers(settings), topics_of(settings).raw)
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop()


def _poller(
    settings: Settings,
    site: Site,
    quota: OpenBucket,
    publisher: KafkaPublisher,
    tracer: Tracer | None = None,
) -> Poller:
    assert site.api_key is not None
    access = SiteAccess(
        site=site.site,
        api_key=site.api_key.get_secret_value(),
        api_url=site.api_url or "",
    )
    bucket = quota(site.site, settings.chargebee.poller_per_minute)
    try:
        client = ChargebeeClient(access, bucket)
    except BadApiUrlError as error:
        raise ConfigurationError(f"site {site.site!r}: {error}") from error
    return Poller(
        site.site,
        client,
        publisher,
        PositionFiles(settings.home / "poller"),
        choose_clock(settings.clock_file),
        overlap_seconds=settings.poller.overlap_seconds,
        traced=entrance(tracer, "poll event"),
    )


def _progress_bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[events]} events"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=err,
    )


def _shown_on(bar: Progress, site: str, now: int) -> Callable[[Walk], None]:
    """The bar measures time: how many events there are, nobody knows before the last page."""
    task = bar.add_task(site, total=None, events=0)

    def show(walk: Walk) -> None:
        total = max(now - walk.started_at, 1)
        done = min(walk.reached_at - walk.started_at, total)
        bar.update(task, total=total, completed=done, events=walk.events)

    return show
