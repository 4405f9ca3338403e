"""What do rewards do, and what do programs cost? PURE."""

from deploy.monitoring.panels import WINDOW, Panel, Query, Row, quantiles

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
            queries=quantiles("cactus_reward_settle_seconds"),
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
