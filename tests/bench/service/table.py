"""What a load was answered with, as a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from tests.bench.service.load import Answered

MS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement. Times in milliseconds; `goal_ms` is what p99 is to stay within."""

    what: str
    rate: float
    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    goal_ms: float
    note: str


def row_of(
    what: str, rate: float, seconds: Sequence[float], *, goal_ms: float, note: str = ""
) -> Row:
    ascending = sorted(seconds)

    def share(part: float) -> float:
        return ascending[min(len(ascending) - 1, int(len(ascending) * part))] * MS

    return Row(
        what=what,
        rate=rate,
        count=len(ascending),
        p50_ms=share(0.5),
        p95_ms=share(0.95),
        p99_ms=share(0.99),
        max_ms=ascending[-1] * MS,
        goal_ms=goal_ms,
        note=note,
    )


def statuses_of(answers: Sequence[Answered]) -> str:
    counts = Counter(each.status for each in answers)
    return ", ".join(f"{status or 'unanswered'}: {count:,}" for status, count in counts.items())


def print_rows(title: str, rows: Sequence[Row]) -> None:
    table = Table(title=title)
    for name in ("what", "per second", "count", "p50 ms", "p95 ms", "p99 ms", "max ms", "goal"):
        table.add_column(name, justify="left" if name == "what" else "right")
    table.add_column("and")
    for row in rows:
        table.add_row(
            row.what,
            f"{row.rate:,.0f}",
            f"{row.count:,}",
            f"{row.p50_ms:,.1f}",
            f"{row.p95_ms:,.1f}",
            f"{row.p99_ms:,.1f}",
            f"{row.max_ms:,.1f}",
            f"p99 ≤ {row.goal_ms:,.0f}",
            row.note,
        )
    Console(highlight=False, width=130).print(table)
