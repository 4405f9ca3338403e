"""Causes: what is known to break, told before a promise is missed. PURE.

A counter with a new label begins at its first count, which `increase` does not see: such alerts
also look for series that were not there before.
"""

from deploy.monitoring.alerting import Alert

MINUTE = 60


def _grown(metric: str, by: str, window: str) -> str:
    """What was counted in the window, of new series too."""
    now = f"sum by ({by}) ({metric})"
    return (
        f"(sum by ({by}) (increase({metric}[{window}])) > 0)"
        f"\nor ({now} unless sum by ({by}) ({metric} offset {window}) > 0)\n> 0"
    )


PROCESS_ALERTS = (
    Alert(
        name="CactusRoleDown",
        expr='group by (role) (max_over_time(up{job="cactus"}[1d]))\n'
        'unless group by (role) (up{job="cactus"} == 1)',
        for_seconds=MINUTE,
        severity="page",
        summary="No {{ $labels.role }} runs; one did within the last day",
        row="resources",
    ),
    Alert(
        name="CactusNothingScraped",
        expr='absent(up{job="cactus"})',
        for_seconds=5 * MINUTE,
        severity="page",
        summary="Prometheus knows of no role of this installation",
        row="resources",
    ),
    Alert(
        name="CactusRoleRestarts",
        expr='max by (role) (changes(process_start_time_seconds{job="cactus"}[30m])) >= 3',
        severity="page",
        summary="The {{ $labels.role }} ends again and again",
        row="resources",
    ),
    Alert(
        name="CactusEventLoopSlow",
        expr="histogram_quantile(0.99, sum by (role, le)"
        " (rate(cactus_event_loop_lag_seconds_bucket[5m]))) > 1",
        for_seconds=10 * MINUTE,
        severity="ticket",
        summary="The {{ $labels.role }} comes more than a second late to what is due",
        row="resources",
    ),
    Alert(
        name="CactusDiskFills",
        expr="min by (instance) (cactus_home_free_bytes / cactus_home_size_bytes) < 0.1",
        for_seconds=5 * MINUTE,
        severity="page",
        summary="Less than a tenth of the disk under {{ $labels.instance }} is free",
        row="resources",
    ),
    Alert(
        name="CactusFilesExhausted",
        expr='max by (role) (process_open_fds{job="cactus"} / process_max_fds{job="cactus"}) > 0.8',
        for_seconds=5 * MINUTE,
        severity="ticket",
        summary="The {{ $labels.role }} has nearly as many files open as it may",
        row="resources",
    ),
    Alert(
        name="CactusVersionsDiffer",
        expr="count(count by (version) (cactus_build_info)) > 1",
        for_seconds=60 * MINUTE,
        severity="ticket",
        summary="Roles of different releases have run together for an hour",
        row="resources",
    ),
)

FLOW_ALERTS = (
    Alert(
        name="CactusKafkaUnreachable",
        expr="min by (role) (cactus_publisher_connected_ratio) == 0\n"
        "or max by (role) (cactus_lag_seconds != cactus_lag_seconds)",
        for_seconds=2 * MINUTE,
        severity="page",
        summary="The {{ $labels.role }} does not reach Kafka",
        row="kafka",
    ),
    Alert(
        name="CactusLagging",
        expr="max by (role, topic) (cactus_lag_seconds) > 120",
        for_seconds=5 * MINUTE,
        severity="page",
        summary="The {{ $labels.role }} is two minutes behind in {{ $labels.topic }}",
        row="kafka",
    ),
    Alert(
        name="CactusRebalances",
        expr="max by (role) (increase(cactus_rebalances_total[1h])) > 6",
        severity="ticket",
        summary="Partitions of the {{ $labels.role }} move about all the time",
        row="kafka",
    ),
    Alert(
        name="CactusWebhooksSilent",
        expr='sum(increase(cactus_webhook_requests_total{outcome="accepted"}[30m])) == 0\n'
        "and sum(increase(cactus_reconcile_gap_facts_total[30m])) > 0",
        for_seconds=5 * MINUTE,
        severity="page",
        summary="No webhook for half an hour, and the poller finds what they should have brought",
        row="lost",
    ),
    Alert(
        name="CactusReconcileGap",
        expr="sum(increase(cactus_reconcile_gap_facts_total[1h]))"
        " / sum(increase(cactus_facts_folded_total[1h])) > 0.1\n"
        "and sum(increase(cactus_reconcile_gap_facts_total[1h])) > 10",
        for_seconds=15 * MINUTE,
        severity="ticket",
        summary="More than one fact in ten is brought by the poller before any webhook",
        row="lost",
    ),
    Alert(
        name="CactusPollerStale",
        expr="max by (site) (time() - cactus_last_poll_timestamp_seconds) > 900\n"
        'or (sum by (site) (increase(cactus_polls_total{outcome="failed"}[15m])) > 0\n'
        '  unless sum by (site) (increase(cactus_polls_total{outcome="done"}[15m])) > 0)',
        for_seconds=5 * MINUTE,
        severity="ticket",
        summary="The events of {{ $labels.site }} have not been walked for a quarter of an hour",
        row="lost",
    ),
    Alert(
        name="CactusDeadLetters",
        expr=_grown("cactus_dlq_messages_total", "stage, class", "1h"),
        severity="ticket",
        summary="What the {{ $labels.stage }} stage could not take went to the DLQ"
        " ({{ $labels.class }})",
        row="lost",
    ),
    Alert(
        name="CactusInvariantViolated",
        expr="sum by (invariant) (max_over_time(cactus_invariant_violations_total[1d])) > 0",
        severity="page",
        summary="What must never be was found: {{ $labels.invariant }}",
        row="lost",
    ),
    Alert(
        name="CactusOutstandingJumps",
        expr="abs(sum by (program) (delta(cactus_points_outstanding[1h])))"
        " / sum by (program) (cactus_points_outstanding offset 1h) > 0.05\n"
        "and abs(sum by (program) (delta(cactus_points_outstanding[1h]))) > 10000",
        severity="ticket",
        summary="The points outstanding of {{ $labels.program }} moved by a twentieth in an hour",
        row="programs",
    ),
)

REWARD_ALERTS = (
    Alert(
        name="CactusRewardUnknown",
        expr="max(cactus_reward_unknown_age_seconds) > 1200",
        for_seconds=MINUTE,
        severity="page",
        summary="Whether a reward was given has been in doubt for 20 minutes;"
        " Chargebee forgets its key after 30",
        row="rewards",
    ),
    Alert(
        name="CactusRewardConflict",
        expr=_grown('cactus_reward_read_backs_total{result="conflict"}', "result", "1d"),
        severity="page",
        summary="Something was given under a reward's id that is not what was sent",
        row="rewards",
    ),
    Alert(
        name="CactusRewardsStuck",
        expr='sum(cactus_rewards{state="stuck"}) > 0\n'
        'or sum(cactus_reward_revocations{state="stuck"}) > 0',
        for_seconds=5 * MINUTE,
        severity="ticket",
        summary="Rewards wait for somebody to decide",
        row="rewards",
    ),
    Alert(
        name="CactusRewardCeiling",
        expr=_grown("cactus_reward_ceiling_reached_total", "ceiling, site", "15m"),
        severity="page",
        summary="Rewards of {{ $labels.site }} wait: the ceiling {{ $labels.ceiling }} is reached",
        row="rewards",
    ),
    Alert(
        name="CactusRewardsFail",
        expr='sum(increase(cactus_reward_outcomes_total{state="failed"}[1h]))'
        " / sum(increase(cactus_reward_outcomes_total[1h])) > 0.1\n"
        'and sum(increase(cactus_reward_outcomes_total{state="failed"}[1h])) >= 5',
        severity="ticket",
        summary="More than one reward in ten fails",
        row="rewards",
    ),
    Alert(
        name="CactusQuotaSpent",
        expr="max by (site) (avg_over_time(cactus_chargebee_quota_ratio[10m])) > 0.9",
        for_seconds=5 * MINUTE,
        severity="ticket",
        summary="Calls to {{ $labels.site }} wait for the quota",
        row="rewards",
    ),
    Alert(
        name="CactusThrottled",
        expr="sum by (site) (increase(cactus_chargebee_throttled_total[15m])) >= 3",
        severity="ticket",
        summary="{{ $labels.site }} answers 429: somebody spends its quota beside us",
        row="rewards",
    ),
    Alert(
        name="CactusChargebeeFails",
        expr='sum(rate(cactus_chargebee_request_seconds_count{status=~"0|5.."}[10m]))'
        " / sum(rate(cactus_chargebee_request_seconds_count[10m])) > 0.2",
        for_seconds=10 * MINUTE,
        severity="ticket",
        summary="More than one call to Chargebee in five fails",
        row="rewards",
    ),
)

API_ALERTS = (
    Alert(
        name="CactusApiFails",
        expr='sum(rate(cactus_api_requests_total{status=~"5.."}[5m]))'
        " / sum(rate(cactus_api_requests_total[5m])) > 0.05\n"
        'and sum(increase(cactus_api_requests_total{status=~"5.."}[5m])) >= 5',
        for_seconds=5 * MINUTE,
        severity="page",
        summary="More than one request in twenty is answered with an error of ours",
        row="api",
    ),
    Alert(
        name="CactusApiSlow",
        expr="histogram_quantile(0.99, sum by (le)"
        ' (rate(cactus_api_request_seconds_bucket{route=~"/v1/.*"}[10m]))) > 2.4',
        for_seconds=10 * MINUTE,
        severity="ticket",
        summary="One request to the API in a hundred takes longer than any may wait",
        row="api",
    ),
)

CAUSES = (*PROCESS_ALERTS, *FLOW_ALERTS, *REWARD_ALERTS, *API_ALERTS)
