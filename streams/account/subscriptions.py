"""Subscriptions as the account last knew them, and the triggers that a newer one pulls. PURE.

No billing event carries the state before it, so what changed is told from memory alone. An older
`resource_version` never overwrites a newer one and never says that something changed.
"""

from fractions import Fraction
from typing import Final

import msgspec

from schemas import ids
from schemas.facts import Line, Subscription
from schemas.program.amounts import round_points
from schemas.program.names import Change, ChangeKind
from schemas.rewards import LandsOn
from streams.account.compiled import CompiledProgram
from streams.account.state import NEVER, KnownSubscription, Memory

MAX_SUBSCRIPTIONS: Final = 50
"""Beyond this many the one that was longest without news is forgotten."""

UNTRIED, WAITING, CONVERTED = 0, 1, 2
"""What is known of a trial: nothing, that rules wait for its end, that it ended."""

_YEAR_SECONDS_MIN: Final = 360 * 86_400
"""Longer than any term of months that is no year, shorter than any year."""

_UNITS_PER_MONTH: Final = {"day": (1461, 48), "week": (1461, 336), "month": (1, 1), "year": (1, 12)}
"""How many billing units a month has, as a ratio: a year is 365.25 days of twelve equal months."""


def find(memory: Memory, subscription: str) -> KnownSubscription | None:
    for known in memory.subscriptions:
        if known.id == subscription:
            return known
    return None


def observe(memory: Memory, seen: Subscription, at: int) -> KnownSubscription:
    """Remember a subscription unless something newer is known; the newest heard of stands last."""
    known = find(memory, seen.id)
    if known is None:
        known = KnownSubscription(
            seen.id, seen.plan, seen.quantity, seen.amount_minor, seen.currency,
            seen.period, seen.period_unit, seen.status, seen.resource_version, _anchor(seen, at),
            addons=_addons(seen), term_start=seen.term_start or NEVER,
            yearly=_is_yearly(seen), yearly_before=_is_yearly(seen),
        )  # fmt: skip
        memory.subscriptions.append(known)
        del memory.subscriptions[:-MAX_SUBSCRIPTIONS]
        return known
    if seen.resource_version >= known.resource_version:
        if known is not memory.subscriptions[-1]:
            memory.subscriptions.remove(known)
            memory.subscriptions.append(known)
        known.plan, known.quantity = seen.plan, seen.quantity
        known.amount_minor, known.currency = seen.amount_minor, seen.currency
        known.period, known.period_unit = seen.period, seen.period_unit
        known.status, known.resource_version = seen.status, seen.resource_version
        known.addons = _addons(seen)
        if seen.term_start is not None and seen.term_start > known.term_start:
            known.term_start, known.yearly_before = seen.term_start, known.yearly
        known.yearly = _is_yearly(seen)
        anchor = _anchor(seen, known.anchor)
        if anchor != known.anchor:
            known.anchor, known.anniversary_at = anchor, NEVER
        if seen.status == "cancelled":
            known.anniversary_at = NEVER
    return known


def change(
    known: KnownSubscription | None, seen: Subscription, program: CompiledProgram | None
) -> tuple[str | None, str]:
    """The trigger that a newer subscription pulls, or None and the reason why it pulls none."""
    if known is None:
        return None, "no_previous_value"
    if seen.resource_version <= known.resource_version:
        return None, "older_version"
    ranking = program.ranking if program is not None else {}
    before, after = ranking.get(known.plan), ranking.get(seen.plan)
    if before is not None and after is not None and before != after:
        return ("plan_upgraded" if after > before else "plan_downgraded"), ""
    if seen.currency != known.currency:
        return None, "currency_changed"
    old = _monthly(known.amount_minor, known.period, known.period_unit)
    new = _monthly(seen.amount_minor, seen.period, seen.period_unit)
    difference = new[0] * old[1] - old[0] * new[1]
    if difference == 0:
        return None, "same_value"
    return ("plan_upgraded" if difference > 0 else "plan_downgraded"), ""


def difference(known: KnownSubscription, seen: Subscription) -> Change:
    """What a newer subscription changes, as expressions read it."""
    difference_minor = None
    if seen.currency == known.currency:
        old = _monthly(known.amount_minor, known.period, known.period_unit)
        new = _monthly(seen.amount_minor, seen.period, seen.period_unit)
        difference_minor = round_points(Fraction(*new) - Fraction(*old), "half_up")
    return Change(
        from_plan=known.plan,
        to_plan=seen.plan,
        kind=_kind(known, seen),
        quantity_before=known.quantity,
        quantity_after=seen.quantity,
        difference_minor=difference_minor,
    )


def _kind(known: KnownSubscription, seen: Subscription) -> ChangeKind:
    if seen.plan != known.plan:
        return "plan"
    if seen.quantity != known.quantity:
        return "quantity"
    return "addons" if _addons(seen) != known.addons else "price"


def _addons(seen: Subscription) -> int:
    """A digest of which add-ons it has and how many of each, 0 for none."""
    addons = [f"{line.price}*{line.quantity}" for line in seen.lines if line.kind == "addon"]
    return int.from_bytes(ids.digest("\n".join(sorted(addons)))) if addons else 0


def is_told_alike(
    known: KnownSubscription, seen: Subscription, at: int, program: CompiledProgram | None
) -> bool:
    """Whether what a fact says of a subscription means the same to an account that heard of it at
    this instant, as `known`, and to one that never did.
    """
    if change(known, seen, program)[0] is not None:
        return False
    if ends_whole_years(known, seen) != ends_whole_years(None, seen):
        return False
    told = observe(Memory(subscriptions=[msgspec.structs.replace(known)]), seen, at)
    alone = observe(Memory(), seen, at)
    alone.anniversary_at = told.anniversary_at  # worked out from the others
    return told == alone


def ends_whole_years(known: KnownSubscription | None, renewed: Subscription) -> bool:
    """Whether the term that a renewal ended was one of whole years.

    A change that was planned for the renewal is told before it and says what the new term is like,
    so the term that ended is remembered apart. What was never heard of is taken to be as before.
    """
    if known is None:
        return _is_yearly(renewed)
    if renewed.term_start is not None and renewed.term_start <= known.term_start:
        return known.yearly_before
    return known.yearly


def _is_yearly(seen: Subscription) -> bool:
    """Whether the term is one of whole years, by its dates too where they are known."""
    if seen.period_unit != "year" and not (seen.period_unit == "month" and seen.period % 12 == 0):
        return False
    if seen.term_start is None or seen.term_end is None:
        return True
    return seen.term_end - seen.term_start >= _YEAR_SECONDS_MIN


def completes_year(
    known: KnownSubscription, seen: Subscription, program: CompiledProgram, *, yearly: bool
) -> bool:
    """Whether this renewal completes a year, and settle that year.

    A term of whole years does (`yearly`, of the term that ended). So does the first renewal on or
    after each anniversary of a shorter one, by date in the program's zone.
    """
    if not yearly and _is_too_early(known, seen):
        return False  # whatever the calendar says, as mostly
    started = seen.term_start if seen.term_start is not None else NEVER
    years = program.years_between(known.anchor, started) if started else 0
    if not yearly and years <= known.years:
        return False
    known.years = max(known.years, years)
    return True


def may_complete_year(known: KnownSubscription | None, seen: Subscription) -> bool:
    """False where this renewal, of a subscription known from before it, completes no year."""
    return (
        known is None
        or ends_whole_years(known, seen)
        or _anchor(seen, known.anchor) != known.anchor
        or not _is_too_early(known, seen)
    )


def _is_too_early(known: KnownSubscription, renewed: Subscription) -> bool:
    """Whether less than a year has passed since the last that is settled, by any calendar."""
    started = renewed.term_start if renewed.term_start is not None else NEVER
    return started < known.anchor + (known.years + 1) * _YEAR_SECONDS_MIN


def schedule_anniversaries(memory: Memory, program: CompiledProgram) -> None:
    """Work out the next anniversary of every live subscription where the program rewards it."""
    if not program.has_anniversaries:
        return
    for known in memory.subscriptions:
        if known.anniversary_at == NEVER and known.status != "cancelled":
            years = program.years_between(known.anchor, memory.clock)
            while (at := program.year_after(known.anchor, years)) <= memory.clock or years == 0:
                years += 1
            known.anniversary_at = at


def as_subscription(known: KnownSubscription) -> Subscription:
    """What expressions and rewards may read of a subscription when no fact brings one."""
    return Subscription(
        id=known.id,
        plan=known.plan,
        status=known.status,
        currency=known.currency,
        period=known.period,
        period_unit=known.period_unit,  # type: ignore[arg-type]
        resource_version=known.resource_version,
        quantity=known.quantity,
        lines=(Line(price=known.plan, kind="plan", amount_minor=known.amount_minor),),
        started_at=known.anchor,
    )


def newest(memory: Memory) -> Subscription | None:
    """The live subscription heard of last, for facts that name none."""
    for known in reversed(memory.subscriptions):
        if known.status != "cancelled":
            return as_subscription(known)
    return None


def meant(memory: Memory, lands_on: LandsOn, currency: str) -> KnownSubscription | None:
    """The live subscription that a reward is for, None without any; `fact` stands for the newest.

    Values in two currencies are not compared: those in `currency` count, where it is empty those
    in the newest one's.
    """
    live = [each for each in reversed(memory.subscriptions) if each.status != "cancelled"]
    if not live:
        return None
    if lands_on == "oldest":
        return min(live, key=_begun)
    newest = max(live, key=_begun)
    if lands_on != "most_valuable":
        return newest
    wanted = currency or newest.currency
    comparable = [each for each in live if each.currency == wanted]
    return max(comparable, key=_value) if comparable else newest


def _begun(known: KnownSubscription) -> int:
    return known.anchor


def _value(known: KnownSubscription) -> Fraction:
    return Fraction(*_monthly(known.amount_minor, known.period, known.period_unit))


def _anchor(seen: Subscription, otherwise: int) -> int:
    return seen.activated_at or seen.started_at or seen.created_at or otherwise


def _monthly(amount_minor: int, period: int, unit: str) -> tuple[int, int]:
    """The price of one month as a ratio of minor units."""
    units, months = _UNITS_PER_MONTH[unit]
    return amount_minor * units, max(1, period) * months
