"""What a demo shows while it plays: a live picture on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.demo.meters import Readings
from deploy.demo.site import SiteStatus

LINE_EVERY_SECONDS = 5.0


class Screen:
    """Use it inside `showing`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=console,
        )
        self._task: TaskID | None = None
        self._live: Live | None = None
        self._figures: Table | str = ""
        self._spoken_at = float("-inf")

    @contextmanager
    def showing(self) -> Iterator["Screen"]:
        if not self._console.is_terminal:
            yield self
            return
        with Live(console=self._console, refresh_per_second=8, transient=True) as live:
            self._live = live
            yield self
        self._live = None

    def say(self, line: str) -> None:
        """A line that stays."""
        self._console.print(line, markup=False, highlight=False)

    def phase(self, name: str, done: float = 0.0) -> None:
        """What goes on now, and how much of it is done, from 0 to 1."""
        if self._task is None:
            self._task = self._bar.add_task(name, total=1.0)
        self._bar.update(self._task, description=name, completed=done)
        self._draw(f"{name} {done:.0%}")

    def audited(self, stage: str, done: int, total: int) -> None:
        """How far a stage of the audit is, as `deploy.audit` tells it."""
        self.phase(f"audit: {stage}", done / total if total else 0.0)

    def figures(self, status: SiteStatus, readings: Readings) -> None:
        """The figures so far, below the bar."""
        table = Table.grid(padding=(0, 3))
        cells = told(status, readings)
        for one, other in zip(cells[::2], cells[1::2], strict=True):
            table.add_row(*one, *other)
        self._figures = table
        self._draw(", ".join(f"{value} {name}" for name, value in cells))

    def _draw(self, line: str) -> None:
        if self._live is not None:
            self._live.update(Group(self._bar, self._figures))
            return
        now = time.monotonic()
        if now - self._spoken_at >= LINE_EVERY_SECONDS:
            self._spoken_at = now
            self.say(line)


def told(status: SiteStatus, readings: Readings) -> list[tuple[str, str]]:
    """Name and value of each figure, an even number of them."""
    webhooks = status.webhooks
    lag = readings.total("worker", "cactus_lag_messages")
    lag += readings.total("projector", "cactus_lag_messages")
    return [
        ("webhooks sent", f"{webhooks.sent:,}"),
        ("sent twice or late", f"{webhooks.duplicates + webhooks.disordered:,}"),
        ("facts folded", f"{readings.total('worker', 'cactus_facts_folded_total'):,}"),
        ("repeats ignored", f"{readings.total('worker', 'cactus_facts_repeated_total'):,}"),
        ("events in SQL", f"{readings.total('projector', 'cactus_projected_events_total'):,}"),
        ("records waiting", f"{lag:,}"),
        (
            "rewards delivered",
            f"{readings.total('rewarder', 'cactus_rewards', state='delivered'):,}",
        ),
        ("invoices", f"{status.invoices:,}"),
    ]
