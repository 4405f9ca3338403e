"""Random small programs: every key the model knows, with numbers small enough to collide."""

from datetime import datetime
from typing import Any, get_args

from schemas.program.model import Program
from schemas.program.parts import PAYMENT_TRIGGERS, Trigger
from tests.laws.chance import Chance, without_absent
from tests.support.year import SITE

ZONES = [
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/St_Johns",
    "Asia/Kathmandu", "Pacific/Auckland",
]  # fmt: skip
DURATIONS = ["PT1S", "PT1H", "PT36H", "P1D", "P2D", "P1W", "P10D", "P1M", "P1M1D", "P3M", "P1Y"]
PERIODS = ["day", "week", "month", "quarter", "year"]
TRIGGERS: list[str] = list(get_args(Trigger))
LIKELY = ["payment_succeeded"] * 6 + ["custom"] * 4 + ["plan_upgraded"] * 2 + TRIGGERS
BILLED = [
    "subscription_created", "subscription_renewed", "annual_renewal", "plan_upgraded",
    "trial_converted", "subscription_reactivated", "subscription_cancelled",
]  # fmt: skip
EVENTS = ["visit", "review"]
LEVELS = ["low", "mid", "high", "top"]
ANYWHERE = [
    "account.balance < 40", "account.lifetime >= 25", "account.pending == 0", "account.deficit > 0",
    'account.tier == "low"', "fact.weekday < 4", "fact.hour < 12", "fact.day != 31",
    'subscription.plan == "pro"', "subscription.quantity > 1",
]  # fmt: skip
ON_PAYMENTS = ["payment.amount_minor > 500", "has(payment.tax_minor)", "payment.amount >= 7.5"]
ON_EVENTS = ["event.stars > 2", "has(event.stars)", "event.stars % 2 == 0"]
ON_CHANGES = [
    'change.kind == "plan"', 'change.kind == "addons"', "change.quantity_after > 1",
    "change.difference_minor > 100", 'change.from_plan == "basic"', 'change.kind == "price"',
    "change.quantity_before < 3",
]  # fmt: skip
FORMULAS = ["fact.day", "account.lifetime / 4 + 3", "double(account.balance + 100) / 7.0"]
PAYMENT_FORMULAS = ["double(payment.amount_minor) / 300.0", "payment.amount_minor / 100"]
EVENT_FORMULAS = ["event.stars * 5", "double(event.stars) * 1.5"]
FACTORS = ["2", "1.5", "0.5", "1.25", "3", "0.3333"]
MOMENTS = [
    "2026-01-31T00:00", "2026-02-28T12:00", "2026-03-08T02:30", "2026-03-29T02:30",
    "2026-05-01T00:00", "2026-10-25T02:30", "2026-12-31T00:00",
]  # fmt: skip
RECURRENCES = ["FREQ=WEEKLY;BYDAY=SA,SU", "FREQ=MONTHLY;BYMONTHDAY=-1", "FREQ=DAILY;INTERVAL=3"]


def random_program(chance: Chance, *, bills: bool = False) -> Program:
    """With `bills` most have rules about subscriptions that give little beside payments."""
    tiers = _tiers(chance) if chance.often(0.6) else None
    earn = [_rule(chance, f"rule-{number}") for number in range(chance.randint(1, 5))]
    if bills and chance.often(0.7):
        earn = [*chance.sample(earn, 1), *_little_rules(chance)]
    return Program.model_validate(
        without_absent(
            {
                "program": "drawn",
                "site": SITE,
                "version": 1,
                "timezone": chance.choice(ZONES),
                "effective_from": "2000-01-01T00:00",
                "points": {
                    "rounding": chance.choice(["floor", "half_up", "ceil"]),
                    "carry_remainder": chance.often(0.4),
                },
                "expiry": chance.maybe(0.7, _expiry(chance)),
                "plan_ranking": ["basic", "pro"] if chance.often(0.3) else [],
                "earn": earn,
                "stack": chance.choice(["multiply", "best"]),
                "multipliers": [
                    _multiplier(chance, f"factor-{number}")
                    for number in range(chance.choice([0, 0, 1, 2]))
                ],
                "tiers": tiers,
                "refunds": {"negative": chance.choice(["allow", "pending_first", "clamp"])},
                "rewards": [
                    _reward(chance, f"reward-{number}", tiers)
                    for number in range(chance.choice([0, 1, 2, 3]))
                ],
            }
        )
    )


def next_version(
    chance: Chance, program: Program, version: int, effective_from: datetime
) -> Program:
    """The program retired, or with some of its numbers changed and rules left out or new."""
    document = program.document()
    document.update(version=version, effective_from=effective_from.isoformat(), retired=False)
    if chance.often(0.25):
        return Program.model_validate({**document, "retired": True})
    rules = [_changed_rule(chance, rule) for rule in document["earn"] if chance.often(0.8)]
    if chance.often(0.5) or not rules:
        rules.append(_rule(chance, f"rule-of-{version}"))
    document["earn"] = rules
    document["multipliers"] = [each for each in document["multipliers"] if chance.often(0.7)]
    document["rewards"] = [
        _changed_reward(chance, each) for each in document["rewards"] if chance.often(0.8)
    ]
    document["refunds"] = {"negative": chance.choice(["allow", "pending_first", "clamp"])}
    document["points"]["rounding"] = chance.choice(["floor", "half_up", "ceil"])
    if document["expiry"] is not None:
        document["expiry"]["after"] = chance.choice(DURATIONS)
    if document["tiers"] is not None:
        times = chance.choice([1, 1, 2])
        for level in document["tiers"]["levels"]:
            level["at"] *= times
    return Program.model_validate(document)


def _changed_reward(chance: Chance, reward: dict[str, Any]) -> dict[str, Any]:
    changed = {**reward, "cost": chance.choice([reward["cost"], 5, 20])}
    when, repeats = dict(reward["when"]), chance.choice(["once", "every"])
    if when["balance"] or when["lifetime"]:
        about = "balance" if when["balance"] else "lifetime"
        when.update({about: chance.randint(25, 60), "repeat": repeats})
        changed["on_refund"] = chance.choice(["keep", "revoke"])
    return {**changed, "when": when}


def _changed_rule(chance: Chance, rule: dict[str, Any]) -> dict[str, Any]:
    """What it counts by stays: counts of another kind begin anew."""
    changed = dict(rule)
    if isinstance(rule["points"], int) and chance.often(0.5):
        changed["points"] = chance.randint(1, 60)
    if rule["cap"] is not None:
        changed["cap"] = {**rule["cap"], "points": chance.randint(5, 40)}
    if rule["streak"] is not None:
        changed["streak"] = chance.randint(2, 3)
    if rule["activate_after"] is not None:
        changed["activate_after"] = chance.choice(DURATIONS)
    return changed


def _expiry(chance: Chance) -> dict[str, Any]:
    return without_absent(
        {
            "after": chance.choice(DURATIONS),
            "round_up_to": chance.maybe(0.4, chance.choice(["month", "quarter", "year"])),
            "extended_by": chance.maybe(0.3, _extended_by(chance)),
            "remind": chance.maybe(0.3, chance.choice(DURATIONS)),
        }
    )


def _extended_by(chance: Chance) -> dict[str, Any]:
    triggers = [trigger for trigger in TRIGGERS if trigger != "custom"]
    if chance.often(0.5):
        return {"on": chance.sample(triggers, 2)}
    return {"on": chance.some(triggers, 1), "events": chance.sample(EVENTS, 1)}


def _waits(chance: Chance) -> dict[str, Any]:
    """Lots that are pending for a time, or until something happens."""
    if chance.often(0.6):
        return {"activate_after": chance.choice(DURATIONS)}
    on = chance.choice(LIKELY)
    event = chance.choice(EVENTS) if on == "custom" else None
    waiting = {"on": on, "event": event, "within": chance.choice(DURATIONS)}
    return {"activate_on": without_absent(waiting)}


def _counting(chance: Chance, on: str) -> dict[str, Any]:
    if on == "on_time_payment" and chance.often(0.5):
        return {"streak": chance.randint(2, 3)}
    if chance.often(0.2):
        return {"every": chance.randint(2, 3)}
    return {"nth": chance.randint(1, 3)} if chance.often(0.1) else {}


def _condition(chance: Chance, on: str) -> str:
    choices = list(ANYWHERE)
    if on in PAYMENT_TRIGGERS:
        choices += ON_PAYMENTS * 2
    if on == "custom":
        choices += ON_EVENTS * 3
    if on in ("plan_upgraded", "plan_downgraded"):
        choices += ON_CHANGES * 2
    return chance.choice(choices)


def _limit(chance: Chance) -> dict[str, Any]:
    limit: dict[str, Any] = {}
    if chance.often(0.7):
        limit = {"count": chance.randint(1, 2), "per": chance.choice(["ever", *PERIODS])}
    if not limit or chance.often(0.3):
        limit["cooldown"] = chance.choice(DURATIONS)
    return limit


def _rule(chance: Chance, name: str) -> dict[str, Any]:
    on = chance.choice(LIKELY)
    return without_absent(
        {
            "id": name,
            "on": on,
            "event": chance.choice(EVENTS) if on == "custom" else None,
            "points": _points(chance, on),
            "when": chance.maybe(0.25, _condition(chance, on)),
            "trial": "wait" if on == "subscription_created" and chance.often(0.5) else None,
            **_counting(chance, on),
            "clawback_within": chance.choice(DURATIONS) if on == "plan_upgraded" else None,
            "priority": chance.maybe(0.3, "promotional"),
            **(_waits(chance) if chance.often(0.4) else {}),
            "cap": chance.maybe(
                0.25, {"points": chance.randint(5, 40), "per": chance.choice(PERIODS)}
            ),
            "limit": chance.maybe(0.25, _limit(chance)),
        }
    )


def _little_rules(chance: Chance) -> list[dict[str, Any]]:
    return [
        {"id": f"little-{number}", "on": on, "points": chance.randint(1, 4)}
        for number, on in enumerate(chance.sample(BILLED, 3))
    ]


def _points(chance: Chance, on: str) -> Any:
    choices: list[Any] = [chance.randint(1, 60)]
    if on in PAYMENT_TRIGGERS:
        table = {"USD": chance.choice(["1.00", "0.90", "3.33"])}
        if chance.often(0.4):
            table["EUR"] = "0.75"
        amount = {"per": table, "award": chance.randint(1, 3)}
        choices += [
            {**amount, "tax": chance.choice(["include", "exclude"])},
            amount,
            chance.choice(PAYMENT_FORMULAS),
        ]
    if on == "custom":
        choices += EVENT_FORMULAS
    else:
        choices.append({"per_quantity": chance.randint(1, 9)})
    if chance.often(0.2):
        choices = [chance.choice(FORMULAS)]
    return chance.choice(choices)


def _multiplier(chance: Chance, name: str) -> dict[str, Any]:
    on = sorted(set(chance.some(LIKELY, 3)))
    window: dict[str, Any] = {}
    if chance.often(0.5):
        begin, end = sorted(chance.sample(MOMENTS, 2))
        window = {"from": chance.maybe(0.8, begin), "to": chance.maybe(0.8, end)}
    elif chance.often(0.5):
        recurrence = {
            "rule": chance.choice(RECURRENCES),
            "start": "2025-12-06T00:00",
            "duration": chance.choice(["PT24H", "P1D", "PT2H"]),
        }
        window = {"recurrence": recurrence}
    when = chance.maybe(0.2, chance.choice(ANYWHERE))
    return without_absent(
        {"id": name, "factor": chance.choice(FACTORS), "on": on, "when": when, **window}
    )


def _tiers(chance: Chance) -> dict[str, Any]:
    by_money = chance.often(0.3)
    scale = 100 if by_money else 1
    marks = sorted(chance.sample([10, 20, 35, 50, 80, 120], chance.randint(1, 3)))
    levels: list[dict[str, Any]] = [{"id": LEVELS[0]}]
    for name, mark in zip(LEVELS[1:], marks, strict=False):
        levels.append({"id": name, "at": mark * scale})
    for level in levels:
        if chance.often(0.4):
            level["multiplier"] = chance.choice(FACTORS)
    yearly = ["calendar_year", "membership_year"]
    window = chance.choice(["lifetime", *yearly * 2, *DURATIONS[3:]])
    downgrade = chance.choice(["to_basis", "one_down", "never"])
    reviewed = window != "lifetime" and downgrade != "never"
    return without_absent(
        {
            "basis": "spend" if by_money else "points_earned",
            "currency": "USD" if by_money else None,
            "window": window,
            "downgrade": downgrade,
            "grace": chance.maybe(0.4, chance.choice(DURATIONS)) if reviewed else None,
            "minimum_stay": chance.maybe(0.25, chance.choice(DURATIONS)),
            "levels": levels,
        }
    )


def _reward(chance: Chance, name: str, tiers: dict[str, Any] | None) -> dict[str, Any]:
    reward: dict[str, Any] = {"id": name, "free_days": 1}
    cost = chance.choice([0, 0, 5, 15, 25])
    kinds = ["balance", "balance", "lifetime", "on", "tier" if tiers else "on", "request"]
    kind = chance.choice(kinds)
    when: dict[str, Any] = {}
    if kind in ("balance", "lifetime"):
        when = {kind: chance.randint(25, 60), "repeat": chance.choice(["once", "every"])}
    elif kind == "tier" and tiers is not None:
        when = {"tier": chance.choice(tiers["levels"])["id"]}
        if chance.often(0.7):
            del reward["free_days"]
            reward["feature"] = {"id": "beta", "while_in_tier": chance.often(0.8)}
    elif kind == "request":
        when = {
            "request": True,
            "when": chance.maybe(0.3, chance.choice(ANYWHERE)),
            "limit": chance.maybe(0.5, _limit(chance)),
        }
    else:
        on = chance.choice(LIKELY)
        when = {
            "on": on,
            "event": chance.choice(EVENTS) if on == "custom" else None,
            "when": chance.maybe(0.3, _condition(chance, on)),
            "limit": chance.maybe(0.5, _limit(chance)),
        }
    if kind in ("balance", "lifetime", "tier") or when.get("on") in PAYMENT_TRIGGERS:
        reward["on_refund"] = chance.choice(["keep", "revoke"])
    return {**reward, "cost": cost, "when": without_absent(when)}
