"""A year of billing, step by step: who renews, moves, leaves, comes back, and when. PURE.

Same seed and same settings, same life. API calls may come between two steps; they change what the
customer concerned pays, and nobody else's life.
"""

from collections.abc import Callable

import msgspec

from deploy.sandbox import joining, noise, subscriptions
from deploy.sandbox.agenda import Agenda
from deploy.sandbox.benefits import Benefits
from deploy.sandbox.billing import Billing
from deploy.sandbox.catalog import PLANS
from deploy.sandbox.changes import Changes
from deploy.sandbox.joining import Mix, Newcomer
from deploy.sandbox.member import Member
from deploy.sandbox.promotions import Promotions
from deploy.sandbox.reversals import Reversals
from deploy.sandbox.site import BY_ADMIN, BY_PORTAL, BY_SCHEDULE, Action, Burst, Resource, Site
from deploy.sandbox.terms import DAY, HOUR, add_months
from deploy.sandbox.truth import Happening, Kind

FIRST_INSTANT = 1_764_547_200
"""1 December 2025, midnight UTC: where a life begins unless told otherwise."""


class Habits(msgspec.Struct, frozen=True, kw_only=True):
    """What may happen once in each term of each subscription, as probabilities."""

    upgrade: float = 0.05
    downgrade: float = 0.025
    quantity: float = 0.02
    address: float = 0.04
    cancel: float = 0.03
    refund: float = 0.03
    chargeback: float = 0.004
    goodwill: float = 0.01
    deletion: float = 0.002
    noise: float = 0.12
    convert: float = 0.65
    come_back: float = 0.25
    second_refund: float = 0.4


class LifeSettings(msgspec.Struct, frozen=True, kw_only=True):
    seed: int = 1
    customers: int = 1000
    days: int = 365
    start: int = FIRST_INSTANT
    mix: Mix = msgspec.field(default_factory=Mix)
    habits: Habits = msgspec.field(default_factory=Habits)


class Life:
    """Runs the agenda of all customers against one site."""

    def __init__(self, settings: LifeSettings) -> None:
        self.settings = settings
        self.site = Site(settings.seed, settings.start)
        self.promotions = Promotions(self.site)
        self.benefits = Benefits(self.site)
        self._agenda = Agenda()
        self._billing = Billing(self.site, self._agenda, self.promotions)
        self._changes = Changes(self.site, self._billing)
        self._reversals = Reversals(self.site, self._billing)
        self.members: dict[str, Member] = {}
        for number in range(1, settings.customers + 1):
            self._expect(
                joining.draw(
                    self.site, settings.mix, number, start=settings.start, days=settings.days
                )
            )

    @property
    def end(self) -> int:
        return self.settings.start + self.settings.days * DAY

    def advance(self, to: int) -> None:
        """Live up to and including the instant `to`; the past stays as it is."""
        due = self._agenda.next_due()
        while due is not None and due <= to:
            when, do = self._agenda.pop()
            self.site.now = max(self.site.now, when)
            do()
            due = self._agenda.next_due()
        self.site.now = max(self.site.now, to)
        self.site.events.prune(self.site.now)

    def _expect(self, newcomer: Newcomer) -> None:
        member = newcomer.member
        if newcomer.veteran:
            joining.settle_in(member, self.site.now)
            self._register(member)
            self._plan_term(member)
        else:
            self._agenda.at(newcomer.at, lambda: self._sign_up(member, trial=newcomer.trial))

    def _register(self, member: Member) -> None:
        self.members[member.id] = member
        self.site.customers[member.id] = member.customer
        self.site.subscriptions[member.subscription["id"]] = member.subscription
        if member.card is not None:
            self.site.cards[member.id] = member.card

    def _sign_up(self, member: Member, *, trial: bool) -> None:
        self._register(member)
        burst = self.site.burst(member.id, member.rng)
        burst.add("customer_created", customer=member.customer, card=member.card)
        if member.card is not None:
            burst.add("card_added", customer=member.customer, card=member.card)
        bill = None
        if trial:
            self._start_trial(member)
        else:
            self._begin_term(member)
            bill = self._billing.invoice(member, [self._billing.term_line(member)], burst)
        self._record("subscription_created", member)
        burst.add(
            "subscription_created",
            subscription=member.subscription,
            customer=member.customer,
            card=member.card,
            invoice=bill,
        )
        self._finish(member, burst, BY_PORTAL)

    def _start_trial(self, member: Member) -> None:
        now = self.site.now
        end = now + joining.TRIAL_SECONDS
        subscriptions.start_trial(member.subscription, now, end)
        self._agenda.at(end - 2 * DAY, lambda: self._remind_of_trial(member))
        self._agenda.at(end, lambda: self._end_trial(member))

    def _remind_of_trial(self, member: Member) -> None:
        if not member.deleted:
            noise.tell_subscription(self.site, member, "subscription_trial_end_reminder")

    def _end_trial(self, member: Member) -> None:
        if member.deleted:
            return
        burst = self.site.burst(member.id, member.rng)
        if member.rng.random() >= self.settings.habits.convert:
            self._billing.cancel(member, "no_card", burst)
            self._finish(member, burst, BY_SCHEDULE)
            return
        member.anchor = self.site.now
        self._begin_term(member)
        bill = self._billing.invoice(member, [self._billing.term_line(member)], burst)
        self._record("subscription_activated", member)
        burst.add(
            "subscription_activated",
            subscription=member.subscription,
            customer=member.customer,
            card=member.card,
            invoice=bill,
        )
        self._finish(member, burst, BY_SCHEDULE)

    def _begin_term(self, member: Member) -> None:
        months = member.price.months
        start = add_months(member.anchor, member.terms * months)
        end = add_months(member.anchor, (member.terms + 1) * months)
        subscriptions.begin_term(member.subscription, start, end)
        self.site.touch(member.subscription)
        self._plan_term(member)

    def prolong(self, subscription: Resource, term_end: int) -> None:
        """End the present term then; the next ones are counted from there."""
        member = self.members[subscription["customer_id"]]
        if subscription["current_term_end"] == term_end:
            return
        self.benefits.move_term_end(subscription, term_end)
        member.anchor, member.terms = term_end, -1

    def _renew_when_due(self, member: Member) -> None:
        if member.term_end > self.site.now:  # its end was moved since this was planned
            self._plan(
                member, member.term_end, lambda: self._renew_when_due(member), even_unpaid=True
            )
        else:
            self._renew(member)

    def _renew(self, member: Member) -> None:
        member.terms += 1
        self.benefits.count_cycle(member.subscription)
        self._begin_term(member)
        burst = self.site.burst(member.id, member.rng)
        bill = self._billing.invoice(member, [self._billing.term_line(member)], burst)
        self._record("subscription_renewed", member)
        burst.add(
            "subscription_renewed",
            subscription=member.subscription,
            customer=member.customer,
            card=member.card,
            invoice=bill,
        )
        self._finish(member, burst, BY_SCHEDULE)

    def _plan_term(self, member: Member) -> None:
        """Enter the term's end and what this customer will do before it."""
        habits, now, end = self.settings.habits, self.site.now, member.term_end
        self._plan(member, end, lambda: self._renew_when_due(member), even_unpaid=True)
        # Of a yearly term as much happens per month as of a monthly one.
        month_seconds = 30 * DAY
        for begin in range(now, max(now + 1, end - 2 * DAY), month_seconds):
            for chance, do in self._wishes(habits):
                if member.rng.random() < chance:
                    last = min(begin + month_seconds, end) - 2 * HOUR
                    when = member.rng.randrange(begin + HOUR, max(last, begin + 2 * HOUR))
                    self._plan(member, when, lambda do=do: do(member))  # type: ignore[misc]

    def _wishes(self, habits: Habits) -> list[tuple[float, Callable[[Member], None]]]:
        return [
            (habits.upgrade, self._upgrade),
            (habits.downgrade, self._downgrade),
            (habits.quantity, self._change_quantity),
            (habits.address, self._change_address),
            (habits.cancel, self._cancel),
            (habits.refund, self._refund),
            (habits.chargeback, self._charge_back),
            (habits.goodwill, self._give_goodwill),
            (habits.deletion, self._delete),
            (habits.noise, self._make_noise),
        ]

    def _plan(
        self, member: Member, when: int, do: Callable[[], None], *, even_unpaid: bool = False
    ) -> None:
        age = member.age

        def if_still_so() -> None:
            if member.active and member.age == age and (even_unpaid or not member.unpaid):
                do()

        self._agenda.at(when, if_still_so)

    def _upgrade(self, member: Member) -> None:
        position = PLANS.index(member.price.plan)
        if position + 1 < len(PLANS):
            self._change_plan(member, PLANS[position + 1])

    def _downgrade(self, member: Member) -> None:
        position = PLANS.index(member.price.plan)
        if position > 0:
            self._change_plan(member, PLANS[position - 1])

    def _change_plan(self, member: Member, plan: str) -> None:
        price = member.price.with_plan(plan)
        burst = self._changes.switch(member, price, member.quantity)
        self._finish_change(member, burst)

    def _change_quantity(self, member: Member) -> None:
        quantity = member.quantity + member.rng.randint(1, 3)
        burst = self._changes.switch(member, member.price, quantity)
        self._finish_change(member, burst)

    def _change_address(self, member: Member) -> None:
        burst = self._changes.move(member)
        self._finish_change(member, burst)

    def _finish_change(self, member: Member, burst: Burst) -> None:
        self._record("subscription_changed", member)
        self._finish(member, burst, BY_ADMIN)

    def _cancel(self, member: Member) -> None:
        burst = self.site.burst(member.id, member.rng)
        self._billing.cancel(member, None, burst)
        self._finish(member, burst, BY_PORTAL)
        if member.rng.random() < self.settings.habits.come_back:
            when = self.site.now + member.rng.randint(10, 60) * DAY
            self._agenda.at(when, lambda: self._come_back(member))

    def _come_back(self, member: Member) -> None:
        if member.deleted or member.subscription["status"] != "cancelled":
            return
        now = self.site.now
        member.anchor, member.terms = now, 0
        subscriptions.reactivate(member.subscription, now, add_months(now, member.price.months))
        self.site.touch(member.subscription)
        self._plan_term(member)
        burst = self.site.burst(member.id, member.rng)
        bill = self._billing.invoice(member, [self._billing.term_line(member)], burst)
        self._record("subscription_reactivated", member)
        burst.add(
            "subscription_reactivated",
            subscription=member.subscription,
            customer=member.customer,
            card=member.card,
            invoice=bill,
        )
        self._finish(member, burst, BY_ADMIN)

    def _refund(self, member: Member) -> None:
        """All of a payment, or a part of it, and then perhaps another part."""
        found = self._last_payment(member)
        if found is None:
            return
        bill, payment = found
        left = _refundable_minor(payment)
        if left <= 0:
            return
        whole = not payment["linked_refunds"] and member.rng.random() < 0.4
        amount = left if whole else max(1, left * member.rng.randint(20, 60) // 100)
        self._reversals.refund(member, bill, payment, amount, BY_ADMIN)
        if amount < left and member.rng.random() < self.settings.habits.second_refund:
            when = self.site.now + member.rng.randint(1, 8) * DAY
            self._plan(member, when, lambda: self._refund(member))

    def _charge_back(self, member: Member) -> None:
        found = self._last_payment(member)
        if found is None or member.method != "card" or found[1]["linked_refunds"]:
            return
        self._reversals.charge_back(member, *found)
        joining.show_value(member)

    def _last_payment(self, member: Member) -> tuple[Resource, Resource] | None:
        bill = member.last_invoice
        if bill is None or bill["status"] != "paid":
            return None
        for link in reversed(bill["linked_payments"]):
            payment = self.site.transactions[link["txn_id"]]
            alone = len(payment["linked_invoices"]) == 1
            if payment["type"] == "payment" and payment["status"] == "success" and alone:
                return bill, payment
        return None

    def _give_goodwill(self, member: Member) -> None:
        """The merchant gives credit for the whole next invoice: paid then without a payment."""
        self.promotions.add(
            member.customer,
            member.price.amount_minor * member.quantity,
            member.price.currency,
            BY_ADMIN,
            description="Goodwill for an outage",
        )

    def _delete(self, member: Member) -> None:
        site = self.site
        member.deleted = True
        for resource in (member.customer, member.subscription):
            resource["deleted"] = True
            site.touch(resource)
        self._record("customer_deleted", member)
        burst = site.burst(member.id)
        burst.add("customer_deleted", customer=member.customer, subscriptions=[member.subscription])
        burst.send(BY_ADMIN)

    def _make_noise(self, member: Member) -> None:
        noise.make(self.site, member)

    def _record(self, kind: Kind, member: Member) -> None:
        resource = member.subscription
        self.site.truth.money.append(
            Happening(
                kind=kind,
                customer=member.id,
                at=self.site.now,
                subscription=resource["id"],
                price=member.price.id,
                quantity=member.quantity,
                term_start=resource.get("current_term_start", 0),
                resource_version=resource["resource_version"],
            )
        )

    def _finish(self, member: Member, burst: Burst, action: Action) -> None:
        burst.send(action)
        joining.show_value(member)


def _refundable_minor(payment: Resource) -> int:
    refunded: int = sum(refund["txn_amount"] for refund in payment["linked_refunds"])
    return int(payment["amount"]) - refunded
