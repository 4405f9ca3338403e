"""Watches what is committed while it happens: how far each partition is, by the accounts topic."""

import asyncio
import contextlib
import time

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from schemas.topics import POSITION_KEY, Topics
from tests.chaos.workers import app_id

POLL_MS = 200
QUESTION_SECONDS_MAX = 5.0


class Watch:
    """Follows positions. `commits` counts the transactions seen, `waiting` says what holds up the
    end.
    """

    def __init__(self, bootstrap_servers: str, topics: Topics, partitions: int) -> None:
        self._topics = topics
        self._partitions = range(partitions)
        self._bootstrap_servers = bootstrap_servers
        self.positions: dict[int, int] = {}
        self.commits = 0
        self.waiting = ""
        self._consumer = AIOKafkaConsumer(
            topics.accounts,
            bootstrap_servers=bootstrap_servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )

    async def start(self) -> None:
        await self._consumer.start()

    async def follow(self) -> None:
        """Never returns."""
        while True:
            for records in (await self._consumer.getmany(timeout_ms=POLL_MS)).values():
                for record in records:
                    if record.key == POSITION_KEY:
                        self.positions[record.partition] = int(record.value or b"0")
                        self.commits += 1

    async def stop(self) -> None:
        await self._consumer.stop()

    async def until_committing(self, seconds_max: float) -> bool:
        """Whether a transaction was committed within the time, from now on."""
        before, deadline = self.commits, time.monotonic() + seconds_max
        while self.commits == before and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return self.commits > before

    async def until_drained(self, seconds_max: float) -> str:
        """Wait until all is translated and folded; says what is not when the time is up."""
        deadline = time.monotonic() + seconds_max
        self.waiting = await self._ask()
        while self.waiting and time.monotonic() < deadline:
            await asyncio.sleep(1)
            self.waiting = await self._ask()
        return self.waiting

    async def _ask(self) -> str:
        """What still waits. Facts that time writes meanwhile count as well."""
        asker = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap_servers,
            group_id=app_id(self._topics),
            enable_auto_commit=False,
        )
        try:
            async with asyncio.timeout(QUESTION_SECONDS_MAX):
                await asker.start()
                raw = [TopicPartition(self._topics.raw, each) for each in self._partitions]
                ends = await asker.end_offsets(raw)
                for where, end in ends.items():
                    done = await asker.committed(where) or 0
                    if done < end:
                        return f"{end - done} raw records of partition {where.partition}"
                facts = [TopicPartition(self._topics.facts, each) for each in self._partitions]
                for where, end in (await asker.end_offsets(facts)).items():
                    done = self.positions.get(where.partition, 0)
                    if done < end:
                        return f"{end - done} facts of partition {where.partition}"
        except (KafkaError, OSError, TimeoutError) as error:
            return f"an answer of the broker: {error!r}"
        finally:
            with contextlib.suppress(KafkaError, OSError):
                await asker.stop()
        return ""
