"""How customers come: at sign-up, on trial, or long before the sandbox's time. PURE."""

import random

import msgspec

from deploy.sandbox import people, subscriptions
from deploy.sandbox.catalog import CURRENCIES, PLANS, PeriodUnit, Price
from deploy.sandbox.chance import opaque, stream
from deploy.sandbox.member import Member, Method
from deploy.sandbox.site import Site
from deploy.sandbox.subscriptions import CatalogVersion
from deploy.sandbox.terms import DAY, HOUR, add_months

TRIAL_SECONDS = 14 * DAY


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """Who the customers are, as shares of all of them.

    `veteran` came before the sandbox's time began; `joining_window` is the part of the time in
    which the others sign up, so that the last of them still live through something.
    """

    veteran: float = 0.15
    joining_window: float = 0.8
    yearly: float = 0.18
    trial: float = 0.25
    catalog_1: float = 0.0
    plans: tuple[float, ...] = (0.5, 0.35, 0.15)
    currencies: tuple[float, ...] = (0.5, 0.25, 0.15, 0.1)
    direct_debit: float = 0.08
    bank_transfer: float = 0.07


class Newcomer(msgspec.Struct, frozen=True, kw_only=True):
    """A customer who is to be: when they come, and whether they try before they buy."""

    member: Member
    at: int
    veteran: bool
    trial: bool


def draw(site: Site, mix: Mix, number: int, *, start: int, days: int) -> Newcomer:
    """The customer of this number: a function of the seed, the number and the mix."""
    rng = stream(site.seed, f"customer/{number}")
    veteran = rng.random() < mix.veteran
    at = start + int(rng.random() * days * mix.joining_window * DAY) + rng.randrange(HOUR)
    if veteran:
        at = start - rng.randrange(DAY, 365 * DAY)
    catalog: CatalogVersion = 1 if rng.random() < mix.catalog_1 else 2
    price = _draw_price(rng, mix)
    method = _draw_method(rng, mix, price)
    quantity = rng.randint(2, 8) if price.plan == "business" else 1
    customer_id = opaque(f"{site.seed}/customer/{number}")
    member = Member(
        number=number,
        rng=rng,
        customer=people.customer(
            customer_id,
            number,
            price.currency,
            auto_collection=method != "bank_transfer",
            created_at=at,
        ),
        subscription=subscriptions.subscription(
            opaque(f"{site.seed}/subscription/{number}"),
            customer_id,
            price,
            quantity,
            catalog=catalog,
            created_at=at,
        ),
        price=price,
        catalog=catalog,
        method=method,
        quantity=quantity,
        anchor=at,
    )
    _give_payment_method(site, member)
    trial = not veteran and method == "card" and rng.random() < mix.trial
    return Newcomer(member=member, at=at, veteran=veteran, trial=trial)


def settle_in(member: Member, now: int) -> None:
    """Put a veteran into the term that `now` falls in, as if all before had been paid."""
    months = member.price.months
    while add_months(member.anchor, (member.terms + 1) * months) <= now:
        member.terms += 1
    begin = add_months(member.anchor, member.terms * months)
    end = add_months(member.anchor, (member.terms + 1) * months)
    subscriptions.begin_term(member.subscription, begin, end)
    member.subscription["activated_at"] = member.anchor
    member.invoiced = True
    show_value(member)


def show_value(member: Member) -> None:
    """Let the recurring revenue follow: Chargebee works it out after the event that changed it."""
    active = member.subscription["status"] == "active"
    value = subscriptions.monthly_value(member.price, member.quantity) if active else 0
    member.subscription["mrr"] = value
    member.customer["mrr"] = value


def _draw_price(rng: random.Random, mix: Mix) -> Price:
    unit: PeriodUnit = "year" if rng.random() < mix.yearly else "month"
    return Price(
        plan=rng.choices(PLANS, mix.plans)[0],
        currency=rng.choices(CURRENCIES, mix.currencies)[0],
        unit=unit,
    )


def _draw_method(rng: random.Random, mix: Mix, price: Price) -> Method:
    drawn = rng.random()
    if drawn < mix.bank_transfer:
        return "bank_transfer"
    debit = price.currency in {"EUR", "GBP"} and drawn < mix.bank_transfer + 2 * mix.direct_debit
    return "direct_debit" if debit else "card"


def _give_payment_method(site: Site, member: Member) -> None:
    if member.method == "bank_transfer":
        return
    customer = member.customer
    source = site.identities.next(member.id, "pm_")
    customer["primary_payment_source_id"] = source
    customer["payment_method"] = people.payment_method(
        member.method, site.identities.next(member.id, "tok_")
    )
    customer["card_status"] = "valid" if member.method == "card" else "no_card"
    customer["allow_direct_debit"] = member.method == "direct_debit"
    if member.method == "card":
        member.card = people.card(
            member.id, member.number, source, created_at=customer["created_at"]
        )
