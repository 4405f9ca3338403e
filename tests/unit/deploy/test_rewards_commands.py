"""`cactus rewards`: what it shows, what it lets people decide, and what it refuses."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from typer.testing import CliRunner, Result

from connectors.rewards import states
from connectors.rewards.entries import NewAttempt
from connectors.rewards.gateway import Done, Outcome, Unknown
from connectors.rewards.ledger import Ledger, open_ledger
from connectors.rewards.policy import Policy
from connectors.rewards.standing import Instant
from connectors.rewards.states import Move
from deploy.cli import app
from deploy.errors import OperatingError
from deploy.migrations.runner import upgrade
from tests.support.migrated import migrate
from tests.support.rewards import NOON, coupon, give, grant, revoke

ANNA = ("--actor", "anna", "--reason", "looked at the site")
ONE, TWO = grant(1).reward_id, grant(2).reward_id
Found = TypeVar("Found")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CACTUS_HOME", str(tmp_path))
    monkeypatch.setenv("CACTUS_SITES", '[{"site": "acme"}]')
    return tmp_path


def in_ledger(home: Path, act: Callable[[Ledger], Awaitable[Found]]) -> Found:
    async def do() -> Found:
        ledger = open_ledger(f"sqlite+aiosqlite:///{home / 'ledger.sqlite'}")
        await migrate(ledger.engine, "ledger")
        try:
            return await act(ledger)
        finally:
            await ledger.close()

    return asyncio.run(do())


async def attempted(ledger: Ledger, outcome: Outcome) -> None:
    [entry, *_] = await ledger.lease("acme", owner="one", wall=0, seconds=100, limit=1)
    time = Instant(now=NOON, wall=1)
    begun = await ledger.begin_attempt(
        entry,
        states.begin(entry.standing, Move.PREPARE, time),
        NewAttempt(move="prepare", key="key", body="{}"),
        wall=1,
        lease_until=101,
    )
    after = states.after_call(begun.standing, outcome, Policy(), time)
    await ledger.end_attempt(begun, after, result="", detail="", wall=1)


def with_rewards(home: Path, outcome: Outcome | None = None) -> None:
    async def fill(ledger: Ledger) -> None:
        await give(ledger, grant(1), coupon(2))
        if outcome is not None:
            await attempted(ledger, outcome)

    in_ledger(home, fill)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["rewards", *arguments])


def refusal(result: Result) -> str:
    assert isinstance(result.exception, OperatingError), result.output
    return str(result.exception)


def shown(reward_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run("show", reward_id, "--json").stdout)
    return found


def told(home: Path) -> list[str]:
    async def untold(ledger: Ledger) -> list[str]:
        return [f"{each.reward_id} {each.standing.state}" for each in await ledger.unreported(9)]

    return in_ledger(home, untold)


def test_rewards_are_listed_with_what_became_of_their_revocation(home: Path) -> None:
    with_rewards(home, Done("pc_1"))
    in_ledger(home, lambda ledger: give(ledger, revoke(1)))
    listed = run("list")
    assert "pc_1; revocation: due" in listed.stdout
    only = json.loads(run("list", "--state", "delivered", "--json").stdout)
    assert [(each["reward_id"], each["revocation"]) for each in only] == [(ONE, "due")]


def test_doubt_is_resolved_and_the_account_will_be_told(home: Path) -> None:
    with_rewards(home, Unknown("timed out"))
    done = run("resolve", ONE, "--as", "delivered", "--reference", "pc_7", *ANNA)
    assert done.exit_code == 0, done.output
    assert f"{ONE} is delivered; the rewarder tells its account" in done.stdout
    assert told(home) == [f"{ONE} delivered"]
    [decision] = shown(ONE)["decisions"]
    assert (decision["verb"], decision["actor"], decision["reason"]) == (
        "resolve",
        "anna",
        "looked at the site",
    )
    assert "anna decided to resolve: looked at the site" in run("show", ONE).stdout


def test_what_failed_by_a_humans_word_gives_that_reason(home: Path) -> None:
    with_rewards(home, Unknown("timed out"))
    assert run("resolve", ONE, "--as", "failed", *ANNA).exit_code == 0
    assert (shown(ONE)["state"], shown(ONE)["reason"]) == ("failed", "looked at the site")
    assert told(home) == [f"{ONE} failed"]


def test_a_reward_that_waits_is_retried_at_once(home: Path) -> None:
    with_rewards(home, Unknown("timed out"))
    done = run("retry", ONE, *ANNA)
    assert (done.exit_code, done.stdout) == (
        0,
        f"{ONE} is unknown and goes on with the rewarder's next step\n",
    )


def test_a_cancelled_reward_fails_for_its_account(home: Path) -> None:
    with_rewards(home)
    assert run("cancel", TWO, *ANNA).stdout == f"{TWO} is failed\n"
    assert told(home) == [f"{TWO} failed"]


def test_a_kind_is_paused_and_resumed(home: Path) -> None:
    with_rewards(home)
    assert run("pauses").stderr == "Nothing is paused.\n"
    done = run("pause", "--kind", "coupon", "--site", "acme", *ANNA)
    assert done.stdout == "paused: site acme, kind coupon; rewards that are due and wait now: 1\n"
    assert "site acme, kind coupon, since" in run("pauses").stdout
    [pause] = json.loads(run("pauses", "--json").stdout)
    assert (pause["kind"], pause["actor"]) == ("coupon", "anna")
    assert "no pause of kind coupon" in refusal(run("resume", "--kind", "coupon", *ANNA))
    assert run("resume", "--kind", "coupon", "--site", "acme", *ANNA).exit_code == 0
    assert json.loads(run("pauses", "--json").stdout) == []


def test_everything_is_paused_only_when_it_is_said(home: Path) -> None:
    with_rewards(home)
    assert "wait now: 2" in run("pause", "--all", *ANNA).stdout
    assert "everything is paused already" in refusal(run("pause", "--all", *ANNA))


@pytest.mark.parametrize(
    "arguments",
    [
        ("retry", ONE),
        ("retry", ONE, "--actor", "anna"),
        ("retry", ONE, "--actor", " ", "--reason", "x"),
        ("cancel", ONE, "--actor", "anna", "--reason", ""),
        ("resolve", ONE, *ANNA),
        ("resolve", ONE, "--as", "lost", *ANNA),
        ("resolve", ONE, "--as", "delivered", *ANNA),
        ("resolve", ONE, "--as", "failed", "--reference", "pc_1", *ANNA),
        ("pause", *ANNA),
        ("pause", "--all", "--kind", "coupon", *ANNA),
        ("pause", "--kind", "vouchers", *ANNA),
        ("resume", *ANNA),
        ("list", "--state", "lost"),
    ],
)
def test_wrong_usage_ends_with_2_and_changes_nothing(
    home: Path, arguments: tuple[str, ...]
) -> None:
    with_rewards(home, Unknown("timed out"))
    before = shown(ONE)
    assert run(*arguments).exit_code == 2
    assert shown(ONE) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retry", "nothing"), "the ledger holds no reward 'nothing'"),
        (("resolve", TWO, "--as", "failed"), "only what is in doubt can be resolved"),
        (("cancel", ONE), "it may have been given"),
        (("pause", "--site", "elsewhere"), "No site 'elsewhere' in the settings; known: acme."),
    ],
)
def test_what_cannot_be_decided_says_why(home: Path, arguments: tuple[str, ...], said: str) -> None:
    with_rewards(home, Unknown("timed out"))
    assert said in refusal(run(*arguments, *ANNA))
    assert shown(ONE)["decisions"] == []


@pytest.mark.parametrize("verb", ["retry", "cancel"])
def test_a_ledger_that_is_not_there_is_not_made(home: Path, verb: str) -> None:
    assert "start `cactus rewarder` once" in refusal(run(verb, ONE, *ANNA))
    assert list(home.iterdir()) == []


def test_a_ledger_of_an_earlier_release_says_what_to_do(home: Path) -> None:
    async def make() -> None:
        ledger = open_ledger(f"sqlite+aiosqlite:///{home / 'ledger.sqlite'}")
        await upgrade(ledger.engine, "ledger", to="0002")
        await ledger.close()

    asyncio.run(make())
    assert "of an earlier release: start `cactus rewarder` once" in refusal(run("list"))
