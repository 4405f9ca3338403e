"""Why one entry of a customer is what it is: the facts up to it, folded anew with a trace."""

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from deploy.replay.history import CannotTell, History, Wanted, read_history
from deploy.replay.reader import FactsReader, Progress
from deploy.replay.replay import Given, Replay, discrepancies
from deploy.simulation.explained import Explainer, Explanation
from projections.rows import BalanceRow, EntryRow


class ExplainedFact(msgspec.Struct, frozen=True, kw_only=True):
    """`events` are what the replay gives for the fact, as JSON; `discrepancies` say what stands
    against it, and are empty where it equals what is stored byte for byte.
    """

    explanation: Explanation
    sequences: list[int]
    events: list[msgspec.Raw]
    discrepancies: list[str] = []


async def explain_entry(
    connection: AsyncConnection,
    reader: FactsReader,
    account: BalanceRow,
    wanted: int | str,
    progress: Progress = lambda *_: None,
) -> ExplainedFact | None:
    """The fact behind an entry, by its sequence, or by the fact's own id. None where there is no
    such entry. Raises `CannotTell`.
    """
    if account.erased:
        raise CannotTell(
            f"{account.customer} of {account.site} was erased: what would explain it is gone."
        )
    is_wanted = _wanted(wanted)
    history = await read_history(
        connection, reader, account.site, account.customer, until=is_wanted, progress=progress
    )
    entry = next((each for each in history.entries if is_wanted(each)), None)
    return None if entry is None else explain_in(history, entry)


def explain_in(history: History, entry: EntryRow) -> ExplainedFact:
    """Explain the fact of one of the entries, at which the records end."""
    explainer = Explainer(entry.fact)
    replay = Replay(history.site, history.customer, explainer.watch)
    given = list(replay.fold(history.records))
    against = discrepancies(history, given)
    target = next((each for each in given if each.offset == entry.fact_offset), None)
    if target is None:
        raise CannotTell(
            f"The fact of entry {entry.sequence}, {entry.fact}, cannot be read any more. "
            + " ".join(against)
        )
    explainer.follow(each.event.encode() for each in history.entries)
    [explanation] = explainer.explanations()
    return ExplainedFact(
        explanation=explanation,
        sequences=[each.sequence for each in history.entries if each.fact_offset == target.offset],
        events=_raw(target),
        discrepancies=against,
    )


def _wanted(wanted: int | str) -> Wanted:
    if isinstance(wanted, int):
        return lambda entry: entry.sequence == wanted
    return lambda entry: entry.fact == wanted


def _raw(given: Given) -> list[msgspec.Raw]:
    return [msgspec.Raw(event) for event in given.events]
