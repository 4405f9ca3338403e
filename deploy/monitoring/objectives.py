"""What the installation promises, and how fast it may use up what it may miss of that. PURE.

Each objective has a budget, the part of events that may miss it in 30 days. Burn rates are looked
at in a long and a short window together: the long one proves that it matters, the short one that
it still goes on (Google SRE Workbook, chapter 5).
"""

from dataclasses import dataclass

from deploy.monitoring.alerting import Alert, Recording

WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
FAST = (("1h", "5m", 14.4), ("6h", "30m", 6.0))
SLOW = (("1d", "2h", 3.0), ("3d", "6h", 1.0))
"""(long window, short window, times the budget's even pace)."""
FEW = 3
"""Where there is little traffic a ratio says little: so many at once are looked at all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """`missed` and `all` are PromQL over a `[window]`; `budget` is the part that may miss it."""

    name: str
    title: str
    promise: str
    missed: str
    all: str
    budget: float
    row: str

    def ratio(self, window: str) -> str:
        return f"cactus:{self.name}:ratio_rate{window}"

    def recordings(self) -> list[Recording]:
        return [
            Recording(
                name=self.ratio(window),
                expr=f"({self.missed}) / ({self.all})".replace("[window]", f"[{window}]"),
            )
            for window in WINDOWS
        ]

    def alerts(self) -> list[Alert]:
        return [
            Alert(
                name=f"Cactus{self.title}BudgetBurnsFast",
                expr=self._burning(FAST),
                severity="page",
                summary=f"Much of a month's budget goes now: {self.promise}",
                row=self.row,
            ),
            Alert(
                name=f"Cactus{self.title}BudgetBurnsSlowly",
                expr=self._burning(SLOW),
                severity="ticket",
                summary=f"The month's budget will not last: {self.promise}",
                row=self.row,
            ),
        ]

    def _burning(self, rates: tuple[tuple[str, str, float], ...]) -> str:
        return "\nor ".join(
            f"({self.ratio(long)} > {times * self.budget:.6g}"
            f" and {self.ratio(short)} > {times * self.budget:.6g})"
            for long, short, times in rates
        )


REFUSED = 'cactus_webhook_requests_total{outcome=~"full|not_durable"}'
TAKEN = 'cactus_webhook_requests_total{outcome=~"accepted|full|not_durable"}'


def _older_than(seconds: float, stage: str) -> str:
    counted = f'cactus_event_age_seconds_count{{stage="{stage}"}}[window]'
    within = f'cactus_event_age_seconds_bucket{{stage="{stage}",le="{seconds}"}}[window]'
    return f"sum(rate({counted})) - sum(rate({within}))"


def _counted(stage: str) -> str:
    return f'sum(rate(cactus_event_age_seconds_count{{stage="{stage}"}}[window]))'


OBJECTIVES = (
    Objective(
        name="ingest_refused",
        title="Ingest",
        promise="99.95 % of webhooks are stored durably when they are first sent",
        missed=f"sum(rate({REFUSED}[window]))",
        all=f"sum(rate({TAKEN}[window]))",
        budget=0.0005,
        row="receiver",
    ),
    Objective(
        name="events_stale",
        title="Freshness",
        promise="99 % of events are readable as balances 10 s after they arrived",
        missed=_older_than(10.0, "projected"),
        all=_counted("projected"),
        budget=0.01,
        row="latency",
    ),
    Objective(
        name="events_late",
        title="Lateness",
        promise="99.9 % of events are readable as balances 60 s after they arrived",
        missed=_older_than(60.0, "projected"),
        all=_counted("projected"),
        budget=0.001,
        row="latency",
    ),
    Objective(
        name="rewards_late",
        title="Rewards",
        promise="99 % of rewards are delivered 15 min after what earned them arrived",
        missed=_older_than(900.0, "delivered"),
        all=_counted("delivered"),
        budget=0.01,
        row="rewards",
    ),
)


def low_traffic_alerts() -> list[Alert]:
    late = _older_than(60.0, "projected").replace("rate", "increase").replace("[window]", "[30m]")
    rewards = _older_than(900.0, "delivered").replace("rate", "increase")
    return [
        Alert(
            name="CactusWebhooksRefused",
            expr=f"sum(increase({REFUSED}[15m])) >= {FEW}",
            severity="ticket",
            summary="Several webhooks were answered 503 within a quarter of an hour",
            row="receiver",
        ),
        Alert(
            name="CactusEventsLate",
            expr=f"{late} >= {FEW}",
            severity="ticket",
            summary="Several events took more than a minute to become readable",
            row="latency",
        ),
        Alert(
            name="CactusRewardsLate",
            expr=f"{rewards.replace('[window]', '[1h]')} >= {FEW}",
            severity="ticket",
            summary="Several rewards were delivered more than 15 minutes after they were earned",
            row="rewards",
        ),
    ]
