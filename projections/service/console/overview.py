"""Whether anything is lost, late or stuck: the first page, and its live figures."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import structlog
from starlette.responses import Response, StreamingResponse

from projections.access.sessions import Sessions
from projections.console_queries import Flow, day_name, every_day, flow_by_day
from projections.service.console.charts import Bar, spark
from projections.service.console.gate import COOKIE, Page, Visit
from projections.service.console.troubles import Trouble
from projections.service.ports import Ports, RoleHealth
from projections.service.reading import reading

log = structlog.get_logger(__name__)

Tone = Literal["good", "wait", "bad"]
Answer = TypeVar("Answer")

ASK_SECONDS_MAX = 3.0
LOOK_EVERY_SECONDS = 2.0
KEEP_ALIVE_LOOKS = 8
SESSION_LOOKS = 15
STREAMS_MAX = 100
LATE_SECONDS = 60.0
DAYS_SHOWN = 14
DAY_SECONDS = 86_400
LATE_MESSAGES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """None where whoever knows did not answer."""

    roles: tuple[RoleHealth, ...] | None
    dead_letters: int | None
    rewards: dict[str, int] | None
    oldest_doubt_seconds: float | None
    days: list[Flow] | None

    @property
    def today(self) -> Flow | None:
        return self.days[-1] if self.days else None

    @property
    def spark(self) -> tuple[Bar, ...]:
        """What was earned on each of the last days."""
        days = self.days or []
        return spark(
            [each.period for each in days], [each.points["Earned"] for each in days], "earned"
        )

    @property
    def lag(self) -> int | None:
        if self.roles is None:
            return None
        return sum(sum(role.lag_messages.values()) for role in self.roles)

    @property
    def oldest_seconds(self) -> float | None:
        """The age of the oldest record that waits, over all roles; None where none tells."""
        ages = [age for role in self.roles or () for age in role.lag_seconds.values()]
        return max(ages, default=None)

    @property
    def down(self) -> list[str]:
        return [role.role for role in self.roles or () if not role.ready]

    @property
    def stuck(self) -> int | None:
        return None if self.rewards is None else self.rewards.get("stuck", 0)

    @property
    def unknown(self) -> int | None:
        return None if self.rewards is None else self.rewards.get("unknown", 0)

    @property
    def is_late(self) -> bool:
        return (self.oldest_seconds or 0) > LATE_SECONDS or (self.lag or 0) > LATE_MESSAGES

    def findings(self) -> list[tuple[Tone, str]]:
        """What is not as it should be, worst first; nothing where all is well."""
        found: list[tuple[Tone, str]] = []
        if self.down:
            found.append(("bad", f"Not ready: {', '.join(self.down)}."))
        if self.stuck:
            found.append(("bad", f"{_some(self.stuck, 'reward')} wait for a person to decide."))
        if self.unknown:
            found.append(
                ("wait", f"{_some(self.unknown, 'reward')} may or may not have been given.")
            )
        if self.dead_letters:
            found.append(
                ("wait", f"{_some(self.dead_letters, 'record')} in the DLQ could not be used.")
            )
        if self.is_late:
            found.append(("wait", "The engine is behind what comes in."))
        if self.roles is None or self.dead_letters is None or self.rewards is None:
            found.append(("wait", "Not everything could be asked; what is unknown shows a dash."))
        return found


def _some(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


class Overview:
    """Looks at most once in two seconds, however many watch."""

    def __init__(self, ports: Ports, sessions: Sessions) -> None:
        self._ports = ports
        self._sessions = sessions
        self._streams = 0
        self._lock = asyncio.Lock()
        self._figures: Figures | None = None
        self._looked = float("-inf")

    def pages(self) -> list[Page]:
        return [
            Page(method="GET", path="/", access="viewer", answer=self.show),
            Page(method="GET", path="/live", access="viewer", answer=self.live),
        ]

    async def show(self, visit: Visit) -> Response:
        return visit.page("overview.html", figures=await self.figures())

    async def live(self, visit: Visit) -> Response:
        """Server-sent events: the figures whenever they change, a comment now and then."""
        if self._streams >= STREAMS_MAX:
            raise Trouble("Too many watch live already.", status=503)
        return StreamingResponse(
            self._stream(visit),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def _stream(self, visit: Visit) -> AsyncIterator[str]:
        self._streams += 1
        try:
            last, looks = "", 0
            while not self._ports.stopping():
                if looks % SESSION_LOOKS == 0 and not await self._still_signed_in(visit):
                    yield _event("over", "signed out")
                    return
                text = visit.fragment("_figures.html", figures=await self.figures())
                if text != last:
                    yield _event("figures", text)
                elif looks % KEEP_ALIVE_LOOKS == 0:
                    yield ": still here\n\n"
                last, looks = text, looks + 1
                await self._pause()
        finally:
            self._streams -= 1

    async def _pause(self) -> None:
        """Until the next look, or until the service stops."""
        for _ in range(4):
            if self._ports.stopping():
                return
            await asyncio.sleep(LOOK_EVERY_SECONDS / 4)

    async def _still_signed_in(self, visit: Visit) -> bool:
        return await self._sessions.find(visit.request.cookies.get(COOKIE, "")) is not None

    async def figures(self) -> Figures:
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._figures is None or now - self._looked >= LOOK_EVERY_SECONDS:
                self._figures = await self._look()
                self._looked = now
            return self._figures

    async def _look(self) -> Figures:
        workings, rewards = self._ports.workings, self._ports.rewards
        roles, letters, counts, doubt, days = await asyncio.gather(
            _asked(workings.roles if workings else None),
            _asked(workings.dead_letters if workings else None),
            _asked(rewards.counts if rewards else None),
            _asked(rewards.doubt_seconds if rewards else None),
            _asked(self._flows),
        )
        return Figures(
            roles=None if roles is None else tuple(roles),
            dead_letters=letters,
            rewards=None if counts is None else dict(counts),
            oldest_doubt_seconds=doubt,
            days=days,
        )

    async def _flows(self) -> list[Flow]:
        now = self._ports.clock()
        since = day_name(now - (DAYS_SHOWN - 1) * DAY_SECONDS)
        async with reading(self._ports) as connection:
            found = await flow_by_day(connection, since=since, until=day_name(now))
        return every_day(found, now, DAYS_SHOWN)


async def _asked(ask: Callable[[], Awaitable[Answer]] | None) -> Answer | None:
    """One that does not answer must not keep the others from being seen."""
    if ask is None:
        return None
    try:
        async with asyncio.timeout(ASK_SECONDS_MAX):
            return await ask()
    except Exception as error:  # noqa: BLE001 - whatever it is, the page says that it is unknown
        log.warning(
            "overview_incomplete", asked=getattr(ask, "__qualname__", ""), error=repr(error)
        )
        return None


def _event(name: str, text: str) -> str:
    lines = "".join(f"data: {line}\n" for line in text.splitlines())
    return f"event: {name}\n{lines}\n"
