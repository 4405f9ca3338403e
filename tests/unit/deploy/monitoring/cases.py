"""For each alert, series that make it fire and series that leave it silent, as promtool reads them.

`0+1x60` begins at 0 and adds 1 sixty times; `0x5 1x5` stands at 0 and then at 1; `_` is a sample
that is missing. Without any series no alert fires but the one that is about that: the third kind of
test is made from these two.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

Series = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """At `at`, every `fires` makes the alert fire with `labels`, and no `silent` does."""

    at: str
    fires: tuple[Series, ...]
    silent: tuple[Series, ...]
    labels: Mapping[str, str] = field(default_factory=dict)
    interval: str = "1m"
    fires_without_series: bool = False


def _hooks(accepted: str, not_durable: str) -> Series:
    return {
        'cactus_webhook_requests_total{outcome="accepted",role="receiver"}': accepted,
        'cactus_webhook_requests_total{outcome="not_durable",role="receiver"}': not_durable,
    }


def _ages(stage: str, le: str, counted: str, within: str) -> Series:
    return {
        f'cactus_event_age_seconds_count{{stage="{stage}"}}': counted,
        f'cactus_event_age_seconds_bucket{{stage="{stage}",le="{le}"}}': within,
    }


def _up(instance: str, values: str, role: str = "worker") -> Series:
    return {f'up{{job="cactus",role="{role}",instance="{instance}"}}': values}


def _lag(values: str) -> Series:
    return {'cactus_lag_seconds{role="worker",topic="loyalty.facts.v1"}': values}


def _late(bucket: str) -> Series:
    return {
        'cactus_event_loop_lag_seconds_bucket{role="worker",le="0.25"}': bucket,
        'cactus_event_loop_lag_seconds_bucket{role="worker",le="1.0"}': bucket,
        'cactus_event_loop_lag_seconds_bucket{role="worker",le="2.5"}': "0+60x30",
        'cactus_event_loop_lag_seconds_bucket{role="worker",le="+Inf"}': "0+60x30",
    }


def _gap(found: str, folded: str) -> Series:
    return {
        'cactus_reconcile_gap_facts_total{role="worker"}': found,
        'cactus_facts_folded_total{role="worker"}': folded,
    }


def _silence(accepted: str, found: str) -> Series:
    return {
        'cactus_webhook_requests_total{outcome="accepted"}': accepted,
        "cactus_reconcile_gap_facts_total": found,
    }


def _polls(failed: str, done: str) -> Series:
    return {
        'cactus_polls_total{site="acme",outcome="failed"}': failed,
        'cactus_polls_total{site="acme",outcome="done"}': done,
    }


LAST_POLL = 'cactus_last_poll_timestamp_seconds{site="acme"}'
BURIED = 'cactus_dlq_messages_total{stage="translate",class="DecodeError",instance="worker@a"}'
BROKEN = 'cactus_invariant_violations_total{invariant="figures",instance="projector@a"}'
STARTED = 'process_start_time_seconds{job="cactus",role="worker",instance="worker@a"}'
CONNECTED = 'cactus_publisher_connected_ratio{role="worker",instance="worker@a"}'
REBALANCED = 'cactus_rebalances_total{role="worker",instance="worker@a"}'
OUTSTANDING = 'cactus_points_outstanding{program="spikes",instance="projector@a"}'
DOUBT = 'cactus_reward_unknown_age_seconds{instance="rewarder@a"}'
CONFLICT = 'cactus_reward_read_backs_total{result="conflict",instance="rewarder@a"}'
STUCK = 'cactus_rewards{state="stuck",instance="rewarder@a"}'
STUCK_UNDO = 'cactus_reward_revocations{state="stuck",instance="rewarder@a"}'
CEILING = 'cactus_reward_ceiling_reached_total{ceiling="site_per_hour",site="acme",instance="a"}'
QUOTA = 'cactus_chargebee_quota_ratio{site="acme",instance="rewarder@a"}'
THROTTLED = 'cactus_chargebee_throttled_total{site="acme",instance="rewarder@a"}'


def _outcomes(failed: str, delivered: str) -> Series:
    return {
        'cactus_reward_outcomes_total{state="failed"}': failed,
        'cactus_reward_outcomes_total{state="delivered"}': delivered,
    }


def _calls(failed: str, status: str = "500") -> Series:
    return {
        f'cactus_chargebee_request_seconds_count{{status="{status}"}}': failed,
        'cactus_chargebee_request_seconds_count{status="200"}': "0+1x60",
    }


def _releases(one: str, other: str) -> Series:
    return {
        f'cactus_build_info{{version="{one}",instance="worker@a"}}': "1x90",
        f'cactus_build_info{{version="{other}",instance="api@a"}}': "1x90",
    }


def _disk(free: str) -> Series:
    return {
        'cactus_home_free_bytes{instance="worker@a"}': free,
        'cactus_home_size_bytes{instance="worker@a"}': "100x20",
    }


def _files(files: str) -> Series:
    return {
        'process_open_fds{job="cactus",role="worker"}': files,
        'process_max_fds{job="cactus",role="worker"}': "1000x20",
    }


def _requests(failed: str, answered: str) -> Series:
    return {
        'cactus_api_requests_total{route="/v1/a",method="GET",status="500"}': failed,
        'cactus_api_requests_total{route="/v1/a",method="GET",status="200"}': answered,
    }


def _durations(route: str, quick: str) -> Series:
    return {
        f'cactus_api_request_seconds_bucket{{route="{route}",le="1.0"}}': quick,
        f'cactus_api_request_seconds_bucket{{route="{route}",le="2.5"}}': quick,
        f'cactus_api_request_seconds_bucket{{route="{route}",le="5.0"}}': "0+100x40",
        f'cactus_api_request_seconds_bucket{{route="{route}",le="+Inf"}}': "0+100x40",
    }


OBJECTIVE_CASES = {
    "CactusIngestBudgetBurnsFast": Case(
        at="2h",
        fires=(_hooks("0+90x120", "0+10x120"),),
        silent=(_hooks("0+100000x120", "0+1x120"), _hooks("0+100x90 9000x30", "0+10x90 900x30")),
    ),
    "CactusIngestBudgetBurnsSlowly": Case(
        at="26h",
        interval="5m",
        fires=(_hooks("0+1000x320", "0+2x320"),),
        silent=(_hooks("0+10000x320", "0+1x320"),),
    ),
    "CactusFreshnessBudgetBurnsFast": Case(
        at="2h",
        fires=(_ages("projected", "10.0", "0+100x120", "0+70x120"),),
        silent=(_ages("projected", "10.0", "0+100x120", "0+99x120"),),
    ),
    "CactusFreshnessBudgetBurnsSlowly": Case(
        at="26h",
        interval="5m",
        fires=(_ages("projected", "10.0", "0+100x320", "0+96x320"),),
        silent=(_ages("projected", "10.0", "0+1000x320", "0+995x320"),),
    ),
    "CactusLatenessBudgetBurnsFast": Case(
        at="2h",
        fires=(_ages("projected", "60.0", "0+100x120", "0+95x120"),),
        silent=(_ages("projected", "60.0", "0+1000x120", "0+999x120"),),
    ),
    "CactusLatenessBudgetBurnsSlowly": Case(
        at="26h",
        interval="5m",
        fires=(_ages("projected", "60.0", "0+1000x320", "0+995x320"),),
        silent=(_ages("projected", "60.0", "0+10000x320", "0+9999x320"),),
    ),
    "CactusRewardsBudgetBurnsFast": Case(
        at="2h",
        fires=(_ages("delivered", "900.0", "0+100x120", "0+70x120"),),
        silent=(
            _ages("delivered", "900.0", "0+100x120", "0+99x120"),
            _ages("projected", "900.0", "0+100x120", "0+70x120"),
        ),
    ),
    "CactusRewardsBudgetBurnsSlowly": Case(
        at="26h",
        interval="5m",
        fires=(_ages("delivered", "900.0", "0+100x320", "0+96x320"),),
        silent=(_ages("delivered", "900.0", "0+1000x320", "0+995x320"),),
    ),
    "CactusWebhooksRefused": Case(
        at="12m",
        fires=(_hooks("0x20", "0x5 3x10"),),
        silent=(_hooks("0+100x20", "0x5 1x10"), _hooks("0x20", "7x20")),
    ),
    "CactusEventsLate": Case(
        at="35m",
        fires=(_ages("projected", "60.0", "0+10x40", "0+9x40"),),
        silent=(_ages("projected", "60.0", "0+10x40", "0+10x40"),),
    ),
    "CactusRewardsLate": Case(
        at="65m",
        fires=(_ages("delivered", "900.0", "0+1x70", "0x70"),),
        silent=(_ages("delivered", "900.0", "0+1x70", "0+1x70"),),
    ),
}

PROCESS_CASES = {
    "CactusRoleDown": Case(
        at="10m",
        labels={"role": "worker"},
        fires=(
            _up("worker@a", "1x5 0x10") | _up("api@a", "1x15", "api"),
            _up("worker@a", "1x5 stale") | _up("api@a", "1x15", "api"),
        ),
        silent=(
            _up("worker@a", "1x5 0x3 1x10"),
            _up("worker@a", "1x5 0x10") | _up("worker@b", "1x15"),
        ),
    ),
    "CactusNothingScraped": Case(
        at="12m",
        labels={"job": "cactus"},
        fires=(_up("worker@a", "1x2 stale"),),
        silent=(_up("worker@a", "0x20"),),
        fires_without_series=True,
    ),
    "CactusRoleRestarts": Case(
        at="20m",
        labels={"role": "worker"},
        fires=({STARTED: "100x5 200x5 300x5 400x5"},),
        silent=({STARTED: "100x5 200x15"},),
    ),
    "CactusEventLoopSlow": Case(
        at="20m",
        labels={"role": "worker"},
        fires=(_late("0x30"),),
        silent=(_late("0+60x30"),),
    ),
    "CactusDiskFills": Case(
        at="10m",
        labels={"instance": "worker@a"},
        fires=(_disk("5x20"),),
        silent=(_disk("50x20"), _disk("50x6 5x3")),
    ),
    "CactusFilesExhausted": Case(
        at="10m", labels={"role": "worker"}, fires=(_files("900x20"),), silent=(_files("100x20"),)
    ),
    "CactusVersionsDiffer": Case(
        at="80m",
        fires=(_releases("0.1.0", "0.2.0"),),
        silent=(_releases("0.1.0", "0.1.0"),),
    ),
}

FLOW_CASES = {
    "CactusKafkaUnreachable": Case(
        at="5m",
        labels={"role": "worker"},
        fires=({CONNECTED: "0x10"}, _lag("NaN " * 11)),
        silent=({CONNECTED: "1x10"} | _lag("3x10"), {CONNECTED: "1x3 0x1 1x5"}),
    ),
    "CactusLagging": Case(
        at="10m",
        labels={"role": "worker", "topic": "loyalty.facts.v1"},
        fires=(_lag("200x20"),),
        silent=(_lag("100x20"), _lag("0x8 200x10")),
    ),
    "CactusRebalances": Case(
        at="70m",
        labels={"role": "worker"},
        fires=({REBALANCED: "0x20 1+1x60"},),
        silent=({REBALANCED: "9x120"}, {REBALANCED: "0x20 2x60"}),
    ),
    "CactusWebhooksSilent": Case(
        at="45m",
        fires=(_silence("50x60", "0+1x60"),),
        silent=(_silence("0+1x60", "0+1x60"), _silence("50x60", "7x60")),
    ),
    "CactusReconcileGap": Case(
        at="100m",
        fires=(_gap("0+20x120", "0+100x120"),),
        silent=(_gap("0+5x120", "0+100x120"), _gap("0x60 1x60", "0x60 2x60")),
    ),
    "CactusPollerStale": Case(
        at="30m",
        labels={"site": "acme"},
        fires=({LAST_POLL: "0x60"}, _polls("0+1x60", "0x60")),
        silent=({LAST_POLL: "0+60x60"} | _polls("0+1x60", "0+1x60"),),
    ),
    "CactusDeadLetters": Case(
        at="70m",
        labels={"stage": "translate", "class": "DecodeError"},
        fires=({BURIED: "_x60 1x20"}, {BURIED: "0x60 2x20"}),
        silent=({BURIED: "5x90"},),
    ),
    "CactusInvariantViolated": Case(
        at="10m",
        labels={"invariant": "figures"},
        fires=({BROKEN: "0x5 1x20"}, {BROKEN: "1x3 _x20"}),
        silent=({BROKEN: "0x20"},),
    ),
    "CactusOutstandingJumps": Case(
        at="80m",
        labels={"program": "spikes"},
        fires=({OUTSTANDING: "1000000x60 1200000x30"}, {OUTSTANDING: "1000000x60 800000x30"}),
        silent=({OUTSTANDING: "1000000+100x90"}, {OUTSTANDING: "100x60 200x30"}),
    ),
}

REWARD_CASES = {
    "CactusRewardUnknown": Case(
        at="5m", fires=({DOUBT: "1500x10"},), silent=({DOUBT: "600x10"}, {DOUBT: "0x10"})
    ),
    "CactusRewardConflict": Case(
        at="10m",
        labels={"result": "conflict"},
        fires=({CONFLICT: "0x5 1x20"},),
        silent=({CONFLICT: "0x20"},),
    ),
    "CactusRewardsStuck": Case(
        at="10m",
        fires=({STUCK: "2x20"}, {STUCK: "0x20", STUCK_UNDO: "1x20"}),
        silent=({STUCK: "0x20", STUCK_UNDO: "0x20"},),
    ),
    "CactusRewardCeiling": Case(
        at="30m",
        labels={"ceiling": "site_per_hour", "site": "acme"},
        fires=({CEILING: "_x20 1x20"}, {CEILING: "1x20 2x20"}),
        silent=({CEILING: "1x60"},),
    ),
    "CactusRewardsFail": Case(
        at="50m",
        fires=(_outcomes("0+1x60", "0+2x60"),),
        silent=(_outcomes("0+1x60", "0+100x60"), _outcomes("0x30 2x30", "0x60")),
    ),
    "CactusQuotaSpent": Case(
        at="20m",
        labels={"site": "acme"},
        fires=({QUOTA: "1x30"},),
        silent=({QUOTA: "0.5x30"},),
    ),
    "CactusThrottled": Case(
        at="12m",
        labels={"site": "acme"},
        fires=({THROTTLED: "0x5 1 2 3 4x10"},),
        silent=({THROTTLED: "0x5 1x10"}, {THROTTLED: "9x20"}),
    ),
    "CactusChargebeeFails": Case(
        at="30m",
        fires=(_calls("0+1x60"), _calls("0+1x60", status="0")),
        silent=(_calls("3x60"), _calls("0+1x60", status="404")),
    ),
}

API_CASES = {
    "CactusApiFails": Case(
        at="20m",
        fires=(_requests("0+1x40", "0+9x40"),),
        silent=(_requests("0+1x40", "0+99x40"), _requests("0x10 1x30", "0x40")),
    ),
    "CactusApiSlow": Case(
        at="30m",
        fires=(_durations("/v1/customers/{customer}", "0+50x40"),),
        silent=(
            _durations("/v1/customers/{customer}", "0+100x40"),
            _durations("/console/live", "0+50x40"),
        ),
    ),
}

CASES = OBJECTIVE_CASES | PROCESS_CASES | FLOW_CASES | REWARD_CASES | API_CASES
