"""The rows of the views, one struct per table, fields in the order of the table's columns. PURE.

They are mutable: the fold of a batch changes them in place before they are written.
"""

from typing import Literal

import msgspec

RewardState = Literal["earned", "delivered", "failed", "revoked"]


class BalanceRow(msgspec.Struct, gc=False):
    """One account now. `updated_at` is when its last event occurred."""

    site: str
    customer: str
    partition: int
    sequence: int = 0
    balance: int = 0
    pending: int = 0
    lifetime: int = 0
    deficit: int = 0
    tier: str = ""
    program: str = ""
    program_version: int = 0
    erased: bool = False
    updated_at: int = 0


class EntryRow(msgspec.Struct, gc=False):
    """One points event. `points` is what it added to balance + pending; `event` is the event as it
    stands in the log; `recorded_at_ms` is its record's timestamp there.
    """

    site: str
    customer: str
    sequence: int
    partition: int
    log_offset: int
    type: str
    fact: str
    fact_offset: int
    trigger: str
    source: str
    occurred_at: int
    points: int
    rule: str
    program: str
    program_version: int
    lot: str
    balance: int
    pending: int
    lifetime: int
    deficit: int
    event: str
    recorded_at_ms: int
    projected_at_ms: int = 0


class LotRow(msgspec.Struct, gc=False):
    """One credit and what is left of it. Closed when nothing is.

    One that `waits` for an activity is void at `available_at`.
    """

    site: str
    customer: str
    lot: str
    partition: int
    sequence: int
    fact: str
    rule: str
    program: str
    program_version: int
    points: int
    remaining: int
    opened_at: int
    available_at: int
    expires_at: int | None
    closed_at: int | None
    promotional: bool = False
    waits: bool = False


class RewardRow(msgspec.Struct, gc=False):
    """One firing of a reward and how it stands. `sequence` is that of the event that earned it."""

    reward_id: str
    site: str
    customer: str
    partition: int
    sequence: int
    reward: str
    program: str
    program_version: int
    state: RewardState
    cost: int
    grant_json: str
    reference: str
    reason: str
    earned_at: int
    changed_at: int
