"""The reward ledger, read as it stands in its file: with SQL of its own, not with the engine's."""

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPEN = ("due", "attempting", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A reward, or with `revokes` the taking back of that one."""

    number: int
    reward_id: str
    account: str
    revokes: str
    state: str
    stuck: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A call, or a reading of what became of one."""

    reward_id: str
    move: str
    result: str


class Book:
    def __init__(self, path: Path) -> None:
        self._path = path

    def counts(self) -> dict[str, int]:
        """Rows by state; those that wait for a human are `stuck`."""
        query = (
            "select case when stuck <> '' then 'stuck' else state end as label, count(*) as rewards"
            " from reward group by label"
        )
        return {row["label"]: row["rewards"] for row in self._rows(query)}

    def undos_in_doubt(self) -> int:
        """Takings back at the site that may have been done: their keys die, those of others not."""
        query = (
            "select count(*) as rewards from reward where revokes is not null"
            " and state = 'unknown' and kind not in ('webhook', 'order')"
        )
        return sum(row["rewards"] for row in self._rows(query))

    def unsettled(self) -> int:
        """What is still to be done: rows that move, and outcomes that were not told."""
        query = (
            "select count(*) as rewards from reward where"
            " (state in ('due', 'attempting', 'unknown') and stuck = '')"
            " or (state in ('delivered', 'failed', 'cancelled') and not reported)"
        )
        return sum(row["rewards"] for row in self._rows(query))

    def rows(self) -> list[Row]:
        return [
            Row(
                number=row["number"],
                reward_id=row["reward_id"],
                account=row["account"],
                revokes=row["revokes"] or "",
                state=row["state"],
                stuck=row["stuck"],
                reason=row["reason"],
            )
            for row in self._rows("select * from reward order by number")
        ]

    def attempts(self) -> list[Attempt]:
        """In the order in which they were begun."""
        return [
            Attempt(reward_id=row["reward_id"], move=row["move"], result=row["result"])
            for row in self._rows("select reward_id, move, result from attempt order by number")
        ]

    def _rows(self, query: str) -> Iterator[sqlite3.Row]:
        if not self._path.exists():
            return
        with contextlib.closing(sqlite3.connect(self._path, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            made = connection.execute("select 1 from sqlite_master where name = 'reward'")
            if made.fetchone() is not None:
                yield from connection.execute(query)
