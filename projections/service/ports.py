"""What the service asks of the rest of the engine: the ports, and their answers.

`deploy` passes an implementation of each; one that an installation does not offer is None, and
whoever needs it answers 501. `by` is who decides: a person's name, or `key:` and an API key's id.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import msgspec
from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncEngine

from projections.account_reader import AccountReader
from schemas.custom import CustomEvent
from schemas.facts import AnyFact
from schemas.program.model import Program

Clock = Callable[[], int]
"""Unix seconds UTC, whole."""


class InboxUnavailable(Exception):
    """Kafka did not acknowledge. It may have the record: the id makes a repeat safe."""

    def __init__(self, message: str, retry_after_seconds: int = 5) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Inbox(Protocol):
    """Takes what may change an account. Durable on Kafka when it returns.

    Raises `InboxUnavailable`.
    """

    async def send(self, fact: AnyFact) -> None: ...

    async def send_event(self, event: CustomEvent) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """Why an entry is as it is: in `sentences`, as the fold's own `steps`, and the events of its
    fact; each step and event as it is written in JSON. What is not `proven` was stored otherwise
    than a replay gives it, and the last sentences say what stands against it.
    """

    fact: str
    fact_type: str
    source: str
    occurred_at: int
    program: str
    program_version: int
    sentences: tuple[str, ...]
    steps: tuple[Mapping[str, Any], ...]
    events: tuple[Mapping[str, Any], ...]
    proven: bool = True


class Explainer(Protocol):
    """Replays a customer's facts through the fold, tracing."""

    async def explain_entry(self, site: str, customer: str, sequence: int) -> Explained | None:
        """None where there is no such entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftProblem:
    """What is wrong with a draft, where, and what to write instead."""

    path: str
    line: int
    message: str


class DraftRefused(Exception):
    """The text is no program."""

    def __init__(self, problems: Sequence[DraftProblem]) -> None:
        super().__init__("; ".join(each.message for each in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a program makes of a customer's history: the figures at its end, and every event."""

    balance: int
    pending: int
    lifetime: int
    deficit: int
    tier: str
    events: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DryRunAnswer:
    """The published and the draft program on one customer's history; each difference a sentence.

    `details` are the same differences as data: figures, tier, rules, rewards and facts, each as it
    was and as it would have been.
    """

    published: Outcome
    draft: Outcome
    differences: tuple[str, ...]
    details: Mapping[str, Any] = field(default_factory=dict)


class DryRun(Protocol):
    async def dry_run(self, site: str, customer: str, yaml_text: str) -> DryRunAnswer:
        """Raises `DraftRefused`."""


class ProgramBook(Protocol):
    """The published programs, and drafts of new versions."""

    async def versions(self, site: str) -> list[Program]:
        """By program and version."""

    async def words(self, program: Program) -> list[str]: ...

    async def diff(self, before: Program, after: Program) -> list[str]: ...

    async def text(self, program: Program) -> str:
        """The version as YAML that can be edited and published again."""

    async def check(self, yaml_text: str, site: str) -> Program:
        """Raises `DraftRefused`."""

    async def publish(self, yaml_text: str, site: str, by: str) -> Program:
        """The version that stands now. Raises `DraftRefused`."""


COUNTED_MAX = 10_000


class DecisionRefused(Exception):
    """It cannot be decided so as things stand; the message says what to do instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardCase:
    """One reward as the ledger holds it.

    `history` is what was done about it, oldest first: each has `what`, `attempt` or `decision`,
    and `at`, real seconds. `cursor` names its place in the list. Whether its account has been told
    is in `reported`; how far taking it back is, where somebody asked, in `revocation`.
    """

    reward_id: str
    site: str
    customer: str
    reward: str
    program: str
    program_version: int
    kind: str
    state: str
    attempts: int
    reference: str
    reason: str
    history: tuple[Mapping[str, Any], ...] = ()
    cursor: str = ""
    earned_at: int | None = None
    settled_at: int | None = None
    grant: Mapping[str, Any] = field(default_factory=dict)
    revocation: str = ""
    revocation_reason: str = ""
    reported: bool = False


class RewardBook(Protocol):
    """The reward ledger, for people. All raise `Problem` where it does not answer, and those that
    decide `DecisionRefused`.
    """

    async def page(
        self, state: str | None, site: str | None, limit: int, after: str | None
    ) -> list[RewardCase]:
        """Latest first; `after` is the cursor of the last one seen."""

    async def show(self, reward_id: str) -> RewardCase | None: ...

    async def retry(self, reward_id: str, by: str, reason: str) -> str: ...

    async def resolve(
        self,
        reward_id: str,
        by: str,
        reason: str,
        *,
        as_: Literal["delivered", "failed"],
        reference: str = "",
    ) -> str: ...

    async def cancel(self, reward_id: str, by: str, reason: str) -> str: ...

    async def pause(self, scope: Mapping[str, str], by: str, reason: str) -> None:
        """`scope` names any of site, program, kind; empty means everything."""

    async def resume(self, scope: Mapping[str, str], by: str, reason: str) -> None: ...

    async def pauses(self) -> list[Mapping[str, Any]]: ...

    async def counts(self) -> Mapping[str, int]:
        """Rewards by state; those that wait for a person count as `stuck`. None is counted beyond
        `COUNTED_MAX`.
        """

    async def doubt_seconds(self) -> float | None:
        """For how long the oldest unsettled outcome has been unknown; None where none is."""

    async def decisions(self, limit: int, before: int | None) -> list[Mapping[str, Any]]:
        """What people decided about rewards, latest first, each with the `id` to go on before,
        `at`, `by`, `verb`, `subject`, `reason` and `detail`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A record that a stage could not use: where it lies in the DLQ, where it came from, and why.

    `at` is unix seconds; `state` is what was decided about it.
    """

    partition: int
    offset: int
    at: int
    topic: str
    source_partition: int
    source_offset: int
    class_: str
    error: str
    attempts: int
    code_version: str
    key: bytes | None
    value: bytes = field(repr=False)
    state: Literal["waiting", "replayed", "discarded"] = "waiting"


class DeadLetters(Protocol):
    """The DLQ, for people. Replaying twice does once; all that decide raise `DecisionRefused`."""

    async def page(
        self, limit: int, before: tuple[int, int] | None, class_: str | None
    ) -> list[DeadLetter]:
        """Newest first; `before` is the partition and offset that the last page ended at."""

    async def show(self, partition: int, offset: int) -> DeadLetter | None: ...

    async def replay(self, partition: int, offset: int, by: str, reason: str) -> str:
        """A sentence that says where it went."""

    async def discard(self, partition: int, offset: int, by: str, reason: str) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureReport:
    """What an erasure did and proves: per place, how often the customer's data was found before
    and after; `remaining` says in sentences what is left and when it goes.
    """

    site: str
    customer: str
    fact: str
    found: Mapping[str, int]
    left: Mapping[str, int]
    remaining: tuple[str, ...]


class Eraser(Protocol):
    async def erase(self, site: str, customer: str, by: str, reason: str) -> ErasureReport:
        """Raises `InboxUnavailable`."""


class Exporter(Protocol):
    async def export(self, site: str, customer: str) -> dict[str, Any] | None:
        """All that is held of a customer, as JSON; None where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleHealth:
    """One role: whether it is alive and ready, what stands against that, what it lags behind, by
    topic in records and, where it says so, in seconds.
    """

    role: str
    alive: bool
    ready: bool
    complaints: Mapping[str, str]
    lag_messages: Mapping[str, int]
    lag_seconds: Mapping[str, float] = field(default_factory=dict)


class Workings(Protocol):
    """How the engine itself does, for the overview."""

    async def roles(self) -> list[RoleHealth]: ...

    async def dead_letters(self) -> int:
        """How many wait in the DLQ."""


class TierStanding(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The tier held `since` then. `basis` counts points, or minor units of `currency`.

    `missing` is what raises to `next_tier`, both absent at the top. Where time may take the tier
    away, it is reviewed at `review_at`, and what counts must grow by `needed_to_keep` until then;
    `grace_until` says that a review has failed and this is the last. A person holds it at least at
    `held_tier` until `held_until`, absent for good.
    """

    tier: str
    since: int | None
    currency: str = ""
    basis: int = 0
    next_tier: str = ""
    missing: int | None = None
    needed_to_keep: int | None = None
    review_at: int | None = None
    grace_until: int | None = None
    held_tier: str = ""
    held_until: int | None = None


class Expiring(msgspec.Struct, frozen=True, gc=False):
    """So many points that can be spent now are gone then, unless they are spent before."""

    expires_at: int
    points: int


class Standing(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What an account has at an instant; all that was due by then has happened.

    `sequence` is that of the last entry it rests on. `tier` is absent where there are no tiers and
    never was one; `expiring` is soonest first; `program` is the one in force, empty for none.
    """

    sequence: int
    balance: int
    pending: int
    lifetime: int
    deficit: int
    tier: TierStanding | None
    expiring: tuple[Expiring, ...]
    program: str
    program_version: int
    erased: bool


class HistoryGone(Exception):
    """Facts that an answer needs are no longer in the log, so it would be a guess."""


class LivingAccount(Protocol):
    """An account by all that is known now. `sequence` is that of its last entry; it has lived up
    to `lived_to`, and nothing else can be told of it before that.
    """

    @property
    def sequence(self) -> int: ...

    @property
    def lived_to(self) -> int: ...

    def standing(self, at: int) -> Standing:
        """At an instant not before `lived_to`. Ask once: it then has lived until there."""


class Accounts(Protocol):
    """What the fold says of an account. `state` is the account as the fold left it (`states`)."""

    def read(self, site: str, state: bytes) -> LivingAccount: ...

    async def as_of(
        self, site: str, customer: str, at: int, known_at: int | None
    ) -> Standing | None:
        """By the facts that had happened by `at`, of those recorded by `known_at`. None where
        there is no such account. Raises `HistoryGone`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much one caller may ask, per minute."""

    requests_per_minute: int = 12_000
    writes_per_minute: int = 3_000
    refusals_per_minute: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """All of it. `views` is a reading engine, `access` one that writes; `account_reader` reads one
    account of the views in the least time.

    `clock` is the engine's time, which decides what an account has; `wall` the real one, which
    keys, sessions and decisions go by. `cors_origins` empty keeps browsers of other sites out.
    `environment` is where people think they are; `hasher` is how their passwords are kept;
    `stopping` ends what would otherwise go on.
    """

    views: AsyncEngine
    access: AsyncEngine
    clock: Clock
    wall: Clock
    account_reader: AccountReader | None = None
    accounts: Accounts | None = None
    inbox: Inbox | None = None
    explainer: Explainer | None = None
    dry_run: DryRun | None = None
    programs: ProgramBook | None = None
    rewards: RewardBook | None = None
    dead_letters: DeadLetters | None = None
    eraser: Eraser | None = None
    exporter: Exporter | None = None
    workings: Workings | None = None
    limits: Limits = Limits()
    cors_origins: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    secure_cookies: bool = True
    wait_seconds_max: float = 2.0
    """How long `Prefer: wait` waits for an outcome."""
    environment: str = "live"
    hasher: PasswordHasher = field(default_factory=PasswordHasher)
    stopping: Callable[[], bool] = lambda: False
