"""What the dashboard shows, row by row. PURE.

Asked of any one who looks: is anything lost, how long does it take, does anybody knock in vain, do
we keep up, what do rewards do, what do programs cost, and what do the processes need.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["stat", "timeseries", "heatmap"]
WINDOW = "[$__rate_interval]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """`always`: an installation at work has an answer to it."""

    expr: str
    legend: str = ""
    always: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """`width` is of 24. `bad_above` colours a figure that should not be there."""

    title: str
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    unit: str = "short"
    width: int = 8
    description: str = ""
    bad_above: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`name` is what alerts call it."""

    name: str
    title: str
    panels: tuple[Panel, ...]


def _quantiles(metric: str, by: str = "", where: str = "") -> tuple[Query, ...]:
    grouped = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return tuple(
        Query(
            expr=f"histogram_quantile({quantile}, sum by ({grouped})"
            f" (rate({metric}_bucket{where}{WINDOW})))",
            legend=f"{legend}p{quantile * 100:g}",
        )
        for quantile in (0.5, 0.99)
    )


LOST = Row(
    name="lost",
    title="Is anything lost?",
    panels=(
        Panel(
            title="Oldest record that waits",
            kind="stat",
            unit="s",
            width=4,
            bad_above=120,
            queries=(Query(expr="max(cactus_lag_seconds)", always=True),),
        ),
        Panel(
            title="Sent to the DLQ, last day",
            kind="stat",
            width=4,
            bad_above=0,
            queries=(Query(expr="sum(increase(cactus_dlq_messages_total[1d])) or vector(0)"),),
        ),
        Panel(
            title="In the DLQ",
            kind="stat",
            width=4,
            bad_above=0,
            description="Records that the topic holds now, and the age of the oldest.",
            queries=(Query(expr="max(cactus_dlq_depth_messages)", always=True),),
        ),
        Panel(
            title="Oldest in the DLQ",
            kind="stat",
            unit="s",
            width=4,
            queries=(Query(expr="time() - max(cactus_dlq_oldest_timestamp_seconds > 0)"),),
        ),
        Panel(
            title="Invariants violated",
            kind="stat",
            width=4,
            bad_above=0,
            queries=(Query(expr="sum(cactus_invariant_violations_total)", always=True),),
        ),
        Panel(
            title="Brought by the poller alone, last day",
            kind="stat",
            width=4,
            description="Facts that no webhook brought before the poller found them.",
            queries=(
                Query(expr="sum(increase(cactus_reconcile_gap_facts_total[1d]))", always=True),
            ),
        ),
        Panel(
            title="Facts: new, repeated, rejected",
            unit="ops",
            queries=(
                Query(
                    expr=f"sum(rate(cactus_facts_folded_total{WINDOW}))",
                    legend="folded",
                    always=True,
                ),
                Query(expr=f"sum(rate(cactus_facts_repeated_total{WINDOW}))", legend="repeated"),
                Query(expr=f"sum(rate(cactus_facts_rejected_total{WINDOW}))", legend="rejected"),
            ),
        ),
        Panel(
            title="DLQ by stage and class",
            queries=(
                Query(
                    expr="sum by (stage, class) (increase(cactus_dlq_messages_total[1h]))",
                    legend="{{stage}} {{class}}",
                ),
            ),
        ),
        Panel(
            title="Since the last record of each stage",
            unit="s",
            description="Quiet is no fault: hold it against what came in.",
            queries=(
                Query(
                    expr="time() - max by (stage) (cactus_last_record_processed_timestamp_seconds)",
                    legend="{{stage}}",
                    always=True,
                ),
            ),
        ),
    ),
)

LATENCY = Row(
    name="latency",
    title="How long does it take?",
    panels=(
        Panel(
            title="Age of events, half of them",
            unit="s",
            queries=(
                Query(
                    expr="histogram_quantile(0.5, sum by (le, stage)"
                    f" (rate(cactus_event_age_seconds_bucket{WINDOW})))",
                    legend="{{stage}}",
                ),
            ),
        ),
        Panel(
            title="Age of events, 99 %",
            unit="s",
            queries=(
                Query(
                    expr="histogram_quantile(0.99, sum by (le, stage)"
                    f" (rate(cactus_event_age_seconds_bucket{WINDOW})))",
                    legend="{{stage}}",
                ),
            ),
        ),
        Panel(
            title="Age when a balance is readable",
            kind="heatmap",
            unit="s",
            queries=(
                Query(
                    expr='sum by (le) (increase(cactus_event_age_seconds_bucket{stage="projected"}'
                    "[$__rate_interval]))",
                    legend="{{le}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Part of events that miss an objective, 1 h",
            unit="percentunit",
            width=12,
            queries=(
                Query(expr="cactus:events_stale:ratio_rate1h", legend="over 10 s (1 % may)"),
                Query(expr="cactus:events_late:ratio_rate1h", legend="over 60 s (0.1 % may)"),
                Query(
                    expr="cactus:rewards_late:ratio_rate1h", legend="reward over 15 min (1 % may)"
                ),
                Query(expr="cactus:ingest_refused:ratio_rate1h", legend="refused (0.05 % may)"),
            ),
        ),
        Panel(
            title="Budget of 30 days burnt, at the pace of 3 days",
            unit="percentunit",
            width=12,
            description="Over 100 %: it will not last.",
            queries=(
                Query(expr="cactus:events_stale:ratio_rate3d / 0.01", legend="10 s"),
                Query(expr="cactus:events_late:ratio_rate3d / 0.001", legend="60 s"),
                Query(expr="cactus:rewards_late:ratio_rate3d / 0.01", legend="rewards"),
                Query(expr="cactus:ingest_refused:ratio_rate3d / 0.0005", legend="webhooks"),
            ),
        ),
    ),
)

RECEIVER = Row(
    name="receiver",
    title="Webhooks",
    panels=(
        Panel(
            title="Webhooks by outcome",
            unit="reqps",
            queries=(
                Query(
                    expr=f"sum by (outcome) (rate(cactus_webhook_requests_total{WINDOW}))",
                    legend="{{outcome}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Until Kafka has it",
            unit="s",
            queries=_quantiles("cactus_webhook_ack_seconds"),
        ),
        Panel(
            title="Body, half of them and 99 %",
            unit="bytes",
            width=4,
            queries=_quantiles("cactus_webhook_body_bytes"),
        ),
        Panel(
            title="In flight",
            width=4,
            queries=(
                Query(expr="sum(cactus_webhooks_in_flight)", legend="held", always=True),
                Query(
                    expr="sum by (role) (cactus_publisher_undelivered_messages)",
                    legend="{{role}} waits for Kafka",
                    always=True,
                ),
            ),
        ),
    ),
)

KAFKA = Row(
    name="kafka",
    title="Do we keep up?",
    panels=(
        Panel(
            title="Records that wait",
            queries=(
                Query(
                    expr='max by (role, topic) (cactus_lag_messages{role=~"$role"})',
                    legend="{{role}} {{topic}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="How long they have waited",
            unit="s",
            queries=(
                Query(
                    expr='max by (role, topic) (cactus_lag_seconds{role=~"$role"})',
                    legend="{{role}} {{topic}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Assignments of partitions",
            queries=(
                Query(
                    expr="sum by (role, topic) (increase(cactus_rebalances_total[1h]))",
                    legend="{{role}} {{topic}} per hour",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Through each stage",
            unit="ops",
            queries=(
                Query(
                    expr=f"sum(rate(cactus_facts_translated_total{WINDOW}))",
                    legend="translated",
                    always=True,
                ),
                Query(expr=f"sum(rate(cactus_events_ignored_total{WINDOW}))", legend="no fact"),
                Query(expr=f"sum(rate(cactus_time_facts_total{WINDOW}))", legend="time"),
                Query(
                    expr=f"sum(rate(cactus_projected_events_total{WINDOW}))",
                    legend="projected",
                    always=True,
                ),
                Query(
                    expr=f"sum(rate(cactus_projected_repeats_total{WINDOW}))",
                    legend="projected again",
                ),
            ),
        ),
        Panel(
            title="One transaction of the fold",
            unit="s",
            width=4,
            queries=_quantiles("cactus_fold_commit_seconds"),
        ),
        Panel(
            title="One batch of the projector",
            unit="s",
            width=4,
            queries=_quantiles("cactus_projection_batch_seconds"),
        ),
        Panel(
            title="Taking over a partition",
            unit="s",
            width=4,
            queries=(
                Query(
                    expr="sum(cactus_restore_seconds_sum) / sum(cactus_restore_seconds_count)",
                    legend="mean",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="In the worker",
            width=4,
            queries=(
                Query(expr="sum(cactus_facts_in_flight)", legend="facts in flight", always=True),
                Query(expr="sum(cactus_restored_states_total)", legend="states restored"),
            ),
        ),
    ),
)

REWARDS = Row(
    name="rewards",
    title="Rewards and Chargebee",
    panels=(
        Panel(
            title="Rewards that are open, by state",
            queries=(
                Query(
                    expr='sum by (state) (cactus_rewards{state!~"delivered|failed|cancelled"})',
                    legend="{{state}}",
                    always=True,
                ),
                Query(
                    expr="sum by (state) (cactus_reward_revocations"
                    '{state!~"delivered|failed|cancelled"})',
                    legend="take back: {{state}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Oldest doubt",
            kind="stat",
            unit="s",
            width=4,
            bad_above=1200,
            queries=(Query(expr="max(cactus_reward_unknown_age_seconds)", always=True),),
        ),
        Panel(
            title="Given something else",
            kind="stat",
            width=4,
            bad_above=0,
            queries=(
                Query(
                    expr='sum(cactus_reward_read_backs_total{result="conflict"})',
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Pauses",
            kind="stat",
            width=4,
            queries=(Query(expr="max(cactus_reward_pauses)", always=True),),
        ),
        Panel(
            title="Ceilings reached, last day",
            kind="stat",
            width=4,
            bad_above=0,
            queries=(
                Query(
                    expr="sum(increase(cactus_reward_ceiling_reached_total[1d])) or vector(0)",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Attempts and readings back",
            queries=(
                Query(
                    expr="sum by (result) (increase(cactus_reward_attempts_total[1h]))",
                    legend="{{result}}",
                    always=True,
                ),
                Query(
                    expr="sum by (result) (increase(cactus_reward_read_backs_total[1h]))",
                    legend="read back: {{result}}",
                ),
                Query(
                    expr="sum(increase(cactus_reward_leases_lost_total[1h]))",
                    legend="lease lost",
                ),
            ),
        ),
        Panel(
            title="Outcomes told",
            queries=(
                Query(
                    expr="sum by (state) (increase(cactus_reward_outcomes_total[1h]))",
                    legend="{{state}}",
                    always=True,
                ),
                Query(
                    expr="sum by (result) (increase(cactus_reward_revocations_settled_total[1h]))",
                    legend="taken back: {{result}}",
                ),
            ),
        ),
        Panel(
            title="Commands received",
            queries=(
                Query(
                    expr="sum by (result) (increase(cactus_reward_commands_received_total[1h]))",
                    legend="{{result}}",
                    always=True,
                ),
                Query(
                    expr="sum by (type) (increase(cactus_reward_commands_total[1h]))",
                    legend="{{type}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="From first attempt to outcome",
            unit="s",
            width=6,
            queries=_quantiles("cactus_reward_settle_seconds"),
        ),
        Panel(
            title="Calls to Chargebee by status",
            unit="reqps",
            width=6,
            queries=(
                Query(
                    expr=f"sum by (status) (rate(cactus_chargebee_request_seconds_count{WINDOW}))",
                    legend="{{status}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Duration of calls, 99 %",
            unit="s",
            width=6,
            queries=(
                Query(
                    expr="histogram_quantile(0.99, sum by (le, operation)"
                    f" (rate(cactus_chargebee_request_seconds_bucket{WINDOW})))",
                    legend="{{operation}}",
                ),
            ),
        ),
        Panel(
            title="Quota",
            unit="percentunit",
            width=6,
            queries=(
                Query(
                    expr='max by (site) (cactus_chargebee_quota_ratio{site=~"$site"})',
                    legend="{{site}} used",
                    always=True,
                ),
                Query(
                    expr="sum by (site) (increase(cactus_chargebee_throttled_total"
                    '{site=~"$site"}[1h]))',
                    legend="{{site}} 429 per hour",
                ),
            ),
        ),
        Panel(
            title="The poller",
            unit="s",
            width=12,
            queries=(
                Query(
                    expr="time() - max by (site)"
                    ' (cactus_last_poll_timestamp_seconds{site=~"$site"})',
                    legend="{{site}} since the last walk",
                    always=True,
                ),
                Query(
                    expr='time() - max by (site) (cactus_poll_watermark_seconds{site=~"$site"})',
                    legend="{{site}} since the last event",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Walks and events of the poller, last hour",
            width=12,
            queries=(
                Query(
                    expr='sum by (site, outcome) (increase(cactus_polls_total{site=~"$site"}[1h]))',
                    legend="{{site}} walks {{outcome}}",
                    always=True,
                ),
                Query(
                    expr="sum by (site, outcome)"
                    ' (increase(cactus_polled_events_total{site=~"$site"}[1h]))',
                    legend="{{site}} events {{outcome}}",
                    always=True,
                ),
            ),
        ),
    ),
)

PROGRAMS = Row(
    name="programs",
    title="Programs",
    panels=(
        Panel(
            title="Points that came and went, last hour",
            width=12,
            queries=(
                Query(
                    expr="sum by (program, kind) (increase(cactus_points_total[1h]))",
                    legend="{{program}} {{kind}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Points outstanding",
            width=12,
            description="Balance and pending of all accounts: what a program owes.",
            queries=(
                Query(
                    expr="max by (program) (cactus_points_outstanding)",
                    legend="{{program}}",
                    always=True,
                ),
            ),
        ),
    ),
)

RESOURCES = Row(
    name="resources",
    title="Processes",
    panels=(
        Panel(
            title="Up",
            width=6,
            queries=(
                Query(
                    expr='sum by (role) (up{job="cactus",role=~"$role"})',
                    legend="{{role}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="CPU",
            unit="percentunit",
            width=6,
            queries=(
                Query(
                    expr='rate(process_cpu_seconds_total{job="cactus",role=~"$role"}'
                    "[$__rate_interval])",
                    legend="{{instance}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Memory",
            unit="bytes",
            width=6,
            queries=(
                Query(
                    expr='process_resident_memory_bytes{job="cactus",role=~"$role"}',
                    legend="{{instance}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Event loop is late, 99 %",
            unit="s",
            width=6,
            queries=(
                Query(
                    expr="histogram_quantile(0.99, sum by (le, role)"
                    ' (rate(cactus_event_loop_lag_seconds_bucket{role=~"$role"}'
                    "[$__rate_interval])))",
                    legend="{{role}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Starts, last hour",
            width=6,
            queries=(
                Query(
                    expr='max by (role) (changes(process_start_time_seconds{job="cactus",'
                    'role=~"$role"}[1h]))',
                    legend="{{role}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Open files",
            unit="percentunit",
            width=6,
            queries=(
                Query(
                    expr='process_open_fds{job="cactus",role=~"$role"}'
                    ' / process_max_fds{job="cactus",role=~"$role"}',
                    legend="{{instance}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Free on disk",
            unit="percentunit",
            width=6,
            queries=(
                Query(
                    expr="cactus_home_free_bytes / cactus_home_size_bytes",
                    legend="{{instance}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Releases, and how the fold runs",
            width=6,
            queries=(
                Query(
                    expr="count by (version) (cactus_build_info)",
                    legend="{{version}}",
                    always=True,
                ),
                Query(
                    expr="count by (running) (cactus_fold_info)",
                    legend="fold {{running}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Kafka answers",
            width=6,
            queries=(
                Query(
                    expr="min by (role) (cactus_publisher_connected_ratio)",
                    legend="{{role}}",
                    always=True,
                ),
            ),
        ),
    ),
)

ROWS = (LOST, LATENCY, RECEIVER, KAFKA, REWARDS, PROGRAMS, RESOURCES)
