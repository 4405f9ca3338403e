"""What the API answers: the shapes, each with an example. PURE.

Times are unix seconds UTC, points integers, money integer minor units beside a currency.
"""

from typing import Any, ClassVar

import msgspec

from projections.rows import EntryRow, LotRow, RewardRow
from projections.service.ports import Expiring, Standing, TierStanding
from schemas.points import AnyPointsEvent

EVENT_TYPES: tuple[str, ...] = tuple(sorted(each.__name__ for each in AnyPointsEvent.__args__))
MS = 1_000


class Document(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The head of every answer."""

    example: ClassVar[dict[str, Any]] = {}


class ProgramName(msgspec.Struct, frozen=True, gc=False):
    id: str
    version: int


class Customer(Document, frozen=True, kw_only=True):
    """Where an account stands at the instant `at`. `balance` can be spent, `pending` not yet;
    `lifetime` is earned less reversed; `deficit` is what later points fill first. `sequence` is
    the number of the last entry it rests on.
    """

    site: str
    customer: str
    at: int
    known_at: int | None
    sequence: int
    balance: int
    pending: int
    lifetime: int
    deficit: int
    tier: TierStanding | None
    expiring: tuple[Expiring, ...]
    program: ProgramName | None
    erased: bool

    example: ClassVar[dict[str, Any]] = {
        "site": "acme-test",
        "customer": "c_1042",
        "at": 1796083200,
        "known_at": None,
        "sequence": 31,
        "balance": 1200,
        "pending": 198,
        "lifetime": 5400,
        "deficit": 0,
        "tier": {
            "tier": "saguaro",
            "since": 1764547200,
            "currency": "",
            "basis": 5400,
            "next_tier": "golden-barrel",
            "missing": 4600,
            "needed_to_keep": 0,
            "review_at": 1798761600,
            "grace_until": None,
            "held_tier": "",
            "held_until": None,
        },
        "expiring": [{"expires_at": 1798761600, "points": 450}],
        "program": {"id": "spikes", "version": 3},
        "erased": False,
    }


class CauseDocument(msgspec.Struct, frozen=True, gc=False):
    fact: str
    trigger: str
    source: str


class Entry(Document, frozen=True, kw_only=True):
    """One points event. `points` is what it added to balance and pending together; the four
    figures are those after it; `event` is the event as it stands in `loyalty.points.v1`.
    """

    customer: str
    sequence: int
    type: str
    occurred_at: int
    recorded_at: int
    points: int
    rule: str
    program: ProgramName | None
    lot: str
    balance: int
    pending: int
    lifetime: int
    deficit: int
    cause: CauseDocument
    event: msgspec.Raw

    example: ClassVar[dict[str, Any]] = {
        "customer": "c_1042",
        "sequence": 7,
        "type": "PointsEarned",
        "occurred_at": 1764547200,
        "recorded_at": 1764547203,
        "points": 198,
        "rule": "pay",
        "program": {"id": "spikes", "version": 3},
        "lot": "0a1b2c3d4e5f607",
        "balance": 1200,
        "pending": 198,
        "lifetime": 5400,
        "deficit": 0,
        "cause": {
            "fact": "payment:txn_1:inv_9",
            "trigger": "payment_succeeded",
            "source": "ev_19ACW8Srxbe2l3cp",
        },
        "event": {"type": "PointsEarned", "points": 198},
    }


class EntryPage(Document, frozen=True, kw_only=True):
    """Newest first. `next` is the cursor of the next page, absent on the last."""

    items: list[Entry]
    next: str | None

    example: ClassVar[dict[str, Any]] = {"items": [Entry.example], "next": "WyJlbnRyaWVzIiw3XQ"}


class Lot(Document, frozen=True, kw_only=True):
    """One credit, and what is left of it. `state` is `available`, `pending` until `available_at`,
    or `waiting` for an activity until then.
    """

    lot: str
    state: str
    remaining: int
    points: int
    opened_at: int
    available_at: int
    expires_at: int | None
    promotional: bool
    fact: str
    rule: str
    program: ProgramName | None

    example: ClassVar[dict[str, Any]] = {
        "lot": "0a1b2c3d4e5f607",
        "state": "available",
        "remaining": 98,
        "points": 198,
        "opened_at": 1764547200,
        "available_at": 1765756800,
        "expires_at": 1796083200,
        "promotional": False,
        "fact": "payment:txn_1:inv_9",
        "rule": "pay",
        "program": {"id": "spikes", "version": 3},
    }


class Lots(Document, frozen=True, kw_only=True):
    """Those that hold something at `at`, in the order in which they are spent."""

    at: int
    items: list[Lot]

    example: ClassVar[dict[str, Any]] = {"at": 1796083200, "items": [Lot.example]}


class Reward(Document, frozen=True, kw_only=True):
    """One firing of a reward. `state` is earned, delivered, failed or revoked."""

    reward_id: str
    customer: str
    reward: str
    state: str
    cost: int
    grant: msgspec.Raw
    reference: str
    reason: str
    earned_at: int
    changed_at: int
    sequence: int
    program: ProgramName | None

    example: ClassVar[dict[str, Any]] = {
        "reward_id": "acme-test:c_1042:five-off:1",
        "customer": "c_1042",
        "reward": "five-off",
        "state": "delivered",
        "cost": 1000,
        "grant": {"type": "Discount", "via": "promotional_credit", "amounts_minor": {"USD": 500}},
        "reference": "pc_7",
        "reason": "",
        "earned_at": 1764547200,
        "changed_at": 1764547260,
        "sequence": 9,
        "program": {"id": "spikes", "version": 3},
    }


class RewardPage(Document, frozen=True, kw_only=True):
    """Newest first."""

    items: list[Reward]
    next: str | None

    example: ClassVar[dict[str, Any]] = {"items": [Reward.example], "next": None}


class Explanation(Document, frozen=True, kw_only=True):
    """Why an entry is as it is: in sentences, step by step, rules that did not fire included."""

    fact: str
    fact_type: str
    source: str
    occurred_at: int
    program: ProgramName | None
    sentences: tuple[str, ...]
    steps: tuple[Any, ...]
    events: tuple[Any, ...]

    example: ClassVar[dict[str, Any]] = {
        "fact": "payment:txn_1:inv_9",
        "fact_type": "PaymentSucceeded",
        "source": "ev_19ACW8Srxbe2l3cp",
        "occurred_at": 1764547200,
        "program": {"id": "spikes", "version": 3},
        "sentences": ["The rule pay gave 198 spikes."],
        "steps": [],
        "events": [],
    }


class Worth(msgspec.Struct, frozen=True, gc=False):
    """What the outstanding points are worth at the dearest discount that the program gives for
    points: at `cost` points for `gives_minor`, by the reward named.
    """

    currency: str
    amount_minor: int
    reward: str
    cost: int
    gives_minor: int


class Month(msgspec.Struct, frozen=True, gc=False):
    """What changed the points in lots in a month (UTC), by kind; reductions are negative."""

    month: str
    flows: dict[str, int]


class ProgramLiability(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`outstanding` is what lots hold, `pending` the part of it that cannot be spent yet.
    `expired_share` is the breakage so far: of all points issued, the share that expired.
    """

    program: str
    outstanding: int
    pending: int
    issued: int
    expired: int
    redeemed: int
    expired_share: float
    redeemed_share: float
    worth: list[Worth]
    months: list[Month]


class Liability(Document, frozen=True, kw_only=True):
    """What is owed in points. `deficit` is what accounts owe in turn. The program with an empty
    name holds what people credited by hand.
    """

    site: str
    at: int
    outstanding: int
    pending: int
    deficit: int
    programs: list[ProgramLiability]

    example: ClassVar[dict[str, Any]] = {
        "site": "acme-test",
        "at": 1796083200,
        "outstanding": 84210,
        "pending": 5120,
        "deficit": 40,
        "programs": [
            {
                "program": "spikes",
                "outstanding": 84210,
                "pending": 5120,
                "issued": 120400,
                "expired": 9100,
                "redeemed": 27090,
                "expired_share": 0.0756,
                "redeemed_share": 0.225,
                "worth": [
                    {
                        "currency": "USD",
                        "amount_minor": 42105,
                        "reward": "five-off",
                        "cost": 1000,
                        "gives_minor": 500,
                    }
                ],
                "months": [{"month": "2026-11", "flows": {"earned": 4200, "expired": -300}}],
            }
        ],
    }


class ProgramLine(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    program: str
    version: int
    effective_at: int
    retired: bool


class ProgramList(Document, frozen=True, kw_only=True):
    """Every published version; the one `in_force` applies now."""

    items: list[ProgramLine]
    in_force: ProgramName | None

    example: ClassVar[dict[str, Any]] = {
        "items": [
            {"program": "spikes", "version": 3, "effective_at": 1764543600, "retired": False}
        ],
        "in_force": {"id": "spikes", "version": 3},
    }


class ProgramVersion(Document, frozen=True, kw_only=True):
    """One version: in words, and as it is stored."""

    program: str
    version: int
    effective_at: int
    retired: bool
    words: list[str]
    document: Any

    example: ClassVar[dict[str, Any]] = {
        "program": "spikes",
        "version": 3,
        "effective_at": 1764543600,
        "retired": False,
        "words": ["500 spikes for signing up."],
        "document": {"program": "spikes", "site": "acme-test"},
    }


class FoundCustomer(msgspec.Struct, frozen=True, gc=False):
    customer: str
    balance: int
    tier: str
    erased: bool


class SearchResult(Document, frozen=True, kw_only=True):
    customers: list[FoundCustomer]
    rewards: list[Reward]
    entries: list[Entry]

    example: ClassVar[dict[str, Any]] = {
        "customers": [{"customer": "c_1042", "balance": 1200, "tier": "saguaro", "erased": False}],
        "rewards": [],
        "entries": [],
    }


class Accepted(Document, frozen=True, kw_only=True):
    """It is durably on Kafka, as the fact named here. `entries` is what came of it, where the
    caller waited and it was folded in time; else it is absent, and the fact is folded soon.
    """

    fact: str
    entries: list[Entry] | None

    example: ClassVar[dict[str, Any]] = {"fact": "adjustment:gift-77", "entries": None}


class ErasureDocument(Document, frozen=True, kw_only=True):
    """What an erasure did: per place, how much of the customer was found before and is left, and
    what is left until when.
    """

    fact: str
    found: dict[str, int]
    left: dict[str, int]
    remaining: tuple[str, ...]

    example: ClassVar[dict[str, Any]] = {
        "fact": "customer_deleted:c_1042",
        "found": {"views": 31},
        "left": {"views": 0},
        "remaining": ["Raw webhooks hold it for 14 days at most."],
    }


def customer_document(
    site: str, customer: str, at: int, known_at: int | None, standing: Standing
) -> Customer:
    return Customer(
        site=site,
        customer=customer,
        at=at,
        known_at=known_at,
        sequence=standing.sequence,
        balance=standing.balance,
        pending=standing.pending,
        lifetime=standing.lifetime,
        deficit=standing.deficit,
        tier=standing.tier,
        expiring=standing.expiring,
        program=program_name(standing.program, standing.program_version),
        erased=standing.erased,
    )


def program_name(program: str, version: int) -> ProgramName | None:
    return ProgramName(program, version) if program else None


def entry_document(row: EntryRow) -> Entry:
    return Entry(
        customer=row.customer,
        sequence=row.sequence,
        type=row.type,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at_ms // MS,
        points=row.points,
        rule=row.rule,
        program=program_name(row.program, row.program_version),
        lot=row.lot,
        balance=row.balance,
        pending=row.pending,
        lifetime=row.lifetime,
        deficit=row.deficit,
        cause=CauseDocument(row.fact, row.trigger, row.source),
        event=msgspec.Raw(row.event.encode()),
    )


def lot_document(row: LotRow, at: int) -> Lot:
    state = "waiting" if row.waits else "pending" if row.available_at > at else "available"
    return Lot(
        lot=row.lot,
        state=state,
        remaining=row.remaining,
        points=row.points,
        opened_at=row.opened_at,
        available_at=row.available_at,
        expires_at=row.expires_at,
        promotional=row.promotional,
        fact=row.fact,
        rule=row.rule,
        program=program_name(row.program, row.program_version),
    )


def reward_document(row: RewardRow) -> Reward:
    return Reward(
        reward_id=row.reward_id,
        customer=row.customer,
        reward=row.reward,
        state=row.state,
        cost=row.cost,
        grant=msgspec.Raw(row.grant_json.encode()),
        reference=row.reference,
        reason=row.reason,
        earned_at=row.earned_at,
        changed_at=row.changed_at,
        sequence=row.sequence,
        program=program_name(row.program, row.program_version),
    )
