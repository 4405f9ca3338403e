"""Follow the published programs, for the stage that must know which properties they name."""

import asyncio

import structlog
from aiokafka import AIOKafkaConsumer
from pydantic import ValidationError

from deploy.errors import OperatingError
from schemas.program.model import Program
from schemas.program.properties import named_properties

POLL_MS = 500
CAUGHT_UP_SECONDS_MAX = 30.0

log = structlog.get_logger(__name__)


class KnownPrograms:
    """Every program version of every site, read from the programs topic and followed."""

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self._topic = topic
        self._programs: dict[bytes, Program] = {}
        self.revision = 0
        """Grows whenever more becomes known."""
        self._consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=bootstrap_servers,
            group_id=None,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )

    async def start(self) -> None:
        """Returns when what was published before is known."""
        await self._consumer.start()
        # Without a group every partition is ours; one of a topic that is not there yet never comes.
        where = sorted(self._consumer.assignment())
        if not where:
            raise OperatingError(f"There is no topic {self._topic}: run `cactus topics apply`.")
        ends = await self._consumer.end_offsets(where)
        async with asyncio.timeout(CAUGHT_UP_SECONDS_MAX):
            while any([await self._consumer.position(each) < ends[each] for each in where]):
                await self._poll()

    async def follow(self) -> None:
        """Never returns."""
        while True:
            await self._poll()

    async def stop(self) -> None:
        await self._consumer.stop()

    def programs(self) -> list[Program]:
        """Every version, by site, program and version."""
        known = self._programs.values()
        return sorted(known, key=lambda each: (each.site, each.program, each.version))

    def named_properties(self, site: str, event: str) -> frozenset[str]:
        """What any version of the site's programs names of a custom event."""
        return frozenset().union(
            *(
                named_properties(program, event)
                for program in self._programs.values()
                if program.site == site
            )
        )

    async def _poll(self) -> None:
        for records in (await self._consumer.getmany(timeout_ms=POLL_MS)).values():
            for record in records:
                try:
                    program = Program.model_validate_json(record.value or b"")
                except ValidationError:
                    log.exception("program unreadable", offset=record.offset)
                    continue
                self._programs[record.key or b""] = program
                self.revision += 1
