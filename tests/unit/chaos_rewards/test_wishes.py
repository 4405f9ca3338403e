"""What is asked for and what breaks follows from the seed alone, and is of every kind."""

from connectors.fault_points import POINTS
from deploy.sandbox.life import Life
from schemas.rewards import GrantReward
from tests.chaos_rewards.schedule import Kind, draw_faults, draw_steps
from tests.chaos_rewards.site import life_settings, people_of
from tests.chaos_rewards.wishes import Fate, Wishes, draw_wishes, kinds

GRANTS = 2_000


def drawn(seed: int) -> Wishes:
    life = Life(life_settings(seed, 140))
    return draw_wishes(seed, people_of(life), GRANTS, life.site.now)


def test_the_same_seed_asks_for_the_same_and_another_one_does_not() -> None:
    assert drawn(7).said == drawn(7).said
    assert drawn(7).said != drawn(8).said


def test_every_kind_is_asked_for_and_each_reward_under_an_id_of_its_own() -> None:
    wishes = drawn(1)
    assert len(wishes.grants) == GRANTS
    asked = {name for name, count in kinds(wishes) if count >= 3}
    assert asked >= {"credit", "tenth", "some-off", "seats", "days", "support", "tree", "card"}
    assert asked >= {"flight", "lost", "dodo", "ghost"}


def test_some_cannot_be_given_some_are_revoked_and_some_said_again() -> None:
    wishes = drawn(1)
    fates = [wish.fate for wish in wishes.grants.values()]
    assert fates.count(Fate.REFUSED) > GRANTS // 20
    assert fates.count(Fate.GIVEN) > GRANTS // 2
    assert wishes.revoked
    grants = [each for each in wishes.said if isinstance(each, GrantReward)]
    assert len(grants) > GRANTS


def test_a_revocation_comes_after_what_it_revokes() -> None:
    places: dict[str, int] = {}
    for number, command in enumerate(drawn(1).said):
        if isinstance(command, GrantReward):
            places.setdefault(command.reward_id, number)
        else:
            assert places[command.reward_id] < number


def test_every_named_step_is_drawn_once_and_everybody_is_away_twice() -> None:
    steps = draw_steps(3, POINTS)
    assert {step.partition(":")[0] for step in steps} == POINTS
    assert len(steps) == len(POINTS)
    faults = draw_faults(3, kills=4, freezes=2)
    assert [fault.kind for fault in faults].count(Kind.OUTAGE) == 2
    assert faults == draw_faults(3, kills=4, freezes=2)
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
