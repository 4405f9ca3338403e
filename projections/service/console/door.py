"""Signing in and out, and changing the password that somebody else has seen."""

import secrets
import time

import structlog
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import MovingWindowRateLimiter
from starlette.responses import RedirectResponse, Response

from projections.access.people import PASSWORD_LENGTH_MIN, People, PeopleRefused
from projections.access.sessions import LIFE_SECONDS, Sessions
from projections.service.console.addresses import HOME, PASSWORD, PREFIX, SIGN_IN
from projections.service.console.gate import COOKIE, DOOR_COOKIE, Page, Visit, own_address
from projections.service.console.troubles import Trouble

log = structlog.get_logger(__name__)

DOOR_BYTES = 24
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
WRONG = "The name or the password is not right."


class FailedSignIns:
    """How often a wrong password may be tried: by one address for one name, by one address for
    whatever names, and for one name from wherever. Counted per process.
    """

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limits = (
            (RateLimitItemPerMinute(5, 15), lambda name, address: ("pair", name, address)),
            (RateLimitItemPerMinute(20, 15), lambda _name, address: ("address", address)),
            (RateLimitItemPerHour(60), lambda name, _address: ("name", name)),
        )

    async def refuse_too_many(self, name: str, address: str) -> None:
        for limit, about in self._limits:
            key = about(name, address)
            if not await self._limiter.test(limit, *key):
                again = (await self._limiter.get_window_stats(limit, *key)).reset_time
                log.warning("sign_in_refused", by=key[0])
                raise Trouble(
                    "Too many wrong passwords. Wait a quarter of an hour, then try again.",
                    status=429,
                    headers={"Retry-After": str(_seconds_until(again))},
                )

    async def count(self, name: str, address: str) -> None:
        for limit, about in self._limits:
            await self._limiter.hit(limit, *about(name, address))


def _seconds_until(instant: float) -> int:
    return max(1, int(instant - time.time()) + 1)


class Door:
    """The pages before and after everything else."""

    def __init__(self, people: People, sessions: Sessions, *, secure_cookies: bool) -> None:
        self._people = people
        self._sessions = sessions
        self._secure_cookies = secure_cookies
        self._failed = FailedSignIns()

    def pages(self) -> list[Page]:
        return [
            Page(method="GET", path="/sign-in", access="anyone", answer=self.show),
            Page(method="POST", path="/sign-in", access="anyone", answer=self.sign_in),
            Page(method="POST", path="/sign-out", access="person", answer=self.sign_out),
            Page(method="GET", path="/password", access="person", answer=self.show_password),
            Page(method="POST", path="/password", access="person", answer=self.change_password),
        ]

    async def show(self, visit: Visit) -> Response:
        if visit.session is not None:
            return RedirectResponse(own_address(visit.asked("next")), 303)
        return self._door(visit, problem="", name="", wanted=visit.asked("next"))

    async def sign_in(self, visit: Visit) -> Response:
        name, password = visit.field("name").strip().lower()[:80], visit.field("password")
        wanted = visit.field("next")
        address = visit.request.client.host if visit.request.client else ""
        await self._failed.refuse_too_many(name, address)
        person = await self._people.check(name, password)
        if person is None:
            await self._failed.count(name, address)
            log.warning("sign_in_failed")
            return self._door(visit, problem=WRONG, name=name, wanted=wanted, status=401)
        if visit.session is not None:
            await self._sessions.end(visit.session)
        token = await self._sessions.begin(person.name)
        answer = RedirectResponse(PASSWORD if person.must_change else own_address(wanted), 303)
        self._set_cookie(visit, answer, COOKIE, token)
        answer.delete_cookie(DOOR_COOKIE, path=PREFIX)
        return answer

    async def sign_out(self, visit: Visit) -> Response:
        assert visit.session is not None
        await self._sessions.end(visit.session)
        answer = RedirectResponse(SIGN_IN, 303)
        answer.delete_cookie(COOKIE, path=PREFIX)
        return answer

    async def show_password(self, visit: Visit) -> Response:
        return self._password(visit, problem="")

    async def change_password(self, visit: Visit) -> Response:
        if visit.field("new") != visit.field("again"):
            return self._password(visit, problem="The two new passwords differ.", status=422)
        address = visit.request.client.host if visit.request.client else ""
        await self._failed.refuse_too_many(visit.person, address)
        try:
            await self._people.change_password(visit.person, visit.field("old"), visit.field("new"))
        except PeopleRefused as refused:
            await self._failed.count(visit.person, address)
            return self._password(visit, problem=str(refused), status=422)
        # Every session ended with the old password; this one begins anew.
        answer = RedirectResponse(HOME, 303)
        self._set_cookie(visit, answer, COOKIE, await self._sessions.begin(visit.person))
        return answer

    def _door(
        self, visit: Visit, *, problem: str, name: str, wanted: str, status: int = 200
    ) -> Response:
        token = secrets.token_urlsafe(DOOR_BYTES)
        answer = visit.page(
            "sign_in.html",
            status=status,
            csrf=token,
            problem=problem,
            name=name,
            wanted=own_address(wanted) if wanted else "",
        )
        self._set_cookie(visit, answer, DOOR_COOKIE, token)
        return answer

    def _password(self, visit: Visit, *, problem: str, status: int = 200) -> Response:
        return visit.page(
            "password.html", status=status, problem=problem, length_min=PASSWORD_LENGTH_MIN
        )

    def _set_cookie(self, visit: Visit, answer: Response, name: str, value: str) -> None:
        url = visit.request.url
        at_home = url.scheme == "http" and url.hostname in LOOPBACK
        answer.set_cookie(
            name,
            value,
            max_age=LIFE_SECONDS,
            path=PREFIX,
            # Without TLS, browsers keep a secure cookie of this machine or do not, as they like.
            secure=self._secure_cookies and not at_home,
            httponly=True,
            samesite="lax",
        )
