"""Our worker, exactly as deployed: `python -m deploy worker`.

Its clock is the sandbox's and stands at the beginning, so that it writes no facts of time of its
own, which the peers do not write either.
"""

import sys
from pathlib import Path

from deploy.clock import write_clock
from deploy.sandbox.life import FIRST_INSTANT
from tests.bench.peer import Child, Peer
from tests.bench.stage import Stage


def child(stage: Stage, *, clock: int | None = FIRST_INSTANT, log_level: str = "info") -> Child:
    environment = {
        "CACTUS_HOME": str(stage.directory / "home"),
        "CACTUS_KAFKA__BOOTSTRAP_SERVERS": stage.bootstrap_servers,
        "CACTUS_TOPIC_PREFIX": stage.topics.prefix,
        "CACTUS_APP_ID": stage.name,
        "CACTUS_PARTITIONS": str(stage.partitions),
        "CACTUS_LOG__FORMAT": "json",
        "CACTUS_LOG__LEVEL": log_level,
    }
    if clock is not None:
        file = Path(stage.directory / "clock")
        write_clock(file, clock)
        environment["CACTUS_CLOCK_FILE"] = str(file)
    return Child([sys.executable, "-m", "deploy", "worker"], environment)


PEER = Peer("hellocactus", "exactly once", child)
