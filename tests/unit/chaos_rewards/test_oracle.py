"""The audit of rewards finds what is planted: an oracle that cannot fail proves nothing."""

import dataclasses
from typing import Any

import pytest

from deploy.sandbox.life import Life
from schemas.rewards import GrantReward
from tests.chaos_rewards.book import Attempt, Row
from tests.chaos_rewards.oracle import Oracle, _Held
from tests.chaos_rewards.site import life_settings, people_of
from tests.chaos_rewards.wishes import Fate, Wishes, draw_wishes

GRANTS = 1_500
TYPES = {"delivered": "RewardDelivered", "failed": "RewardFailed"}


class Perfect:
    """What faultless rewarders would leave behind: everything given, nothing revoked in time."""

    def __init__(self) -> None:
        life = Life(life_settings(5, 100))
        people = people_of(life)
        self.term_ends = {each.member.id: each.member.term_end for each in people if each.is_steady}
        self.wishes: Wishes = draw_wishes(5, people, GRANTS, life.site.now)
        self.rows: list[Row] = []
        self.attempts: list[Attempt] = []
        self.outcomes: dict[str, list[dict[str, Any]]] = {}
        self.effects: dict[tuple[str, str], list[str]] = {}
        for customer, commands in self.wishes.by_customer().items():
            held = _Held(self.term_ends.get(customer, 0))
            for command in commands:
                if isinstance(command, GrantReward):
                    self._grant(command, held)
                else:
                    self._row(f"{command.reward_id}:revoked", customer, "failed", "it is spent")

    def _grant(self, command: GrantReward, held: _Held) -> None:
        fate = self.wishes.grants[command.reward_id].fate
        state = "failed" if fate is Fate.REFUSED else "delivered"
        self._row(command.reward_id, command.customer, state)
        self.outcomes[command.reward_id] = [
            {"id": f"outcome:{command.reward_id}", "type": TYPES[state]}
        ]
        if state == "delivered":
            held.give(command, self.effects_of(command.customer))

    def effects_of(self, customer: str) -> Any:
        return _Defaulting(self.effects)

    def _row(self, reward_id: str, customer: str, state: str, reason: str = "") -> None:
        revokes = reward_id.removesuffix(":revoked") if reward_id.endswith(":revoked") else ""
        self.rows.append(
            Row(
                number=len(self.rows) + 1,
                reward_id=reward_id,
                account=f"chaos:{customer}",
                revokes=revokes,
                state=state,
                stuck="",
                reason=reason,
            )
        )
        self.attempts.append(Attempt(reward_id=reward_id, move="prepare", result="done"))

    def breaches(self) -> list[str]:
        oracle = Oracle(
            wishes=self.wishes,
            rows=self.rows,
            attempts=self.attempts,
            outcomes=self.outcomes,
            effects=self.effects,
            term_ends=self.term_ends,
        )
        return list(oracle.breaches())

    def change(self, reward_id: str, **changes: Any) -> None:
        [at] = [n for n, row in enumerate(self.rows) if row.reward_id == reward_id]
        self.rows[at] = dataclasses.replace(self.rows[at], **changes)

    def one(self, reward: str, fate: Fate = Fate.GIVEN) -> GrantReward:
        revoked = self.wishes.revoked
        return next(
            wish.command
            for wish in self.wishes.grants.values()
            if wish.command.reward == reward
            and wish.fate is fate
            and wish.command.reward_id not in revoked
        )

    def channel(self, kind: str, at_least: int = 1) -> list[str]:
        return next(
            there
            for (each, _), there in self.effects.items()
            if each == kind and len(there) >= at_least
        )


class _Defaulting(dict[tuple[str, str], list[str]]):
    """A view that makes the channels it is asked for."""

    def __init__(self, held: dict[tuple[str, str], list[str]]) -> None:
        super().__init__()
        self._held = held

    def __missing__(self, channel: tuple[str, str]) -> list[str]:
        return self._held.setdefault(channel, [])


@pytest.fixture
def perfect() -> Perfect:
    return Perfect()


def test_faultless_rewarders_pass(perfect: Perfect) -> None:
    assert perfect.breaches() == []


@pytest.mark.parametrize("kind", ["credit", "coupon", "order", "webhook", "seats", "term_end"])
def test_an_effect_that_is_there_twice_is_found(perfect: Perfect, kind: str) -> None:
    there = perfect.channel(kind)
    there.append(there[-1])
    [breach] = perfect.breaches()
    assert breach.startswith("doubled")


@pytest.mark.parametrize("kind", ["credit", "coupon", "order", "webhook", "seats", "term_end"])
def test_an_effect_that_is_not_there_is_found(perfect: Perfect, kind: str) -> None:
    perfect.channel(kind).pop()
    [breach] = perfect.breaches()
    assert breach.startswith("lost")


def test_another_amount_is_found(perfect: Perfect) -> None:
    there = perfect.channel("credit")
    reward_id, _, currency = there[0].split(" ")
    there[0] = f"{reward_id} +2001 {currency}"
    [breach] = perfect.breaches()
    assert breach.startswith("wrong")


@pytest.mark.parametrize("kind", ["credit", "order", "webhook"])
def test_another_order_within_a_customer_is_found(perfect: Perfect, kind: str) -> None:
    there = perfect.channel(kind, at_least=2)
    there.reverse()
    [breach] = perfect.breaches()
    assert breach.startswith("disorder")


def test_an_effect_of_a_reward_that_failed_is_found(perfect: Perfect) -> None:
    failed = perfect.one("ghost", Fate.REFUSED)
    perfect.effects["credit", failed.customer] = [f"{failed.reward_id} +100 {failed.currency}"]
    assert len(perfect.breaches()) == 1


def test_something_that_nobody_asked_for_is_found(perfect: Perfect) -> None:
    perfect.effects["order", "stranger"] = ["acme:stranger:card:1 5 USD"]
    assert len(perfect.breaches()) == 1


def test_a_reward_that_could_be_given_and_was_not_is_found(perfect: Perfect) -> None:
    given = perfect.one("tree")
    perfect.change(given.reward_id, state="failed", reason="given up")
    perfect.outcomes[given.reward_id][0]["type"] = "RewardFailed"
    assert any(f"{given.reward_id} is failed and should be" in each for each in perfect.breaches())


@pytest.mark.parametrize("state", ["due", "attempting", "unknown"])
def test_what_never_settled_is_found(perfect: Perfect, state: str) -> None:
    given = perfect.one("credit")
    perfect.change(given.reward_id, state=state)
    assert any(each.startswith("open") for each in perfect.breaches())


def test_what_waits_for_a_human_is_found(perfect: Perfect) -> None:
    perfect.change(perfect.one("credit").reward_id, stuck="given twice")
    [breach] = perfect.breaches()
    assert breach.startswith("stuck")


def test_an_outcome_that_was_never_told_is_found(perfect: Perfect) -> None:
    del perfect.outcomes[perfect.one("credit").reward_id]
    [breach] = perfect.breaches()
    assert breach.startswith("wrong")


def test_the_same_outcome_told_again_is_no_breach_and_another_one_is(perfect: Perfect) -> None:
    told = perfect.outcomes[perfect.one("credit").reward_id]
    told.append(dict(told[0]))
    assert perfect.breaches() == []
    told.append({**told[0], "type": "RewardFailed"})
    [breach] = perfect.breaches()
    assert breach.startswith("doubled")


def test_a_command_that_did_not_arrive_is_found(perfect: Perfect) -> None:
    lost = perfect.one("tree").reward_id
    perfect.rows = [row for row in perfect.rows if row.reward_id != lost]
    perfect.attempts = [each for each in perfect.attempts if each.reward_id != lost]
    assert f"lost: {lost} is not in the reward ledger" in perfect.breaches()


def test_a_reward_begun_before_the_one_before_it_was_settled_is_found(perfect: Perfect) -> None:
    accounts: dict[str, list[str]] = {}
    for row in perfect.rows:
        accounts.setdefault(row.account, []).append(row.reward_id)
    first, second = next(each for each in accounts.values() if len(each) > 1)[:2]
    perfect.attempts.append(Attempt(reward_id=second, move="prepare", result="done"))
    perfect.attempts.append(Attempt(reward_id=first, move="read_back", result="found"))
    assert any(each.startswith("disorder") for each in perfect.breaches())


def test_what_was_taken_back_must_be_gone(perfect: Perfect) -> None:
    revoked = next(
        command
        for reward_id, command in perfect.wishes.revoked.items()
        if command.reward == "credit"
    )
    perfect.change(f"{revoked.reward_id}:revoked", state="delivered")
    [breach] = perfect.breaches()
    assert breach.startswith("lost")
    assert f"{revoked.reward_id}:revoked -" in breach
