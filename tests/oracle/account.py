"""One customer's account as the rules say it must be, fact after fact in canonical order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from schemas import facts, ids
from schemas.program.model import Program
from tests.oracle import refunds, rewards, subscriptions, tiers
from tests.oracle.book import EXPIRED, Book, Lot, Move, Payment, Subscribed, Told
from tests.oracle.earning import pull
from tests.oracle.step import Step

ANNIVERSARY = "subscription_anniversary"


@dataclass
class OracleAccount:
    program: Program
    book: Book = field(default_factory=Book)
    standing: tiers.Standing = field(default_factory=tiers.Standing)
    clock: int = 0
    known: set[str] = field(default_factory=set)
    erased: bool = False
    left_over: bool = False

    def tell(self, fact: facts.AnyFact) -> list[Told]:
        """What happens because of this fact, first what time did before it."""
        told_before = len(self.book.told)
        if fact.id not in self.known and not self.erased:
            self.live_until(fact.occurred_at)
            self.clock = fact.occurred_at
            step = self.step(fact, fact.id, fact.occurred_at)
            _HANDLERS[type(fact)](self, step, fact)
        self.known.add(fact.id)
        return self.book.told[told_before:]

    def step(self, fact: facts.AnyFact, key: str, at: int) -> Step:
        before, levels = self.book.figures(), self.program.tiers and self.program.tiers.levels
        if levels and before.tier not in [level.id for level in levels]:
            before = type(before)(
                before.balance, before.pending, before.lifetime, before.deficit, levels[0].id
            )
        return Step(self.book, self.program, fact, key, at, before)

    # Time

    def live_until(self, until: int) -> None:
        while (at := min(self.due(), default=None)) is not None and at <= until:
            self.live_through(at)
            self.clock = at

    def due(self) -> list[int]:
        """Every instant at which time alone will change something."""
        book = self.book
        found = [lot.available_at for lot in book.open_lots(active=False)]
        found += [lot.expires_at for lot in book.open_lots(active=True) if lot.expires_at]
        found += [self.standing.review_at] if self.standing.review_at is not None else []
        return found + [at for at, _ in self.anniversaries()]

    def anniversaries(self) -> list[tuple[int, Subscribed]]:
        program = self.program
        if ANNIVERSARY not in {
            *[each.on for each in program.earn],
            *[each.when.on for each in program.rewards],
        }:
            return []
        zone = ZoneInfo(program.timezone)
        found = [
            (subscriptions.next_anniversary(each, self.clock, zone), each)
            for each in self.book.subscriptions
        ]
        return [(at, each) for at, each in found if at is not None]

    def live_through(self, at: int) -> None:
        """One instant: activate, expire, review, anniversaries, rewards."""
        moment = facts.TimeReached(id=ids.time_reached(at), site="", customer="", occurred_at=at)
        step = self.step(moment, "", at)
        celebrated = [each for due, each in self.anniversaries() if due == at]
        for lot in sorted(
            self.book.open_lots(active=False), key=lambda lot: (lot.earned_at, lot.id)
        ):
            if lot.available_at <= at:
                self.activate(step, lot)
        self.expire(step)
        if self.standing.review_at is not None and self.standing.review_at <= at:
            tiers.review(step, self.standing)
        for known in celebrated:
            own = self.step(moment, ids.anniversary(known.id, at), at)
            own.subscription = subscriptions.as_fact(known)
            pull(own, ANNIVERSARY)
            tiers.qualify(own)
            tiers.upgrade(own, self.standing)
            self.reward(own)
            step.credited = step.credited or own.credited
        self.reward(step)

    def activate(self, step: Step, lot: Lot) -> None:
        points = self.book.left(lot)
        lot.active, step.credited = True, True
        absorbed = self.book.fill_deficit(lot, points)
        self.book.tell("PointsActivated", step.at, lot=lot.id, points=points, absorbed=absorbed)

    def expire(self, step: Step) -> None:
        book = self.book
        due = [
            lot
            for lot in book.open_lots(active=True)
            if lot.expires_at and lot.expires_at <= step.at
        ]
        lots = {lot.id: book.left(lot) for lot in due}
        book.moves += [Move(lot, -points, EXPIRED) for lot, points in lots.items()]
        if lots:
            book.tell("PointsExpired", step.at, lots=lots, reason="expired")

    # Facts

    def reward(self, step: Step) -> None:
        """Last of all of a step."""
        self.left_over = rewards.fire(step, left_over=self.left_over)

    def follow(self, step: Step) -> None:
        """After earning: what counts for the tier, the tier, the rewards."""
        if step.gifts or step.payment is not None:
            tiers.qualify(step)
            tiers.upgrade(step, self.standing)
        self.reward(step)

    def payment(self, step: Step, fact: facts.PaymentSucceeded) -> None:
        book = self.book
        step.subscription = fact.subscription
        if fact.subscription and subscriptions.find(book, fact.subscription.id) is None:
            subscriptions.see(book, fact.subscription, step.at)
        first = fact.amount_minor > 0 and not any(each.first for each in book.payments)
        pull(step, "payment_succeeded")
        if first:
            pull(step, "first_payment")
        if fact.on_time:
            pull(step, "on_time_payment")
        paid = Payment(fact, first, step.gifts)
        book.payments.append(paid)
        tiers.qualify(step)
        refunds.apply_waiting(step, self.standing, paid)
        tiers.upgrade(step, self.standing)
        self.reward(step)

    def refund(self, step: Step, fact: facts.PaymentRefunded) -> None:
        refunds.refund(step, self.standing, fact)
        if step.entered or self.left_over:
            self.reward(step)

    def created(self, step: Step, fact: facts.SubscriptionCreated) -> None:
        seen = step.subscription = fact.subscription
        known = subscriptions.see(self.book, seen, step.at)
        known.trial_waits = seen.status == "in_trial" and not known.trial_ended
        for waits in (False,) if known.trial_waits else (None,):
            pull(step, "subscription_created", waited=waits)
        self.follow(step)

    def activated(self, step: Step, fact: facts.SubscriptionActivated) -> None:
        seen = step.subscription = fact.subscription
        self.compare(step, seen)
        known = subscriptions.find(self.book, seen.id)
        assert known is not None
        waited, known.trial_waits, known.trial_ended = known.trial_waits, False, True
        if fact.from_trial:
            pull(step, "trial_converted")
        if waited:
            pulled = list(step.pulled)
            pull(step, "subscription_created", waited=True)
            # What a reward waits for happened at sign-up; only the rules waited.
            step.pulled = pulled
        self.follow(step)

    def compare(self, step: Step, seen: facts.Subscription) -> None:
        trigger = subscriptions.change(subscriptions.find(self.book, seen.id), seen, self.program)
        subscriptions.see(self.book, seen, step.at)
        if trigger is not None:
            pull(step, trigger)

    def changed(self, step: Step, fact: facts.SubscriptionChanged) -> None:
        step.subscription = fact.subscription
        self.compare(step, fact.subscription)
        self.follow(step)

    def renewed(self, step: Step, fact: facts.SubscriptionRenewed) -> None:
        seen = step.subscription = fact.subscription
        after_yearly = subscriptions.is_yearly(subscriptions.find(self.book, seen.id) or seen)
        self.compare(step, seen)
        pull(step, "subscription_renewed")
        known = subscriptions.find(self.book, seen.id)
        assert known is not None
        zone = ZoneInfo(self.program.timezone)
        if subscriptions.completes_year(known, seen, zone, after_yearly=after_yearly):
            pull(step, "annual_renewal")
        self.follow(step)

    def ended(self, step: Step, fact: facts.SubscriptionCancelled) -> None:
        self.seen_again(step, fact.subscription, "subscription_cancelled")

    def reactivated(self, step: Step, fact: facts.SubscriptionReactivated) -> None:
        self.seen_again(step, fact.subscription, "subscription_reactivated")

    def seen_again(self, step: Step, seen: facts.Subscription, trigger: str) -> None:
        step.subscription = seen
        subscriptions.see(self.book, seen, step.at)
        pull(step, trigger)
        self.follow(step)

    def custom(self, step: Step, fact: facts.CustomEventReceived) -> None:
        step.subscription, step.event = subscriptions.newest(self.book), fact.name
        pull(step, "custom")
        self.follow(step)

    def adjusted(self, step: Step, fact: facts.AdjustmentRequested) -> None:
        """By hand: neither lifetime points nor a tier's basis."""
        book, at = self.book, step.at
        if fact.points > 0:
            lot = Lot(step.lot_name(), fact.points, at, at, step.expires_at(at))
            book.lots.append(lot)
            step.credited = True
            absorbed = book.fill_deficit(lot, fact.points)
            book.tell(
                "PointsAdjusted",
                at,
                points=fact.points,
                lot=lot.id,
                lots={},
                absorbed=absorbed,
                overdrawn=0,
            )
            self.reward(step)
            return
        taken = book.debit(-fact.points, "adjusted", active=True)
        missing = -fact.points - sum(taken.values())
        overdrawn = 0 if self.program.refunds.negative == "clamp" else missing
        if overdrawn:
            book.owed.append(overdrawn)
        points = sum(taken.values()) + overdrawn
        if points:
            book.tell(
                "PointsAdjusted",
                at,
                points=-points,
                lot=0,
                lots=taken,
                absorbed=0,
                overdrawn=overdrawn,
            )

    def outcome(self, step: Step, fact: facts.RewardDelivered | facts.RewardFailed) -> None:
        for firing in self.book.firings:
            name = ids.reward_id(fact.site, fact.customer, firing.reward, firing.ordinal)
            if firing.open and name == fact.reward_id:
                end = rewards.fail if isinstance(fact, facts.RewardFailed) else rewards.deliver
                end(step, firing)

    def erase(self, step: Step, _fact: facts.CustomerDeleted) -> None:
        book = self.book
        lots = {lot.id: book.left(lot) for lot in book.lots if book.left(lot)}
        book.moves += [Move(lot, -points, "erased") for lot, points in lots.items()]
        if lots:
            book.tell("PointsExpired", step.at, lots=lots, reason="erased")
        book.tell("AccountErased", step.at)
        self.erased = True

    def nothing(self, _step: Step, _fact: facts.TimeReached) -> None:
        """Time did all there was to do."""


_HANDLERS: dict[type, Callable[[OracleAccount, Step, Any], None]] = {
    facts.PaymentSucceeded: OracleAccount.payment,
    facts.PaymentRefunded: OracleAccount.refund,
    facts.SubscriptionCreated: OracleAccount.created,
    facts.SubscriptionActivated: OracleAccount.activated,
    facts.SubscriptionChanged: OracleAccount.changed,
    facts.SubscriptionRenewed: OracleAccount.renewed,
    facts.SubscriptionCancelled: OracleAccount.ended,
    facts.SubscriptionReactivated: OracleAccount.reactivated,
    facts.CustomEventReceived: OracleAccount.custom,
    facts.AdjustmentRequested: OracleAccount.adjusted,
    facts.RewardDelivered: OracleAccount.outcome,
    facts.RewardFailed: OracleAccount.outcome,
    facts.CustomerDeleted: OracleAccount.erase,
    facts.TimeReached: OracleAccount.nothing,
}
