"""One customer's story: facts told in the order they arrive, every law checked after each."""

from typing import Any, TypeVar

from schemas import ids
from schemas.codec import POINTS
from schemas.facts import (
    AdjustmentRequested,
    AnyFact,
    CustomerDeleted,
    CustomEventReceived,
    Line,
    PaymentRefunded,
    PaymentSucceeded,
    PeriodUnit,
    RedemptionCancelled,
    RedemptionRequested,
    RefundReason,
    RewardDelivered,
    RewardFailed,
    Scalar,
    Subscription,
    SubscriptionActivated,
    SubscriptionCancelled,
    SubscriptionChanged,
    SubscriptionCreated,
    SubscriptionReactivated,
    SubscriptionRenewed,
    TierAssigned,
    TimeReached,
)
from schemas.points import AnyPointsEvent, FactIgnored, PointsEarned, RewardEarned
from streams.account.evolve import evolve
from streams.account.figures import balance_of, pending_of
from streams.account.ordering import fold
from streams.account.programs import Programs
from streams.account.state import Account, Lot
from streams.account.storing import decode_account, encode_account, next_due_at
from tests.support.year import SITE, program_of

T0 = 1_764_547_200
"""1 December 2025, midnight UTC."""
HOUR = 3_600
DAY = 86_400
YEAR = 365 * DAY
CUSTOMER = "ann"

HEADER = "program: plain\nsite: acme-test\neffective_from: 2000-01-01T00:00\n"
ONE_PER_DOLLAR = '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}}'

Event = TypeVar("Event")


class Story:
    """Tell facts, get points events. The account is stored and read again between two facts."""

    def __init__(self, programs: Programs) -> None:
        self.programs = programs
        self.account = Account()
        self.offset = -1
        self.events: list[AnyPointsEvent] = []
        self._rebuilt = Account()

    def tell(self, fact: AnyFact) -> list[AnyPointsEvent]:
        self.offset += 1
        self.account = decode_account(encode_account(self.account))
        told = fold(self.account, fact, self.offset, self.programs)
        for event in told:
            evolve(self._rebuilt, POINTS.decode(POINTS.encode(event)))
        self.events += told
        self._check_laws(told)
        return told

    def _check_laws(self, told: list[AnyPointsEvent]) -> None:
        ledger = self.account.ledger
        assert self._rebuilt.ledger == ledger, "events alone build the ledger"
        assert all(lot.points > 0 for lot in ledger.lots)
        assert not (ledger.deficit and any(lot.active for lot in ledger.lots))
        assert ledger.lots == sorted(ledger.lots, key=Lot.debit_order)
        assert self.due_at is None or self.due_at > self.account.memory.clock, "it stands still"
        if told:
            last = told[-1]
            assert (last.balance, last.pending) == (balance_of(ledger), pending_of(ledger))
            assert (last.lifetime, last.deficit) == (ledger.lifetime, ledger.deficit)

    @property
    def balance(self) -> int:
        return balance_of(self.account.ledger)

    @property
    def pending(self) -> int:
        return pending_of(self.account.ledger)

    @property
    def lifetime(self) -> int:
        return self.account.ledger.lifetime

    @property
    def deficit(self) -> int:
        return self.account.ledger.deficit

    @property
    def tier(self) -> str:
        return self.account.ledger.tier

    @property
    def due_at(self) -> int | None:
        return next_due_at(self.account)

    def lot(self, name: str) -> str:
        """The lot that the payment (or event) of this name opened."""
        [lot] = [
            each.lot
            for each in self.events
            if isinstance(each, PointsEarned) and each.cause.fact.split(":")[1] == name
        ]
        return lot

    def paid(self, name: str, amount_minor: int, at: int = T0, **more: Any) -> list[AnyPointsEvent]:
        return self.tell(paid(name, amount_minor, at, **more))

    def refunded(
        self, name: str, payment: str, amount_minor: int, at: int = T0 + DAY, **more: Any
    ) -> list[AnyPointsEvent]:
        return self.tell(refunded(name, payment, amount_minor, at, **more))

    def adjusted(self, name: str, points: int, at: int = T0) -> list[AnyPointsEvent]:
        return self.tell(adjusted(name, points, at))

    def happened(self, name: str, at: int = T0, **more: Any) -> list[AnyPointsEvent]:
        return self.tell(happened(name, at, **more))

    def time(self, at: int) -> list[AnyPointsEvent]:
        return self.tell(time(at))

    def lives_until(self, at: int) -> list[AnyPointsEvent]:
        """One `TimeReached` for each instant that is due, as the worker writes them."""
        told: list[AnyPointsEvent] = []
        while self.due_at is not None and self.due_at <= at:
            told += self.time(self.due_at)
        return told

    def failed(self, reward: RewardEarned, at: int = T0 + DAY) -> list[AnyPointsEvent]:
        return self.tell(failed(reward.reward_id, at))

    def delivered(self, reward: RewardEarned, at: int = T0 + DAY) -> list[AnyPointsEvent]:
        return self.tell(delivered(reward.reward_id, at))

    def requested(self, request: str, reward: str, at: int = T0 + DAY) -> list[AnyPointsEvent]:
        return self.tell(requested(request, reward, at))

    def request_cancelled(self, request: str, at: int = T0 + DAY) -> list[AnyPointsEvent]:
        return self.tell(request_cancelled(request, at))


def story(*rules: str, **sections: str) -> Story:
    """A story under a program: its earning rules (a point per dollar if none), and sections."""
    return Story(program_of(program_text(*rules, **sections)))


def told_in_order(told: Story, *happened: AnyFact) -> Story:
    """The story of these facts alone, under the same programs."""
    other = Story(told.programs)
    for fact in happened:
        other.tell(fact)
    return other


def program_text(*rules: str, **sections: str) -> str:
    earn = "".join(f"  {rule}\n" for rule in rules or [ONE_PER_DOLLAR])
    rest = "".join(f"{name}: {text}\n" for name, text in sections.items())
    return f"{HEADER}earn:\n{earn}{rest}"


def of(events: list[AnyPointsEvent], kind: type[Event]) -> list[Event]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def only(events: list[AnyPointsEvent], kind: type[Event]) -> Event:
    """The one event of a kind."""
    [event] = of(events, kind)
    return event


def earned(events: list[AnyPointsEvent]) -> list[tuple[str, int]]:
    """(rule, points) of what was earned."""
    return [(event.rule, event.points) for event in of(events, PointsEarned)]


def reasons(events: list[AnyPointsEvent]) -> list[str]:
    return [event.reason for event in of(events, FactIgnored)]


def kinds(events: list[AnyPointsEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def paid(
    name: str,
    amount_minor: int,
    at: int = T0,
    *,
    invoice: str | None = None,
    currency: str = "USD",
    on_time: bool = False,
    tax_minor: int | None = None,
    quantity: int = 1,
    subscription: Subscription | None = None,
) -> PaymentSucceeded:
    invoice = f"inv_{name}" if invoice is None else invoice
    return PaymentSucceeded(
        id=ids.payment(name, invoice),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        transaction=name,
        invoice=invoice,
        amount_minor=amount_minor,
        currency=currency,
        on_time=on_time,
        tax_minor=tax_minor,
        quantity=quantity,
        subscription=subscription,
    )


def refunded(
    name: str,
    payment: str,
    amount_minor: int,
    at: int = T0 + DAY,
    *,
    invoice: str = "",
    reason: RefundReason = "refund",
) -> PaymentRefunded:
    return PaymentRefunded(
        id=ids.refund(name),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        payment_transaction=payment,
        transaction=name,
        amount_minor=amount_minor,
        currency="USD",
        invoice=invoice,
        reason=reason,
    )


def adjusted(name: str, points: int, at: int = T0) -> AdjustmentRequested:
    return AdjustmentRequested(
        id=ids.adjustment(name),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        points=points,
        actor="support",
        reason="goodwill",
    )


def assigned(name: str, tier: str, at: int = T0, *, until: int | None = None) -> TierAssigned:
    return TierAssigned(
        id=ids.tier_assigned(name),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        tier=tier,
        actor="ada",
        reason="a partner",
        until=until,
    )


def happened(
    name: str, at: int = T0, *, key: str = "", properties: dict[str, Scalar] | None = None
) -> CustomEventReceived:
    return CustomEventReceived(
        id=ids.custom(key or f"{name}-{at}"),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        name=name,
        properties=properties or {},
    )


def time(at: int) -> TimeReached:
    return TimeReached(id=ids.time_reached(at), site=SITE, customer=CUSTOMER, occurred_at=at)


def failed(reward_id: str, at: int = T0 + DAY) -> RewardFailed:
    return RewardFailed(
        id=ids.outcome(reward_id),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        reward_id=reward_id,
        reason="no subscription",
    )


def delivered(reward_id: str, at: int = T0 + DAY) -> RewardDelivered:
    return RewardDelivered(
        id=ids.outcome(reward_id),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        reward_id=reward_id,
        reference="pc_1",
    )


def requested(request: str, reward: str, at: int = T0 + DAY) -> RedemptionRequested:
    return RedemptionRequested(
        id=ids.redemption(request),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        request=request,
        reward=reward,
    )


def request_cancelled(request: str, at: int = T0 + DAY) -> RedemptionCancelled:
    return RedemptionCancelled(
        id=ids.redemption_cancelled(request),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        request=request,
        actor="ann",
        reason="changed her mind",
    )


def deleted(at: int = T0 + DAY) -> CustomerDeleted:
    return CustomerDeleted(
        id=ids.customer_deleted(CUSTOMER), site=SITE, customer=CUSTOMER, occurred_at=at
    )


def subscription(
    version: int,
    *,
    name: str = "sub_1",
    plan: str = "pro",
    amount_minor: int = 1_000,
    period_unit: PeriodUnit = "month",
    period: int = 1,
    quantity: int = 1,
    status: str = "active",
    currency: str = "USD",
    started_at: int = T0,
    term_start: int | None = None,
) -> Subscription:
    """`version` orders what is known of it, as Chargebee's resource_version does."""
    return Subscription(
        id=name,
        plan=plan,
        status=status,
        currency=currency,
        period=period,
        period_unit=period_unit,
        resource_version=version,
        quantity=quantity,
        lines=(Line(price=plan, kind="plan", amount_minor=amount_minor, quantity=quantity),),
        started_at=started_at,
        term_start=term_start,
    )


def created(seen: Subscription, at: int = T0) -> SubscriptionCreated:
    return SubscriptionCreated(
        id=ids.subscription_created(seen.id),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        subscription=seen,
    )


def activated(seen: Subscription, at: int = T0, *, from_trial: bool = True) -> AnyFact:
    return SubscriptionActivated(
        id=ids.subscription_activated(seen.id),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        subscription=seen,
        from_trial=from_trial,
    )


def changed(seen: Subscription, at: int = T0) -> SubscriptionChanged:
    return SubscriptionChanged(
        id=ids.subscription_changed(seen.id, seen.resource_version),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        subscription=seen,
    )


def renewed(seen: Subscription, at: int) -> SubscriptionRenewed:
    return SubscriptionRenewed(
        id=ids.subscription_renewed(seen.id, seen.term_start or at),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        subscription=seen,
    )


def cancelled(seen: Subscription, at: int, *, reason: str = "") -> SubscriptionCancelled:
    return SubscriptionCancelled(
        id=ids.subscription_cancelled(seen.id, at),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        subscription=seen,
        reason=reason,
    )


def reactivated(seen: Subscription, at: int) -> SubscriptionReactivated:
    return SubscriptionReactivated(
        id=ids.subscription_reactivated(seen.id, seen.resource_version),
        site=SITE,
        customer=CUSTOMER,
        occurred_at=at,
        subscription=seen,
    )
