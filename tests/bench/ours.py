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


def home(stage: Stage) -> Path:
    return stage.directory / "home"


def role(stage: Stage, name: str) -> Child:
    """One of our roles on this stage."""
    clock = stage.directory / "clock"
    write_clock(clock, FIRST_INSTANT)
    environment = {
        "CACTUS_HOME": str(home(stage)),
        "CACTUS_KAFKA__BOOTSTRAP_SERVERS": stage.bootstrap_servers,
        "CACTUS_TOPIC_PREFIX": stage.topics.prefix,
        "CACTUS_APP_ID": stage.name,
        "CACTUS_PARTITIONS": str(stage.partitions),
        "CACTUS_CLOCK_FILE": str(clock),
        "CACTUS_LOG__FORMAT": "json",
    }
    return Child([sys.executable, "-m", "deploy", name], environment)


def worker(stage: Stage) -> Child:
    return role(stage, "worker")


PEER = Peer("hellocactus", "exactly once", worker)
