"""What would have been different under a draft, in data and in sentences. PURE."""

from collections.abc import Iterator, Mapping

import msgspec

from deploy.dry_run.outcome import Awards, FactAwards, Outcome

FACTS_TOLD_MAX = 100

Changed = dict[str, tuple[int, int]]
"""What differs, by name: published, then draft."""


class FactDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One fact that gave something else: points by rule and rewards that fired, as it was and as
    it would have been.
    """

    fact: str
    occurred_at: int
    published: dict[str, int]
    draft: dict[str, int]
    published_rewards: tuple[str, ...] = ()
    draft_rewards: tuple[str, ...] = ()


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """All empty where the draft changes nothing for this customer.

    `rules`, `rewards` and `counts` map a name to what it was and would have been; `facts` are the
    first of `facts_count` that gave something else, in their order.
    """

    figures: Changed
    tier: tuple[str, str] | None
    rules: dict[str, tuple[Awards, Awards]]
    rewards: Changed
    counts: Changed
    facts: list[FactDifference]
    facts_count: int

    @property
    def is_empty(self) -> bool:
        return not (self.figures or self.tier or self.rules or self.rewards or self.facts)


FIGURES = ("balance", "pending", "lifetime", "deficit", "undone", "expired", "spent")


def compare(
    published: Outcome,
    draft: Outcome,
    facts: Mapping[str, FactAwards],
    draft_facts: Mapping[str, FactAwards],
) -> Differences:
    changed = list(_facts(facts, draft_facts))
    figures = {each: (getattr(published, each), getattr(draft, each)) for each in FIGURES}
    rules = {
        rule: (published.rules.get(rule, Awards()), draft.rules.get(rule, Awards()))
        for rule in dict.fromkeys([*published.rules, *draft.rules])
    }
    return Differences(
        figures={name: pair for name, pair in figures.items() if pair[0] != pair[1]},
        tier=(published.tier, draft.tier) if published.tier != draft.tier else None,
        rules={rule: pair for rule, pair in rules.items() if pair[0] != pair[1]},
        rewards=_counts(published.rewards, draft.rewards),
        counts=_counts(published.counts, draft.counts),
        facts=changed[:FACTS_TOLD_MAX],
        facts_count=len(changed),
    )


def _counts(before: Mapping[str, int], after: Mapping[str, int]) -> Changed:
    names = dict.fromkeys([*before, *after])
    pairs = {name: (before.get(name, 0), after.get(name, 0)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _facts(
    before: Mapping[str, FactAwards], after: Mapping[str, FactAwards]
) -> Iterator[FactDifference]:
    nothing = FactAwards(fact="", occurred_at=0)
    together = {**after, **before}
    for name, fact in sorted(together.items(), key=lambda each: (each[1].occurred_at, each[0])):
        was, would = before.get(name, nothing), after.get(name, nothing)
        if (was.rules, was.rewards) != (would.rules, would.rewards):
            yield FactDifference(
                fact=name,
                occurred_at=fact.occurred_at,
                published=was.rules,
                draft=would.rules,
                published_rewards=was.rewards,
                draft_rewards=would.rewards,
            )


def words(differences: Differences, published: Outcome, draft: Outcome, name: str) -> list[str]:
    """In sentences, figures first; `name` is what the points are called."""
    if differences.is_empty:
        return ["Nothing would have been different for this customer."]
    told = list(_figures(differences, published, draft, name))
    told += [_rule(rule, *pair, name) for rule, pair in differences.rules.items()]
    told += [_reward(reward, *pair) for reward, pair in differences.rewards.items()]
    if differences.facts_count:
        one = differences.facts_count == 1
        told.append(
            f"{differences.facts_count:,} fact{'' if one else 's'} would have given something else."
        )
    return told


_SAYS = {
    "pending": "{draft} {name} would be on their way instead of {published}.",
    "lifetime": "{draft} {name} would have been earned in all instead of {published}.",
    "deficit": "{draft} {name} would be owed instead of {published}.",
    "undone": "{draft} {name} would have been taken back by refunds instead of {published}.",
    "expired": "{draft} {name} would have expired instead of {published}.",
    "spent": "{draft} {name} would have been spent instead of {published}.",
}


def _figures(
    differences: Differences, published: Outcome, draft: Outcome, name: str
) -> Iterator[str]:
    if published.balance == draft.balance:
        yield f"There would be {draft.balance:,} {name} to spend, as there are."
    else:
        change = draft.balance - published.balance
        yield (
            f"There would be {draft.balance:,} {name} to spend instead of {published.balance:,}: "
            f"{abs(change):,} {'more' if change > 0 else 'fewer'}."
        )
    for figure, says in _SAYS.items():
        if figure in differences.figures:
            was, would = differences.figures[figure]
            yield says.format(draft=f"{would:,}", published=f"{was:,}", name=name)
    if differences.tier is not None:
        was_in, would_be = (f"tier `{tier}`" if tier else "no tier" for tier in differences.tier)
        yield f"The customer would be in {would_be} instead of {was_in}."


def _rule(rule: str, was: Awards, would: Awards, name: str) -> str:
    if not was.times:
        return f"Rule `{rule}` would have given {_awards(would, name)}; it has given nothing."
    if not would.times:
        return f"Rule `{rule}` would have given nothing; it has given {_awards(was, name)}."
    return f"Rule `{rule}` would have given {_awards(would, name)} instead of {_awards(was, name)}."


def _awards(awards: Awards, name: str) -> str:
    return f"{awards.points:,} {name} ({_times(awards.times)})"


def _reward(reward: str, was: int, would: int) -> str:
    if not would:
        return f"Reward `{reward}` would not have been given; it was given {_times(was)}."
    instead = f"instead of {_times(was)}" if was else "; it was not"
    return f"Reward `{reward}` would have been given {_times(would)} {instead}.".replace(" ;", ";")


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"
