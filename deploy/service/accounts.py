"""What the fold says of an account: now, later, or as of an instant, always by the fold itself."""

from dataclasses import dataclass

import msgspec

from deploy.cluster import bootstrap_servers, topics_of
from deploy.known_programs import KnownPrograms
from deploy.replay.history import History, read_history
from deploy.replay.reader import open_reader
from deploy.service.refusals import as_refusals
from deploy.settings import Settings
from deploy.views import reading_own_views
from projections.service.ports import Expiring, HistoryGone, Standing, TierStanding
from schemas import ids
from schemas.codec import FACTS
from schemas.facts import ProgramPublished, TimeReached
from schemas.program.model import Program
from schemas.topics import PROGRAMS_KEY
from streams.account.ordering import fold
from streams.account.outlook import view
from streams.account.programs import Programs
from streams.account.state import Account
from streams.account.storing import decode_account
from streams.fold import PartitionFold

MS = 1_000


@dataclass(frozen=True, slots=True)
class Living:
    """The port `LivingAccount`."""

    account: Account
    site: str
    programs: Programs

    @property
    def sequence(self) -> int:
        return self.account.ledger.sequence

    @property
    def lived_to(self) -> int:
        return self.account.memory.clock

    def standing(self, at: int) -> Standing:
        assert at >= self.lived_to
        return standing_at(self.account, self.site, at, self.programs)


class FoldedAccounts:
    """The port `Accounts`. Follows the published programs; a question about the past replays."""

    def __init__(self, settings: Settings, known: KnownPrograms) -> None:
        self._settings = settings
        self._known = known
        self._revision = -1
        self._programs = Programs()

    def read(self, site: str, state: bytes) -> "Living":
        if self._revision != self._known.revision:
            self._revision = self._known.revision
            self._programs = programs_of(self._known.programs())
        return Living(decode_account(state), site, self._programs)

    async def as_of(
        self, site: str, customer: str, at: int, known_at: int | None
    ) -> Standing | None:
        settings = self._settings
        with as_refusals():
            async with (
                reading_own_views(settings) as connection,
                open_reader(bootstrap_servers(settings), topics_of(settings)) as reader,
            ):
                history = await read_history(connection, reader, site, customer)
        return None if not history.entries else standing_as_of(history, at, known_at)


def programs_of(published: list[Program]) -> Programs:
    """As the fold knows them."""
    return Programs(tuple(msgspec.json.encode(each.document()) for each in published))


def standing_at(account: Account, site: str, at: int, programs: Programs) -> Standing:
    """`account`, which has not lived beyond `at`, lives until then: it is changed."""
    sequence = account.ledger.sequence
    if account.due_at and account.due_at <= at:
        fact = TimeReached(id=ids.time_reached(at), site=site, customer="", occurred_at=at)
        fold(account, fact, 0, programs)
    program = programs.effective(site, at)
    seen = view(account, program, at)
    return Standing(
        sequence=sequence,
        balance=seen.balance,
        pending=seen.pending,
        lifetime=seen.lifetime,
        deficit=seen.deficit,
        tier=None if seen.tier is None else TierStanding(**msgspec.structs.asdict(seen.tier)),
        expiring=tuple(Expiring(when, points) for when, points in seen.expiring),
        program="" if program is None else program.id,
        program_version=0 if program is None else program.version,
        erased=account.ledger.erased,
    )


def standing_as_of(history: History, at: int, known_at: int | None) -> Standing:
    """Fold what had happened by `at`, in the order in which it became known by `known_at`."""
    if history.missing:
        raise HistoryGone(
            f"{len(history.missing):,} of the customer's facts are no longer in the log, so what "
            "stood then cannot be told."
        )
    partition, state = PartitionFold("as-of"), None
    for record in history.records:
        if known_at is not None and record.timestamp > known_at * MS + MS - 1:
            continue
        fact = FACTS.decode(record.value or b"")
        if not isinstance(fact, ProgramPublished) and fact.occurred_at > at:
            continue
        for key, folded in partition.apply([record]).states:
            if key != PROGRAMS_KEY:
                state = folded
    account = Account() if state is None else decode_account(state)
    return standing_at(account, history.site, at, partition.programs)
