"""What rules give: base, multipliers, the one rounding, carry, limit and cap, by the book."""

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import ceil, floor
from typing import Any

from schemas.program.amounts import minor_digits
from schemas.program.expressions import Failed, Formula
from schemas.program.rules import EarnRule, Multiplier, PerAmount, PerQuantity
from tests.oracle import activities, pulls, wall
from tests.oracle.book import Attempt, Gift, Lot
from tests.oracle.step import Step


def pull(step: Step, triggers: Sequence[str]) -> None:
    """All triggers of one fact: first what they do to lots that are there, then what they earn."""
    activities.does(step, triggers)
    for trigger in triggers:
        earn_all(step, trigger)


def earn_all(step: Step, trigger: str, *, waited: bool | None = None) -> None:
    """Every rule of the trigger, in program order; `waited` chooses by `trial: wait`."""
    for rule in step.program.earn:
        if rule.on != trigger or rule.event not in (None, step.event):
            continue
        if waited is None or (rule.trial == "wait") is waited:
            earn(step, rule, trigger)


def earn(step: Step, rule: EarnRule, trigger: str) -> None:
    if not step.holds(rule.when, trigger):
        return
    book, number = step.book, 0
    if rule.nth or rule.every or rule.streak:
        number = pulls.count(step, rule)
        if number == 0:
            return
    standing = [gift for gift in book.gifts if gift.rule == rule.id and gift.undone < gift.points]
    if rule.limit and not step.within(rule.limit, [gift.at for gift in standing]):
        return
    base = worth(step, rule, trigger)
    if base is None:
        return
    exact = base * factor(step, rule, trigger)
    carry = carried(step, rule.id) if step.program.points.carry_remainder else Fraction(0)
    unrounded = exact + carry
    # A rule never takes points: a carried remainder below zero waits for more.
    whole = max(0, rounded(unrounded, step.program.points.rounding))
    book.attempts.append(Attempt(rule.id, exact, whole))
    given = whole
    if rule.cap:
        before = [each for each in book.gifts if each.rule == rule.id]
        used = sum(
            each.points - each.undone
            for each in before
            if step.is_same_period(each.at, rule.cap.per)
        )
        given = min(whole, max(0, rule.cap.points - used))
    if given > 0:
        told = {"unrounded": unrounded, "carried": carry, "count": number}
        credit(step, rule, given, told)


def credit(step: Step, rule: EarnRule, given: int, told: dict[str, Any]) -> None:
    book, at = step.book, step.at
    waiting = rule.activate_on
    pending_for = waiting.within if waiting else rule.activate_after
    available_at = wall.later(at, pending_for, step.zone) if pending_for else at
    lot = Lot(
        id=step.lot_name(rule.id),
        credited=given,
        earned_at=at,
        available_at=available_at,
        expires_at=None if waiting else step.expires_at(available_at),
        promotional=rule.priority == "promotional",
        active=available_at <= at,
        waits_for=(waiting.on, waiting.event) if waiting else None,
    )
    book.lots.append(lot)
    gift = Gift(rule.id, step.key, at, given, lot.id)
    if rule.clawback_within and step.subscription is not None:
        gift.subscription = step.subscription.id
        gift.clawed_until = wall.later(at, rule.clawback_within, step.zone)
    book.gifts.append(gift)
    step.gifts.append(gift)
    step.credited, step.activated = True, 0
    absorbed = book.fill_deficit(lot, given) if lot.active else 0
    book.tell(
        "PointsEarned",
        at,
        rule=rule.id,
        points=given,
        **told,
        lot=lot.id,
        available_at=available_at,
        expires_at=lot.expires_at,
        absorbed=absorbed,
        promotional=lot.promotional,
        activates_on=(waiting.event or waiting.on) if waiting else "",
    )


def worth(step: Step, rule: EarnRule, trigger: str) -> Fraction | None:
    """Points before multipliers; None where the rule has nothing to say about this fact."""
    points, payment = rule.points, step.payment
    match points:
        case int():
            return Fraction(points)
        case PerQuantity():
            if payment is not None:
                return Fraction(points.per_quantity * payment.quantity)
            return Fraction(
                points.per_quantity * (step.subscription.quantity if step.subscription else 0)
            )
        case PerAmount():
            assert payment is not None
            if payment.currency not in points.per:
                return None
            minor = payment.amount_minor
            if points.tax == "exclude":
                minor = max(0, minor - (payment.tax_minor or 0))
            major = Fraction(minor, 10 ** minor_digits(payment.currency))
            return major * points.award / Fraction(points.per[payment.currency])
        case str():
            value = formula_of(points).points(step.given(trigger))
            return None if isinstance(value, Failed) else value


def factor(step: Step, rule: EarnRule, trigger: str) -> Fraction:
    """All open multipliers and the tier's together, or the best of them."""
    factors = [
        Fraction(each.factor)
        for each in step.program.multipliers
        if (not each.on or rule.on in each.on)
        and is_open(step, each)
        and step.holds(each.when, trigger)
    ]
    tiers = step.program.tiers
    if tiers is not None:
        levels = {level.id: level for level in tiers.levels}
        level = levels.get(step.book.tier, tiers.levels[0])
        if Fraction(level.multiplier) != 1:
            factors.append(Fraction(level.multiplier))
    if not factors:
        return Fraction(1)
    if step.program.stack == "best":
        return max(factors)
    product = Fraction(1)
    for each in factors:
        product *= each
    return product


def is_open(step: Step, multiplier: Multiplier) -> bool:
    begins, ends = step.local(multiplier.from_), step.local(multiplier.to)
    if (begins is not None and step.at < begins) or (ends is not None and step.at >= ends):
        return False
    recurrence = multiplier.recurrence
    return recurrence is None or wall.occurs(recurrence, step.at, step.zone)


def carried(step: Step, rule: str) -> Fraction:
    """What all earlier facts were worth to the rule, less the whole points it made of them."""
    left = Fraction(0)
    for each in step.book.attempts:
        if each.rule == rule:
            left += each.exact - each.whole
            # An account holds no fraction that is longer than sixty bits.
            if left.denominator >= 2**60:
                left = Fraction(floor(left * 10**15), 10**15)
    return left


def rounded(exact: Fraction, rounding: str) -> int:
    if rounding == "floor":
        return floor(exact)
    if rounding == "ceil":
        return ceil(exact)
    return floor(exact + Fraction(1, 2)) if exact >= 0 else -floor(-exact + Fraction(1, 2))


@lru_cache
def formula_of(text: str) -> Formula:
    return Formula(text)
