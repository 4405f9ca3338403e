"""The reward ledger, read as it stands in its file: with SQL of its own, not with the engine's."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPEN = ("due", "attempting", "unknown")


@dataclass(frozen=True, slots=True)
class Row:
    """A reward, or with `revokes` the taking back of that one."""

    number: int
    reward_id: str
    account: str
    revokes: str
    state: str
    stuck: str
    reason: str
    reference: str
    is_reported: bool


class Book:
    def __init__(self, path: Path) -> None:
        self._path = path

    def counts(self) -> dict[str, int]:
        """Rows by state; those that wait for a human are `stuck`."""
        label = "case when stuck <> '' then 'stuck' else state end"
        return dict(self._rows(f"select {label}, count(*) from reward group by 1"))

    def unsettled(self) -> int:
        """What is still to be done: rows that move, and outcomes that were not told."""
        told = "state in ('delivered', 'failed') and not reported"
        moving = f"state in {OPEN} and stuck = ''"
        [[number]] = list(self._rows(f"select count(*) from reward where {moving} or {told}")) or [
            [1]
        ]
        return int(number)

    def rows(self) -> list[Row]:
        names = "number, reward_id, account, revokes, state, stuck, reason, reference, reported"
        return [
            Row(*values[:3], values[3] or "", *values[4:8], bool(values[8]))
            for values in self._rows(f"select {names} from reward order by number")
        ]

    def attempts(self) -> list[tuple[str, str, str]]:
        """(reward id, move, result), in the order in which they were begun."""
        return list(self._rows("select reward_id, move, result from attempt order by number"))

    def _rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        if not self._path.exists():
            return
        with contextlib.closing(sqlite3.connect(self._path, timeout=30)) as connection:
            made = connection.execute("select 1 from sqlite_master where name = 'reward'")
            if made.fetchone() is not None:
                yield from connection.execute(query)
