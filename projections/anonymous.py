"""What an erased account leaves in the views: figures and kinds of events, and no free text.

It follows from the log, as all rows do: a rebuild forgets the same.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from projections.bulk import Bulk
from projections.rows import EntryRow, RewardRow
from projections.tables import entries, rewards
from schemas.codec import POINTS
from schemas.points import (
    AnyPointsEvent,
    FactIgnored,
    PointsAdjusted,
    RewardDelivered,
    RewardEarned,
    RewardFailed,
    TierChanged,
)

FREE_TEXTS: Mapping[type, tuple[str, ...]] = {
    PointsAdjusted: ("actor", "reason"),
    TierChanged: ("actor", "assigned_reason"),
    RewardEarned: ("request",),
    RewardDelivered: ("reference",),
    RewardFailed: ("reason",),
    FactIgnored: ("detail",),
}
"""Fields that people or other systems write as they like, by event."""


def anonymous(event: AnyPointsEvent) -> AnyPointsEvent:
    """The event without what people or other systems wrote, and without the message behind it."""
    blank: dict[str, Any] = dict.fromkeys(FREE_TEXTS.get(type(event), ()), "")
    cause = msgspec.structs.replace(event.cause, source="")
    return msgspec.structs.replace(event, cause=cause, **blank)


async def forget(
    connection: AsyncConnection, bulk: Bulk, erased: Mapping[tuple[str, str], int]
) -> None:
    """Of accounts, each erased by the event of this sequence, what was written until then."""
    whose = ("site", "customer")
    rows = [EntryRow(*row) for row in await bulk.read(connection, entries, whose, sorted(erased))]
    before = [row for row in rows if row.sequence <= erased[row.site, row.customer]]
    for row in before:
        row.source = ""
        row.event = POINTS.encode(anonymous(POINTS.decode(row.event.encode()))).decode()
    await bulk.write(connection, entries, before, replace=True)
    found = await bulk.read(connection, rewards, whose, sorted(erased))
    given = [RewardRow(*row) for row in found]
    for reward in given:
        reward.reference = reward.reason = ""
    await bulk.write(connection, rewards, given, replace=True)
