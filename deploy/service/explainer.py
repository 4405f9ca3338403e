"""Explanations and dry runs for the service, by replaying a customer's facts."""

from typing import Any

import msgspec

from deploy.cluster import bootstrap_servers, topics_of
from deploy.dry_run.outcome import Outcome as Came
from deploy.replay.explaining import ExplainedFact, explain_entry
from deploy.replay.reader import open_reader
from deploy.service.drafts import read_draft
from deploy.service.dry_run import try_on
from deploy.service.refusals import as_refusals
from deploy.settings import Settings
from deploy.views import UnknownCustomer, find_account, reading_own_views
from projections.service.ports import (
    DryRunAnswer,
    Explained,
    Outcome,
)


class ReplayingExplainer:
    """The ports `Explainer` and `DryRun`. Connects to Kafka for each question."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def explain_entry(self, site: str, customer: str, sequence: int) -> Explained | None:
        settings = self._settings
        with as_refusals():
            async with (
                reading_own_views(settings) as connection,
                open_reader(bootstrap_servers(settings), topics_of(settings)) as reader,
            ):
                try:
                    account = await find_account(connection, customer, site)
                except UnknownCustomer:
                    return None
                found = await explain_entry(connection, reader, account, sequence)
        return None if found is None else _told(found)

    async def dry_run(self, site: str, customer: str, yaml_text: str) -> DryRunAnswer:
        draft = read_draft(yaml_text, site, ", whose customer this is")
        with as_refusals():
            found = await try_on(self._settings, draft, customer)
        return DryRunAnswer(
            published=_outcome(found.published),
            draft=_outcome(found.draft),
            differences=(*found.sentences, *found.notes),
            details=msgspec.to_builtins(found.differences),
        )


def _told(found: ExplainedFact) -> Explained:
    explanation = found.explanation
    fact = explanation.fact
    against = [f"Careful: {each}" for each in found.discrepancies]
    return Explained(
        fact=fact.id,
        fact_type=type(fact).__name__,
        source=fact.source,
        occurred_at=fact.occurred_at,
        program=explanation.program or "",
        program_version=explanation.program_version or 0,
        sentences=(*explanation.sentences, *against),
        steps=_builtin(explanation.steps),
        events=tuple(msgspec.json.decode(event) for event in found.events),
        proven=not found.discrepancies,
    )


def _outcome(came: Came) -> Outcome:
    return Outcome(
        balance=came.balance,
        pending=came.pending,
        lifetime=came.lifetime,
        deficit=came.deficit,
        tier=came.tier,
        events=tuple(msgspec.json.decode(event) for event in came.events),
    )


def _builtin(steps: Any) -> tuple[Any, ...]:
    return tuple(msgspec.to_builtins(steps))
