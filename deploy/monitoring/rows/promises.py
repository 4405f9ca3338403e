"""Is anything lost, and how long does it take? PURE."""

from deploy.monitoring.panels import WINDOW, Panel, Query, Row

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
