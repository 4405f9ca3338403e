"""The engine in one process, without Kafka: facts are folded and projected as they are sent.

It is what the service's ports are made of in tests: an inbox whose facts are folded at once, and
accounts that are told by the real fold over the real records.
"""

import asyncio
from pathlib import Path

from sqlalchemy import delete

from deploy.known_programs import KnownPrograms
from deploy.replay.history import History
from deploy.service.accounts import FoldedAccounts, standing_as_of
from deploy.settings import Settings
from projections.balances import Logged
from projections.database import open_engine
from projections.history import entries_of
from projections.rows import StateRow
from projections.service.ports import InboxUnavailable, Standing
from projections.store import Move, Store
from projections.tables import states
from schemas import ids
from schemas.codec import FACTS, POINTS
from schemas.custom import CustomEvent
from schemas.facts import AnyFact, CustomEventReceived, ProgramPublished
from schemas.program.model import Program
from schemas.topics import PROGRAMS_KEY
from streams.core.batches import Record
from streams.fold import PartitionFold
from tests.support.records import TIMESTAMP_MS, record
from tests.support.year import MORE_REWARDS, SPIKES, loaded

POINTS_TOPIC = "loyalty.points.v1"
PARTITION = 3


class KnownHere(KnownPrograms):
    """Programs that were published in this process."""

    def __init__(self) -> None:
        self._here: list[Program] = []
        self.revision = 0

    def publish(self, program: Program) -> None:
        self._here.append(program)
        self.revision += 1

    def programs(self) -> list[Program]:
        return self._here


class SmallEngine:
    """One partition. `kafka` False makes it take nothing, `folding` False fold nothing yet."""

    def __init__(self, views_url: str) -> None:
        self._engine = open_engine(views_url)
        self._store = Store(self._engine, POINTS_TOPIC, lambda: 7)
        self._fold = PartitionFold("test")
        self._turn = asyncio.Lock()
        self._events = 0
        self.records: list[Record] = []
        self.sent: list[AnyFact | CustomEvent] = []
        self.known = KnownHere()
        self.kafka = True
        self.folding = True
        self.recorded_at_ms = TIMESTAMP_MS

    async def open(self) -> None:
        await self._store.open_positions([PARTITION])

    async def close(self) -> None:
        await self._engine.dispose()

    async def publish(self, text: str, version: int = 1) -> None:
        program = loaded(text).model_copy(update={"version": version})
        fact = ProgramPublished(
            id=ids.program_published(program.program, version),
            site=program.site,
            customer="",
            occurred_at=0,
            program=program.program,
            version=version,
            document=program.document(),
        )
        self.known.publish(program)
        await self._take(fact, ids.account_key(program.site, "@programs"))

    async def send(self, fact: AnyFact) -> None:
        if not self.kafka:
            raise InboxUnavailable("Kafka is asleep", 7)
        self.sent.append(fact)
        if self.folding:
            await self._take(fact, ids.account_key(fact.site, fact.customer))

    async def send_event(self, event: CustomEvent) -> None:
        await self.send(
            CustomEventReceived(
                id=ids.custom(event.id),
                site=event.site,
                customer=event.customer,
                occurred_at=event.occurred_at,
                name=event.name,
                properties=event.properties,
            )
        )

    async def history(self, site: str, customer: str) -> History:
        key = ids.account_key(site, customer).encode()
        programs = ids.account_key(site, "@programs").encode()
        async with self._engine.connect() as connection:
            entries = await entries_of(connection, site, customer)
        records = [each for each in self.records if each.key in {key, programs}]
        return History(site=site, customer=customer, entries=entries, records=records)

    async def forget_states(self) -> None:
        """As if the accounts topic had not been read yet."""
        async with self._engine.begin() as connection:
            await connection.execute(delete(states))

    async def _take(self, fact: AnyFact, key: str) -> None:
        async with self._turn:
            offset = len(self.records)
            told = record(offset, FACTS.encode(fact), key=key.encode(), partition=PARTITION)
            told.timestamp = self.recorded_at_ms
            self.records.append(told)
            output = self._fold.apply([told])
            first = self._events
            batch = [
                Logged(
                    PARTITION, first + index, told.timestamp, value.decode(), POINTS.decode(value)
                )
                for index, (_, value, at_ms) in enumerate(output.events)
            ]
            self._events += len(batch)
            await self._store.apply(batch, {PARTITION: Move(first, self._events)})
            for state_key, state in output.states:
                if state_key != PROGRAMS_KEY:
                    await self._keep(state_key.decode(), state, offset)

    async def _keep(self, key: str, state: bytes, offset: int) -> None:
        row = StateRow(*ids.split_account_key(key), PARTITION, offset, state)
        async with self._engine.begin() as connection:
            await self._store._bulk.write(connection, states, [row], replace=True)


class AccountsHere(FoldedAccounts):
    """The past is folded from the records of this process."""

    def __init__(self, engine: SmallEngine) -> None:
        super().__init__(Settings(), engine.known)
        self._engine_here = engine

    async def as_of(
        self, site: str, customer: str, at: int, known_at: int | None
    ) -> Standing | None:
        history = await self._engine_here.history(site, customer)
        return standing_as_of(history, at, known_at) if history.entries else None


def sample_program(site: str) -> str:
    text = SPIKES.read_text(encoding="utf-8") + MORE_REWARDS
    return text.replace("site: acme-test", f"site: {site}")


def views_url(directory: Path) -> str:
    return f"sqlite+aiosqlite:///{directory / 'views.sqlite'}"
