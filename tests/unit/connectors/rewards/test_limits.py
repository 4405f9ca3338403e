"""What a reward counts for: names that rewarders share, and in which period."""

from typing import Any

import pytest

from connectors.rewards.gateway import Prepared
from connectors.rewards.limits import Limits
from schemas.rewards import Allowance
from tests.support.rewards import NOON, grant

FIVE = Prepared({}, worth_minor=500, currency="USD")
FEATURE = Prepared({})
DAY = 86_400


def counted(limits: Limits, prepared: Prepared = FIVE, **changes: Any) -> dict[str, int]:
    claims = limits.claims(grant(**changes), prepared, 2.5 * DAY)
    return {claim.name: claim.amount for claim in claims}


def test_without_limits_nothing_is_counted() -> None:
    assert counted(Limits()) == {}


def test_stock_is_counted_by_the_piece_over_all_versions_of_the_program() -> None:
    expected = {"stock:acme:spikes:five-off": 1}
    for version in (3, 4):
        allowance = Allowance(stock=9)
        assert counted(Limits(), FEATURE, allowance=allowance, program_version=version) == expected


def test_a_budget_is_money_in_the_period_in_which_the_reward_was_earned() -> None:
    new_year_in_berlin = 1_798_758_000  # 2027-01-01 00:00 +01:00
    allowance = Allowance(budget_minor={"USD": 9_000}, per="month", zone="Europe/Berlin")
    for at, month in ((new_year_in_berlin - 1, 202612), (new_year_in_berlin, 202701)):
        names = counted(Limits(), allowance=allowance, occurred_at=at)
        assert names == {f"budget:acme:spikes:five-off:USD:month {month}": 500}


def test_a_budget_for_ever_has_one_name() -> None:
    allowance = Allowance(budget_minor={"USD": 9_000})
    assert counted(Limits(), allowance=allowance) == {"budget:acme:spikes:five-off:USD:ever": 500}


def test_ceilings_are_counted_in_real_time_by_customer_site_and_program() -> None:
    table = {"USD": 10_000}
    limits = Limits(customer_per_day=table, site_per_hour=table, program_per_day=table)
    claims = limits.claims(grant(), FIVE, 2.5 * DAY)
    assert {claim.name: claim.ends_wall for claim in claims} == {
        "ceiling:customer_per_day:acme:c1:USD:2": 3 * DAY,
        "ceiling:site_per_hour:acme:USD:60": 61 * 3600,
        "ceiling:program_per_day:acme:spikes:USD:2": 3 * DAY,
    }
    assert {claim.limit for claim in claims} == {10_000}
    assert claims[0].reason == "paused: customer_per_day of 100.00 USD is reached"


@pytest.mark.parametrize("prepared", [FEATURE, Prepared({}, worth_minor=500, currency="EUR")])
def test_what_is_no_money_in_a_named_currency_has_no_ceiling(prepared: Prepared) -> None:
    assert counted(Limits(site_per_hour={"USD": 1}), prepared) == {}


def test_a_budget_waits_for_no_wall_clock() -> None:
    allowance = Allowance(stock=1, budget_minor={"USD": 9}, per="day")
    early = Limits().claims(grant(allowance=allowance), FIVE, 0)
    late = Limits().claims(grant(allowance=allowance), FIVE, NOON)
    assert early == late
    assert {claim.ends_wall for claim in late} == {None}
