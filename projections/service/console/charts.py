"""Where the shapes of a chart stand, in the units of its viewBox. PURE: the templates draw."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 720
HEIGHT = 260
LEFT, RIGHT, TOP, BOTTOM = 64, 8, 12, 30
LABELS_MAX = 8
TICKS = 4
BAR_SHARE = 0.76
BAR_WIDTH_MAX = 28.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A line across, or a word below. `at` is y or x."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """`series` numbers the colour, `title` says the bar in words."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Either bars or a line with the area below it, as SVG path data."""

    ticks: tuple[Tick, ...]
    labels: tuple[Tick, ...]
    zero: float
    bars: tuple[Bar, ...] = ()
    line: str = ""
    area: str = ""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT


def stacked(labels: Sequence[str], series: Sequence[tuple[str, Sequence[int]]], unit: str) -> Chart:
    """Bars of several series over one axis: what is positive stands on it, the rest hangs."""
    columns = [[values[index] for _, values in series] for index in range(len(labels))]
    highest = max((sum(v for v in column if v > 0) for column in columns), default=0)
    lowest = min((sum(v for v in column if v < 0) for column in columns), default=0)
    scale = _Scale(lowest, highest)
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    width = min(BAR_WIDTH_MAX, step * BAR_SHARE)
    bars: list[Bar] = []
    for index, column in enumerate(columns):
        above = below = 0
        for number, value in enumerate(column):
            if value == 0:
                continue
            start = above if value > 0 else below
            y, foot = scale.y(start + value), scale.y(start)
            bars.append(
                Bar(
                    x=round(LEFT + step * (index + 0.5) - width / 2, 2),
                    y=round(min(y, foot), 2),
                    width=round(width, 2),
                    height=round(abs(foot - y), 2),
                    series=number,
                    title=f"{labels[index]}: {abs(value):,} {unit} {series[number][0]}",
                )
            )
            above, below = (start + value, below) if value > 0 else (above, start + value)
    return Chart(
        ticks=scale.ticks(), labels=_below(labels, step), zero=scale.y(0), bars=tuple(bars)
    )


def line(labels: Sequence[str], values: Sequence[int]) -> Chart:
    """One value per label, joined, with the area down to zero."""
    scale = _Scale(min(0, *values) if values else 0, max(0, *values) if values else 0)
    step = (WIDTH - LEFT - RIGHT) / max(1, len(labels))
    points = [
        (round(LEFT + step * (index + 0.5), 2), round(scale.y(value), 2))
        for index, value in enumerate(values)
    ]
    path = " ".join(f"{'L' if index else 'M'}{x} {y}" for index, (x, y) in enumerate(points))
    zero = round(scale.y(0), 2)
    area = f"{path} L{points[-1][0]} {zero} L{points[0][0]} {zero} Z" if points else ""
    return Chart(ticks=scale.ticks(), labels=_below(labels, step), zero=zero, line=path, area=area)


SPARK_WIDTH = 280
SPARK_HEIGHT = 56


def spark(labels: Sequence[str], values: Sequence[int], unit: str) -> tuple[Bar, ...]:
    """A row of bars small enough for a card; a day with anything shows at least a line."""
    most = max(values, default=0) or 1
    step = SPARK_WIDTH / max(1, len(values))
    return tuple(
        Bar(
            x=round(step * index + step * 0.12, 2),
            y=round(SPARK_HEIGHT - max(1.5, SPARK_HEIGHT * value / most), 2),
            width=round(step * BAR_SHARE, 2),
            height=round(max(1.5, SPARK_HEIGHT * value / most), 2),
            series=0,
            title=f"{label}: {value:,} {unit}",
        )
        for index, (label, value) in enumerate(zip(labels, values, strict=True))
    )


class _Scale:
    def __init__(self, lowest: float, highest: float) -> None:
        self._step = _round_step((highest - lowest) / TICKS)
        self._low = math.floor(lowest / self._step)
        self._high = max(math.ceil(highest / self._step), self._low + 1)

    def y(self, value: float) -> float:
        share = (value / self._step - self._low) / (self._high - self._low)
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - share)

    def ticks(self) -> tuple[Tick, ...]:
        values = [number * self._step for number in range(self._low, self._high + 1)]
        return tuple(Tick(at=round(self.y(value), 2), label=short(value)) for value in values)


def _round_step(least: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 … that is not below."""
    if least <= 1:
        return 1
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * part for part in (1, 2, 5, 10) if power * part >= least)


def _below(labels: Sequence[str], step: float) -> tuple[Tick, ...]:
    every = max(1, math.ceil(len(labels) / LABELS_MAX))
    return tuple(
        Tick(at=round(LEFT + step * (index + 0.5), 2), label=label)
        for index, label in enumerate(labels)
        if index % every == 0
    )


def short(value: float) -> str:
    """A number that fits beside an axis: 950, 1.2k, 34M."""
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.1f}".removesuffix(".0").replace("-", "−") + letter
    return f"{value:g}".replace("-", "−")
