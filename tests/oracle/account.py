"""One customer's account as the rules say it must be, fact after fact in canonical order."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from schemas import facts, ids
from schemas.program.model import Program
from tests.oracle import activities, pulls, refunds, rewards, subscriptions, tiers, wall
from tests.oracle.book import Book, Lot, Move, Payment, Subscribed, Told
from tests.oracle.earning import earn_all, pull
from tests.oracle.step import Step

ANNIVERSARY = "subscription_anniversary"
_NOTHING = facts.TimeReached(id="", site="", customer="", occurred_at=0)


@dataclass
class OracleAccount:
    """`versions` are those published so far. What one of them begins to do by itself, it begins
    with the account's next fact.
    """

    versions: list[Program]
    book: Book = field(default_factory=Book)
    standing: tiers.Standing = field(default_factory=tiers.Standing)
    clock: int = 0
    known: set[str] = field(default_factory=set)
    erased: bool = False
    left_over: bool = False

    def program_at(self, at: int) -> Program:
        """Of the versions known, the one that took effect last."""
        held = [each for each in self.versions if takes_effect(each) <= at]
        return max(held, key=lambda each: (takes_effect(each), each.version))

    def publish(self, program: Program) -> None:
        self.versions.append(program)

    def tell(
        self, fact: facts.AnyFact, at: int | None = None, *, granted: bool | None = None
    ) -> list[Told]:
        """What happens because of this fact, first what time did before it.

        It stands at `at`, its own instant unless it was answered later: the version is that of its
        own. A request that was `granted` before, or was not, is so again.
        """
        told_before = len(self.book.told)
        if fact.id not in self.known and not self.erased:
            at = fact.occurred_at if at is None else at
            self.live_until(at)
            self.standing.joins(fact.occurred_at)
            step = self.step(fact, fact.id, at, self.program_at(fact.occurred_at))
            step.granted = granted
            _HANDLERS[type(fact)](self, step, fact)
            self.settle(step)
            activities.remind(step)
        self.known.add(fact.id)
        return self.book.told[told_before:]

    def settle(self, step: Step) -> None:
        """What the version in force wants to be looked out for from here on."""
        self.watch(step)
        tiers.review_from_now_on(step, self.standing, takes_effect(step.program))

    def watch(self, step: Step) -> None:
        """Look out for the next anniversary of each subscription, where the version says so."""
        for known in self.book.subscriptions:
            known.watched = known.watched or activities.listens_to(step.program, ANNIVERSARY)

    def step(self, fact: facts.AnyFact, key: str, at: int, program: Program | None = None) -> Step:
        program = program or self.program_at(at)
        before, levels = self.book.figures(), program.tiers and program.tiers.levels
        if levels and before.tier not in [level.id for level in levels]:
            before = type(before)(
                before.balance, before.pending, before.lifetime, before.deficit, levels[0].id
            )
        return Step(self.book, program, fact, key, at, before)

    # Time

    def live_until(self, until: int) -> None:
        while (at := min(self.due(), default=None)) is not None and at <= until:
            self.live_through(at)
            self.clock = at
        self.clock = until

    def due(self) -> list[int]:
        """Every instant at which time alone will change something."""
        if not self.known:
            return []
        book = self.book
        found = [lot.available_at for lot in book.open_lots(active=False)]
        found += [lot.expires_at for lot in book.open_lots(active=True) if lot.expires_at]
        found += self.standing.due()
        expiry = self.program_at(self.clock).expiry
        if expiry is not None and expiry.remind is not None:
            found += [at for at, _ in activities.reminders_due(self.step(_NOTHING, "", self.clock))]
        return found + [at for at, _ in self.anniversaries()]

    def anniversaries(self) -> list[tuple[int, Subscribed]]:
        zone = ZoneInfo(self.program_at(self.clock).timezone)
        found = [
            (subscriptions.next_anniversary(each, self.clock, zone), each)
            for each in self.book.subscriptions
            if each.watched
        ]
        return [(at, each) for at, each in found if at is not None]

    def live_through(self, at: int) -> None:
        """One instant: activate, expire, review, anniversaries, rewards."""
        moment = facts.TimeReached(id=ids.time_reached(at), site="", customer="", occurred_at=at)
        step = self.step(moment, "", at)
        celebrated = [each for due, each in self.anniversaries() if due == at]
        activities.come_due(step)
        activities.remind(step)
        tiers.review(step, self.standing)
        for known in celebrated:
            own = self.step(moment, ids.anniversary(known.id, at), at)
            own.subscription = subscriptions.as_fact(known)
            pull(own, [ANNIVERSARY])
            tiers.qualify(own)
            tiers.upgrade(own, self.standing)
            self.reward(own)
            if own.credited:
                step.credited, step.activated = True, own.activated
            known.watched = False
        if celebrated:
            self.watch(step)
        self.reward(step)
        activities.remind(step)

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
        triggers = ["payment_succeeded"]
        triggers += ["first_payment"] if first else []
        triggers += ["on_time_payment"] if fact.on_time else []
        pull(step, triggers)
        if fact.amount_minor > 0 and not fact.on_time:
            pulls.end_streaks(book)
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
        activities.does(step, ["subscription_created"])
        earn_all(step, "subscription_created", waited=False if known.trial_waits else None)
        self.follow(step)

    def activated(self, step: Step, fact: facts.SubscriptionActivated) -> None:
        seen = step.subscription = fact.subscription
        triggers = self.compare(step, seen)
        known = subscriptions.find(self.book, seen.id)
        assert known is not None
        waited, known.trial_waits, known.trial_ended = known.trial_waits, False, True
        pull(step, [*triggers, "trial_converted"] if fact.from_trial else triggers)
        if waited:
            # The sign-up itself, and what else listens to it, was then; only these rules waited.
            earn_all(step, "subscription_created", waited=True)
        self.follow(step)

    def compare(self, step: Step, seen: facts.Subscription) -> list[str]:
        known = subscriptions.find(self.book, seen.id)
        trigger = subscriptions.change(known, seen, step.program)
        if trigger is not None and known is not None:
            step.change = subscriptions.difference(known, seen)
        subscriptions.see(self.book, seen, step.at)
        if trigger == "plan_downgraded":
            refunds.claw_back(step, self.standing, seen.id)
        return [] if trigger is None else [trigger]

    def changed(self, step: Step, fact: facts.SubscriptionChanged) -> None:
        step.subscription = fact.subscription
        pull(step, self.compare(step, fact.subscription))
        self.follow(step)

    def renewed(self, step: Step, fact: facts.SubscriptionRenewed) -> None:
        seen = step.subscription = fact.subscription
        before = subscriptions.find(self.book, seen.id)
        after_yearly = subscriptions.after_whole_years(before, seen)
        triggers = [*self.compare(step, seen), "subscription_renewed"]
        known = subscriptions.find(self.book, seen.id)
        assert known is not None
        if subscriptions.completes_year(known, seen, step.zone, after_yearly=after_yearly):
            triggers.append("annual_renewal")
        pull(step, triggers)
        self.follow(step)

    def ended(self, step: Step, fact: facts.SubscriptionCancelled) -> None:
        self.seen_again(step, fact.subscription, "subscription_cancelled")

    def reactivated(self, step: Step, fact: facts.SubscriptionReactivated) -> None:
        self.seen_again(step, fact.subscription, "subscription_reactivated")

    def seen_again(self, step: Step, seen: facts.Subscription, trigger: str) -> None:
        step.subscription = seen
        subscriptions.see(self.book, seen, step.at)
        if trigger == "subscription_cancelled":
            refunds.claw_back(step, self.standing, seen.id)
        pull(step, [trigger])
        self.follow(step)

    def custom(self, step: Step, fact: facts.CustomEventReceived) -> None:
        step.subscription, step.event = subscriptions.newest(self.book), fact.name
        pull(step, ["custom"])
        self.follow(step)

    def adjusted(self, step: Step, fact: facts.AdjustmentRequested) -> None:
        """By hand: neither lifetime points nor a tier's basis."""
        book, at = self.book, step.at
        if fact.points > 0:
            lot = Lot(step.lot_name(), fact.points, at, at, step.expires_at(at))
            book.lots.append(lot)
            step.credited, step.activated = True, 0
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
        overdrawn = 0 if step.program.refunds.negative == "clamp" else missing
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

    def requested(self, step: Step, fact: facts.RedemptionRequested) -> None:
        step.subscription = subscriptions.newest(self.book)
        for reward in step.program.rewards:
            if reward.id == fact.reward and not step.program.retired:
                rewards.redeem(step, reward, fact.request)

    def called_off(self, step: Step, fact: facts.RedemptionCancelled) -> None:
        for firing in self.book.firings:
            if firing.open and firing.request == fact.request:
                rewards.revoke(step, firing, "cancelled")

    def assigned(self, step: Step, fact: facts.TierAssigned) -> None:
        tiers.assign(step, self.standing, fact.tier, fact.until)
        self.reward(step)

    def erase(self, step: Step, _fact: facts.CustomerDeleted) -> None:
        book = self.book
        lots = {lot.id: book.left(lot) for lot in book.lots if book.left(lot)}
        book.moves += [Move(lot, -points, "erased") for lot, points in lots.items()]
        if lots:
            book.tell("PointsExpired", step.at, lots=lots, reason="erased")
        owed = book.deficit
        if owed:
            book.owed.append(-owed)
            book.tell(
                "PointsAdjusted", step.at, points=owed, lot=0, lots={}, absorbed=owed, overdrawn=0
            )
        book.tell("AccountErased", step.at)
        self.erased = True

    def nothing(self, _step: Step, _fact: facts.TimeReached) -> None:
        """Time did all there was to do."""


def takes_effect(program: Program) -> int:
    assert program.effective_from is not None
    return _instant(program.effective_from, program.timezone)


@lru_cache
def _instant(local: datetime, timezone: str) -> int:
    return wall.instant(local, ZoneInfo(timezone))


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
    facts.RedemptionRequested: OracleAccount.requested,
    facts.RedemptionCancelled: OracleAccount.called_off,
    facts.TierAssigned: OracleAccount.assigned,
    facts.CustomerDeleted: OracleAccount.erase,
    facts.TimeReached: OracleAccount.nothing,
}
