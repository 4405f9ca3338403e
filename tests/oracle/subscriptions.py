"""What is known of subscriptions, and what a newer sight of one says has happened."""

from fractions import Fraction
from math import floor
from typing import get_args
from zoneinfo import ZoneInfo

from schemas.facts import Line, PeriodUnit, Subscription
from schemas.program.model import Program
from schemas.program.names import Change, ChangeKind
from tests.oracle import wall
from tests.oracle.book import Book, Subscribed

# A year is 365.25 days and twelve equal months.
MONTHS = {
    "day": Fraction(12 * 4, 1461),
    "week": Fraction(7 * 12 * 4, 1461),
    "month": Fraction(1),
    "year": Fraction(12),
}


def find(book: Book, name: str) -> Subscribed | None:
    return next((each for each in book.subscriptions if each.id == name), None)


def see(book: Book, seen: Subscription, at: int) -> Subscribed:
    """Remember the newest; the one heard of last stands last."""
    known = find(book, seen.id)
    if known is None:
        known = Subscribed(
            id=seen.id, plan="", quantity=0, amount_minor=0, currency="", period=1,
            period_unit="month", status="", version=seen.resource_version, anchor=at,
        )  # fmt: skip
    elif seen.resource_version < known.version:
        return known
    else:
        book.subscriptions.remove(known)
    book.subscriptions.append(known)
    known.plan, known.quantity, known.status = seen.plan, seen.quantity, seen.status
    known.amount_minor, known.currency = seen.amount_minor, seen.currency
    known.period, known.period_unit = seen.period, seen.period_unit
    known.version, known.addons = seen.resource_version, addons(seen)
    began = max([seen.term_start or 0, *(began for began, _ in known.terms)])
    known.terms.append((began, is_yearly(seen)))
    known.anchor = seen.activated_at or seen.started_at or seen.created_at or known.anchor
    return known


def monthly(of: Subscription | Subscribed) -> Fraction:
    return of.amount_minor / (of.period * MONTHS[of.period_unit])


def change(known: Subscribed | None, seen: Subscription, program: Program) -> str | None:
    """Whether the newer one is worth more or less: by the program's ranking, else per month."""
    if known is None or seen.resource_version <= known.version:
        return None
    ranking = program.plan_ranking
    if known.plan in ranking and seen.plan in ranking and known.plan != seen.plan:
        up = ranking.index(seen.plan) > ranking.index(known.plan)
        return "plan_upgraded" if up else "plan_downgraded"
    if seen.currency != known.currency or monthly(seen) == monthly(known):
        return None
    return "plan_upgraded" if monthly(seen) > monthly(known) else "plan_downgraded"


def difference(known: Subscribed, seen: Subscription) -> Change:
    """What an upgrade or downgrade changed, as expressions read it."""
    minor = monthly(seen) - monthly(known)
    size = floor(abs(minor) + Fraction(1, 2))
    return Change(
        from_plan=known.plan,
        to_plan=seen.plan,
        kind=kind(known, seen),
        quantity_before=known.quantity,
        quantity_after=seen.quantity,
        difference_minor=(size if minor > 0 else -size)
        if seen.currency == known.currency
        else None,
    )


def kind(known: Subscribed, seen: Subscription) -> ChangeKind:
    if seen.plan != known.plan:
        return "plan"
    if seen.quantity != known.quantity:
        return "quantity"
    return "price" if addons(seen) == known.addons else "addons"


def addons(seen: Subscription) -> list[tuple[str, int]]:
    return sorted((line.price, line.quantity) for line in seen.lines if line.kind == "addon")


def after_whole_years(known: Subscribed | None, renewed: Subscription) -> bool:
    """Whether the term that a renewal ended was one of whole years: what is known from before the
    new term, for a change that was planned for the renewal is told of ahead of it.
    """
    if known is None:
        return is_yearly(renewed)
    begins = renewed.term_start
    before = [yearly for began, yearly in known.terms if begins is None or began < begins]
    return before[-1] if before else known.terms[0][1]


def is_yearly(term: Subscription) -> bool:
    return term.period_unit == "year" or (term.period_unit == "month" and term.period % 12 == 0)


def completes_year(
    known: Subscribed, seen: Subscription, zone: ZoneInfo, *, after_yearly: bool
) -> bool:
    """A yearly term that ended does, and the first renewal on or after each anniversary."""
    years = wall.whole_years(known.anchor, seen.term_start, zone) if seen.term_start else 0
    new = years > known.years_settled
    if new or after_yearly:
        known.years_settled = max(known.years_settled, years)
    return new or after_yearly


def next_anniversary(known: Subscribed, after: int, zone: ZoneInfo) -> int | None:
    """The first one later than an instant; none of a subscription that was cancelled."""
    if known.status == "cancelled":
        return None
    years = 1
    while wall.years_after(known.anchor, years, zone) <= after:
        years += 1
    return wall.years_after(known.anchor, years, zone)


def as_fact(known: Subscribed) -> Subscription:
    """What expressions may read of it when no fact brings one."""
    unit: PeriodUnit = next(each for each in get_args(PeriodUnit) if each == known.period_unit)
    return Subscription(
        id=known.id,
        plan=known.plan,
        status=known.status,
        currency=known.currency,
        period=known.period,
        period_unit=unit,
        resource_version=known.version,
        quantity=known.quantity,
        lines=(Line(price=known.plan, kind="plan", amount_minor=known.amount_minor),),
        started_at=known.anchor,
    )


def newest(book: Book) -> Subscription | None:
    live = [each for each in book.subscriptions if each.status != "cancelled"]
    return as_fact(live[-1]) if live else None
