"""The reward ledger as a port, where there is none, and what an installation calls itself."""

from pathlib import Path

import pytest

from deploy.roles.api import environment_of
from deploy.service.rewards import open_reward_book
from deploy.settings import Settings, Site
from projections.service.problems import Problem


def in_it(directory: Path) -> list[Path]:
    return list(directory.iterdir())


async def test_without_a_ledger_it_says_what_to_start_and_makes_none(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    async with open_reward_book(settings, lambda: 1, lambda: 1) as book:
        with pytest.raises(Problem, match="start `cactus rewarder` once"):
            await book.counts()
        with pytest.raises(Problem, match="start `cactus rewarder` once"):
            await book.retry("acme:c1:five-off:1", "anna", "looked")
    assert in_it(tmp_path) == []


@pytest.mark.parametrize(
    ("settings", "called"),
    [
        (Settings(clock_file=Path("clock"), sites=[Site(site="acme")]), "sandbox"),
        (Settings(sites=[Site(site="acme-test"), Site(site="other-test")]), "test"),
        (Settings(sites=[Site(site="acme-test"), Site(site="acme")]), "live"),
        (Settings(), "live"),
    ],
)
def test_an_installation_says_where_one_is(settings: Settings, called: str) -> None:
    assert environment_of(settings) == called
