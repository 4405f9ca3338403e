"""What every role shows of itself: structured logs, `/livez`, `/readyz` and `/metrics`.

Health is served from a thread of its own, so that a role that hangs is seen to hang. `/livez` asks
the role's event loop for an answer and depends on nothing else; `/readyz` runs the named probes.
"""

import asyncio
import json
import logging
import os
import shutil
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Self, TextIO

import structlog
import uvicorn
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    generate_latest,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deploy.calm import OnceInAWhile
from deploy.embedded.ports import holder_of
from deploy.errors import OperatingError
from deploy.logs import exceptions_without_payloads, keep_known, log_what_ends_the_process
from deploy.settings import Health, Log

Probe = Callable[[], str | None]
"""None where all is well, else what is not. Called from another thread; must not block."""

LOOP_ANSWERS_SECONDS_MAX = 1.0
START_SECONDS_MAX = 10.0
LOOP_LOOK_SECONDS = 0.25
NOISY_LOGGERS = {
    **dict.fromkeys(
        ("aiokafka", "aiosqlite", "alembic", "httpx", "urllib3", "uvicorn"), logging.WARNING
    ),
    "chargebee": logging.INFO,
}
"""Below that, aiosqlite logs the values of every statement, with codes of rewards among them, and
the SDK whole requests.
"""

BUILD = Info("cactus_build", "Which code runs.")
LOOP_LAG = Histogram(
    "cactus_event_loop_lag_seconds",
    "How late the role's event loop came to what was due",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
HOME_FREE = Gauge("cactus_home_free_bytes", "Free on the disk that holds the installation's home")
HOME_SIZE = Gauge("cactus_home_size_bytes", "Size of the disk that holds the installation's home")
TARGETS = "targets"
"""Beside the run files: one for each role that Prometheus takes as a list of what to scrape."""


class HealthPortTaken(OperatingError):
    """The health port of a role is not free."""


def configure_logging(settings: Log, *, role: str, stream: TextIO | None = None) -> None:
    """Send our logs and those of libraries, in one form, to standard error."""
    shared: list[structlog.typing.Processor] = [
        keep_known,
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    to = stream or sys.stderr
    renderers: list[structlog.typing.Processor]
    if settings.format == "json":
        renderers = [exceptions_without_payloads, structlog.processors.JSONRenderer()]
        log_what_ends_the_process()
    else:
        renderers = [
            exceptions_without_payloads,
            structlog.dev.ConsoleRenderer(colors=to.isatty(), pad_event_to=0),
        ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(to)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers],
        )
    )
    handler.addFilter(OnceInAWhile(("aiokafka", "opentelemetry")))
    logging.basicConfig(handlers=[handler], level=settings.level.upper(), force=True)
    for name, level in NOISY_LOGGERS.items():
        logging.getLogger(name).setLevel(max(level, logging.getLogger().level))
    structlog.contextvars.bind_contextvars(role=role)


@dataclass(slots=True)
class Vitals:
    """What a role lets its health be judged by."""

    role: str
    probes: dict[str, Probe] = field(default_factory=dict)
    loop: asyncio.AbstractEventLoop | None = None

    def watch_loop(self) -> None:
        """Let `/livez` ask the running event loop, and metrics tell how late it is. Call it from
        inside that loop.
        """
        self.loop = asyncio.get_running_loop()
        _watch_lag(self.loop)

    def is_alive(self) -> bool:
        """Whether the event loop still turns. True before there is one."""
        if self.loop is None:
            return True
        answered = threading.Event()
        try:
            self.loop.call_soon_threadsafe(answered.set)
        except RuntimeError:  # closed: the role is on its way out
            return False
        return answered.wait(LOOP_ANSWERS_SECONDS_MAX)

    def complaints(self) -> dict[str, str]:
        """What each failing probe says."""
        found: dict[str, str] = {}
        for name, probe in self.probes.items():
            try:
                complaint = probe()
            except Exception as error:  # noqa: BLE001 - a probe that breaks is a complaint
                complaint = f"the probe broke: {error!r}"
            if complaint is not None:
                found[name] = complaint
        return found


def _watch_lag(loop: asyncio.AbstractEventLoop) -> None:
    """As long as the loop runs."""
    due = loop.time() + LOOP_LOOK_SECONDS

    def look() -> None:
        LOOP_LAG.observe(max(0.0, loop.time() - due))
        _watch_lag(loop)

    loop.call_at(due, look)


def build_health(vitals: Vitals, registry: CollectorRegistry = REGISTRY) -> Starlette:
    """The three pages. Starlette runs synchronous handlers in threads, so none blocks another."""

    def livez(_request: Request) -> Response:
        alive = vitals.is_alive()
        state = "alive" if alive else "the event loop does not answer"
        return JSONResponse({"role": vitals.role, "state": state}, 200 if alive else 503)

    def readyz(_request: Request) -> Response:
        complaints = vitals.complaints()
        body = {
            "role": vitals.role,
            "ready": not complaints,
            "probes": {name: complaints.get(name, "ok") for name in vitals.probes},
        }
        return JSONResponse(body, 503 if complaints else 200)

    def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(
        routes=[
            Route("/livez", livez),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ]
    )


class HealthServer:
    """Serves a role's health from a background thread until `stop`."""

    def __init__(self, vitals: Vitals, settings: Health, run_dir: Path) -> None:
        self._vitals = vitals
        self._settings = settings
        self._run_file = run_dir / f"{vitals.role}.json"
        self._target_file = run_dir / TARGETS / f"{vitals.role}.json"
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.url = ""

    def start(self) -> str:
        """Serve, and write down where. Returns the address."""
        self._show_what_runs()
        listener = self._listen(self._settings.port_of(self._vitals.role))
        port = listener.getsockname()[1]
        self.url = f"http://{self._settings.host}:{port}"
        config = uvicorn.Config(
            build_health(self._vitals),
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="health", daemon=True
        )
        self._thread.start()
        self._say_where(f"{self._settings.host}:{port}")
        return self.url

    def _show_what_runs(self) -> None:
        # When a series began: twice as many of them, and nobody asks.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        BUILD.info({"version": version("hellocactus")})
        home = self._run_file.parent.parent
        home.mkdir(parents=True, exist_ok=True)
        HOME_FREE.set_function(lambda: shutil.disk_usage(home).free)
        HOME_SIZE.set_function(lambda: shutil.disk_usage(home).total)

    def _say_where(self, address: str) -> None:
        role = self._vitals.role
        self._target_file.parent.mkdir(parents=True, exist_ok=True)
        record = {"role": role, "pid": os.getpid(), "url": self.url}
        self._run_file.write_text(json.dumps(record), encoding="utf-8")
        # The instance keeps its name when its port changes, so that its series go on.
        labels = {"role": role, "instance": f"{role}@{socket.gethostname()}"}
        target = [{"targets": [address], "labels": labels}]
        self._target_file.write_text(json.dumps(target), encoding="utf-8")

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(START_SECONDS_MAX)
        self._run_file.unlink(missing_ok=True)
        self._target_file.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((self._settings.host, port))
        except OSError as error:
            listener.close()
            role = self._vitals.role
            msg = (
                f"The health port {port} of the {role} is not to be had{holder_of(port)}: "
                f"{error.strerror}. Choose another in health.ports, or 0 for any free one."
            )
            raise HealthPortTaken(msg) from error
        listener.listen()
        return listener
