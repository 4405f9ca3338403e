"""Points events: one customer's story with every type, and a sandbox's year in bulk."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from aiokafka import AIOKafkaProducer

from projections.balances import Logged
from schemas import ids
from schemas.codec import POINTS
from schemas.points import (
    AccountErased,
    AnyPointsEvent,
    Cause,
    CorrectionApplied,
    FactIgnored,
    LotChange,
    LotState,
    PointsActivated,
    PointsAdjusted,
    PointsEarned,
    PointsEvent,
    PointsExpired,
    PointsExpiringSoon,
    PointsExtended,
    PointsRedeemed,
    PointsRestored,
    PointsReversed,
    RewardDelivered,
    RewardEarned,
    RewardFailed,
    RewardRevoked,
    TierChanged,
)
from schemas.rewards import Discount
from streams.account.ordering import fold
from streams.account.state import Account
from tests.support.year import SITE, programs, year

NOON = 1_764_590_400
DAY = 86_400
OFF = Discount(via="promotional_credit", amounts_minor={"USD": 500})
RULE: dict[str, Any] = {"program": "spikes", "program_version": 3}

Event = TypeVar("Event", bound=PointsEvent)


def event(
    kind: type[Event],
    sequence: int,
    figures: tuple[int, int, int, int],
    customer: str = "c1",
    **fields: Any,
) -> Event:
    """`figures` are balance, pending, lifetime and deficit after it."""
    balance, pending, lifetime, deficit = figures
    cause = Cause(fact=f"payment:t{sequence}:i", trigger="payment_succeeded", offset=sequence)
    head: dict[str, Any] = {
        "site": SITE,
        "customer": customer,
        "sequence": sequence,
        "cause": cause,
    }
    after: dict[str, Any] = {
        "balance": balance,
        "pending": pending,
        "lifetime": lifetime,
        "deficit": deficit,
    }
    return kind(**head, **after, occurred_at=NOON + sequence * DAY, **fields)


def earned(
    sequence: int, points: int, figures: tuple[int, int, int, int], **fields: Any
) -> PointsEarned:
    defaults = {
        **RULE,
        "rule": "pay",
        "points": points,
        "unrounded": str(points),
        "lot": str(sequence),
        "available_at": NOON + sequence * DAY,
        "expires_at": NOON + 365 * DAY,
    }
    return event(PointsEarned, sequence, figures, **{**defaults, **fields})


def reward_earned(
    sequence: int, figures: tuple[int, int, int, int], ordinal: int = 1, **fields: Any
) -> RewardEarned:
    name = ids.reward_id(SITE, fields.get("customer", "c1"), "five-off", ordinal)
    defaults = {**RULE, "reward": "five-off", "reward_id": name, "grant": OFF, "cost": 100}
    return event(RewardEarned, sequence, figures, **{**defaults, **fields})


def took(lot: int, points: int) -> LotChange:
    return LotChange(lot=str(lot), points=points)


def story() -> list[AnyPointsEvent]:
    """A customer to whom everything happens that can."""
    reward = {"reward": "five-off"}
    first, second, third = (ids.reward_id(SITE, "c1", "five-off", n) for n in (1, 2, 3))
    return [
        earned(1, 150, (150, 0, 150, 0)),
        earned(2, 80, (150, 80, 230, 0), available_at=NOON + 8 * DAY, expires_at=None),
        event(
            TierChanged, 3, (150, 80, 230, 0),
            **RULE, from_tier="", to_tier="saguaro", basis=230,
        ),
        reward_earned(4, (150, 80, 230, 0), 1),
        event(
            PointsRedeemed, 5, (50, 80, 230, 0),
            **reward, points=100, reward_id=first, lots=(took(1, 100),),
        ),
        event(
            PointsRestored, 6, (150, 80, 230, 0),
            **reward, points=100, reward_id=first, lots=(took(1, 100),),
        ),
        event(RewardFailed, 7, (150, 80, 230, 0), **reward, reward_id=first, reason="no coupon"),
        event(PointsActivated, 8, (230, 0, 230, 0), lot="2", points=80),
        event(
            PointsReversed, 9, (-20, 0, 80, 20),
            points=250, earned_by="payment:t1:i", lots=(took(1, 150), took(2, 80)), overdrawn=20,
        ),
        event(
            PointsAdjusted, 10, (40, 0, 80, 0),
            points=60, actor="ada", reason="goodwill", lot="10", absorbed=20,
        ),
        event(
            PointsAdjusted, 11, (30, 0, 80, 0),
            points=-10, actor="ada", reason="typo", lots=(took(10, 10),),
        ),
        event(PointsExpired, 12, (5, 0, 80, 0), points=25, lots=(took(10, 25),)),
        reward_earned(13, (5, 0, 80, 0), 2, cost=0),
        event(RewardDelivered, 14, (5, 0, 80, 0), **reward, reward_id=second, reference="pc_7"),
        reward_earned(15, (5, 0, 80, 0), 3, cost=0),
        event(RewardRevoked, 16, (5, 0, 80, 0), **RULE, **reward, reward_id=third, reason="refund"),
        event(FactIgnored, 17, (5, 0, 80, 0), reason="no_rule", detail="No rule wants it."),
        event(
            PointsExtended, 18, (5, 0, 80, 0), lots=(took(10, 5),), expires_at=NOON + 400 * DAY
        ),
        event(
            PointsExpiringSoon, 19, (5, 0, 80, 0),
            points=5, lots=(took(10, 5),), expires_at=NOON + 400 * DAY,
        ),
        event(
            CorrectionApplied, 20, (12, 0, 87, 0),
            points=7, lifetime_points=7, corrected=("payment:t1:i",), detail="it came late",
            lots=(
                LotState(lot="10", points=9, earned_at=NOON, available_at=NOON),
                LotState(lot="20", points=3, earned_at=NOON, available_at=NOON),
            ),
        ),
        event(AccountErased, 21, (12, 0, 87, 0)),
    ]  # fmt: skip


@lru_cache
def history(seed: int, customers: int) -> tuple[AnyPointsEvent, ...]:
    """What the real fold decides over a sandbox's year, all customers interleaved."""
    accounts: dict[str, Account] = {}
    known = programs()
    return tuple(
        decided
        for offset, fact in enumerate(year(seed, customers))
        for decided in fold(accounts.setdefault(fact.customer, Account()), fact, offset, known)
    )


def logged(events: Iterable[AnyPointsEvent], *, partition: int = 0, start: int = 0) -> list[Logged]:
    """Events as they would stand in one partition of the log, from offset `start`."""
    return [
        Logged(partition, offset, each.occurred_at * 1000, POINTS.encode(each).decode(), each)
        for offset, each in enumerate(events, start)
    ]


def changed(before: Event, **changes: Any) -> Event:
    return msgspec.structs.replace(before, **changes)


async def write_points(
    bootstrap_servers: str, topic: str, events: Sequence[AnyPointsEvent], partition: int = 0
) -> None:
    """In transactions of a hundred, as a worker writes them: markers stand between the records."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, transactional_id=f"{topic}-{partition}"
    )
    await producer.start()
    try:
        for start in range(0, len(events), 100):
            async with producer.transaction():
                for each in events[start : start + 100]:
                    key = ids.account_key(each.site, each.customer).encode()
                    await producer.send(topic, POINTS.encode(each), key=key, partition=partition)
    finally:
        await producer.stop()
