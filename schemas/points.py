"""Points events: what the account fold decided, immutable, gapless per account. PURE.

Names below are stored for ever on `loyalty.points.v1`: change one by adding a version. Consumers
read with isolation.level=read_committed. An event's id is `site:customer:sequence`. The four
figures are those after the event: `balance` is spendable now, `pending` not yet, `lifetime` is
earned − reversed, `deficit` is what later credits fill first. No message can hold itself, so the
garbage collector need not look at any (`gc=False`).
"""

from typing import Literal

import msgspec

from schemas.rewards import Allowance, AnyGrant, LandsOn

ExpiryReason = Literal["expired", "voided", "erased"]


def _first_version() -> int:
    return 1


class Cause(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """Why an event happened: the fact, the trigger it pulled, the message that brought it, and the
    fact's offset in this account's partition of `loyalty.facts.v1`.
    """

    fact: str
    trigger: str
    offset: int
    source: str = ""


class Money(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    amount_minor: int
    currency: str


class Multiplier(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`factor` is a decimal string."""

    id: str
    factor: str


class LotChange(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How many points of one lot an event moved."""

    lot: str
    points: int


class PointsEvent(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag_field="type",
    tag=True,
    gc=False,
):
    """The head of every points event."""

    site: str
    customer: str
    sequence: int
    cause: Cause
    occurred_at: int
    balance: int
    pending: int
    lifetime: int
    deficit: int
    v: int = msgspec.field(default_factory=_first_version)


class PointsEarned(PointsEvent, frozen=True, kw_only=True):
    """A credit, which is a lot of its own.

    `unrounded` is the exact value before the one rounding (a decimal string, or `a/b` where no
    finite decimal exists), `wanted` what the rule would have given where a cap gave less.
    `absorbed` points went to fill the deficit.
    `promotional` lots are spent before others. A lot that waits for an activity names it in
    `activates_on`; `available_at` is then its deadline, at which it is void, and its expiry is
    counted from the activation. `carried` is the exact remainder that came in from before, `count`
    which pull of the rule this was where the rule counts them.
    """

    program: str
    program_version: int
    rule: str
    points: int
    unrounded: str
    lot: str
    available_at: int
    expires_at: int | None = None
    base: Money | None = None
    multipliers: tuple[Multiplier, ...] = ()
    wanted: int | None = None
    absorbed: int = 0
    promotional: bool = False
    activates_on: str = ""
    carried: str = ""
    count: int = 0


class PointsActivated(PointsEvent, frozen=True, kw_only=True):
    """A pending lot became spendable; `expires_at` where its expiry is counted from now."""

    lot: str
    points: int
    absorbed: int = 0
    expires_at: int | None = None


class PointsExtended(PointsEvent, frozen=True, kw_only=True):
    """An activity moved the expiry of these lots to `expires_at`. Their points stay."""

    lots: tuple[LotChange, ...]
    expires_at: int


class PointsExpiringSoon(PointsEvent, frozen=True, kw_only=True):
    """A reminder: these points expire at `expires_at` unless they are spent before."""

    points: int
    lots: tuple[LotChange, ...]
    expires_at: int


class PointsExpired(PointsEvent, frozen=True, kw_only=True):
    """`reason`: expired by date, voided before it was available, or erased with the account."""

    points: int
    lots: tuple[LotChange, ...]
    reason: ExpiryReason = "expired"


class PointsReversed(PointsEvent, frozen=True, kw_only=True):
    """Points of an earlier fact (`earned_by`, its natural key) were undone.

    `points` were undone in all; those not found in `lots` deepened the deficit (`overdrawn`), were
    forgiven by policy (`forgiven`) or had expired before (`expired`). `base` is the money
    given back.
    """

    points: int
    earned_by: str
    lots: tuple[LotChange, ...] = ()
    overdrawn: int = 0
    forgiven: int = 0
    expired: int = 0
    base: Money | None = None


class PointsRedeemed(PointsEvent, frozen=True, kw_only=True):
    """Points paid for a reward."""

    points: int
    reward: str
    reward_id: str
    lots: tuple[LotChange, ...]


class PointsRestored(PointsEvent, frozen=True, kw_only=True):
    """A reward failed, was revoked or cancelled: its points went back to the same lots with the
    same dates.

    `lots` says what each lot has again; `expired` came back to lots whose date had passed and are
    gone at once, `absorbed` filled the deficit.
    """

    points: int
    reward: str
    reward_id: str
    lots: tuple[LotChange, ...]
    expired: int = 0
    absorbed: int = 0


class PointsAdjusted(PointsEvent, frozen=True, kw_only=True):
    """By hand: a positive number opened `lot`, a negative one took from `lots`.

    Without an actor it is what an erased account owed, written off: it opened no lot.
    """

    points: int
    actor: str
    reason: str
    lot: str = ""
    lots: tuple[LotChange, ...] = ()
    overdrawn: int = 0
    absorbed: int = 0
    expires_at: int | None = None


class TierChanged(PointsEvent, frozen=True, kw_only=True):
    """`from_tier` and `to_tier` are level ids, empty for none; `basis` is what decided.

    A tier assigned by hand names its `actor` and why, and is held `until` then, absent for good.
    """

    program: str
    program_version: int
    from_tier: str
    to_tier: str
    basis: int
    actor: str = ""
    assigned_reason: str = ""
    until: int | None = None


class RewardEarned(PointsEvent, frozen=True, kw_only=True):
    """A reward fired. `subscription` and `currency` say where a discount lands, where known.

    `request` is the caller's id where it was redeemed from the catalogue. `rests_on` says what
    takes it away again when it is undone: a payment's natural key, `lifetime:` or `tier:` with the
    threshold or the level; it is empty where the reward is kept. Its limit counts it for the
    instant `counted_at` where a late fact fired it, else for `occurred_at`. `lands_on` and
    `wait_until` are those of the command. `allowance` is how much of the reward there is for
    everybody together.
    """

    program: str
    program_version: int
    reward: str
    reward_id: str
    grant: AnyGrant
    cost: int = 0
    subscription: str = ""
    currency: str = ""
    request: str = ""
    rests_on: str = ""
    counted_at: int | None = None
    lands_on: LandsOn = "fact"
    wait_until: int | None = None
    allowance: Allowance | None = None


class RewardDelivered(PointsEvent, frozen=True, kw_only=True):
    reward: str
    reward_id: str
    reference: str = ""


class RewardFailed(PointsEvent, frozen=True, kw_only=True):
    reward: str
    reward_id: str
    reason: str


class RewardRevoked(PointsEvent, frozen=True, kw_only=True):
    """The reward stands no more. `reason`: what it rests on was `refunded`, its request was
    `cancelled`, its tier left (`tier_left`), or earlier facts were `corrected`. After the first two
    its cost comes back. `program` is empty where none was in force.
    """

    program: str
    program_version: int
    reward: str
    reward_id: str
    reason: str


class LotState(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A lot as it stands: `points` left (0 for none), and its dates. `waits_for` names the rule
    whose activity it waits for, as `program:version:rule`.
    """

    lot: str
    points: int
    earned_at: int
    available_at: int
    expires_at: int | None = None
    active: bool = True
    promotional: bool = False
    waits_for: str = ""


class RewardPayment(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The pieces of lots that pay for a reward, and as of `RewardEarned` what it rests on and the
    instant for which its limit counts it.
    """

    reward_id: str
    lots: tuple[LotState, ...]
    rests_on: str = ""
    counted_at: int | None = None


class CorrectionApplied(PointsEvent, frozen=True, kw_only=True):
    """A late fact showed that earlier ones had to be decided otherwise; this is the difference.

    Each of `lots` stands as told here from now on, and so do the pieces that pay for `rewards`;
    the four figures are the corrected ones. `points` is what balance and pending change by,
    `lifetime_points` what lifetime changes by. `corrected` are the natural keys of the facts whose
    outcome changed. `tier_since` where the tier stays and was reached at another time.
    """

    points: int
    lifetime_points: int
    corrected: tuple[str, ...]
    detail: str
    lots: tuple[LotState, ...] = ()
    rewards: tuple[RewardPayment, ...] = ()
    tier_since: int | None = None


class FactIgnored(PointsEvent, frozen=True, kw_only=True):
    """The fact moved nothing. `reason` is a short code, `detail` a sentence for people."""

    reason: str
    detail: str = ""


class AccountErased(PointsEvent, frozen=True, kw_only=True):
    """The account is closed for good; its sums stay, later facts are ignored."""


AnyPointsEvent = (
    PointsEarned
    | PointsActivated
    | PointsExtended
    | PointsExpiringSoon
    | PointsExpired
    | PointsReversed
    | PointsRedeemed
    | PointsRestored
    | PointsAdjusted
    | TierChanged
    | RewardEarned
    | RewardDelivered
    | RewardFailed
    | RewardRevoked
    | CorrectionApplied
    | FactIgnored
    | AccountErased
)
