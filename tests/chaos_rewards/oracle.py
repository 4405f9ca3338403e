"""The audit of a run: what was given twice, not at all, wrongly, or never settled. PURE.

Three witnesses are held against each other and against what was asked for: the other parties' own
ledger, the outcomes that were told, and the reward ledger. Each check returns breaches, as
sentences; none means that the invariant holds.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from schemas.rewards import (
    AnyGrant,
    Discount,
    Feature,
    FreeAddon,
    FreeDays,
    GrantReward,
    Order,
    Webhook,
)
from tests.chaos_rewards.book import OPEN, Attempt, Row
from tests.chaos_rewards.ledger import Channel, Effects
from tests.chaos_rewards.wishes import PROGRAM, Fate, Wishes

DAY = 86_400
NO_MINOR_UNIT = frozenset({"JPY"})
Outcome = dict[str, Any]


class Oracle:
    """`effects` is what happened, `outcomes` the facts by reward id, `term_ends` when the term of
    each customer ended before anything was given.
    """

    def __init__(
        self,
        *,
        wishes: Wishes,
        rows: list[Row],
        attempts: list[Attempt],
        outcomes: Mapping[str, list[Outcome]],
        effects: Effects,
        term_ends: Mapping[str, int],
    ) -> None:
        self._wishes = wishes
        self._rows = {row.reward_id: row for row in rows}
        self._attempts = attempts
        self._outcomes = outcomes
        self._effects = effects
        self._term_ends = term_ends

    def breaches(self) -> Iterator[str]:
        yield from self._arrivals()
        yield from self._endings()
        yield from self._fates()
        yield from self._facts()
        yield from self._effects_once()
        yield from self._order()

    def _arrivals(self) -> Iterator[str]:
        """Every command is in the ledger, and nothing else is."""
        asked = self._wishes.grants.keys() | {_undo_id(each) for each in self._wishes.revoked}
        for reward_id in asked - self._rows.keys():
            yield f"lost: {reward_id} is not in the reward ledger"
        for reward_id in self._rows.keys() - asked:
            yield f"invented: {reward_id} is in the reward ledger, and nobody asked for it"

    def _endings(self) -> Iterator[str]:
        for row in self._rows.values():
            if row.stuck:
                yield f"stuck: {row.reward_id}: {row.stuck}"
            elif row.state in OPEN:
                yield f"open: {row.reward_id} is {row.state}: {row.reason}"

    def _fates(self) -> Iterator[str]:
        """What can be given is given; what cannot, by its nature, has failed."""
        revoked = self._wishes.revoked
        for reward_id, wish in self._wishes.grants.items():
            state = self._state(reward_id)
            if state == "cancelled" and reward_id in revoked:
                continue
            if wish.fate is Fate.EITHER:
                if state not in {"delivered", "failed"}:
                    yield f"wrong: {reward_id} is {state}"
            elif state != wish.fate:
                reason = self._rows[reward_id].reason if reward_id in self._rows else ""
                yield f"wrong: {reward_id} is {state} and should be {wish.fate}: {reason}"

    def _facts(self) -> Iterator[str]:
        """The account was told once what the ledger says: of a cancelled one that it failed."""
        types = dict.fromkeys(("failed", "cancelled"), "RewardFailed")
        types["delivered"] = "RewardDelivered"
        for reward_id in self._wishes.grants.keys() | self._outcomes.keys():
            told = self._outcomes.get(reward_id, [])
            distinct = {tuple(sorted(each.items())) for each in told}
            expected = types.get(self._state(reward_id))
            if len(distinct) > 1:
                yield f"doubled: {len(distinct)} different outcomes were told of {reward_id}"
            elif expected is None and distinct:
                yield f"wrong: an outcome of {reward_id} was told: it is {self._state(reward_id)}"
            elif expected is not None and {each["type"] for each in told} != {expected}:
                names = [each["type"] for each in told]
                yield f"wrong: {reward_id} is {self._state(reward_id)}, and told was {names}"

    def _effects_once(self) -> Iterator[str]:
        """At the others there is, in its order, exactly what was given and taken back."""
        due = self._due()
        for channel in sorted(due.keys() | self._effects.keys()):
            wanted, there = due.get(channel, []), self._effects.get(channel, [])
            if wanted != there:
                yield f"{_difference(wanted, there)}: {channel} should be {wanted} and is {there}"

    def _due(self) -> Effects:
        due: Effects = defaultdict(list)
        for customer, commands in self._wishes.by_customer().items():
            held = _Held(self._term_ends.get(customer, 0))
            for command in commands:
                if isinstance(command, GrantReward):
                    if self._state(command.reward_id) == "delivered":
                        held.give(command, due)
                elif self._state(_undo_id(command.reward_id)) == "delivered":
                    held.take_back(self._wishes.grants[command.reward_id].command, due)
        return due

    def _order(self) -> Iterator[str]:
        """Of one customer nothing is begun before what came before it is settled."""
        last: dict[str, Row] = {}
        for attempt in self._attempts:
            row = self._rows[attempt.reward_id]
            before = last.get(row.account)
            if before is not None and before.number > row.number:
                yield f"disorder: {row.reward_id} was worked on after {before.reward_id}"
            last[row.account] = row

    def _state(self, reward_id: str) -> str:
        row = self._rows.get(reward_id)
        return "nowhere" if row is None else row.state


class _Held:
    """What one customer holds while everything is given to them again, on paper."""

    def __init__(self, term_end: int) -> None:
        self._term_end = term_end
        self._seats = ""

    def give(self, command: GrantReward, due: Effects) -> None:
        kind, text = self._effect(command.grant, command)
        due[kind, command.customer].append(text)

    def _effect(self, grant: AnyGrant, command: GrantReward) -> Channel:
        match grant:
            case Discount(via="promotional_credit"):
                worth = f"+{grant.amounts_minor[command.currency]} {command.currency}"
                return "credit", f"{command.reward_id} {worth}"
            case Discount():
                return "coupon", f"{_coupon(command, grant)} {_coupon_terms(command, grant)}"
            case Feature():
                self._seats = grant.value
                return grant.id, grant.value
            case FreeDays():
                self._term_end += grant.days * DAY
                return "term_end", str(self._term_end)
            case FreeAddon():
                return grant.price, str(grant.quantity)
            case Webhook():
                return "webhook", f"{command.reward_id} reward.granted {grant.payload}"
            case Order():
                return "order", f"{command.reward_id} {_worth(grant, command.currency)}"

    def take_back(self, command: GrantReward, due: Effects) -> None:
        match command.grant:
            case Discount(via="promotional_credit") as grant:
                worth = f"-{grant.amounts_minor[command.currency]} {command.currency}"
                due["credit", command.customer].append(f"{_undo_id(command.reward_id)} {worth}")
            case Discount() as grant:
                due["coupon removed", command.customer].append(_coupon(command, grant))
            case Feature() as grant:
                if self._seats == grant.value:
                    self._seats = ""
                    due[grant.id, command.customer].append("")
            case FreeDays() as grant:
                self._term_end -= grant.days * DAY
                due["term_end", command.customer].append(str(self._term_end))
            case Webhook() as grant:
                text = f"{_undo_id(command.reward_id)} reward.revoked {grant.payload}"
                due["webhook", command.customer].append(text)
            case _:
                due["cannot be taken back", command.customer].append(command.reward_id)


def _coupon(command: GrantReward, grant: Discount) -> str:
    currency = () if grant.percent else (command.currency,)
    ordinal = command.reward_id.rpartition(":")[2]
    return "-".join(("cactus", PROGRAM, command.reward, "v1", *currency, ordinal))


def _coupon_terms(command: GrantReward, grant: Discount) -> str:
    if grant.percent:
        return f"{grant.percent} %"
    return f"{grant.amounts_minor[command.currency]} {command.currency}"


def _worth(grant: Order, currency: str) -> str:
    minor = grant.amounts_minor[currency]
    return f"{minor if currency in NO_MINOR_UNIT else minor / 100:g} {currency}"


def _undo_id(reward_id: str) -> str:
    return f"{reward_id}:revoked"


def _difference(wanted: list[str], there: list[str]) -> str:
    if sorted(wanted) == sorted(there):
        return "disorder"
    if len(there) > len(set(there)) and set(there) == set(wanted):
        return "doubled"
    if set(there) < set(wanted):
        return "lost"
    return "doubled or invented" if len(there) > len(wanted) else "wrong"


def count_states(rows: list[Row]) -> tuple[dict[str, int], dict[str, int]]:
    """Of rewards, and of revocations."""
    rewards: dict[str, int] = defaultdict(int)
    revocations: dict[str, int] = defaultdict(int)
    for row in rows:
        (revocations if row.revokes else rewards)[row.state] += 1
    return dict(rewards), dict(revocations)
