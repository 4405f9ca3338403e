"""Where a demo plays: a directory of its own, free ports, and the settings that its roles read."""

import fcntl
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.ports import LOOPBACK, free_ports
from deploy.errors import OperatingError
from deploy.kafka import EmbeddedKafka
from deploy.native.loading import NATIVE_VARIABLE
from deploy.sandbox.sandbox import API_KEY
from deploy.settings import FILE_VARIABLE, PREFIX, Settings, default_cache_dir, load_settings

SITE = "acme-test"
WEBHOOK_USER = "chargebee"
PROGRAM = Path(__file__).parents[1] / "programs" / "spikes.yaml"
KEPT_VARIABLES = frozenset({"CACTUS_CACHE", NATIVE_VARIABLE})
"""What of the environment's settings a demo leaves in force; the rest is not about it."""

SETTINGS = """\
# Written by `cactus demo`. Look around with: {variable}={file} cactus balance CUSTOMER
home = {home}
clock_file = {clock}
programs = [{program}]

[receiver]
port = {receiver_port}

# A simulated day passes in a fraction of a second, so everybody looks more often than in real life.
[poller]
interval_seconds = 2.0

[chargebee]
requests_per_minute = 30000
timeout_seconds = 5.0

[rewarder]
absent_apart_seconds = 1.0

[[sites]]
site = {site}
api_url = {api_url}
api_key = {api_key}
webhook_credentials = [{credential}]
"""


@dataclass(frozen=True, slots=True)
class Stage:
    """One demo's places. `password` is that of the webhooks."""

    home: Path
    settings: Settings
    sandbox_port: int
    password: str

    @property
    def settings_file(self) -> Path:
        return self.home / "cactus.toml"

    @property
    def log_file(self) -> Path:
        return self.home / "demo.log"

    @property
    def clock_file(self) -> Path:
        assert self.settings.clock_file is not None
        return self.settings.clock_file

    @property
    def sandbox_url(self) -> str:
        return f"http://{LOOPBACK}:{self.sandbox_port}"

    @property
    def webhook_url(self) -> str:
        return f"http://{LOOPBACK}:{self.settings.receiver.port}/webhooks/{SITE}"


@contextmanager
def set_stage(home: Path) -> Iterator[Stage]:
    """A stage swept clean: what an earlier demo left under `home` is gone.

    Raises `OperatingError` where another demo plays there now.
    """
    home = home.absolute()
    home.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(home):
        _forget_foreign_settings()
        _sweep(home)
        yield _build(home)


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    with home.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            msg = f"A demo is playing in {home} already. Stop it first, or choose another --home."
            raise OperatingError(msg) from error
        yield


def _forget_foreign_settings() -> None:
    for name in list(os.environ):
        if name.startswith(PREFIX) and name not in KEPT_VARIABLES:
            del os.environ[name]


def _sweep(home: Path) -> None:
    """Only a directory that a demo made is ever removed."""
    if not home.exists():
        return
    if any(home.iterdir()) and not (home / "cactus.toml").is_file():
        msg = f"{home} holds something that is no demo's. Choose another --home."
        raise OperatingError(msg)
    EmbeddedKafka(home / "kafka", jar_cache=default_cache_dir() / "jars").stop()
    shutil.rmtree(home)


def _build(home: Path) -> Stage:
    receiver_port, sandbox_port = free_ports(2)
    password = secrets.token_urlsafe(16)
    home.mkdir(parents=True)
    file = home / "cactus.toml"
    text = SETTINGS.format(
        variable=FILE_VARIABLE,
        file=file,
        home=_quoted(home),
        clock=_quoted(home / "clock"),
        program=_quoted(PROGRAM),
        receiver_port=receiver_port,
        site=_quoted(SITE),
        api_url=_quoted(f"http://{LOOPBACK}:{sandbox_port}"),
        api_key=_quoted(API_KEY),
        credential=_quoted(f"{WEBHOOK_USER}:{password}"),
    )
    # It holds the webhooks' password, if only a sandbox's.
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")
    os.environ[FILE_VARIABLE] = str(file)
    return Stage(home, load_settings(), sandbox_port, password)


def _quoted(value: object) -> str:
    """A TOML basic string, which JSON writes the same way."""
    return json.dumps(str(value))
