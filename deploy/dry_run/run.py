"""Fold a customer's stored facts under a draft, as if it had always been in force. PURE.

Stored facts of time say only how far the clock had come: under the draft other instants fall due,
and each of them happens before the clock passes it.
"""

from collections.abc import Iterator, Sequence

import msgspec

from deploy.dry_run.compare import Differences, compare, words
from deploy.dry_run.outcome import Outcome, Tally
from deploy.replay.history import History
from deploy.replay.replay import Given, Replay, discrepancies
from deploy.simulation.lines import Advance
from deploy.simulation.run import Simulation, known_from_the_start
from schemas.codec import FACTS
from schemas.facts import AnyFact, ProgramPublished, TimeReached
from schemas.program.model import Program
from schemas.program.properties import named_properties


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """`published` is what is, `draft` what would have been, both at the instant `at`.

    `sentences` say what differs; `notes` what the figures cannot show.
    """

    site: str
    customer: str
    program: str
    at: int
    facts: int
    published: Outcome
    draft: Outcome
    differences: Differences
    sentences: list[str]
    notes: list[str]


def dry_run(history: History, draft: Program, now: int) -> DryRun:
    """The history must be whole. `now` is the engine's clock."""
    site = history.site
    replay, was = Replay(site, history.customer), Tally()
    given = list(replay.fold(history.records))
    was.count(event for each in given for event in each.events)
    always = draft.model_copy(update={"effective_from": None})
    simulation, would = Simulation(known_from_the_start([always])), Tally()
    would.count(simulation.run(_lived([each.fact for each in given], now)))
    accounts = {customer: account for _, customer, account in simulation.accounts()}
    account = accounts.get(history.customer, replay.account)
    published = was.outcome(replay.account, replay.programs, site, now)
    drafted = would.outcome(account, simulation.programs, site, now)
    differences = compare(published, drafted, was.facts(), would.facts())
    return DryRun(
        site=site,
        customer=history.customer,
        program=draft.program,
        at=now,
        facts=len(given),
        published=published,
        draft=drafted,
        differences=differences,
        sentences=words(differences, published, drafted, draft.points.name),
        notes=[*_notes(history, draft, given)],
    )


def _lived(facts: Sequence[AnyFact], now: int) -> Iterator[AnyFact | Advance]:
    for fact in facts:
        yield Advance(fact.occurred_at) if isinstance(fact, TimeReached) else fact
    yield Advance(now)


def _notes(history: History, draft: Program, given: Sequence[Given]) -> Iterator[str]:
    yield from discrepancies(history, given)
    published = [
        Program.model_validate(fact.document)
        for fact in (FACTS.decode(each.value or b"") for each in history.records)
        if isinstance(fact, ProgramPublished)
    ]
    for event in sorted(_events(draft)):
        kept = frozenset[str]().union(*(named_properties(each, event) for each in published))
        if unknown := sorted(named_properties(draft, event) - kept):
            yield (
                f"No published version asks for {_listed(unknown)} of `{event}`: facts do not hold "
                "it, so the draft finds nothing there."
            )


def _events(program: Program) -> set[str]:
    """The custom events that the program speaks of."""
    named = {rule.event for rule in program.earn} | {each.when.event for each in program.rewards}
    return {event for event in named if event is not None}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
