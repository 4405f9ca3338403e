"""Rewards: after all else of a step, in program order; what they cost is taken last of all."""

from schemas.program.model import RewardRule
from tests.oracle.book import EXPIRED, Book, Firing, Move
from tests.oracle.step import Step

MOST_AT_ONCE = 100


class Till:
    """What this step's rewards may still spend, and what they are to pay."""

    def __init__(self, balance: int) -> None:
        self.balance = self.spendable = balance
        self.bills: list[tuple[RewardRule, Firing]] = []
        self.fired = 0
        self.left_over = False


def fire(step: Step, *, left_over: bool) -> bool:
    """Fire what this step caused; returns whether some thresholds are left for the next step."""
    book = step.book
    till = Till(book.balance)
    for reward in step.program.rewards:
        when = reward.when
        if when.tier is not None:
            by_tier(step, reward, till)
        elif when.on is not None:
            by_action(step, reward, till)
        elif step.credited or left_over:
            by_threshold(step, reward, till)
    for reward, firing in till.bills:
        pay(step, reward, firing)
    step.entered, step.pulled = [], []
    return till.left_over


def firings_of(book: Book, reward: str) -> list[Firing]:
    return [each for each in book.firings if each.reward == reward]


def affordable(reward: RewardRule, till: Till) -> bool:
    return reward.cost == 0 or till.spendable >= reward.cost


def by_threshold(step: Step, reward: RewardRule, till: Till) -> None:
    """With a cost each firing uses up its cost; without one the n-th stands at n thresholds."""
    when, book = reward.when, step.book
    threshold = when.balance or when.lifetime or 0
    spent_on_it = 0
    while affordable(reward, till):
        standing = len(firings_of(book, reward.id))
        if standing and when.repeat == "once":
            return
        if when.balance is not None and when.repeat == "every" and reward.cost:
            reached = till.balance - spent_on_it >= threshold
        else:
            figure = book.lifetime if when.lifetime is not None else till.balance
            reached = figure >= threshold * (standing + 1)
        if not reached:
            return
        if till.fired >= MOST_AT_ONCE:
            till.left_over = True
            return
        grant(step, reward, till)
        spent_on_it += reward.cost


def by_tier(step: Step, reward: RewardRule, till: Till) -> None:
    """Coming up into a tier fires; coming down gives only what lasts while in it."""
    lasting = reward.feature is not None and reward.feature.while_in_tier
    came = any(tier == reward.when.tier and (up or lasting) for tier, up in step.entered)
    if came and step.book.tier == reward.when.tier and affordable(reward, till):
        grant(step, reward, till)


def by_action(step: Step, reward: RewardRule, till: Till) -> None:
    when = reward.when
    assert when.on is not None
    if when.on not in step.pulled or when.event not in (None, step.event):
        return
    if not step.holds(when.when, when.on):
        return
    times = [each.at for each in firings_of(step.book, reward.id)]
    if when.limit and not step.within(when.limit, times):
        return
    if affordable(reward, till):
        grant(step, reward, till)


def grant(step: Step, reward: RewardRule, till: Till) -> None:
    book = step.book
    firing = Firing(reward.id, len(firings_of(book, reward.id)) + 1, step.at)
    if reward.feature is not None and reward.feature.while_in_tier:
        firing.tier = book.tier
    book.firings.append(firing)
    book.tell("RewardEarned", step.at, reward=reward.id, ordinal=firing.ordinal, cost=reward.cost)
    till.fired += 1
    if reward.cost:
        till.spendable -= reward.cost
        till.bills.append((reward, firing))


def pay(step: Step, reward: RewardRule, firing: Firing) -> None:
    book = step.book
    taken = book.debit(reward.cost, "redeemed", active=True)
    assert sum(taken.values()) == reward.cost, "a reward costs no more than the balance"
    firing.pieces = [(lot, taken[lot.id]) for lot in book.lots if lot.id in taken]
    firing.pieces.sort(key=lambda piece: piece[0].debit_order())
    book.tell("PointsRedeemed", step.at, reward=reward.id, ordinal=firing.ordinal, lots=taken)


def deliver(step: Step, firing: Firing) -> None:
    firing.open = False
    step.book.tell("RewardDelivered", step.at, reward=firing.reward, ordinal=firing.ordinal)


def fail(step: Step, firing: Firing) -> None:
    """It never reached the customer: what it cost comes back."""
    firing.open, firing.tier = False, None
    step.book.tell("RewardFailed", step.at, reward=firing.reward, ordinal=firing.ordinal)
    if firing.pieces:
        restore(step, firing)


def restore(step: Step, firing: Firing) -> None:
    """To the same lots with the same dates: what is past its date is gone, the deficit first."""
    book = step.book
    back: dict[int, int] = {}
    expired = absorbed = 0
    for lot, points in firing.pieces:
        book.moves.append(Move(lot.id, points, "restored"))
        if lot.expires_at is not None and lot.expires_at <= step.at:
            book.moves.append(Move(lot.id, -points, EXPIRED))
            expired += points
            continue
        filled = book.fill_deficit(lot, points)
        absorbed += filled
        if points > filled:
            back[lot.id] = points - filled
    book.tell(
        "PointsRestored",
        step.at,
        reward=firing.reward,
        ordinal=firing.ordinal,
        lots=back,
        expired=expired,
        absorbed=absorbed,
    )
    firing.pieces = []
