"""What a dashboard is made of. PURE."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["stat", "timeseries", "heatmap"]
WINDOW = "[$__rate_interval]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """`always`: an installation at work has an answer to it."""

    expr: str
    legend: str = ""
    always: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """`width` is of 24. `bad_above` colours a figure that should not be there."""

    title: str
    queries: tuple[Query, ...]
    kind: Kind = "timeseries"
    unit: str = "short"
    width: int = 8
    description: str = ""
    bad_above: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`name` is what alerts call it."""

    name: str
    title: str
    panels: tuple[Panel, ...]


def quantiles(metric: str, by: str = "", where: str = "") -> tuple[Query, ...]:
    grouped = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return tuple(
        Query(
            expr=f"histogram_quantile({quantile}, sum by ({grouped})"
            f" (rate({metric}_bucket{where}{WINDOW})))",
            legend=f"{legend}p{quantile * 100:g}",
        )
        for quantile in (0.5, 0.99)
    )
