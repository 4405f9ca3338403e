"""How quickly the receiver answers at a steady rate, and whether all of it is on Kafka."""

import base64
from collections import Counter
from pathlib import Path

from deploy.embedded.ports import free_ports
from tests.bench.race import Say
from tests.bench.service import roles
from tests.bench.service.load import Job, post_request, send_load
from tests.bench.service.table import MS, Row, row_of, statuses_of
from tests.bench.service.webhooks import webhooks
from tests.bench.stage import Stage, committed_consumer, partitions_of, set_up
from tests.support.year import SITE

PARTITIONS = 4
CONNECTIONS = 64
GOAL_MS = 50.0
BASIC = "Basic " + base64.b64encode(f"{roles.USER}:{roles.PASSWORD}".encode()).decode()


async def measure_receiving(
    bootstrap_servers: str, *, rate: int, seconds: int, directory: Path, say: Say
) -> Row:
    async with set_up(bootstrap_servers, "receiving", PARTITIONS, directory / "receiving") as stage:
        [port] = free_ports(1)
        settings = roles.environment(stage, CACTUS_RECEIVER__PORT=str(port))
        bodies = [each.body for each in webhooks(rate * seconds)]
        requests = [post_request(f"/webhooks/{SITE}", BASIC, body) for body in bodies]
        with roles.role(stage, "receiver", settings) as process:
            await roles.until_ready(stage, "receiver")
            say(f"{rate:,} webhooks a second for {seconds} s")
            job = Job(port=port, rate=rate, connections=CONNECTIONS, requests=requests)
            began = roles.cpu_seconds(process)
            answers = await send_load(job)
            used = roles.cpu_seconds(process) - began
        lost = await _lost(stage, Counter(bodies))
    times = [each.seconds for each in answers]
    each = f"{used / len(answers) * MS:.2f} ms of CPU each"
    note = f"{statuses_of(answers)}; lost {lost:,}; {each}"
    return row_of("webhooks answered", rate, times, goal_ms=GOAL_MS, note=note)


async def _lost(stage: Stage, sent: Counter[bytes]) -> int:
    """How many of those sent are not in the raw topic."""
    async with committed_consumer(stage) as consumer:
        where = partitions_of(stage, stage.topics.raw)
        consumer.assign(where)
        await consumer.seek_to_beginning(*where)
        ends = await consumer.end_offsets(where)
        while any([await consumer.position(each) < ends[each] for each in where]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                sent.subtract(record.value for record in records)
    return sum(left for left in sent.values() if left > 0)
