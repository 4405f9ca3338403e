"""A program made ready to run: rules by trigger, expressions compiled, dates and windows. PURE.

Compiled once per version. Everything that depends on the program's zone, currency tables or
factors is worked out here, so that deciding a fact is look-ups and integer arithmetic.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from math import gcd
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

from schemas import ids, points
from schemas.program import amounts, periods
from schemas.program.expressions import Condition, Formula
from schemas.program.model import Program
from schemas.program.parts import REQUESTED, CalendarPeriod, Limit
from schemas.program.rewards import OrderGrant, RewardRule, WebhookGrant
from schemas.program.rules import EarnRule, ExtendedBy, Multiplier, PerAmount, PerQuantity
from schemas.program.tiers import Tiers
from schemas.rewards import (
    Allowance,
    AnyGrant,
    Discount,
    Feature,
    FreeAddon,
    FreeDays,
    LandsOn,
    Order,
    Webhook,
)
from streams.account.windows import Window

Ratio = tuple[int, int]
"""Numerator and positive denominator in lowest terms; cheaper than a Fraction."""

WAITS_FOR: Final = "P30D"
"""How long a reward waits for a subscription unless told otherwise."""

_YEARS: Final = 100
_REMEMBERED: Final = 4096
_KEPT: Final = 10**15
"""The finest part of a point that is kept where the exact one has grown too long."""


class CompiledLimit:
    """How often something may happen: `count` times per calendar period or ever, `cooldown` apart.

    Either may be None, which limits nothing.
    """

    __slots__ = ("cooldown", "count", "per")

    def __init__(self, limit: Limit) -> None:
        self.count = limit.count
        self.per: CalendarPeriod | None = limit.per if limit.per != "ever" else None
        self.cooldown = periods.parse_period(limit.cooldown) if limit.cooldown else None


class CompiledMultiplier:
    """A factor on what rules earn while it is open. `applied` is how events tell of it."""

    __slots__ = ("applied", "condition", "end", "id", "ratio", "start", "windows")

    def __init__(self, multiplier: Multiplier, zone: ZoneInfo) -> None:
        self.id = multiplier.id
        self.applied = points.Multiplier(id=multiplier.id, factor=multiplier.factor)
        self.ratio = _ratio(amounts.parse_factor(multiplier.factor))
        self.condition = (
            Condition(multiplier.when, multiplier.on) if multiplier.when is not None else None
        )
        self.start = periods.to_instant(multiplier.from_, zone) if multiplier.from_ else None
        self.end = periods.to_instant(multiplier.to, zone) if multiplier.to else None
        self.windows = multiplier.recurrence.windows(zone) if multiplier.recurrence else None

    def is_open(self, at: int) -> bool:
        if self.start is not None and at < self.start:
            return False
        if self.end is not None and at >= self.end:
            return False
        return self.windows is None or self.windows.is_open(at)


class CompiledRule:
    """One earning rule. Exactly one of `flat`, `per_minor`, `per_quantity`, `formula` gives points.

    `counted` says that what it gave is counted, `digest` is its part of a lot's name.
    `counts_pulls` says that it earns at some pulls only: `nth`, `every` or `streak`, 0 for none.
    Its lots are pending for `pending_for`, and void then where they wait for `activity`, which
    events tell of as `activates_on`.
    """

    __slots__ = (
        "activates_on", "activity", "award", "cap", "cap_per", "clawback_within", "condition",
        "counted", "counts_pulls", "digest", "event", "every", "exclude_tax", "flat", "formula",
        "id", "limit", "multipliers", "nth", "pending_for", "per_minor", "per_quantity",
        "promotional", "streak", "waits",
    )  # fmt: skip

    def __init__(self, rule: EarnRule, multipliers: tuple[CompiledMultiplier, ...]) -> None:
        worth = rule.points
        self.id = rule.id
        self.digest = int.from_bytes(ids.digest(rule.id))
        self.event = rule.event
        self.condition = Condition(rule.when, (rule.on,)) if rule.when is not None else None
        self.waits = rule.trial == "wait"
        self.flat = worth if isinstance(worth, int) else None
        self.formula = Formula(worth, (rule.on,)) if isinstance(worth, str) else None
        self.per_quantity = worth.per_quantity if isinstance(worth, PerQuantity) else None
        self.per_minor = amounts.parse_table(worth.per) if isinstance(worth, PerAmount) else None
        self.award = worth.award if isinstance(worth, PerAmount) else 0
        self.exclude_tax = isinstance(worth, PerAmount) and worth.tax == "exclude"
        waiting = rule.activate_on
        pending_for = waiting.within if waiting is not None else rule.activate_after
        self.pending_for = periods.parse_period(pending_for) if pending_for is not None else None
        self.activity = activity(waiting.on, waiting.event) if waiting is not None else ""
        self.activates_on = (waiting.event or waiting.on) if waiting is not None else ""
        self.promotional = rule.priority == "promotional"
        self.cap = rule.cap.points if rule.cap else None
        self.cap_per: CalendarPeriod | None = rule.cap.per if rule.cap else None
        self.limit = CompiledLimit(rule.limit) if rule.limit else None
        self.multipliers = multipliers
        self.nth, self.every, self.streak = rule.nth or 0, rule.every or 0, rule.streak or 0
        self.counts_pulls = bool(self.nth or self.every or self.streak)
        self.counted = self.limit is not None or self.cap is not None
        self.clawback_within = (
            periods.parse_period(rule.clawback_within) if rule.clawback_within is not None else None
        )


class CompiledReward:
    """One reward: what fires it, what it costs and what it grants.

    `threshold` is on the lifetime points where `by_lifetime` says so, else on the balance. A
    `revocable` one is taken back when what it rests on is undone. One that needs a subscription
    `waits_for` one so long, None where it fails at once or needs none.
    """

    __slots__ = (
        "allowance", "by_lifetime", "condition", "cost", "event", "every", "grant", "held", "id",
        "lands_on", "limit", "on_request", "revocable", "threshold", "tier", "trigger", "waits_for",
    )  # fmt: skip

    def __init__(self, reward: RewardRule, zone: ZoneInfo) -> None:
        when = reward.when
        self.id = reward.id
        self.by_lifetime = when.lifetime is not None
        self.threshold = when.lifetime if self.by_lifetime else when.balance
        self.every = when.repeat == "every"
        self.tier, self.trigger, self.event = when.tier, when.on, when.event
        self.on_request = when.request
        self.revocable = reward.on_refund == "revoke"
        on = (REQUESTED,) if when.request else (when.on,) if when.on else ()
        self.condition = Condition(when.when, on) if when.when is not None else None
        self.limit = CompiledLimit(when.limit) if when.limit else None
        self.cost = reward.cost
        self.grant = _grant(reward, zone)
        self.allowance = _allowance(reward, zone)
        self.held = isinstance(self.grant, Feature) and self.grant.while_in_tier
        self.lands_on: LandsOn = reward.lands_on or "fact"
        waits = reward.needs_subscription and reward.when_none != "fail"
        self.waits_for = periods.parse_period(reward.wait_for or WAITS_FOR) if waits else None


class CompiledLevel:
    """A tier's level. `applied` is how events tell of its factor, None where it changes nothing."""

    __slots__ = ("applied", "at", "id", "ratio")

    def __init__(self, level_id: str, at: int, factor: str) -> None:
        self.id, self.at = level_id, at
        self.ratio = _ratio(amounts.parse_factor(factor))
        self.applied = (
            points.Multiplier(id=level_id, factor=factor) if self.ratio != (1, 1) else None
        )


class CompiledTiers:
    """Levels and the window of their basis. `index` finds a level by id.

    `counts` is the currency whose money is the basis, empty where points are; `reviewed` says that
    time may lead down. A retired program neither raises nor reviews.
    """

    __slots__ = (
        "_zone", "counts", "downgrade", "grace", "index", "levels", "minimum_stay", "retired",
        "reviewed", "window",
    )  # fmt: skip

    def __init__(self, tiers: Tiers, zone: ZoneInfo, *, retired: bool) -> None:
        self._zone = zone
        self.counts = tiers.currency or ""
        self.downgrade = tiers.downgrade
        self.window = Window(tiers.window, zone)
        self.grace = periods.parse_period(tiers.grace) if tiers.grace else None
        self.minimum_stay = periods.parse_period(tiers.minimum_stay) if tiers.minimum_stay else None
        self.levels = [CompiledLevel(each.id, each.at, each.multiplier) for each in tiers.levels]
        self.index = {level.id: index for index, level in enumerate(self.levels)}
        self.retired = retired
        self.reviewed = not (retired or self.window.for_life or tiers.downgrade == "never")

    def level_for(self, basis: int) -> int:
        """The highest level that the basis reaches."""
        reached = 0
        for index, level in enumerate(self.levels):
            if basis >= level.at:
                reached = index
        return reached

    def grace_until(self, at: int) -> int:
        """When a drop that a review found at `at` is carried out."""
        return at if self.grace is None else periods.add(at, self.grace, self._zone)

    def stays_until(self, since: int) -> int:
        """Before this a tier that was reached at `since` is not lost."""
        return (
            since
            if self.minimum_stay is None
            else periods.add(since, self.minimum_stay, self._zone)
        )


class CompiledProgram:
    """One version of a program, ready to run.

    A retired one has no rules that earn and no rewards that fire; what a refund undoes it still
    finds by `rule_by_id`, and a payment that is not on time ends what is in `streaks`.
    `reads_account` are the triggers at which an expression reads the account's figures.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.id, self.version, self.site = program.program, program.version, program.site
        self.effective_at = program.effective_at()
        self.zone = zone = periods.parse_zone(program.timezone)
        self.rounding = program.points.rounding
        self.carries = program.points.carry_remainder
        self.stacks = program.stack == "multiply"
        self.negative = program.refunds.negative
        self.ranking = {plan: rank for rank, plan in enumerate(program.plan_ranking)}
        self.retired = program.retired
        self.tiers = (
            CompiledTiers(program.tiers, zone, retired=program.retired) if program.tiers else None
        )
        self.rewards = [CompiledReward(reward, zone) for reward in program.rewards]
        self.reward_by_id = {reward.id: reward for reward in self.rewards}
        self.rules: dict[str, list[CompiledRule]] = {}
        self.rule_by_id: dict[str, CompiledRule] = {}
        for rule in program.earn:
            self._add(rule)
        self.streaks = [rule for rule in self.rules.get("on_time_payment", ()) if rule.streak]
        if self.retired:
            self.rules, self.rewards = {}, []
        self.acts_on = frozenset(each.trigger for each in self.rewards if each.trigger)
        self.reads_account = frozenset(self._reading_account())
        self._bounds = {trigger: self._bound(trigger) for trigger in {*self.rules, *self.acts_on}}
        self.threshold_rewards = [each for each in self.rewards if each.threshold is not None]
        expiry = program.expiry
        self._expiry = periods.parse_period(expiry.after) if expiry else None
        self._round_up = expiry.round_up_to if expiry else None
        # Rules that earn at one instant ask the same: a look-up here, and not two in `periods`.
        self._ends: dict[int, int] = {}
        self._period_keys: dict[CalendarPeriod, dict[int, int]] = {
            per: {} for per in get_args(CalendarPeriod)
        }
        self.extended_by = _activities(expiry.extended_by if expiry else None)
        self.confirmed_by = frozenset(
            rule.activity for rule in self.rule_by_id.values() if rule.activity
        )
        self._remind = periods.parse_period(expiry.remind) if expiry and expiry.remind else None
        self.reminds = self._remind is not None
        self.has_anniversaries = "subscription_anniversary" in {
            *self.acts_on, *self.rules, *self.extended_by, *self.confirmed_by,
        }  # fmt: skip

    def _add(self, rule: EarnRule) -> None:
        multipliers = tuple(
            CompiledMultiplier(each, self.zone)
            for each in self.program.multipliers
            if not each.on or rule.on in each.on
        )
        compiled = CompiledRule(rule, multipliers)
        self.rules.setdefault(rule.on, []).append(compiled)
        self.rule_by_id[rule.id] = compiled

    def earns_at_most(self, trigger: str, quantity: int) -> int | None:
        """What a fact about a subscription earns at once under a trigger, if all rules hold. None
        where that is not bounded, or where it may do more than earn.
        """
        bound = self._bounds.get(trigger, (0, 0))
        return None if bound is None else bound[0] + bound[1] * quantity

    def _reading_account(self) -> Iterator[str]:
        for reward in self.rewards:
            if reward.trigger is not None and _reads_account(reward.condition):
                yield reward.trigger
        for trigger, rules in self.rules.items():
            for rule in rules:
                read = [
                    rule.condition,
                    rule.formula,
                    *(each.condition for each in rule.multipliers),
                ]
                if any(_reads_account(each) for each in read):
                    yield trigger

    def _bound(self, trigger: str) -> tuple[int, int] | None:
        """At most so many points, and so many per quantity."""
        if any(reward.trigger == trigger and reward.cost for reward in self.rewards):
            return None
        flat, per_quantity = 0, 0
        for rule in self.rules.get(trigger, ()):
            base = rule.flat if rule.per_quantity is None else rule.per_quantity
            if base is None or rule.pending_for is not None or rule.clawback_within is not None:
                return None
            factor = Fraction(1)
            for ratio in [each.ratio for each in rule.multipliers]:
                factor *= max(Fraction(1), Fraction(*ratio))
            if self.tiers is not None:
                factor *= max(Fraction(*level.ratio) for level in self.tiers.levels)
            most = int(base * factor) + 1
            if rule.per_quantity is None:
                flat += most + 1  # for the carried remainder
            else:
                flat, per_quantity = flat + 1, per_quantity + most
        return flat, per_quantity

    def expires_at(self, available_at: int) -> int | None:
        if self._expiry is None:
            return None
        end = self._ends.get(available_at)
        if end is None:
            end = periods.add(available_at, self._expiry, self.zone)
            if self._round_up:
                end = periods.round_up(end, self._round_up, self.zone)
            if len(self._ends) >= _REMEMBERED:
                self._ends.clear()
            self._ends[available_at] = end
        return end

    def remind_at(self, expires_at: int) -> int:
        """When points that expire then are told of."""
        assert self._remind is not None
        return periods.subtract(expires_at, self._remind, self.zone)

    def later(self, at: int, period: periods.Period) -> int:
        return periods.add(at, period, self.zone)

    def period_key(self, at: int, per: CalendarPeriod) -> int:
        keys = self._period_keys[per]
        key = keys.get(at)
        if key is None:
            if len(keys) >= _REMEMBERED:
                keys.clear()
            key = keys[at] = periods.period_key(at, per, self.zone)
        return key

    def year_after(self, anchor: int, years: int) -> int:
        """The `years`-th anniversary of `anchor`, at the same local time; 29 Feb is kept on 28."""
        return periods.add(anchor, periods.Period(months=12 * years), self.zone)

    def years_between(self, anchor: int, at: int) -> int:
        """Whole years by local date, from `anchor` to `at`."""
        start, end = periods.local_day(anchor, self.zone), periods.local_day(at, self.zone)
        first, last = periods.local_date(start), periods.local_date(end)
        years = max(0, min(last.year - first.year, _YEARS))
        while years and periods.local_day(self.year_after(anchor, years), self.zone) > end:
            years -= 1
        return years


def _reads_account(expression: Condition | Formula | None) -> bool:
    return expression is not None and "account" in expression.roots


def activity(trigger: str, event: str | None) -> str:
    """One name for what a customer does: the trigger, or `custom:` and the event's name."""
    return trigger if event is None else f"custom:{event}"


def _activities(extended_by: ExtendedBy | None) -> frozenset[str]:
    if extended_by is None:
        return frozenset()
    return frozenset({*extended_by.on, *(activity("custom", each) for each in extended_by.events)})


def reduced(numerator: int, denominator: int) -> Ratio:
    """The ratio in lowest terms, as an account can keep it: where the denominator outgrows sixty
    bits (odd prices times odd factors times decimals), what is beyond fifteen decimals is cut off.
    """
    divisor = gcd(numerator, denominator)
    numerator, denominator = numerator // divisor, denominator // divisor
    if denominator >> 60:
        return reduced(numerator * _KEPT // denominator, _KEPT)
    return numerator, denominator


@lru_cache(maxsize=16384)
def exact_text(numerator: int, denominator: int) -> str:
    """The exact value as `schemas.program.amounts` writes it. Prices repeat: it is remembered."""
    return amounts.exact_text(Fraction(numerator, denominator))


def _ratio(exact: Fraction) -> Ratio:
    return exact.numerator, exact.denominator


def _grant(reward: RewardRule, zone: ZoneInfo) -> AnyGrant:
    if reward.discount is not None:
        table = reward.discount.amount
        return Discount(
            via=reward.discount.via,
            amounts_minor=amounts.parse_table(table) if table else {},
            percent=reward.discount.percent or "",
            periods=reward.discount.periods,
            single_use=reward.discount.codes is not None,
        )
    if reward.feature is not None:
        feature = reward.feature
        return Feature(
            id=feature.id,
            value=feature.value,
            while_in_tier=feature.while_in_tier,
            until=periods.to_instant(feature.until, zone) if feature.until else None,
        )
    if reward.free_days is not None:
        return FreeDays(days=reward.free_days)
    if reward.free_addon is not None:
        addon = reward.free_addon
        return FreeAddon(price=addon.price, quantity=addon.quantity, cycles=addon.cycles)
    if reward.gift_card is not None:
        return _gift("gift_card", reward.gift_card)
    if reward.charity is not None:
        return _gift("charity", reward.charity)
    assert reward.custom is not None, "the model holds exactly one grant"
    return Webhook(purpose="custom", endpoint=reward.custom.webhook, payload=reward.custom.payload)


def _allowance(reward: RewardRule, zone: ZoneInfo) -> Allowance | None:
    budget = reward.budget
    if budget is None:
        return None if reward.stock is None else Allowance(stock=reward.stock)
    return Allowance(
        stock=reward.stock,
        budget_minor=amounts.parse_table(budget.amount),
        per=budget.per,
        zone=zone.key,
    )


def _gift(purpose: Literal["gift_card", "charity"], grant: WebhookGrant | OrderGrant) -> AnyGrant:
    if isinstance(grant, WebhookGrant):
        return Webhook(purpose=purpose, endpoint=grant.webhook, payload=grant.payload)
    return Order(
        purpose=purpose,
        amounts_minor=amounts.parse_table(grant.amount),
        products=grant.products,
        campaign=grant.campaign or "",
    )
