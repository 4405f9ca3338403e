"""`cactus balance` and `cactus entries`: what they print, and how they end."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.cli import app
from deploy.errors import OperatingError
from projections.database import open_engine
from schemas.points import AnyPointsEvent
from tests.support.migrated import migrate
from tests.support.points import DAY, NOON, changed, earned, logged, reward_earned, story
from tests.support.views import fill
from tests.support.year import SITE


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of its own, with nothing in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CACTUS_HOME", str(tmp_path))
    return tmp_path


def views_of(home: Path, events: Sequence[AnyPointsEvent]) -> None:
    async def make() -> None:
        engine = open_engine(f"sqlite+aiosqlite:///{home / 'views.sqlite'}")
        await migrate(engine, "views")
        await fill(engine, logged(events))
        await engine.dispose()

    asyncio.run(make())


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def words(result: Result) -> str:
    return " ".join(result.stdout.split())


def test_a_balance_shows_figures_tier_lots_and_rewards(home: Path) -> None:
    views_of(home, story()[:8])
    result = run("balance", "c1")

    assert result.exit_code == 0
    shown = words(result)
    assert f"c1 of {SITE}" in shown
    assert "230 points to spend" in shown
    assert "tier saguaro" in shown
    assert "1 150 150 pay at once 2026-12-01 12:00" in shown
    assert "2 80 80 pay 2025-12-09 12:00 never" in shown
    assert "five-off failed" in shown
    assert "no coupon" in shown
    assert "owed" not in shown


def test_a_deficit_is_shown_where_there_is_one(home: Path) -> None:
    views_of(home, story()[:9])

    assert "20 owed: later points fill it first" in words(run("balance", "c1"))


def test_lots_that_wait_say_until_when_and_promotional_ones_stand_first(home: Path) -> None:
    deadline = NOON + 30 * DAY
    waiting = earned(
        1, 40, (0, 40, 40, 0), available_at=deadline, expires_at=None, activates_on="confirmed"
    )
    views_of(home, [waiting, earned(2, 50, (50, 40, 90, 0), expires_at=None, promotional=True)])

    assert "2 50 50 pay at once never 1 40 40 pay waits until 2025-12-31 12:00 never" in words(
        run("balance", "c1")
    )
    lots = json.loads(run("balance", "c1", "--json").stdout)["lots"]
    assert [(lot["promotional"], lot["waits"]) for lot in lots] == [(True, False), (False, True)]


def test_an_erased_account_is_said_to_be(home: Path) -> None:
    views_of(home, story())

    assert f"c1 of {SITE}, erased" in words(run("balance", "c1"))


def test_a_balance_is_json_for_programs(home: Path) -> None:
    views_of(home, story()[:8])
    printed = json.loads(run("balance", "c1", "--json").stdout)

    assert (printed["balance"], printed["pending"], printed["lifetime"]) == (230, 0, 230)
    assert (printed["site"], printed["tier"], printed["deficit"]) == (SITE, "saguaro", 0)
    assert [(lot["lot"], lot["remaining"], lot["expires_at"]) for lot in printed["lots"]] == [
        ("1", 150, NOON + 365 * DAY),
        ("2", 80, None),
    ]
    [reward] = printed["rewards"]
    assert (reward["state"], reward["grant"]["kind"]) == ("failed", "discount")


def test_only_the_newest_rewards_are_shown_to_people(home: Path) -> None:
    views_of(home, [reward_earned(n, (0, 0, 0, 0), n) for n in range(1, 15)])
    result = run("balance", "c1")

    assert result.stdout.count("five-off") == 10
    assert "and 4 older ones" in result.stdout
    assert len(json.loads(run("balance", "c1", "--json").stdout)["rewards"]) == 14


def test_entries_come_newest_first_and_say_why(home: Path) -> None:
    views_of(home, story()[:20])
    result = run("entries", "c1", "--limit", "30")

    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    numbers = [int(line.split()[0]) for line in lines[1:] if line.split()[0].isdigit()]
    assert numbers == list(range(20, 0, -1))
    shown = words(result)
    assert "1 2025-12-02 12:00 earned +150 150 pay payment_succeeded ← payment:t1:i" in shown
    assert "9 2025-12-10 12:00 taken back −250 -20 undoes payment:t1:i" in shown
    assert "tier changed 150 — → saguaro" in shown
    assert "nothing moved 5 No rule wants it." in shown


def test_entries_page_backwards(home: Path) -> None:
    views_of(home, story())
    first = run("entries", "c1", "--limit", "3")
    assert "older ones: cactus entries c1 --before 19" in first.stdout

    older = json.loads(run("entries", "c1", "--limit", "3", "--before", "19", "--json").stdout)
    assert [entry["sequence"] for entry in older] == [18, 17, 16]
    assert older[2]["event"]["reason"] == "refund"


def test_the_last_page_offers_no_older_one(home: Path) -> None:
    views_of(home, story())

    assert "older" not in run("entries", "c1", "--before", "5").stdout
    nothing = run("entries", "c1", "--before", "1")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "Nothing of c1 came before entry 1" in nothing.stderr


@pytest.mark.parametrize("command", ["balance", "entries"])
def test_an_unknown_customer_is_an_operating_error(home: Path, command: str) -> None:
    views_of(home, story()[:1])
    result = run(command, "c2")

    assert isinstance(result.exception, OperatingError)
    assert result.exception.exit_code == 1
    assert "hold nothing of customer 'c2'" in str(result.exception)


@pytest.mark.parametrize("command", ["balance", "entries"])
def test_an_id_that_two_sites_know_asks_which(home: Path, command: str) -> None:
    views_of(home, [*story()[:1], changed(earned(1, 9, (9, 0, 9, 0)), site="other")])
    result = run(command, "c1")

    assert isinstance(result.exception, OperatingError)
    assert result.exception.exit_code == 2
    assert f"add --site {SITE} or --site other" in str(result.exception)

    chosen = run(command, "c1", "--site", "other")
    assert chosen.exit_code == 0
    assert "9" in chosen.stdout


@pytest.mark.parametrize("command", ["balance", "entries"])
def test_views_that_do_not_exist_yet_are_explained_and_not_made(home: Path, command: str) -> None:
    result = run(command, "c1")

    assert isinstance(result.exception, OperatingError)
    assert "`cactus projector` makes them" in str(result.exception)
    assert list(home.iterdir()) == []


def test_an_empty_database_is_explained(home: Path) -> None:
    (home / "views.sqlite").touch()
    result = run("balance", "c1")

    assert isinstance(result.exception, OperatingError)
    assert "holds no views yet" in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [["balance"], ["entries", "c1", "--limit", "0"], ["entries", "c1", "--before", "x"]],
)
def test_wrong_usage_ends_with_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_markup_in_an_id_is_printed_and_not_obeyed(home: Path) -> None:
    views_of(home, [changed(earned(1, 9, (9, 0, 9, 0), rule="[red]x[/red]"), customer="[b]c[/b]")])

    assert "[b]c[/b]" in run("balance", "[b]c[/b]").stdout
    assert "[red]x[/red]" in run("entries", "[b]c[/b]").stdout
