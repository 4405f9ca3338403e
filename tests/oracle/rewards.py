"""Rewards: after all else of a step, in program order; what they cost is taken last of all."""

from schemas.program.rewards import RewardRule
from tests.oracle.book import EXPIRED, Book, Firing, Move, Tier
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
    for reward in () if step.program.retired else step.program.rewards:
        when = reward.when
        if when.request:
            continue
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


def standing_of(book: Book, reward: str) -> list[Firing]:
    return [each for each in firings_of(book, reward) if each.stands]


def within_limit(step: Step, reward: RewardRule) -> bool:
    times = [each.at for each in firings_of(step.book, reward.id) if each.counts]
    return reward.when.limit is None or step.within(reward.when.limit, times)


def affordable(reward: RewardRule, till: Till) -> bool:
    return reward.cost == 0 or till.spendable >= reward.cost


def by_threshold(step: Step, reward: RewardRule, till: Till) -> None:
    """With a cost each firing uses up its cost; without one the n-th stands at n thresholds."""
    when, book = reward.when, step.book
    threshold = when.balance or when.lifetime or 0
    spent_on_it = 0
    while affordable(reward, till):
        standing = len(standing_of(book, reward.id))
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
    """Coming up into a tier fires, once while it stands; what lasts while in it comes each time."""
    lasting = reward.feature is not None and reward.feature.while_in_tier
    came = any(tier == reward.when.tier and (up or lasting) for tier, up in step.entered)
    if not came or (not lasting and standing_of(step.book, reward.id)):
        return
    if step.book.tier == reward.when.tier and affordable(reward, till):
        grant(step, reward, till)


def by_action(step: Step, reward: RewardRule, till: Till) -> None:
    when = reward.when
    assert when.on is not None
    if when.on not in step.pulled or when.event not in (None, step.event):
        return
    if not step.holds(when.when, when.on):
        return
    if within_limit(step, reward) and affordable(reward, till):
        grant(step, reward, till)


def grant(step: Step, reward: RewardRule, till: Till) -> None:
    firing = earn(step, reward)
    till.fired += 1
    if reward.cost:
        till.spendable -= reward.cost
        till.bills.append((reward, firing))


def earn(step: Step, reward: RewardRule, request: str = "") -> Firing:
    book = step.book
    ordinal = len(firings_of(book, reward.id)) + 1
    firing = Firing(reward.id, ordinal, step.at, request, rests_on(step, reward))
    if reward.feature is not None and reward.feature.while_in_tier:
        firing.tier = book.tier
    book.firings.append(firing)
    book.tell("RewardEarned", step.at, reward=reward.id, ordinal=ordinal, cost=reward.cost)
    return firing


def rests_on(step: Step, reward: RewardRule) -> str | int | Tier | None:
    """Its threshold, its tier, or the payment that fired it, or whose points did when they became
    spendable.
    """
    if reward.on_refund == "keep":
        return None
    if reward.when.lifetime is not None:
        return reward.when.lifetime
    if reward.when.tier is not None:
        return Tier(reward.when.tier)
    if step.payment is not None:
        return step.key
    opened_by = [
        each for each in step.book.payments for gift in each.gifts if gift.lot == step.activated
    ]
    return opened_by[0].fact.id if opened_by else None


def redeem(step: Step, reward: RewardRule, request: str) -> None:
    """Asked for by request: granted for its cost, or refused. An answer that was given stands."""
    granted = step.granted
    if granted is None:
        allowed = reward.when.request and step.holds(reward.when.when, "redemption_requested")
        granted = allowed and within_limit(step, reward)
        granted = granted and reward.cost <= max(0, step.book.balance)
    if granted:
        firing = earn(step, reward, request)
        if reward.cost:
            pay(step, reward, firing)


def pay(step: Step, reward: RewardRule, firing: Firing) -> None:
    """What was granted is owed where the points were not there in the order of the facts."""
    book = step.book
    taken = book.debit(reward.cost, "redeemed", active=True)
    missing = reward.cost - sum(taken.values())
    assert missing == 0 or step.granted, "a reward costs no more than the balance"
    if missing:
        book.owed.append(missing)
    firing.pieces = [(lot, taken[lot.id]) for lot in book.lots if lot.id in taken]
    firing.pieces.sort(key=lambda piece: piece[0].debit_order())
    book.tell("PointsRedeemed", step.at, reward=reward.id, ordinal=firing.ordinal, lots=taken)


def settle(book: Book, firing: Firing) -> None:
    if firing.open:
        firing.settled = 1 + max(each.settled for each in book.firings)


def deliver(step: Step, firing: Firing) -> None:
    settle(step.book, firing)
    step.book.tell("RewardDelivered", step.at, reward=firing.reward, ordinal=firing.ordinal)


def fail(step: Step, firing: Firing) -> None:
    """It never reached the customer: what it cost comes back."""
    firing.tier, firing.counts = None, False
    if isinstance(firing.rests_on, str):
        firing.rests_on = None
    step.book.tell("RewardFailed", step.at, reward=firing.reward, ordinal=firing.ordinal)
    restore(step, firing)
    settle(step.book, firing)


def revoke(step: Step, firing: Firing, reason: str) -> None:
    """It stands no more, and what it cost comes back."""
    firing.stands, firing.counts, firing.tier = False, False, None
    step.book.tell(
        "RewardRevoked", step.at, reward=firing.reward, ordinal=firing.ordinal, reason=reason
    )
    restore(step, firing)
    settle(step.book, firing)


def leave_tier(step: Step) -> None:
    """What lasts while in a tier ends with it. It still waits for its outcome."""
    for firing in step.book.firings:
        if firing.tier not in (None, step.book.tier):
            firing.tier, firing.stands = None, False
            step.book.tell(
                "RewardRevoked",
                step.at,
                reward=firing.reward,
                ordinal=firing.ordinal,
                reason="tier_left",
            )


def revocable(step: Step) -> list[Firing]:
    """Those that a refund may take back, the newest first; of one instant the later number."""
    found = [each for each in step.book.firings if each.stands and each.rests_on is not None]
    return sorted(found, key=lambda each: (-each.at, -each.ordinal, each.settled))


def undo_payment(step: Step, payment: str) -> None:
    """A payment was given back whole: what it fired goes."""
    for firing in revocable(step):
        if firing.rests_on == payment:
            revoke(step, firing, "refunded")


def undo_lifetime(step: Step, lifetime: int) -> None:
    """Lifetime points fall: what they do not carry any more goes."""
    for firing in revocable(step):
        threshold, standing = firing.rests_on, standing_of(step.book, firing.reward)
        if isinstance(threshold, int) and lifetime < threshold * len(standing):
            revoke(step, firing, "refunded")
            step.book.chose |= any(each.at == firing.at for each in standing if each.stands)


def undo_tiers(step: Step, lost: set[str]) -> None:
    """A refund took the account out of these tiers: what they fired goes."""
    for firing in revocable(step):
        if isinstance(firing.rests_on, Tier) and firing.rests_on.id in lost:
            revoke(step, firing, "refunded")


def restore(step: Step, firing: Firing) -> None:
    """To the same lots with the same dates: what is past its date is gone, the deficit first."""
    if not firing.pieces:
        return
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
