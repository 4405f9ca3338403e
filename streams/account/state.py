"""The state of one account: a ledger that events build, and a memory of the facts seen. PURE.

Only `evolve` changes the ledger, so folding an account's points events gives the same ledger. The
memory is what deciding needs and events do not carry. Everything is an array in MessagePack:
closed lots, settled rewards and payments too old to be refunded drop out, so it stays small.
Nothing here can form a cycle, so nothing is for the garbage collector to look at (`gc=False`).
"""

import msgspec

NEVER = 0
"""An `expires_at`, `review_at` or `due_at` that does not come."""

PROMOTIONAL, STANDARD = 0, 1
"""Priorities of lots: promotional ones are spent first."""

_LAST = 1 << 62


class Lot(msgspec.Struct, array_like=True, gc=False):
    """One credit; `points` is what is left of it. `id` is natural: see `ids.lot`.

    `waits_for` is the rule whose activity it waits for; `available_at` is then its deadline.
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

    def piece(self, points: int) -> "Lot":
        """So many points of it, with its dates."""
        return Lot(
            self.id, points, self.earned_at, self.available_at, self.expires_at,
            self.active, self.priority, self.waits_for,
        )  # fmt: skip


class OpenReward(msgspec.Struct, array_like=True, gc=False):
    """A reward that waits for its outcome. `taken` are the pieces of lots that paid for it,
    `request` the caller's id where it was asked for.
    """

    reward: str
    ordinal: int
    taken: list[Lot] = []
    request: str = ""


class HeldFeature(msgspec.Struct, array_like=True, gc=False):
    """A feature that lasts while the account is in `tier`."""

    reward: str
    ordinal: int
    tier: str


class Ledger(msgspec.Struct, array_like=True, gc=False):
    """What the account's points events add up to. `lots` stand in debit order.

    `fired` counts the firings of each reward for ever, `revoked` those that stand no more.
    """

    sequence: int = 0
    lots: list[Lot] = []
    deficit: int = 0
    lifetime: int = 0
    tier: str = ""
    tier_since: int = 0
    fired: dict[str, int] = {}
    open_rewards: list[OpenReward] = []
    held: list[HeldFeature] = []
    erased: bool = False
    revoked: dict[str, int] = {}


class Counter(msgspec.Struct, array_like=True, gc=False):
    """How often and how much a rule gave. `counts` and `points` are by calendar period."""

    count: int = 0
    last_at: int = 0
    counts: dict[int, int] = {}
    points: dict[int, int] = {}
    remainder: tuple[int, int] = (0, 1)


class Earning(msgspec.Struct, array_like=True, gc=False):
    """Provenance: what one rule gave for a payment, and what of it was undone or expired since."""

    rule: str
    lot: int
    points: int
    reversed: int = 0
    expired: int = 0


class Payment(msgspec.Struct, array_like=True, gc=False):
    """A payment that may still be refunded. `sequence` is the account's before it; `counted` says
    that its money counts towards a tier.
    """

    transaction: str
    invoice: str
    at: int
    amount_minor: int
    currency: str
    sequence: int
    refunded_minor: int = 0
    first: bool = False
    earnings: list[Earning] = []
    counted: bool = False


class ParkedRefund(msgspec.Struct, array_like=True, gc=False):
    """A refund that arrived before its payment. `amount_minor` None is the whole payment."""

    transaction: str
    invoice: str
    amount_minor: int | None


class KnownSubscription(msgspec.Struct, array_like=True, gc=False):
    """What facts last said of a subscription, enough to tell what a later fact changes.

    `anchor` is where its years are counted from, `years` how many annual renewals are settled,
    `anniversary_at` the next anniversary that is due, where a program asks for it.
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


class Memory(msgspec.Struct, array_like=True, gc=False):
    """What was seen. `digests` are eight bytes per fact, for the life of the account; `payments`
    are encoded each, see `payments`.

    `qualifying` is what counts in a tier's window, by the instant it stops counting; `tier_basis`
    is the figure the present tier rests on, counted at `tier_counted_at` up to `tier_sequence`, and
    `tier_needs` what it must not fall below: nothing for a tier that is kept by grace.
    """

    digests: bytes = b""
    clock: int = 0
    subscriptions: list[KnownSubscription] = []
    payments: list[msgspec.Raw] = []
    parked: list[ParkedRefund] = []
    counters: dict[str, Counter] = {}
    paid: bool = False
    spend_minor: int = 0
    qualifying: dict[int, int] = {}
    tier_basis: int = 0
    tier_counted_at: int = 0
    tier_sequence: int = 0
    tier_needs: int = 0
    review_at: int = NEVER
    unfired: bool = False


class Account(msgspec.Struct, array_like=True, gc=False):
    """`due_at` is the next instant at which time alone changes something, NEVER for none."""

    ledger: Ledger = msgspec.field(default_factory=Ledger)
    memory: Memory = msgspec.field(default_factory=Memory)
    due_at: int = NEVER


class _Due(msgspec.Struct, array_like=True, gc=False):
    """An account of which only `due_at` is read."""

    ledger: msgspec.Raw
    memory: msgspec.Raw
    due_at: int = NEVER


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Account)
_due_decoder = msgspec.msgpack.Decoder(_Due)


def encode_account(account: Account) -> bytes:
    return _encoder.encode(account)


def decode_account(data: bytes) -> Account:
    return _decoder.decode(data)


def next_due_at(account: Account) -> int | None:
    """Unix seconds of the next instant at which time alone changes the account."""
    return account.due_at or None


def read_due_at(data: bytes) -> int | None:
    """`next_due_at` of an encoded account, in a tenth of the time that decoding takes."""
    return _due_decoder.decode(data).due_at or None


def figures_of(ledger: Ledger) -> tuple[int, int]:
    """Balance and pending points: what lots hold, never stored apart from them.

    The balance is spendable: what active lots hold, less the deficit.
    """
    balance, pending = -ledger.deficit, 0
    for lot in ledger.lots:
        if lot.active:
            balance += lot.points
        else:
            pending += lot.points
    return balance, pending


def balance_of(ledger: Ledger) -> int:
    return figures_of(ledger)[0]


def pending_of(ledger: Ledger) -> int:
    return figures_of(ledger)[1]
