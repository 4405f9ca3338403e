"""An installation at work: entries explain themselves, drafts are tried, dead letters decided."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from deploy.audit.run import run_audit
from deploy.cli import app
from deploy.cluster import bootstrap_servers, topics_of
from deploy.kafka import Running
from deploy.publish import publish
from deploy.replay.explaining import explain_in
from deploy.replay.history import History, read_history
from deploy.replay.reader import open_reader
from deploy.replay.replay import Replay, discrepancies
from deploy.sandbox.events import Event
from deploy.sandbox.life import LifeSettings
from deploy.sandbox.sandbox import SandboxSettings
from deploy.sandbox.server import RunningSandbox, running
from deploy.service.access import open_own_access
from deploy.service.dead_letters import KafkaDeadLetters, desk_of
from deploy.service.explainer import ReplayingExplainer
from deploy.service.export import ReplayingExporter
from projections.service.ports import DraftRefused
from projections.service.problems import Problem
from projections.tables import balances
from schemas.program.load import load_program
from streams.core.dead_letters import dead_headers
from tests.support.installation import BROKEN_FACT, BROKEN_RAW, Installation, installation_at_work
from tests.support.year import SITE, SPIKES

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

Lived = tuple[RunningSandbox, list[Event]]
ADA = ("--actor", "ada", "--reason", "looked at it")


@pytest.fixture
def lived() -> Iterator[Lived]:
    """A year of few customers, over; with every event of it."""
    with running(SandboxSettings(life=LifeSettings(customers=12, days=365))) as sandbox:
        events: list[Event] = []
        sandbox.sandbox.site.listeners.append(events.append)
        advanced = httpx.post(f"{sandbox.url}/sandbox/advance", json={}, timeout=120)
        advanced.raise_for_status()
        yield sandbox, list(events)


async def cactus(here: Installation, *arguments: str) -> tuple[int, str, str]:
    """Exit code, output and complaints of a command, run in this process to be quick."""
    runner = CliRunner(env=here.environment)
    result = await asyncio.to_thread(runner.invoke, app, list(arguments))
    complaint = str(result.exception or "") + result.stderr
    return result.exit_code, result.stdout, complaint


async def answered(here: Installation, *arguments: str) -> Any:
    code, said, complained = await cactus(here, *arguments, "--json")
    assert code == 0, complained
    return json.loads(said)


async def histories(here: Installation) -> list[History]:
    """Of every customer, read from the views and the log."""
    settings = here.settings
    async with (
        here.views() as connection,
        open_reader(bootstrap_servers(settings), topics_of(settings)) as reader,
    ):
        customers = list(await connection.scalars(select(balances.c.customer)))
        return [await read_history(connection, reader, SITE, each) for each in customers]


async def publish_again(here: Installation) -> None:
    """A second version, from now on: the two lie apart in the log."""
    text = SPIKES.read_text(encoding="utf-8").replace("Europe/Berlin", "Europe/Vienna")
    program = load_program(text)
    now = int((here.home / "clock").read_text())
    await publish(here.broker.bootstrap_servers, here.topics, program, now)


async def explains_every_entry(here: Installation) -> None:
    read = await histories(here)
    assert len(read) >= 10
    explained = 0
    for history in read:
        assert history.missing == []
        replay = Replay(history.site, history.customer)
        given = list(replay.fold(history.records))
        assert discrepancies(history, given) == []
        for entry in history.entries[::7]:
            found = explain_in(_until(history, entry.fact_offset), entry)
            assert found.discrepancies == []
            assert entry.sequence in found.sequences
            assert len(found.explanation.sentences) >= 2
            explained += 1
    assert explained > 30


def _until(history: History, offset: int) -> History:
    records = [each for each in history.records if each.offset <= offset]
    return History(
        site=history.site, customer=history.customer, entries=history.entries, records=records
    )


async def commands_answer(here: Installation) -> None:
    [first, *_] = await histories(here)
    customer, entry = first.customer, first.entries[0]
    code, said, _ = await cactus(here, "explain", customer, "1")
    assert code == 0
    assert entry.fact in said.splitlines()[0]
    assert "Not considered: " in said or "No rule earns" in said
    by_id = await answered(here, "explain", customer, entry.fact)
    assert by_id["discrepancies"] == []
    assert by_id["events"][0] == json.loads(entry.event)
    code, _, complained = await cactus(here, "explain", customer, "100000")
    assert (code, "has no entry 100000" in complained) == (1, True)
    code, _, complained = await cactus(here, "explain", customer, entry.fact[:-1])
    assert (code, f"Near it: {entry.fact}" in complained) == (1, True)

    code, said, _ = await cactus(here, "program", "try", str(SPIKES), "--customer", customer)
    assert code == 0
    assert "Nothing would have been different for this customer." in said
    doubled = here.home / "doubled.yaml"
    doubled.write_text(
        SPIKES.read_text(encoding="utf-8").replace("points: 200}", "points: 1200}"),
        encoding="utf-8",
    )
    tried = await answered(here, "program", "try", str(doubled), "--customer", customer)
    was, would = tried["differences"]["rules"]["welcome"]
    assert would["points"] - was["points"] == 1000 * was["times"]
    exported = await answered_export(here, customer)
    assert [each["sequence"] for each in exported["entries"]] == [
        each.sequence for each in first.entries
    ]
    assert len(exported["facts"]) == len({each.fact_offset for each in first.entries})
    assert exported["received"]
    assert exported["subscriptions"]


async def the_service_answers(here: Installation) -> None:
    """The same through the ports, as the API and the console ask."""
    [first, *_] = await histories(here)
    customer, ports = first.customer, ReplayingExplainer(here.settings)
    told = await ports.explain_entry(SITE, customer, 1)
    assert told is not None
    assert (told.fact, told.proven) == (first.entries[0].fact, True)
    assert await ports.explain_entry(SITE, customer, 10**6) is None
    assert await ports.explain_entry(SITE, "nobody", 1) is None
    text = SPIKES.read_text(encoding="utf-8")
    answer = await ports.dry_run(SITE, customer, text)
    assert answer.differences == ("Nothing would have been different for this customer.",)
    assert len(answer.published.events) == len(first.entries)
    with pytest.raises(DraftRefused, match="spikey"):
        await ports.dry_run(SITE, customer, text + "spikey: 1\n")
    with pytest.raises(Problem, match="nothing of customer 'nobody'"):
        await ports.dry_run(SITE, "nobody", text)
    async with open_own_access(here.settings) as access:
        letters = KafkaDeadLetters(desk_of(here.settings, access))
        newest, older = await letters.page(10, None, None)
        assert await letters.page(1, (newest.partition, newest.offset), None) == [older]
        assert await letters.show(older.partition, older.offset) == older
        assert [each.state for each in (newest, older)] == ["waiting", "waiting"]
    assert await ReplayingExporter(here.settings).export(SITE, "nobody") is None


async def answered_export(here: Installation, customer: str) -> Any:
    code, said, complained = await cactus(here, "export", customer, "--site", SITE)
    assert code == 0, complained
    return json.loads(said)


async def dead_letters_are_decided(here: Installation) -> None:
    waiting = {each["from"].split("/")[0]: each for each in await answered(here, "dlq", "list")}
    assert set(waiting) == {here.topics.raw, here.topics.facts}
    raw, fact = waiting[here.topics.raw], waiting[here.topics.facts]
    code, said, _ = await cactus(here, "dlq", "show", raw["place"])
    assert code == 0
    assert "it would be refused again" in said
    assert "half an ev" not in said
    code, said, _ = await cactus(here, "dlq", "show", raw["place"], "--raw")
    assert BROKEN_RAW.decode() in said
    shown = await answered(here, "dlq", "show", fact["place"], "--raw")
    assert bytes.fromhex(shown["value_hex"]) == BROKEN_FACT

    code, said, _ = await cactus(here, "dlq", "replay", "--passing", *ADA)
    assert (code, said) == (0, "sent again: 0; would be refused as before: 2\n")
    code, said, complained = await cactus(here, "dlq", "replay", raw["place"], *ADA)
    assert code == 0, complained
    assert f"Sent again as {here.topics.raw}/" in said
    code, _, complained = await cactus(here, "dlq", "replay", raw["place"], *ADA)
    assert (code, "replayed already, by ada" in complained) == (1, True)
    again = await back_in_the_dlq(here)
    assert again["attempts"] == 2
    for place in (again["place"], fact["place"]):
        assert (await cactus(here, "dlq", "discard", place, *ADA))[0] == 0
    assert await answered(here, "dlq", "list") == []
    await what_passes_by_now_is_sent(here)
    states = sorted(each["state"] for each in await answered(here, "dlq", "list", "--all"))
    assert states == ["discarded", "discarded", "replayed", "replayed"]


async def what_passes_by_now_is_sent(here: Installation) -> None:
    """A letter of a fact that an older version could not read, and that this one can. The fact is
    there already: sent again, it changes nothing.
    """
    origin = next(
        each
        for each in await here.read(here.topics.facts)
        if b'"type":"PaymentSucceeded"' in each.value
    )
    headers = dead_headers(origin, ValueError("too new"), "0.0.1")
    await here.write(here.topics.dlq, origin.value, key=origin.key, headers=headers)
    code, said, complained = await cactus(here, "dlq", "replay", "--passing", *ADA)
    assert (code, said) == (0, "sent again: 1; would be refused as before: 0\n"), complained
    copies = [each for each in await here.read(here.topics.facts) if each.value == origin.value]
    assert [(each.partition, each.key) for each in copies] == [(origin.partition, origin.key)] * 2
    assert dict(copies[1].headers) == {"replays": b"1"}


async def back_in_the_dlq(here: Installation) -> Any:
    """What was sent again is as broken as before."""
    async with asyncio.timeout(60):
        while True:
            for each in await answered(here, "dlq", "list"):
                if each["from"].startswith(here.topics.raw):
                    return each


async def test_people_find_out_why_what_if_and_what_is_stuck(
    broker: Running, tmp_path: Path, lived: Lived
) -> None:
    sandbox, events = lived
    async with installation_at_work(broker, tmp_path, sandbox, events) as here:
        await here.begin()
        await publish_again(here)
        await here.rest()
        await explains_every_entry(here)
        await commands_answer(here)
        await the_service_answers(here)
        await dead_letters_are_decided(here)
        await here.rest()
    report = await run_audit(here.settings, progress=lambda *_: None)
    assert [check for check in report.checks if check.breaches] == []
    letters = next(check for check in report.checks if check.name == "dead-letters")
    assert (letters.examined, "wait" in letters.note) == (4, False)
