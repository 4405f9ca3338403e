"""What single facts earn, spend and undo."""

from schemas import ids
from schemas.facts import (
    AdjustmentRequested,
    AnyFact,
    CustomerDeleted,
    PaymentRefunded,
    PaymentSucceeded,
    RewardFailed,
    TimeReached,
)
from schemas.points import (
    AccountErased,
    AnyPointsEvent,
    FactIgnored,
    PointsEarned,
    PointsExpired,
    PointsRedeemed,
    PointsRestored,
    PointsReversed,
    RewardEarned,
    TierChanged,
)
from streams.account.decide import decide
from streams.account.programs import Programs
from streams.account.state import Account, next_due_at
from tests.support.year import program_of

SITE = "acme-test"
T0 = 1_764_547_200
DAY = 86_400

ONE_PER_DOLLAR = """
program: plain
effective_from: 2025-01-01T00:00
site: acme-test
earn:
  - {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}}
"""


class Story:
    """One customer's facts, in the order they arrive."""

    def __init__(self, programs: Programs) -> None:
        self.account, self.programs, self.offset = Account(), programs, 0

    def tell(self, fact: AnyFact) -> list[AnyPointsEvent]:
        self.offset += 1
        return decide(self.account, fact, self.offset, self.programs)

    def paid(self, name: str, amount_minor: int, at: int = T0) -> list[AnyPointsEvent]:
        return self.tell(paid(name, amount_minor, at))

    def refunded(self, name: str, payment: str, amount_minor: int) -> list[AnyPointsEvent]:
        return self.tell(
            PaymentRefunded(
                id=ids.refund(name),
                site=SITE,
                customer="ann",
                occurred_at=T0 + DAY,
                payment_transaction=payment,
                transaction=name,
                amount_minor=amount_minor,
                currency="USD",
            )
        )

    def adjusted(self, name: str, points: int) -> list[AnyPointsEvent]:
        return self.tell(
            AdjustmentRequested(
                id=ids.adjustment(name),
                site=SITE,
                customer="ann",
                occurred_at=T0,
                points=points,
                actor="support",
                reason="goodwill",
            )
        )

    def time(self, at: int) -> list[AnyPointsEvent]:
        fact = TimeReached(id=ids.time_reached(at), site=SITE, customer="ann", occurred_at=at)
        return self.tell(fact)


def paid(name: str, amount_minor: int, at: int = T0, currency: str = "USD") -> PaymentSucceeded:
    return PaymentSucceeded(
        id=ids.payment(name, f"inv_{name}"),
        site=SITE,
        customer="ann",
        occurred_at=at,
        transaction=name,
        invoice=f"inv_{name}",
        amount_minor=amount_minor,
        currency=currency,
    )


def plain(more: str = "") -> Story:
    return Story(program_of(ONE_PER_DOLLAR + more))


def points_of(events: list[AnyPointsEvent], kind: type) -> list[int]:
    return [event.points for event in events if isinstance(event, kind)]  # type: ignore[union-attr]


def test_a_payment_earns_whole_points_and_says_what_was_cut() -> None:
    [earned] = plain().paid("t1", 9_938)
    assert isinstance(earned, PointsEarned)
    assert (earned.points, earned.unrounded, earned.balance) == (99, "99.38", 99)


def test_a_redelivered_payment_changes_nothing_at_all() -> None:
    story = plain()
    story.paid("t1", 9_938)
    assert story.paid("t1", 9_938) == []


def test_a_payment_in_a_currency_without_a_price_is_ignored_for_a_reason() -> None:
    [ignored] = plain().tell(paid("t1", 9_938, currency="CHF"))
    assert isinstance(ignored, FactIgnored)
    assert ignored.reason


def test_a_fact_without_a_program_is_ignored_for_a_reason() -> None:
    [ignored] = Story(Programs()).paid("t1", 100)
    assert isinstance(ignored, FactIgnored)
    assert ignored.reason == "no_program"


def test_repeated_partial_refunds_undo_exactly_what_the_payment_earned() -> None:
    story = plain()
    story.paid("t1", 1_000)
    undone = [points_of(story.refunded(f"r{n}", "t1", 333), PointsReversed) for n in range(3)]
    rest = points_of(story.refunded("r3", "t1", 1), PointsReversed)
    assert sum(map(sum, undone)) + sum(rest) == 10
    assert story.account.ledger.lifetime == 0
    assert points_of(story.refunded("r4", "t1", 500), PointsReversed) == []


def test_a_refund_that_comes_before_its_payment_waits_for_it() -> None:
    story = plain()
    [parked] = story.refunded("r1", "t1", 1_000)
    assert isinstance(parked, FactIgnored)
    events = story.paid("t1", 1_000)
    assert points_of(events, PointsEarned) == [10]
    assert points_of(events, PointsReversed) == [10]
    assert events[-1].balance == 0


def test_spent_points_expire_from_their_own_lot_only() -> None:
    """Golden: earn 100 until day 10 and 50 until day 20, spend 80: on day 10, 20 expire."""
    story = plain("expiry: {after: P10D}\n")
    story.paid("t1", 10_000)
    story.paid("t2", 5_000, at=T0 + 10 * DAY - 1)
    story.adjusted("spend", -80)
    assert next_due_at(story.account) == T0 + 10 * DAY
    events = story.time(T0 + 10 * DAY)
    assert points_of(events, PointsExpired) == [20]
    assert events[-1].balance == 50


def test_a_refund_of_spent_points_leaves_a_deficit_that_the_next_credit_fills() -> None:
    story = plain()
    story.paid("t1", 10_000)
    story.adjusted("spend", -80)
    last = story.refunded("r1", "t1", 10_000)[-1]
    assert (last.balance, last.deficit) == (-80, 80)
    [earned] = story.paid("t2", 10_000)
    assert isinstance(earned, PointsEarned)
    assert (earned.balance, earned.deficit, earned.absorbed) == (20, 0, 80)


def test_clamped_refunds_forgive_what_is_not_there() -> None:
    story = plain("refunds: {negative: clamp}\n")
    story.paid("t1", 10_000)
    story.adjusted("spend", -80)
    [undone] = story.refunded("r1", "t1", 10_000)
    assert isinstance(undone, PointsReversed)
    assert (undone.forgiven, undone.balance, undone.deficit) == (80, 0, 0)


REWARDS = """
tiers:
  levels: [{id: seedling}, {id: saguaro, at: 100}]
rewards:
  - id: five-off
    when: {balance: 100, repeat: every}
    cost: 100
    discount: {via: promotional_credit, amount: {USD: "5.00"}}
"""


def test_a_threshold_and_a_tier_at_the_same_figure_both_happen() -> None:
    events = plain(REWARDS).paid("t1", 25_000)
    kinds = [type(event) for event in events]
    assert TierChanged in kinds
    assert kinds.count(RewardEarned) == 2
    assert sum(points_of(events, PointsRedeemed)) == 200
    assert events[-1].balance == 50


def test_a_reward_that_failed_gives_its_points_back_to_the_same_lot() -> None:
    story = plain(REWARDS)
    reward = next(each for each in story.paid("t1", 10_000) if isinstance(each, RewardEarned))
    events = story.tell(
        RewardFailed(
            id=ids.outcome(reward.reward_id),
            site=SITE,
            customer="ann",
            occurred_at=T0 + DAY,
            reward_id=reward.reward_id,
            reason="no subscription",
        )
    )
    assert points_of(events, PointsRestored) == [100]


def test_a_deleted_customer_has_nothing_left_and_earns_no_more() -> None:
    story = plain()
    story.paid("t1", 10_000)
    deleted = CustomerDeleted(
        id=ids.customer_deleted("ann"), site=SITE, customer="ann", occurred_at=T0 + DAY
    )
    events = story.tell(deleted)
    assert isinstance(events[-1], AccountErased)
    assert events[-1].balance == 0
    [ignored] = story.paid("t2", 10_000, at=T0 + 2 * DAY)
    assert isinstance(ignored, FactIgnored)
