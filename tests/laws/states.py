"""What follows from the facts of an account alone, whatever the order in which they are delivered.

The account of the fold and that of the oracle, each thing under its name.
"""

from collections import Counter
from typing import Any

from schemas import ids, points
from streams.account.state import PROMOTIONAL, OpenReward
from tests.oracle.book import Firing
from tests.oracle.order import OracleOfArrivals
from tests.support.story import CUSTOMER, Story
from tests.support.year import SITE

Lots = dict[int, tuple[Any, ...]]
States = list[tuple[str, Any]]


def states_that_differ(told: Story, oracle: OracleOfArrivals) -> tuple[States, States]:
    """As the fold has them, and as the oracle has them."""
    folded, expected = state_of(told), state_expected(oracle)
    return (
        [each for each in folded if each not in expected],
        [each for each in expected if each not in folded],
    )


def state_of(told: Story) -> States:
    ledger = told.account.ledger
    return [
        ("lots", lots_of(told)),
        ("figures", (told.balance, told.pending, told.lifetime, told.deficit)),
        ("tier", (ledger.tier, ledger.tier_since)),
        ("standing", Counter({name: ledger.standing(name) for name in ledger.fired})),
        ("held", sorted((each.reward, each.tier) for each in ledger.held)),
        ("open", Counter(map(waits, open_and_standing(told)))),
    ]


def state_expected(oracle: OracleOfArrivals) -> States:
    book = oracle.account.book
    firings = [] if oracle.account.erased else book.firings
    return [
        ("lots", lots_expected(oracle)),
        ("figures", (book.balance, book.pending, book.lifetime, book.deficit)),
        ("tier", (book.tier, oracle.account.standing.since)),
        ("standing", Counter(each.reward for each in firings if each.stands)),
        ("held", sorted((each.reward, each.tier) for each in firings if each.tier is not None)),
        ("open", Counter(waits_expected(each) for each in firings if each.open and each.stands)),
    ]


def open_and_standing(told: Story) -> list[OpenReward]:
    revoked = {event.reward_id for event in told.events if isinstance(event, points.RewardRevoked)}
    return [
        each
        for each in told.account.ledger.open_rewards
        if ids.reward_id(SITE, CUSTOMER, each.reward, each.ordinal) not in revoked
    ]


def waits(reward: OpenReward) -> tuple[Any, ...]:
    """A reward that waits for its outcome, by all but its ordinal."""
    pieces = tuple((piece.id, piece.points) for piece in reward.taken)
    return reward.reward, reward.request, reward.at, pieces


def waits_expected(firing: Firing) -> tuple[Any, ...]:
    pieces = tuple((lot.id, points) for lot, points in firing.pieces)
    return firing.reward, firing.request, firing.at, pieces


def lots_of(told: Story) -> Lots:
    return {
        lot.id: (
            lot.points, lot.earned_at, lot.available_at, lot.expires_at or None, lot.active,
            lot.priority == PROMOTIONAL, bool(lot.waits_for),
        )
        for lot in told.account.ledger.lots
    }  # fmt: skip


def lots_expected(oracle: OracleOfArrivals) -> Lots:
    book = oracle.account.book
    return {
        lot.id: (
            book.left(lot), lot.earned_at, lot.available_at, lot.expires_at, lot.active,
            lot.promotional, lot.waits_for is not None,
        )
        for lot in book.lots
        if book.left(lot)
    }  # fmt: skip
