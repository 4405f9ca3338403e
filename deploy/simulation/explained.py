"""One fact of a simulation or a replay, explained: decided once more on a copy, with a trace."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

import msgspec

from schemas.codec import POINTS
from schemas.facts import AnyFact
from schemas.points import CorrectionApplied
from streams.account.explanation.credits import Credit, credits_in
from streams.account.explanation.explain import explain, explain_correction
from streams.account.ordering import fold
from streams.account.programs import Programs
from streams.account.state import Account
from streams.account.steps import AnyStep
from streams.account.storing import decode_account
from streams.account.trace import Trace

NEAR = 5
"""Ids that are offered where there is none such."""


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """`program_version` is None where no program was in force. `repeats` counts what came again,
    `corrected_by` are the events by which late facts put this one in order.
    """

    site: str
    customer: str
    program: str | None
    program_version: int | None
    sentences: list[str]
    fact: AnyFact
    steps: list[AnyStep]
    repeats: int = 0
    corrected_by: list[CorrectionApplied] = []


def near(wanted: str, sources: Mapping[str, str]) -> list[str]:
    """Of the known facts, by id with the message that told each, those that were probably meant:
    told by that message, or written much alike.
    """
    told = [known for known, source in sources.items() if wanted and source == wanted]
    parts = [known for known in sources if wanted and wanted in known]
    alike = get_close_matches(wanted, sources, n=NEAR)
    return list(dict.fromkeys([*told, *parts, *alike]))[:NEAR]


class Explainer:
    """Waits for the facts of one id: customers may share it, as they share an instant of time."""

    def __init__(self, fact_id: str) -> None:
        self.fact_id = fact_id
        self._traces: dict[tuple[str, str], tuple[AnyFact, Trace]] = {}
        self._repeats: dict[tuple[str, str], int] = {}
        self._corrections: dict[tuple[str, str], list[CorrectionApplied]] = {}
        self._sources: dict[str, str] = {}
        self._credits: dict[tuple[str, str], dict[str, Credit]] = {}

    def watch(self, fact: AnyFact, offset: int, state: bytes | None, programs: Programs) -> None:
        """`state` is the account before the fact, None for a new one."""
        self._sources.setdefault(fact.id, fact.source)
        if fact.id != self.fact_id:
            return
        owner = (fact.site, fact.customer)
        if owner in self._traces:
            self._repeats[owner] = self._repeats.get(owner, 0) + 1
            return
        account = Account() if state is None else decode_account(state)
        trace = Trace()
        fold(account, fact, offset, programs, trace=trace)
        self._traces[owner] = (fact, trace)

    def follow(self, events: Iterable[bytes]) -> None:
        """Let a simulation run, and keep what puts the fact in order later, and what earned the
        lots that it touches.
        """
        for data in events:
            event = POINTS.decode(data)
            opened = credits_in([event])
            if opened:
                self._credits.setdefault((event.site, event.customer), {}).update(opened)
            if isinstance(event, CorrectionApplied) and self.fact_id in event.corrected:
                self._corrections.setdefault((event.site, event.customer), []).append(event)

    def explanations(self) -> list[Explanation]:
        """One for each customer whose fact it is, in the order in which they came."""
        return [self._explanation(*each) for each in self._traces.values()]

    def near(self) -> list[str]:
        """Ids that were probably meant."""
        return near(self.fact_id, self._sources)

    def _explanation(self, fact: AnyFact, trace: Trace) -> Explanation:
        owner = (fact.site, fact.customer)
        repeats, corrections = self._repeats.get(owner, 0), self._corrections.get(owner, [])
        sentences = explain(fact, trace, self._credits.get(owner))
        sentences += [explain_correction(event, trace) for event in corrections]
        if repeats:
            again = "once more" if repeats == 1 else f"{repeats:,} times more"
            sentences.append(f"It was told {again}, which changed nothing.")
        program = trace.program
        return Explanation(
            site=fact.site,
            customer=fact.customer,
            program=program.id if program is not None else None,
            program_version=program.version if program is not None else None,
            sentences=sentences,
            fact=fact,
            steps=trace.steps,
            repeats=repeats,
            corrected_by=corrections,
        )
