"""What people decide about dead letters: each is sent again or given up once, with who and why.

The DLQ is a log, so what was decided is kept in the access database, under where the record came
from. Sending is at least once: a crash between the sending and the note of it is seen, and the
natural keys of facts absorb the second copy.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.dead_letters.decisions import DISCARD, REPLAY, REPLAYED
from deploy.dead_letters.letters import Letter
from deploy.dead_letters.reading import DeadLetterLog
from projections.access.database import access
from projections.access.decisions import Decision, decisions_about, record_decision
from projections.service.ports import DecisionRefused
from schemas.topics import Topics

State = Literal["waiting", "replayed", "discarded"]

_STATES: Mapping[str, State] = {REPLAYED: "replayed", DISCARD: "discarded"}
_CHUNK_SUBJECTS = 500


class Sender(Protocol):
    """The part of a producer that sending again needs; returns (partition, offset)."""

    async def __call__(self, letter: Letter) -> tuple[int, int]: ...


@dataclass(frozen=True, slots=True)
class Decided:
    """A letter and what was decided about it; `by` and `reason` are empty while it waits."""

    letter: Letter
    state: State = "waiting"
    at: int = 0
    by: str = ""
    reason: str = ""


class Desk:
    """`wall` is real time, unix seconds."""

    def __init__(
        self,
        log: DeadLetterLog,
        engine: AsyncEngine,
        send: Sender,
        topics: Topics,
        wall: Callable[[], int],
    ) -> None:
        self._log = log
        self._engine = engine
        self._send = send
        self._topics = topics
        self._wall = wall

    async def newest_first(
        self, *, before: tuple[int, int] | None = None
    ) -> AsyncIterator[Decided]:
        waiting: list[Letter] = []
        async for letter in self._log.newest_first(before=before):
            waiting.append(letter)
            if len(waiting) == _CHUNK_SUBJECTS:
                for each in await self._decided(waiting):
                    yield each
                waiting = []
        for each in await self._decided(waiting):
            yield each

    async def find(self, partition: int, offset: int) -> Decided | None:
        letter = await self._log.find(partition, offset)
        return None if letter is None else (await self._decided([letter]))[0]

    async def replay(self, partition: int, offset: int, by: str, reason: str) -> str:
        """Send the record to the topic it came from, as it was. Raises `DecisionRefused`.

        Returns a sentence that says where it went.
        """
        return await self.send_again(await self._open(partition, offset), by, reason)

    async def send_again(self, found: Decided, by: str, reason: str) -> str:
        """As `replay`, one that waits and has just been read."""
        letter = found.letter
        assert found.state == "waiting"
        if letter.topic not in (
            self._topics.raw,
            self._topics.custom,
            self._topics.facts,
            self._topics.rewards,
        ):
            raise DecisionRefused(
                f"It came from {letter.topic or 'nowhere that its headers tell'}: there is nowhere "
                "to send it. It can be discarded."
            )
        await self._note(REPLAY, letter, by, reason)
        went = await self._send(letter)
        to = f"{letter.topic}/{went[0]}/{went[1]}"
        await self._note(REPLAYED, letter, by, reason, to)
        return f"Sent again as {to}."

    async def discard(self, partition: int, offset: int, by: str, reason: str) -> None:
        """Give it up: it ages out, and waits no more. Raises `DecisionRefused`."""
        found = await self._open(partition, offset)
        await self._note(DISCARD, found.letter, by, reason)

    async def _open(self, partition: int, offset: int) -> Decided:
        found = await self.find(partition, offset)
        if found is None:
            raise DecisionRefused(f"The DLQ holds nothing at {partition}/{offset}.")
        if found.state != "waiting":
            raise DecisionRefused(
                f"It was {found.state} already, by {found.by}: {found.reason}. Nothing was done."
            )
        return found

    async def _decided(self, letters: list[Letter]) -> list[Decided]:
        if not letters:
            return []
        async with access(self._engine) as connection:
            known = await decisions_about(connection, [each.subject for each in letters])
        return [_latest(each, known.get(each.subject, [])) for each in letters]

    async def _note(
        self, kind: str, letter: Letter, by: str, reason: str, detail: str = ""
    ) -> None:
        async with access(self._engine) as connection:
            await record_decision(
                connection,
                Decision(
                    at=self._wall(),
                    by=by,
                    kind=kind,
                    subject=letter.subject,
                    reason=reason,
                    detail=detail or f"{self._log.topic}/{letter.partition}/{letter.offset}",
                ),
            )


def _latest(letter: Letter, decisions: list[Decision]) -> Decided:
    for each in decisions:
        state = _STATES.get(each.kind)
        if state is not None:
            return Decided(letter, state, each.at, each.by, each.reason)
    return Decided(letter)


def sender(producer: AIOKafkaProducer) -> Sender:
    """To the partition that the record lay in, with its key and headers. The producer is idempotent
    and started.
    """

    async def send(letter: Letter) -> tuple[int, int]:
        try:
            written = await producer.send_and_wait(
                letter.topic,
                letter.value,
                key=letter.key,
                partition=letter.source_partition,
                headers=letter.replay_headers,
            )
        except KafkaError as error:
            raise DecisionRefused(
                f"Kafka did not take it ({error!r}). It may have it all the same; to send it again "
                "does no harm."
            ) from error
        return written.partition, written.offset

    return send
