"""The running API against its own OpenAPI document: nothing breaks, nothing is undescribed."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import booleans, one_of
from schemathesis import APIOperation, Case
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from projections.service.app import build_service
from projections.service.ports import Limits
from tests.support.service import bearer, key_for, small_world
from tests.support.story import CUSTOMER, DAY, T0, adjusted, paid
from tests.support.waiting import eventually_blocking
from tests.unit.projections.service.test_gate import TABLE

pytestmark = pytest.mark.integration

EXAMPLES = 30
KNOWN = {"customer": CUSTOMER, "sequence": 1, "program": "spikes", "version": 1}
"""What half of the requests are about: somebody and something that exists."""
CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)


class Served:
    """The service on a real socket, in a thread with an event loop of its own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.key = ""
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        endless = Limits(
            requests_per_minute=10**9, writes_per_minute=10**9, refusals_per_minute=10**9
        )
        async with small_world(self._directory, limits=endless, wait_seconds_max=0.2) as world:
            world.time_is(T0 + 20 * DAY)
            await world.engine.send(paid("first", 9_930))
            await world.engine.send(adjusted("much", 4_500, T0))
            key = await key_for(world.ports, "admin")
            config = uvicorn.Config(build_service(world.ports), log_config=None, lifespan="off")
            self._server = uvicorn.Server(config)
            self.key = key
            await self._server.serve([self._listener])

    def __enter__(self) -> Self:
        self._thread.start()
        eventually_blocking(lambda: bool(self.key) and self._is_started(), seconds=30)
        return self

    def _is_started(self) -> bool:
        return self._server is not None and self._server.started

    def __exit__(self, *_exception: object) -> None:
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(30)
        self._listener.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("served")) as running:
        yield running


def test_whatever_is_asked_is_answered_as_described(served: Served) -> None:
    schema = schemathesis.openapi.from_url(f"{served.url}/v1/openapi.json")
    operations = [each.ok() for each in schema.get_all_operations() if isinstance(each, Ok)]
    assert len(operations) == len(TABLE)
    for operation in operations:
        statuses = statuses_of(operation, served)
        assert statuses & {200, 202}, f"nothing of {operation.label} was granted: {statuses}"


def statuses_of(operation: APIOperation[Any, Any, Any, Any], served: Served) -> set[int]:
    """What many requests to one operation were answered with, each held against the document."""
    seen: set[int] = set()
    # What the document allows, and what it forbids.
    drawn = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @given(case=one_of(drawn), somebody=booleans())
    def ask(case: Case[Any], *, somebody: bool) -> None:
        if somebody:
            case.path_parameters |= {
                name: known for name, known in KNOWN.items() if name in case.path_parameters
            }
        answer = case.call(headers=bearer(served.key))
        seen.add(answer.status_code)
        case.validate_response(answer, checks=list(CHECKS))

    ask()
    return seen
