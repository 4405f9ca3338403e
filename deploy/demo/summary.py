"""What a demo has to show in the end: figures from the views, the sandbox and the audit."""

import msgspec
from rich.console import Console
from rich.table import Table

from deploy.audit.report import AuditReport
from deploy.demo.meters import Readings
from deploy.demo.site import SiteStatus, Webhooks
from deploy.settings import Settings
from projections.database import open_engine
from projections.queries import count_by_type, count_rewards, count_tiers, latency_ms

EARNED = "PointsEarned"
REVERSED = "PointsReversed"
TIER_CHANGED = "TierChanged"


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """`events` counts points events by type, `points` sums what each type added to accounts;
    latencies are from webhook received to balance readable, in milliseconds.
    """

    customers: int
    webhooks: Webhooks
    facts: int
    repeats: int
    events: dict[str, int]
    points: dict[str, int]
    tiers: dict[str, int]
    rewards: dict[str, int]
    latency_ms_p50: float | None
    latency_ms_p99: float | None
    audit: AuditReport


async def gather(
    settings: Settings, status: SiteStatus, readings: Readings, audit: AuditReport
) -> Summary:
    engine = open_engine(settings.views_url, read_only=True)
    try:
        async with engine.connect() as connection:
            types = await count_by_type(connection)
            return Summary(
                customers=status.customers,
                webhooks=status.webhooks,
                facts=readings.total("worker", "cactus_facts_folded_total"),
                repeats=readings.total("worker", "cactus_facts_repeated_total"),
                events={kind: count for kind, (count, _) in sorted(types.items())},
                points={kind: points for kind, (_, points) in sorted(types.items())},
                tiers=await count_tiers(connection),
                rewards=await count_rewards(connection),
                latency_ms_p50=await latency_ms(connection, 0.5),
                latency_ms_p99=await latency_ms(connection, 0.99),
                audit=audit,
            )
    finally:
        await engine.dispose()


def print_summary(summary: Summary, console: Console) -> None:
    webhooks = summary.webhooks
    table = Table(title="A year of billing life", title_justify="left", show_header=False, box=None)
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column()
    for name, value, detail in (
        ("customers", summary.customers, ""),
        ("webhooks sent", webhooks.sent, _share(webhooks)),
        ("webhooks lost", webhooks.lost, "found again by the poller"),
        ("facts folded", summary.facts, f"{summary.repeats:,} of them repeats, ignored"),
        ("points events", sum(summary.events.values()), ""),
        ("points issued", summary.points.get(EARNED, 0), ""),
        ("points refunded", -summary.points.get(REVERSED, 0), ""),
        ("tier changes", summary.events.get(TIER_CHANGED, 0), _named(summary.tiers)),
        ("rewards delivered", summary.rewards.get("delivered", 0), _others(summary.rewards)),
    ):
        table.add_row(name, f"{value:,}", detail)
    table.add_row("event to balance", *_latency(summary))
    console.print(table)


def _share(webhooks: Webhooks) -> str:
    sent = max(1, webhooks.sent)
    return (
        f"{webhooks.duplicates / sent:.1%} twice, {webhooks.disordered / sent:.1%} out of order, "
        f"{webhooks.retries:,} retried"
    )


def _named(counts: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {name or 'no tier'}" for name, count in sorted(counts.items()))


def _others(rewards: dict[str, int]) -> str:
    others = {state: count for state, count in rewards.items() if state != "delivered"}
    return ", ".join(f"{count:,} {state}" for state, count in sorted(others.items()))


def _latency(summary: Summary) -> tuple[str, str]:
    half, most = summary.latency_ms_p50, summary.latency_ms_p99
    if half is None or most is None:
        return "", "nothing was projected"
    return f"{half:,.0f} ms", f"for half of them, 99 % within {most:,.0f} ms"
