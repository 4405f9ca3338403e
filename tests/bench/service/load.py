"""An open-loop HTTP load, from a process of its own.

Each request has an instant at which it is due, whatever became of the others; its latency counts
from then, so a server that falls behind is seen to. It reads a pickled `Job` and writes the
pickled answers.
"""

import asyncio
import pickle
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import cast

import uvloop

HEAD_END = b"\r\n\r\n"
GRACE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`requests` whole, as bytes, sent `rate` a second over so many kept connections."""

    port: int
    rate: float
    connections: int
    requests: list[bytes]


@dataclass(frozen=True, slots=True)
class Answered:
    """When a request was due (unix seconds), how long it took from then, and its status; 0 where
    it was never answered.
    """

    due_at: float
    seconds: float
    status: int


class _Connection(asyncio.Protocol):
    def __init__(self, load: "_Load") -> None:
        self._load = load
        self._transport: asyncio.Transport | None = None
        self._data = b""
        self._number = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's are no subclass of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._load.idle(self)

    def send(self, number: int, request: bytes) -> None:
        assert self._transport is not None
        self._number = number
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._data += data
        end = self._data.find(HEAD_END)
        if end < 0:
            return
        head = self._data[:end].lower()
        at = head.find(b"content-length:")
        length = 0 if at < 0 else int(head[at + 15 :].split(b"\r\n", 1)[0])
        if len(self._data) < end + len(HEAD_END) + length:
            return
        status, number = int(self._data[9:12]), self._number
        self._data = b""
        self._load.answered(self, number, status)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(self)


class _Load:
    def __init__(self, job: Job) -> None:
        self._job = job
        self._free: deque[_Connection] = deque()
        self._waiting: deque[int] = deque()
        self._due: list[float] = []
        self.answers: list[Answered | None] = [None] * len(job.requests)
        self._left = len(job.requests)
        self._done = asyncio.Event()
        self._wall = time.time() - time.perf_counter()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(self._job.connections):
            await loop.create_connection(lambda: _Connection(self), "127.0.0.1", self._job.port)
        began = time.perf_counter() + 0.2
        count = len(self._job.requests)
        self._due = [began + number / self._job.rate for number in range(count)]
        number = 0
        while number < count:
            now = time.perf_counter()
            while number < count and self._due[number] <= now:
                self._waiting.append(number)
                number += 1
            self._pump()
            if number < count:
                await asyncio.sleep(max(0.0005, self._due[number] - time.perf_counter()))
        try:
            async with asyncio.timeout(GRACE_SECONDS):
                await self._done.wait()
        except TimeoutError:
            return

    def idle(self, connection: _Connection) -> None:
        self._free.append(connection)
        self._pump()

    def answered(self, connection: _Connection, number: int, status: int) -> None:
        due = self._due[number]
        self.answers[number] = Answered(due + self._wall, time.perf_counter() - due, status)
        self._left -= 1
        if self._left == 0:
            self._done.set()
        self.idle(connection)

    def lost(self, connection: _Connection) -> None:
        if connection in self._free:
            self._free.remove(connection)

    def _pump(self) -> None:
        while self._free and self._waiting:
            number = self._waiting.popleft()
            self._free.popleft().send(number, self._job.requests[number])

    def result(self) -> list[Answered]:
        return [
            each or Answered(due + self._wall, GRACE_SECONDS, 0)
            for each, due in zip(self.answers, self._due, strict=True)
        ]


def main() -> None:
    """Of the process that loads."""
    uvloop.run(_run())


async def _run() -> None:
    load = _Load(pickle.load(sys.stdin.buffer))  # noqa: S301 - our own parent wrote it
    await load.run()
    pickle.dump(load.result(), sys.stdout.buffer)


async def send_load(job: Job) -> list[Answered]:
    """Runs in a process of its own; returns when all is answered."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        "from tests.bench.service.load import main; main()",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    output, _ = await process.communicate(pickle.dumps(job))
    assert process.returncode == 0, "the load broke"
    answers: list[Answered] = pickle.loads(output)  # noqa: S301 - our own child wrote it
    return answers


def get_request(path: str, key: str) -> bytes:
    return (f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {key}\r\n\r\n").encode()


def post_request(path: str, authorization: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: {authorization}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
