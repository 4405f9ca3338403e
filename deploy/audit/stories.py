"""What every log and the ledger say of one reward, brought together. PURE."""

from dataclasses import dataclass, field

import msgspec

from schemas.codec import REWARDS
from schemas.facts import RewardDelivered, RewardFailed
from schemas.rewards import AnyRewardCommand

OutcomeFact = RewardDelivered | RewardFailed


class LedgerReward(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the reward ledger.

    `command` is in its one spelling, see `spelled`; `told` says that the outcome is marked as
    written to the facts log; `body` is the call that was stored, empty before the first.
    """

    reward_id: str
    site: str
    customer: str
    via: str
    amounts_minor: dict[str, int]
    command: bytes
    state: str
    stuck: bool
    settled_at: int | None
    reference: str
    reason: str
    told: bool
    body: str

    @property
    def is_settled(self) -> bool:
        return self.state in {"delivered", "failed"}


@dataclass(slots=True)
class Story:
    """One reward in its partition's logs.

    `earned`, `delivered` and `failed` count points events, `revoked` is the reason of the one that
    took it back; `expected` are the commands that events
    call for, `grants` and `revocations` those in the log. `is_projected`: the views know that it
    was earned; `is_received`: the ledger's position is past its command; `is_folded`: its account
    has seen the outcome fact.
    """

    account: str
    earned: int = 0
    is_projected: bool = False
    expected: set[bytes] = field(default_factory=set)
    grants: set[bytes] = field(default_factory=set)
    revocations: set[bytes] = field(default_factory=set)
    is_received: bool = False
    redeemed: int = 0
    restored: int | None = None
    delivered: int = 0
    failed: int = 0
    revoked: str = ""
    told: list[OutcomeFact] = field(default_factory=list)
    is_folded: bool = False


def spelled(command: AnyRewardCommand) -> bytes:
    """One spelling for what means the same."""
    return REWARDS.encode(command)
