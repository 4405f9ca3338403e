"""The state of one account: a ledger that events build, and a memory of the facts seen. PURE.

Only `evolve` changes the ledger, so folding an account's points events gives the same ledger. The
memory is what deciding needs and events do not carry. Everything is an array in MessagePack:
closed lots, settled rewards and payments too old to be refunded drop out, so it stays small. What
is mostly empty is a tuple or None: an empty list or dict takes memory of its own in every account.
Nothing here can form a cycle, so nothing is for the garbage collector to look at (`gc=False`).
Modules that define such structs stay interpreted, so what is done with these stands in others.
"""

from typing import Final

import msgspec

from streams.account.past import Past

NEVER: Final = 0
"""An `expires_at`, `review_at` or `due_at` that does not come."""

PROMOTIONAL: Final = 0
STANDARD: Final = 1
"""Priorities of lots: promotional ones are spent first."""

FOR_GOOD: Final = 1 << 62
"""A `held_until` that does not end."""

_LAST: Final = 1 << 61


class Lot(msgspec.Struct, array_like=True, gc=False):
    """One credit; `points` is what is left of it. `id` is natural: see `ids.lot`.

    `waits_for` is the rule whose activity it waits for, as `program:version:rule`, and its deadline
    is then in `available_at`.
    """

    id: int
    points: int
    earned_at: int
    available_at: int
    expires_at: int = NEVER
    active: bool = True
    priority: int = STANDARD
    waits_for: str = ""

    def debit_order(self) -> tuple[int, int, int, int]:
        return (self.priority, self.expires_at or _LAST, self.earned_at, self.id)

    def age(self) -> tuple[int, int]:
        """Oldest first: the order in which lots become spendable at one instant."""
        return (self.earned_at, self.id)

    def piece(self, points: int) -> "Lot":
        """So many points of it, with its dates."""
        return Lot(
            self.id, points, self.earned_at, self.available_at, self.expires_at,
            self.active, self.priority, self.waits_for,
        )  # fmt: skip


class OpenReward(msgspec.Struct, array_like=True, gc=False):
    """A reward that waits for its outcome, or one that a refund can still take back after it.

    `taken` are the pieces of lots that paid for it, `request` the caller's id where it was asked
    for, `rests_on` what takes it back (see `RewardEarned`), `at` the instant its limit counts it.
    """

    reward: str
    ordinal: int
    taken: list[Lot] = []
    request: str = ""
    rests_on: str = ""
    at: int = 0


class HeldFeature(msgspec.Struct, array_like=True, gc=False):
    """A feature that lasts while the account is in `tier`."""

    reward: str
    ordinal: int
    tier: str


class Ledger(msgspec.Struct, array_like=True, gc=False):
    """What the account's points events add up to. `lots` stand in debit order.

    `fired` counts the firings of each reward for ever, `revoked` those that stand no more.
    `settled` are rewards that have their outcome and that a refund can still take back.
    """

    sequence: int = 0
    lots: list[Lot] = []
    deficit: int = 0
    lifetime: int = 0
    tier: str = ""
    tier_since: int = 0
    fired: dict[str, int] = {}
    open_rewards: list[OpenReward] = []
    held: tuple[HeldFeature, ...] = ()
    erased: bool = False
    revoked: dict[str, int] = {}
    settled: tuple[OpenReward, ...] = ()

    def expiries(self) -> set[int]:
        """Every instant at which points that are spendable expire."""
        return {lot.expires_at for lot in self.lots if lot.active and lot.expires_at}

    def standing(self, reward: str) -> int:
        """How many firings of a reward stand."""
        return self.fired.get(reward, 0) - self.revoked.get(reward, 0)


class Counter(msgspec.Struct, array_like=True, gc=False):
    """How often and how much a rule gave. `counts` and `points` are by calendar period.

    `before_at` is the time before the last one, for when the last one is undone.
    """

    count: int = 0
    last_at: int = 0
    counts: dict[int, int] | None = None
    points: dict[int, int] | None = None
    remainder: tuple[int, int] = (0, 1)
    before_at: int = 0


class Pulls(msgspec.Struct, array_like=True, gc=False):
    """How often a rule was pulled, of a streak how often in a row; `earned` is the highest number
    at which it earned, `awards` how many of its awards stand.
    """

    count: int = 0
    earned: int = 0
    awards: int = 0


class Earning(msgspec.Struct, array_like=True, gc=False):
    """Provenance: what one rule gave for a payment, and what of it was undone or expired since."""

    rule: str
    lot: int
    points: int
    reversed: int = 0
    expired: int = 0


class Payment(msgspec.Struct, array_like=True, gc=False):
    """A payment that may still be refunded, by its `number` among what the account recorded.

    `counted` says that it stands in what qualifies for tiers. `pulls` are the rules that count it
    among their pulls, and whether they earned at it.
    """

    transaction: str
    invoice: str
    at: int
    amount_minor: int
    currency: str
    number: int
    refunded_minor: int = 0
    first: bool = False
    earnings: list[Earning] = []
    counted: bool = False
    pulls: dict[str, bool] = {}


class Upgrade(msgspec.Struct, array_like=True, gc=False):
    """What an upgrade earned that is taken back if it does not last until `until`.

    `fact` is the upgrade's natural key, `number` counts it with the account's payments.
    """

    fact: str
    subscription: str
    at: int
    until: int
    number: int
    earning: Earning


class ParkedRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund that arrived before its payment. `amount_minor` None is the whole payment.

    It is given up at `until`; without a word where its payment was `found`, and it waits only for
    what else that transaction may have paid.
    """

    transaction: str
    invoice: str
    amount_minor: int | None
    until: int = NEVER
    found: bool = False


class KnownSubscription(msgspec.Struct, array_like=True, gc=False):
    """What facts last said of a subscription, enough to tell what a later fact changes.

    `anchor` is where its years are counted from, `years` how many annual renewals are settled,
    `anniversary_at` the next anniversary that is due, where a program asks for it. `addons` tells
    one set of add-ons from another, 0 for none. `yearly` says that the term that began at
    `term_start` is one of whole years, `yearly_before` that the term before it was.
    """

    id: str
    plan: str
    quantity: int
    amount_minor: int
    currency: str
    period: int
    period_unit: str
    status: str
    resource_version: int
    anchor: int
    years: int = 0
    anniversary_at: int = NEVER
    trial: int = 0
    addons: int = 0
    term_start: int = NEVER
    yearly: bool = False
    yearly_before: bool = False


class Qualifying(msgspec.Struct, array_like=True, gc=False):
    """What qualifies for tiers, of points or of one currency's money: `total` for life, and
    `values` beside the ascending `instants` they count from. Those up to `merged_until` stand for
    several; see `qualifying`.
    """

    total: int = 0
    instants: list[int] = []
    values: list[int] = []
    merged_until: int = 0


class Memory(msgspec.Struct, array_like=True, gc=False):
    """What was seen. `digests` are eight bytes per fact, for the life of the account; `payments`
    are encoded each, see `payments`. `joined_at` is the instant of the earliest fact.

    `qualifying` is kept by currency, and under no currency for points. `tier_basis` is the figure
    the present tier rests on, counted at `tier_counted_at` over the first `tier_recorded` of the
    `recorded` payments and upgrades, and `tier_needs` what it must not fall below: nothing for a
    tier that is kept by grace. A review that the basis failed at `failed_at` has put the drop off
    to `review_at`, by grace where `graced`. Until `held_until` neither time nor a refund leads
    below the `held_tier` that a person assigned. `reminders` says when the points that expire at an
    instant are told of, NEVER where that was done. `lived_at` is the last instant at which time
    alone did something, or looked whether to.
    """

    digests: bytes = b""
    clock: int = 0
    subscriptions: list[KnownSubscription] = []
    payments: list[msgspec.Raw] = []
    parked: tuple[ParkedRefund, ...] = ()
    counters: dict[str, Counter] = {}
    paid: bool = False
    qualifying: dict[str, Qualifying] = {}
    tier_basis: int = 0
    tier_counted_at: int = 0
    tier_recorded: int = 0
    tier_needs: int = 0
    review_at: int = NEVER
    unfired: bool = False
    pulls: dict[str, Pulls] = {}
    upgrades: tuple[Upgrade, ...] = ()
    reminders: dict[int, int] = {}
    joined_at: int = NEVER
    failed_at: int = NEVER
    graced: bool = False
    held_tier: str = ""
    held_until: int = NEVER
    recorded: int = 0
    lived_at: int = NEVER


class Account(msgspec.Struct, array_like=True, gc=False):
    """`due_at` is the next instant at which time alone changes something, NEVER for none. `past` is
    how the account was, oldest first: see `window`. `core` is how the account is encoded but for
    digests, payments and past, empty where that is not known.
    """

    ledger: Ledger = msgspec.field(default_factory=Ledger)
    memory: Memory = msgspec.field(default_factory=Memory)
    due_at: int = NEVER
    past: list[Past] = []
    core: bytes = b""


class StoredCore(msgspec.Struct, array_like=True, gc=False):
    """What an account's past holds of it."""

    ledger: Ledger
    memory: Memory
    due_at: int


class StoredAccount(msgspec.Struct, array_like=True, gc=False):
    """An account as it is stored."""

    due_at: int
    core: bytes
    digests: bytes
    payments: list[msgspec.Raw]
    past: list[Past]


class StoredDue(msgspec.Struct, array_like=True, gc=False):
    """A stored account of which only `due_at` is read."""

    due_at: int


class StoredInstant(msgspec.Struct, array_like=True, gc=False):
    """An encoded `Payment` of which only the instant is read."""

    transaction: msgspec.Raw
    invoice: msgspec.Raw
    at: int
