"""Does anybody knock in vain, and do we keep up? PURE."""

from deploy.monitoring.panels import WINDOW, Panel, Query, Row, quantiles

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
            queries=quantiles("cactus_webhook_ack_seconds"),
        ),
        Panel(
            title="Body, half of them and 99 %",
            unit="bytes",
            width=4,
            queries=quantiles("cactus_webhook_body_bytes"),
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
                Query(
                    expr=f"sum(rate(cactus_projected_states_total{WINDOW}))",
                    legend="accounts kept",
                ),
            ),
        ),
        Panel(
            title="One transaction of the fold",
            unit="s",
            width=4,
            queries=quantiles("cactus_fold_commit_seconds"),
        ),
        Panel(
            title="One batch of the projector",
            unit="s",
            width=4,
            queries=quantiles("cactus_projection_batch_seconds"),
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
