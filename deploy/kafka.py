"""A real Kafka on this machine: one node, loopback only, everything under one directory.

`start` returns when the broker answers with a controller; `stop` asks, then insists. The state on
disk says which process it is and where it listens, so any other process can find or stop it.
"""

import asyncio
import base64
import fcntl
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.embedded import ports, processes
from deploy.embedded.jars import Say, fetch_jars
from deploy.embedded.java import find_java
from deploy.errors import OperatingError
from deploy.lifeline import lifeline

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 20.0
POLL_SECONDS = 0.1
LOG_BYTES_MAX = 20_000_000
LAUNCHES_MAX = 3

PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
log.cleaner.dedupe.buffer.size=16777216
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=1000
"""


class BrokerFailed(OperatingError):
    """The embedded Kafka did not start."""


class PortTaken(BrokerFailed):
    """Somebody else listens on a port that was asked for."""


@dataclass(frozen=True, slots=True)
class Running:
    """A broker that answers."""

    pid: int
    bootstrap_servers: str
    data: Path


class EmbeddedKafka:
    """One embedded broker, wholly described by its directory."""

    def __init__(
        self,
        directory: Path,
        *,
        jar_cache: Path,
        port: int = 0,
        java: Path | None = None,
        say: Say = lambda _line: None,
    ) -> None:
        """`port` 0 chooses a free one the first time and keeps it while it stays free."""
        self.directory = directory.absolute()
        self._jar_cache = jar_cache
        self._port = port
        self._java = java
        self._say = say
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def log_file(self) -> Path:
        return self.directory / "broker.log"

    @property
    def _pid_file(self) -> Path:
        return self.directory / "broker.pid"

    @property
    def _ports_file(self) -> Path:
        return self.directory / "ports.json"

    def status(self) -> Running | None:
        """The broker if its process lives and answers now."""
        process, known = processes.recall(self._pid_file), self._known_ports()
        if process is None or known is None or not ports.answers(known[0]):
            return None
        return Running(process.pid, f"{ports.LOOPBACK}:{known[0]}", self.directory / "data")

    def start(self, *, tied: bool = False) -> Running:
        """Start the broker, or find it running.

        `tied` ends it with the calling process, whatever ends that; else it outlives the caller.
        Blocks: from a coroutine call it in a thread, and keep that thread for a tied broker.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with self._one_at_a_time():
            if processes.recall(self._pid_file) is not None and (running := self._await_running()):
                return running
            for _ in range(LAUNCHES_MAX - 1):
                try:
                    return self._launch(tied=tied)
                except PortTaken:
                    if self._port:
                        raise  # it was asked for by number: choosing another would be a surprise
            return self._launch(tied=tied)

    def stop(self) -> bool:
        """Stop the broker and wait until it is gone. False where none was running."""
        process = processes.recall(self._pid_file)
        if process is None:
            return False
        processes.stop(process, grace_seconds=STOP_SECONDS_MAX)
        self._pid_file.unlink(missing_ok=True)
        self._reap()
        return True

    def run(self) -> None:
        """Start the broker, stay with it, and stop it on SIGTERM or Ctrl-C. Returns when asked to.

        Raises `BrokerFailed` where the broker ends by itself.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, _raise_asked_to_stop)
        try:
            self.start(tied=True)
            while processes.recall(self._pid_file) is not None:
                time.sleep(POLL_SECONDS)
        except _AskedToStop:
            return
        finally:
            self.stop()
        msg = f"Kafka ended by itself. Its log {self.log_file} ends with:\n{self._log_tail()}"
        raise BrokerFailed(msg)

    def kill(self) -> None:
        """End the broker without a word, as a power cut would."""
        if process := processes.recall(self._pid_file):
            process.kill()
            process.wait(STOP_SECONDS_MAX)
            self._reap()

    def _reap(self) -> None:
        if self._child is not None:
            self._child.wait(STOP_SECONDS_MAX)
            self._child = None

    def _launch(self, *, tied: bool) -> Running:
        jars = fetch_jars(self._jar_cache, self._say)
        java = str(find_java(self._java))
        port, controller = self._choose_ports()
        properties = self.directory / "server.properties"
        properties.write_text(
            PROPERTIES.format(port=port, controller=controller, data=self.directory / "data"),
            encoding="utf-8",
        )
        classpath = os.pathsep.join(str(jar) for jar in jars)
        self._format(java, classpath, properties)
        command = [
            java, "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-cp", classpath, "kafka.Kafka", str(properties),
        ]  # fmt: skip
        if self.log_file.exists() and self.log_file.stat().st_size > LOG_BYTES_MAX:
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        with self.log_file.open("ab") as log:
            child = subprocess.Popen(
                lifeline(command) if tied else command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is for its starter to pass on
            )
        self._child = child
        processes.remember(self._pid_file, child.pid)
        self._say(f"starting Kafka on port {port}")
        if running := self._await_running(child):
            return running
        return self._give_up(child)

    def _await_running(self, child: subprocess.Popen[bytes] | None = None) -> Running | None:
        """The broker once it truly answers, or None when it ended or the time is up."""
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if child is not None and child.poll() is not None:
                return None
            if processes.recall(self._pid_file) is None:
                return None
            running = self.status()
            if running and asyncio.run(has_controller(running.bootstrap_servers)):
                return running
            time.sleep(POLL_SECONDS)
        return None

    def _give_up(self, child: subprocess.Popen[bytes]) -> Running:
        ended = child.poll()
        if ended is None:
            child.kill()
            child.wait(STOP_SECONDS_MAX)
        self._pid_file.unlink(missing_ok=True)
        port = (self._known_ports() or (0, 0))[0]
        if not ports.is_free(port):
            msg = f"Port {port} was taken{ports.holder_of(port)} while Kafka started."
            raise PortTaken(msg)
        what = f"ended with code {ended}" if ended is not None else "did not answer in time"
        msg = f"Kafka {what}. Its log is {self.log_file}, and ends with:\n{self._log_tail()}"
        raise BrokerFailed(msg)

    def _log_tail(self, lines: int = 8) -> str:
        try:
            return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""

    def _choose_ports(self) -> tuple[int, int]:
        """The port asked for, else those of last time, else free ones; written down for others."""
        known = self._known_ports()
        if self._port:
            if not ports.is_free(self._port):
                msg = (
                    f"Port {self._port} is taken{ports.holder_of(self._port)}. Stop it, choose "
                    "another with CACTUS_KAFKA__PORT or --port, or use 0 for any free one."
                )
                raise PortTaken(msg)
            chosen = (self._port, ports.free_ports(1)[0])
        elif known and all(ports.is_free(port) for port in known):
            chosen = known
        else:
            if known:
                self._say(f"port {known[0]} of last time is taken now: choosing another")
            first, second = ports.free_ports(2)
            chosen = (first, second)
        self._ports_file.write_text(json.dumps(chosen), encoding="utf-8")
        return chosen

    def _known_ports(self) -> tuple[int, int] | None:
        try:
            port, controller = json.loads(self._ports_file.read_bytes())
            return int(port), int(controller)
        except (OSError, ValueError, TypeError):
            return None

    def _format(self, java: str, classpath: str, properties: Path) -> None:
        """Give a new data directory its cluster id. Done again where it was interrupted."""
        if (self.directory / "data" / "meta.properties").exists():
            return
        done = subprocess.run(
            [java, "-cp", classpath, "kafka.tools.StorageTool", "format", "--ignore-formatted",
             "-t", new_cluster_id(), "-c", str(properties)],
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines()
            msg = f"Kafka could not format {self.directory / 'data'}: {' '.join(said[-3:])}"
            raise BrokerFailed(msg)

    @contextmanager
    def _one_at_a_time(self) -> Iterator[None]:
        with (self.directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def new_cluster_id(draw: Callable[[], uuid.UUID] = uuid.uuid4) -> str:
    """As Kafka makes one: 22 characters, and never a hyphen first, which would be an option."""
    while True:
        cluster = base64.urlsafe_b64encode(draw().bytes).decode().rstrip("=")
        if not cluster.startswith("-"):
            return cluster


class _AskedToStop(BaseException):
    """SIGTERM or Ctrl-C; not an error, so nothing may catch it on the way."""


def _raise_asked_to_stop(_number: int, _frame: object) -> None:
    raise _AskedToStop


async def has_controller(bootstrap_servers: str) -> bool:
    """Whether the cluster answers with its brokers and an elected controller."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, request_timeout_ms=5000)
    try:
        await admin.start()
        cluster = await admin.describe_cluster()
    except (KafkaError, OSError):
        return False
    finally:
        await admin.close()
    return bool(cluster["brokers"]) and cluster["controller_id"] >= 0
