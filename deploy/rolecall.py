"""Which processes an installation consists of, and whether each is ready."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx

from deploy.errors import ConfigurationError
from deploy.settings import ROLES, Role, Settings
from deploy.supervisor import Job

POLL_SECONDS = 0.2
KAFKA_STAGE = 0
ROLE_STAGE = 1
KAFKA_GRACE_SECONDS = 30.0


def cactus(*arguments: str) -> list[str]:
    """Our own command line, run by this interpreter."""
    return [sys.executable, "-m", "deploy", *arguments]


def kafka_job(environment: Mapping[str, str] | None = None) -> Job:
    return Job(
        name="kafka",
        command=cactus("kafka", "run"),
        stage=KAFKA_STAGE,
        environment=environment or {},
        grace_seconds=KAFKA_GRACE_SECONDS,
    )


def role_jobs(roles: list[Role], environment: Mapping[str, str] | None = None) -> list[Job]:
    """One supervised process per role."""
    return [
        Job(name=role, command=cactus(role), stage=ROLE_STAGE, environment=environment or {})
        for role in roles
    ]


def choose_roles(settings: Settings, asked: list[str], offered: frozenset[str]) -> list[Role]:
    """The roles asked for, or all that are offered and that the settings give something to do."""
    for name in asked:
        if name not in ROLES or name not in offered:
            msg = f"{name!r} is no role; choose from {', '.join(sorted(offered))}."
            raise ConfigurationError(msg)
    if asked:
        return [role for role in ROLES if role in asked]
    if not settings.sites:
        msg = (
            "No Chargebee site is configured. Write one into cactus.toml:\n"
            '  [[sites]]\n  site = "acme-test"\n  api_key_file = "/run/secrets/chargebee"\n'
            '  webhook_credentials_file = "/run/secrets/webhook"\n'
            "or let one live on this machine: cactus sandbox --help"
        )
        raise ConfigurationError(msg)
    idle: set[str] = set()
    if not any(site.api_key for site in settings.sites):
        idle |= {"poller"}
    if not any(site.webhook_credentials for site in settings.sites):
        idle |= {"receiver"}
    return [role for role in ROLES if role in offered and role not in idle]


def health_url(run_dir: Path, role: str) -> str | None:
    """Where a role serves its health, once it has said so."""
    try:
        return str(json.loads((run_dir / f"{role}.json").read_bytes())["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


async def await_ready(
    run_dir: Path,
    roles: list[str],
    *,
    deadline_seconds: float,
    ready: Callable[[str, str], None] = lambda _role, _url: None,
) -> dict[str, str]:
    """Wait for `/readyz` of every role; returns why for those that are not ready in time."""
    waiting = dict.fromkeys(roles, "it has not said where it listens")
    deadline = time.monotonic() + deadline_seconds
    async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
        while waiting and time.monotonic() < deadline:
            for role in list(waiting):
                url = health_url(run_dir, role)
                if url is None:
                    continue
                complaint = await _ask(client, url)
                if complaint is None:
                    del waiting[role]
                    ready(role, url)
                else:
                    waiting[role] = complaint
            if waiting:
                await asyncio.sleep(POLL_SECONDS)
    return waiting


async def _ask(client: httpx.AsyncClient, url: str) -> str | None:
    try:
        answer = await client.get(f"{url}/readyz")
    except httpx.HTTPError as error:
        return f"{url} does not answer: {error!r}"
    return None if answer.is_success else answer.text
