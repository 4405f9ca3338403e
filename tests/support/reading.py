"""Read what lies on a partition, for tests that have just committed it."""

from deploy.kafka import Running
from streams.core.batches import Record
from streams.core.partition_log import partition_end, read_partition


async def read_all(broker: Running, topic: str) -> list[Record]:
    """Committed records of partition 0. A commit returns before it is visible: this waits for it,
    and for the end of a transaction that was left open.
    """
    servers = broker.bootstrap_servers
    end = await partition_end(servers, topic, 0)
    read = read_partition(servers, topic, 0, start=0, end=end)
    return [record async for records in read for record in records]
