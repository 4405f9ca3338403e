"""Read single facts of a partition by their offsets, and where its programs were published.

One bounded consumer per reader. It fetches little at a time, because one customer's facts lie far
apart: with tens of thousands of customers, each fetch holds one of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from deploy.errors import OperatingError
from deploy.replay.spans import spans
from deploy.topics import partitions_of
from schemas import ids
from schemas.codec import FACTS, DecodeError
from schemas.facts import ProgramPublished
from schemas.topics import Topics
from streams.core.batches import Record

FETCH_BYTES = 64 * 1024
POLL_MS = 200
SILENCE_SECONDS_MAX = 30.0
LOOKED_AT_MAX = 200_000
"""Records looked through for one published version, from the instant at which it was published."""

Progress: TypeAlias = Callable[[int, int], None]
"""Is told how many records of how many are read."""

Version: TypeAlias = tuple[str, str, int]
"""Site, program and version."""


class LogSilent(OperatingError):
    """Kafka does not give what is in the log."""


class FactsReader:
    """Reads committed records only. Not for several readings at once."""

    def __init__(
        self,
        bootstrap_servers: str,
        consumer: AIOKafkaConsumer,
        written: AIOKafkaConsumer,
        topics: Topics,
    ) -> None:
        """`written` sees what is not committed yet too: it tells the true ends."""
        self._bootstrap_servers = bootstrap_servers
        self._consumer = consumer
        self._written = written
        self._topics = topics
        self._programs_partitions: list[int] = []
        self._published: dict[tuple[int, Version], Record] = {}

    async def read(
        self, partition: int, offsets: Iterable[int], progress: Progress = lambda *_: None
    ) -> dict[int, Record]:
        """The records at these offsets of the facts topic, by offset; those that are gone are
        absent.
        """
        wanted = set(offsets)
        found: dict[int, Record] = {}
        where = TopicPartition(self._topics.facts, partition)
        self._consumer.assign([where])
        limits = await self._limits(where)
        for first, last in spans(wanted):
            async for records in self._stretch(where, first, last + 1, limits):
                found.update((each.offset, each) for each in records if each.offset in wanted)
                progress(len(found), len(wanted))
        return found

    async def published(self, partition: int, site: str) -> list[Record]:
        """The records by which the versions of a site's programs became known to a partition of
        the facts topic, in order. One that cannot be found any more is left out.
        """
        found = []
        for version, at_ms in (await self._versions(site)).items():
            record = self._published.get((partition, version))
            if record is None:
                record = await self._find(partition, version, at_ms)
                if record is None:
                    continue
                self._published[partition, version] = record
            found.append(record)
        return sorted(found, key=lambda each: each.offset)

    async def _versions(self, site: str) -> dict[Version, int]:
        """When each version of the site was published, by the timestamp of its record."""
        topic = self._topics.programs
        if not self._programs_partitions:
            self._programs_partitions = await partitions_of(self._bootstrap_servers, topic)
        numbers = self._programs_partitions
        places = [TopicPartition(topic, each) for each in numbers]
        self._consumer.assign(places)
        ends = await self._written.end_offsets(places)
        starts = await self._consumer.beginning_offsets(places)
        for place in places:
            self._consumer.seek(place, starts[place])
        found: dict[Version, int] = {}
        async for records in self._until(places, ends):
            for record in records:
                version = _version_of(record.key or b"")
                if version is not None and version[0] == site and record.value:
                    found[version] = record.timestamp
        return found

    async def _find(self, partition: int, version: Version, at_ms: int) -> "Record | None":
        """From where the partition has reached the instant: the record was written no earlier."""
        where = TopicPartition(self._topics.facts, partition)
        self._consumer.assign([where])
        [begin] = (await self._consumer.offsets_for_times({where: at_ms})).values()
        if begin is None:
            return None
        limits = await self._limits(where)
        end = begin.offset + LOOKED_AT_MAX
        async for records in self._stretch(where, begin.offset, end, limits):
            for record in records:
                if _publishes(record, version):
                    return record
        return None

    async def _limits(self, where: TopicPartition) -> tuple[int, int]:
        """The first offset that is left, and the one after the last, committed or not."""
        start = (await self._consumer.beginning_offsets([where]))[where]
        return start, (await self._written.end_offsets([where]))[where]

    async def _stretch(
        self, where: TopicPartition, start: int, end: int, limits: tuple[int, int]
    ) -> AsyncIterator[Sequence[Record]]:
        """Records with start ≤ offset < end, as far as there are any."""
        start, end = max(start, limits[0]), min(end, limits[1])
        if start >= end:
            return
        self._consumer.seek(where, start)
        async for records in self._until([where], {where: end}):
            yield records

    async def _until(
        self, places: Sequence[TopicPartition], ends: dict[TopicPartition, int]
    ) -> AsyncIterator[Sequence[Record]]:
        reached = {place: await self._consumer.position(place) for place in places}
        heard_at = asyncio.get_running_loop().time()
        while any(reached[place] < ends[place] for place in places):
            batches = await self._consumer.getmany(*places, timeout_ms=POLL_MS)
            for place, records in batches.items():
                kept = [each for each in records if each.offset < ends[place]]
                if kept:
                    yield kept
            now = {place: await self._consumer.position(place) for place in places}
            if now != reached:
                heard_at = asyncio.get_running_loop().time()
            elif asyncio.get_running_loop().time() - heard_at > SILENCE_SECONDS_MAX:
                raise LogSilent(
                    f"Kafka has given nothing for {SILENCE_SECONDS_MAX:.0f} s. Is a transaction "
                    "open, or a broker away? Try again when it is there."
                )
            reached = now


def _publishes(record: Record, version: Version) -> bool:
    if not (record.key or b"").startswith(ids.account_key(version[0], "").encode()):
        return False
    try:
        fact = FACTS.decode(record.value or b"")
    except DecodeError:
        return False
    return isinstance(fact, ProgramPublished) and (fact.site, fact.program, fact.version) == version


def _version_of(key: bytes) -> Version | None:
    """The version that a key of the programs topic names."""
    site, _, rest = key.decode(errors="replace").partition(ids.SEPARATOR)
    program, _, number = rest.rpartition(ids.SEPARATOR)
    return (site, program, int(number)) if number.isdecimal() else None


@asynccontextmanager
async def open_reader(bootstrap_servers: str, topics: Topics) -> AsyncIterator[FactsReader]:
    """Raises `OperatingError` where Kafka cannot be reached."""
    consumers = [
        AIOKafkaConsumer(
            bootstrap_servers=bootstrap_servers,
            group_id=None,
            isolation_level=level,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=FETCH_BYTES,
        )
        for level in ("read_committed", "read_uncommitted")
    ]
    try:
        for consumer in consumers:
            await consumer.start()
            await asyncio.sleep(0)  # lets its tasks begin: one cancelled before raises on stop
        yield FactsReader(bootstrap_servers, consumers[0], consumers[1], topics)
    except KafkaError as error:
        msg = f"Kafka at {bootstrap_servers} cannot be read ({error!r}). Check that it runs."
        raise OperatingError(msg) from error
    finally:
        for consumer in consumers:
            await consumer.stop()
