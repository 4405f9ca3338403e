"""What the console's first page knows of the roles: from their own health and metrics."""

import json
from pathlib import Path

from aiohttp import web

from deploy.service.workings import Kept, ObservedWorkings
from deploy.settings import Health, Settings
from tests.support.console import FakeDeadLetters, dead_letter
from tests.support.serving import serving

METRICS = """\
# TYPE cactus_lag_messages gauge
cactus_lag_messages{topic="loyalty.facts.v1"} 3
cactus_lag_messages{topic="chargebee.raw.v1"} 4
# TYPE cactus_lag_seconds gauge
cactus_lag_seconds{topic="loyalty.facts.v1"} 1.5
cactus_lag_seconds{topic="chargebee.raw.v1"} NaN
"""


async def answer(request: web.Request) -> web.StreamResponse:
    if request.path == "/metrics":
        return web.Response(text=METRICS)
    probes = {"kafka": "ok", "views": "they are locked"}
    return web.json_response({"ready": False, "probes": probes}, status=503)


def write_run_file(home: Path, role: str, url: str) -> None:
    (home / "run").mkdir(exist_ok=True)
    (home / "run" / f"{role}.json").write_text(json.dumps({"url": url.rstrip("/")}))


async def test_a_role_is_told_with_its_complaints_and_what_it_lags_behind(tmp_path: Path) -> None:
    async with serving(answer) as url:
        write_run_file(tmp_path, "worker", url)
        elsewhere = Health(elsewhere={"projector": [url.rstrip("/")]})
        settings = Settings(home=tmp_path, health=elsewhere)
        async with ObservedWorkings(settings, FakeDeadLetters()) as workings:
            worker, projector, _ = await workings.roles()
    assert (worker.role, worker.alive, worker.ready) == ("worker", True, False)
    assert worker.complaints == {"views": "they are locked"}
    assert worker.lag_messages == {"loyalty.facts.v1": 3, "chargebee.raw.v1": 4}
    assert worker.lag_seconds == {"loyalty.facts.v1": 1.5}
    assert projector.role == "projector"


async def test_a_role_that_does_not_answer_is_down(tmp_path: Path) -> None:
    write_run_file(tmp_path, "rewarder", "http://127.0.0.1:9")
    async with ObservedWorkings(Settings(home=tmp_path), FakeDeadLetters()) as workings:
        *_, rewarder = await workings.roles()
    assert (rewarder.role, rewarder.alive, rewarder.ready) == ("rewarder", False, False)
    assert "does not answer" in rewarder.complaints["health"]


async def test_a_role_that_is_needed_and_not_seen_is_told_as_not_running(tmp_path: Path) -> None:
    async with ObservedWorkings(Settings(home=tmp_path), FakeDeadLetters()) as workings:
        unseen = await workings.roles()
    assert [each.role for each in unseen] == ["worker", "projector", "rewarder"]
    assert not any(each.alive or each.ready for each in unseen)
    assert "health.elsewhere" in unseen[0].complaints["health"]


async def test_only_dead_letters_that_wait_are_counted(tmp_path: Path) -> None:
    letters = FakeDeadLetters(dead_letter(1), dead_letter(2), dead_letter(3, state="discarded"))
    async with ObservedWorkings(Settings(home=tmp_path), letters) as workings:
        assert await workings.dead_letters() == 2


async def test_a_dear_figure_is_asked_for_once_in_a_while() -> None:
    now, asked = 0.0, 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        return asked

    kept = Kept(15.0, ask, lambda: now)
    assert [await kept.get(), await kept.get()] == [1, 1]
    now = 15.0
    assert await kept.get() == 2
