"""Points over time: what flowed, and what is owed to customers, each with its table."""

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from projections.console_queries import (
    DAY_SECONDS,
    FLOW_NAMES,
    Flow,
    day_name,
    every_day,
    flow_by_day,
    flow_by_month,
    programs_that_flow,
)
from projections.service.console.charts import Chart, line, stacked
from projections.service.console.gate import Page, Visit
from projections.service.ports import Ports
from projections.service.reading import reading

DAYS = 30
SHOWN_SERIES = ("Earned", "Spent", "Refunded", "Expired")
MONTHS_SHOWN = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What stood in lots at the end of a month."""

    month: str
    points: int


class Points:
    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def pages(self) -> list[Page]:
        return [Page(method="GET", path="/points", access="viewer", answer=self.show)]

    async def show(self, visit: Visit) -> Response:
        now = self._ports.clock()
        site, _, program = visit.asked("program").partition(":")
        async with reading(self._ports) as connection:
            choices = await programs_that_flow(connection)
            if (site, program) not in choices:
                site = program = ""
            days = await flow_by_day(
                connection,
                since=day_name(now - (DAYS - 1) * DAY_SECONDS),
                until=day_name(now),
                site=site,
                program=program,
            )
            months = await flow_by_month(connection, site=site, program=program)
        flow, owed = every_day(days, now, DAYS), _owed(months)
        return visit.page(
            "points.html",
            choices=choices,
            chosen=f"{site}:{program}" if program else "",
            flow=flow,
            flow_chart=_flow_chart(flow),
            owed=owed[-MONTHS_SHOWN:],
            owed_chart=_owed_chart(owed[-MONTHS_SHOWN:]),
            months=list(reversed(months[-MONTHS_SHOWN:])),
            series=SHOWN_SERIES,
            names=tuple(FLOW_NAMES),
            total=owed[-1].points if owed else 0,
            breakage=-sum(each.points["Expired"] for each in months),
            earned=sum(each.points["Earned"] for each in months),
        )


def _owed(months: list[Flow]) -> list[Owed]:
    owed, total = [], 0
    for each in months:
        total += each.net
        owed.append(Owed(month=each.period, points=total))
    return owed


def _flow_chart(days: list[Flow]) -> Chart:
    labels = [f"{datetime.fromisoformat(each.period):%d %b}" for each in days]
    return stacked(
        labels,
        [(name.lower(), [each.points[name] for each in days]) for name in SHOWN_SERIES],
        "points",
    )


def _owed_chart(owed: list[Owed]) -> Chart:
    labels = [f"{datetime.fromisoformat(each.month + '-01'):%b %Y}" for each in owed]
    return line(labels, [each.points for each in owed])
