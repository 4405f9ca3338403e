"""A program's rules as sentences a merchant can check against what was meant. PURE."""

from collections.abc import Mapping

from schemas.program.amounts import money_text
from schemas.program.model import Program
from schemas.program.parts import Limit, Trigger
from schemas.program.rewards import DiscountGrant, OrderGrant, RewardRule, RewardWhen, WebhookGrant
from schemas.program.rules import EarnRule, Expiry, Multiplier, PerAmount, PerQuantity
from schemas.program.tiers import Level, Tiers

Sentence = tuple[str, str, str]
"""Kind of part, its id, what it does."""

PULLED: Mapping[Trigger, str] = {
    "subscription_created": "a subscription is created",
    "trial_converted": "a trial becomes a paid subscription",
    "payment_succeeded": "a payment succeeds",
    "first_payment": "the first payment succeeds",
    "on_time_payment": "a payment is on time",
    "plan_upgraded": "a plan is upgraded",
    "plan_downgraded": "a plan is downgraded",
    "subscription_renewed": "a subscription renews",
    "annual_renewal": "a renewal completes a year",
    "subscription_anniversary": "a subscription has its anniversary",
    "subscription_cancelled": "a subscription is cancelled",
    "subscription_reactivated": "a subscription comes back",
    "custom": "the event arrives",
}


def describe(program: Program) -> list[Sentence]:
    """Every rule in the program's order."""
    name = program.points.name
    sentences: list[Sentence] = []
    if program.retired:
        sentences.append(
            ("retired", "", f"nothing earns; {name} live on by their dates, tiers stay")
        )
    sentences += [("earn", rule.id, _earn(rule, name)) for rule in program.earn]
    sentences += [("multiplier", each.id, _multiplier(each)) for each in program.multipliers]
    if program.tiers is not None:
        sentences += [
            ("tier", level.id, level_words(level, program.tiers, name))
            for level in program.tiers.levels
        ]
        sentences.append(("tier", "", reviews_words(program.tiers)))
    sentences += [("reward", rule.id, _reward(rule, name)) for rule in program.rewards]
    return [*sentences, ("expiry", "", _expiry(program.expiry, name))]


def _expiry(expiry: Expiry | None, name: str) -> str:
    if expiry is None:
        return f"{name} never expire"
    parts = [f"{name} live {expiry.after}"]
    if expiry.round_up_to is not None:
        parts.append(f"rounded up to the end of the {expiry.round_up_to}")
    if expiry.extended_by is not None:
        activities = [PULLED[trigger] for trigger in expiry.extended_by.on]
        activities += [_pulled("custom", event) for event in expiry.extended_by.events]
        parts.append(f"counted anew whenever {' or '.join(activities)}")
    if expiry.remind is not None:
        parts.append(f"with a reminder {expiry.remind} before")
    return ", ".join(parts)


def _earn(rule: EarnRule, name: str) -> str:
    parts = [f"when {_pulled(rule.on, rule.event)}{_counted(rule)}: {_worth(rule, name)}"]
    if rule.when is not None:
        parts.append(f"if {rule.when}")
    if rule.trial == "wait":
        parts.append("after the trial")
    if rule.activate_after is not None:
        parts.append(f"spendable after {rule.activate_after}")
    if rule.activate_on is not None:
        confirmed = _pulled(rule.activate_on.on, rule.activate_on.event)
        parts.append(f"spendable once {confirmed}, void {rule.activate_on.within} without that")
    if rule.priority == "promotional":
        parts.append("spent before others")
    if rule.cap is not None:
        parts.append(f"at most {rule.cap.points} per {rule.cap.per}")
    parts += _limit(rule.limit)
    if rule.clawback_within is not None:
        parts.append(f"taken back if downgraded or cancelled within {rule.clawback_within}")
    return ", ".join(parts)


def _counted(rule: EarnRule) -> str:
    """At which pulls it earns."""
    if rule.nth is not None:
        return f", the {_ordinal(rule.nth)} time only"
    if rule.every is not None:
        return f", every {_ordinal(rule.every)} time"
    return f", {rule.streak} times in a row" if rule.streak is not None else ""


def _ordinal(number: int) -> str:
    teen = number // 10 % 10 == 1
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def _pulled(on: Trigger, event: str | None) -> str:
    return f"the event {event} arrives" if event is not None else PULLED[on]


def _worth(rule: EarnRule, name: str) -> str:
    match rule.points:
        case int(points):
            return f"{points} {name}"
        case PerAmount(per=table, award=award, tax=tax):
            steps = " or ".join(f"{amount} {currency}" for currency, amount in table.items())
            return f"{award} {name} per {steps}" + (" before tax" if tax == "exclude" else "")
        case PerQuantity(per_quantity=points):
            return f"{points} {name} per unit"
        case formula:
            return f"{formula} {name}"


def _limit(limit: Limit | None) -> list[str]:
    if limit is None:
        return []
    parts = []
    if limit.count is not None:
        times = "once" if limit.count == 1 else f"{limit.count} times"
        parts.append(f"{times} ever" if limit.per == "ever" else f"{times} per {limit.per}")
    if limit.cooldown is not None:
        parts.append(f"{limit.cooldown} apart")
    return parts


def _multiplier(multiplier: Multiplier) -> str:
    on = " or ".join(PULLED[trigger] for trigger in multiplier.on)
    parts = [f"times {multiplier.factor}" + (f" when {on}" if on else " on everything")]
    if multiplier.when is not None:
        parts.append(f"if {multiplier.when}")
    if multiplier.from_ is not None:
        parts.append(f"from {multiplier.from_:%Y-%m-%d %H:%M}")
    if multiplier.to is not None:
        parts.append(f"until {multiplier.to:%Y-%m-%d %H:%M}")
    if multiplier.recurrence is not None:
        parts.append(f"for {multiplier.recurrence.duration} at {multiplier.recurrence.rule}")
    return ", ".join(parts)


def level_words(level: Level, tiers: Tiers, name: str) -> str:
    factor = f"; earns times {level.multiplier}" if level.multiplier != "1" else ""
    if level.at == 0:
        return f"where everyone starts{factor}"
    basis = f"{level.at} {name} earned"
    if tiers.currency is not None:
        basis = f"{money_text(level.at, tiers.currency)} paid"
    window = {
        "lifetime": "ever",
        "calendar_year": "in a calendar year",
        "membership_year": "in a year of membership",
    }.get(tiers.window, f"within {tiers.window}")
    return f"from {basis} {window}{factor}"


def reviews_words(tiers: Tiers) -> str:
    """How tiers are lost."""
    stay = f", not before {tiers.minimum_stay} in it" if tiers.minimum_stay else ""
    if tiers.window == "lifetime" or tiers.downgrade == "never":
        return f"once reached, kept; only a refund of what it rests on takes it away{stay}"
    review = {
        "calendar_year": "the end of each calendar year",
        "membership_year": "the end of each year of membership",
    }.get(tiers.window, f"{tiers.window} after it was reached")
    down = "one level down" if tiers.downgrade == "one_down" else "down to what is supported"
    grace = f", {tiers.grace} later" if tiers.grace else ""
    return f"reviewed at {review}: {down}{grace}{stay}"


def _reward(rule: RewardRule, name: str) -> str:
    cost = f" for {rule.cost} {name}" if rule.cost else ""
    taken_back = ", taken back when a refund undoes it" if rule.on_refund == "revoke" else ""
    return f"{_fires(rule.when, name)}: {_grant(rule)}{cost}{taken_back}"


def _fires(when: RewardWhen, name: str) -> str:
    every = "each" if when.repeat == "every" else "the first"
    if when.balance is not None:
        return f"{every} time the balance reaches {when.balance} {name}"
    if when.lifetime is not None:
        return f"{every} time {when.lifetime} {name} were earned in all"
    if when.tier is not None:
        return f"on reaching {when.tier}"
    pulled = "on request" if when.on is None else f"when {_pulled(when.on, when.event)}"
    condition = [f"if {when.when}"] if when.when is not None else []
    return ", ".join([pulled, *condition, *_limit(when.limit)])


def _grant(rule: RewardRule) -> str:
    if rule.discount is not None:
        return _discount(rule.discount)
    if rule.feature is not None:
        return f"the feature {rule.feature.id}" + (
            " while in the tier" if rule.feature.while_in_tier else ""
        )
    if rule.free_days is not None:
        return f"{rule.free_days} free days"
    if rule.free_addon is not None:
        return f"the add-on {rule.free_addon.price} for {rule.free_addon.cycles} billing cycles"
    named = {"gift_card": rule.gift_card, "charity": rule.charity, "custom": rule.custom}
    return ", ".join(_call(what, grant) for what, grant in named.items() if grant is not None)


def _discount(discount: DiscountGrant) -> str:
    amounts = [f"{amount} {currency}" for currency, amount in (discount.amount or {}).items()]
    worth = f"{discount.percent} %" if discount.percent is not None else " or ".join(amounts)
    return f"{worth} off as {discount.via.replace('_', ' ')}"


def _call(what: str, grant: WebhookGrant | OrderGrant) -> str:
    name = what.replace("_", " ")
    if isinstance(grant, WebhookGrant):
        return f"{name} through the webhook {grant.webhook}"
    amounts = " or ".join(f"{amount} {currency}" for currency, amount in grant.amount.items())
    return f"{name} of {amounts}"
