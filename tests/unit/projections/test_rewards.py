"""Which events call for a command, and which one."""

from projections.rewards import react
from schemas.points import RewardEarned, RewardRevoked
from schemas.rewards import Allowance, GrantReward, RevokeReward
from tests.support.points import DAY, NOON, OFF, RULE, event, reward_earned, story
from tests.support.year import SITE


def test_a_reward_earned_becomes_the_grant_with_the_same_id() -> None:
    happened = reward_earned(4, (0, 0, 0, 0), subscription="sub_1", currency="USD")

    assert react(happened) == GrantReward(
        reward_id=f"{SITE}:c1:five-off:1",
        site=SITE,
        customer="c1",
        **RULE,
        reward="five-off",
        occurred_at=NOON + 4 * DAY,
        grant=OFF,
        subscription="sub_1",
        currency="USD",
    )


def test_the_allowance_of_a_reward_goes_with_its_command() -> None:
    allowance = Allowance(stock=3)
    command = react(reward_earned(4, (0, 0, 0, 0), allowance=allowance))

    assert isinstance(command, GrantReward)
    assert command.allowance == allowance


def test_a_reward_revoked_becomes_the_revocation_with_its_reason() -> None:
    happened = event(
        RewardRevoked, 5, (0, 0, 0, 0), **RULE, reward="beta", reward_id="r", reason="tier_left"
    )

    assert react(happened) == RevokeReward(
        reward_id="r",
        site=SITE,
        customer="c1",
        **RULE,
        reward="beta",
        occurred_at=NOON + 5 * DAY,
        reason="tier_left",
    )


def test_no_other_event_calls_for_anything() -> None:
    calling = {type(each) for each in story() if react(each) is not None}

    assert calling == {RewardEarned, RewardRevoked}
