"""Read one partition's logs, each once, and hand every record to the checks that want it.

The snapshot: `@next` in the accounts topic is read first, so that everything before it must be
explained by points events that are read after it. Points events of later transactions are held
against the facts they name too: the facts are folded as far as the log has been seen to go.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from deploy.audit.checks import Checks
from deploy.audit.dead_letters import DeadLetters
from deploy.audit.incoming import Incoming
from deploy.audit.outcomes import Outcomes
from deploy.audit.refold import Refold, compare_states
from deploy.audit.rewards import Rewards
from deploy.audit.sums import Conservation, Sequences
from deploy.audit.tally import place
from deploy.audit.truth import Truth
from deploy.topic_logs import Logs
from schemas import ids
from schemas.codec import FACTS, POINTS, REWARDS, DecodeError
from schemas.facts import AnyFact, ProgramPublished, RewardDelivered, RewardFailed
from schemas.topics import POSITION_KEY, Topics
from streams.core.batches import Record
from streams.core.ports import Rejected
from streams.fold import PartitionFold


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """The checks that span partitions."""

    checks: Checks
    rewards: Rewards
    incoming: Incoming
    dead_letters: DeadLetters
    truth: Truth | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBefore:
    """What was read of a partition before: the end of its commands, of these what the ledger had
    received, and of its points events what the views had projected.
    """

    commands: int
    received: int
    projected: int


class PartitionAudit:
    """Lives for one partition."""

    def __init__(
        self,
        logs: Logs,
        topics: Topics,
        partition: int,
        audience: Audience,
        advance: Callable[[int], None],
    ) -> None:
        checks = audience.checks
        self._logs = logs
        self._topics = topics
        self._partition = partition
        self._audience = audience
        self._advance = advance
        self._refold = Refold(checks.refold)
        self._outcomes = Outcomes(checks.outcomes, partition)
        self._sequences = Sequences(checks.sequences)
        self._sums = Conservation(checks.sums)
        self._fold = PartitionFold("audit")
        self._states: dict[bytes, bytes] = {}

    async def run(self, before: ReadBefore) -> None:
        topics, partition = self._topics, self._partition
        held, position = await self._read_accounts()
        points_end = (await self._logs.ends(topics.points, [partition]))[partition]
        facts_end = (await self._logs.ends(topics.facts, [partition]))[partition]
        await self._read_commands(before)
        named = await self._read_points(points_end, before.projected, facts_end)
        await self._read_facts(facts_end, position, max(position, named + 1), held)
        self._refold.finish()
        self._outcomes.finish()
        self._audience.rewards.finish_partition()

    async def _read_accounts(self) -> tuple[Mapping[bytes, bytes], int]:
        """The last state of each key, and the offset up to which facts are folded."""
        held: dict[bytes, bytes] = {}
        topic = self._topics.accounts
        end = (await self._logs.ends(topic, [self._partition]))[self._partition]
        async for records in self._logs.read(topic, self._partition, 0, end):
            held.update((each.key or b"", each.value or b"") for each in records)
        return held, int(held.pop(POSITION_KEY, b"0"))

    async def _read_commands(self, before: ReadBefore) -> None:
        topic = self._topics.rewards
        async for records in self._logs.read(topic, self._partition, 0, before.commands):
            for record in records:
                try:
                    command = REWARDS.decode(record.value or b"")
                except DecodeError:
                    where = place(topic, self._partition, record.offset)
                    self._audience.checks.commands.breach(f"{where} is no reward command")
                    continue
                received = record.offset < before.received
                self._audience.rewards.take_command(command, is_received=received)
            self._advance(len(records))

    async def _read_points(self, end: int, projected: int, facts_end: int) -> int:
        """Returns the last fact that an event names, of those there are; −1 for none."""
        named = -1
        topic = self._topics.points
        async for records in self._logs.read(topic, self._partition, 0, end):
            for record in records:
                cause = self._take_points_record(record, projected)
                if named < cause < facts_end:
                    named = cause
            self._advance(len(records))
        return named

    def _take_points_record(self, record: Record, projected: int) -> int:
        value = record.value or b""
        where = place(self._topics.points, self._partition, record.offset)
        refold = self._audience.checks.refold
        try:
            event = POINTS.decode(value)
        except DecodeError as error:
            refold.breach(f"{where} is no points event: {error}")
            return -1
        account = ids.account_key(event.site, event.customer).encode()
        if record.key != account:
            refold.breach(f"{where} lies under another key than its account's")
        self._refold.take_logged(account, event.sequence, value)
        self._outcomes.take_event(event)
        self._sequences.take(event)
        self._sums.take(event)
        self._audience.rewards.take_event(event, is_projected=record.offset < projected)
        return event.cause.offset

    async def _read_facts(
        self, end: int, position: int, folded_to: int, held: Mapping[bytes, bytes]
    ) -> None:
        """Fold up to `folded_to`, and compare states where the position stands."""
        is_compared = False
        async for records in self._logs.read(self._topics.facts, self._partition, 0, end):
            for record in records:
                self._take_fact_record(record, is_folded=record.offset < folded_to)
            self._apply([each for each in records if each.offset < position])
            if not is_compared and records[-1].offset >= position:
                compare_states(self._audience.checks.states, held, self._states)
                is_compared = True
            self._apply([each for each in records if position <= each.offset < folded_to])
            self._advance(len(records))
        if not is_compared:
            compare_states(self._audience.checks.states, held, self._states)

    def _take_fact_record(self, record: Record, *, is_folded: bool) -> None:
        value = record.value or b""
        origin = (self._topics.facts, self._partition, record.offset)
        self._audience.dead_letters.take_original(origin, value)
        try:
            fact = FACTS.decode(value)
        except DecodeError:
            return  # the fold rejects it
        if not isinstance(fact, ProgramPublished):
            self._take_fact(record.offset, fact, is_folded=is_folded)

    def _take_fact(self, offset: int, fact: AnyFact, *, is_folded: bool) -> None:
        audience = self._audience
        audience.incoming.take_fact(self._partition, fact)
        if isinstance(fact, RewardDelivered | RewardFailed):
            audience.rewards.take_outcome(fact, is_folded=is_folded)
        if audience.truth is not None:
            audience.truth.take(fact)
        if is_folded:
            self._outcomes.take_fact(offset, fact)

    def _apply(self, records: Sequence[Record]) -> None:
        if not records:
            return
        output = self._fold.apply(records)
        for key, value, _ in output.events:
            self._refold.take_folded(key, value)
        self._states.update(output.states)
        for rejected in output.rejected:
            self._expect(rejected, records)

    def _expect(self, rejected: Rejected, records: Sequence[Record]) -> None:
        offset = int(dict(rejected.headers)["offset"])
        arrived_ms = next(each.timestamp for each in records if each.offset == offset)
        origin = (self._topics.facts, self._partition, offset)
        self._audience.dead_letters.expect(origin, rejected.value or b"", arrived_ms)
