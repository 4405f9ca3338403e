"""Who may open which page. A route without an access cannot be written: denied is the default.

Each request passes here: session, forced change of password, role, then, for what changes
anything, where it comes from and the token of the session's forms.
"""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from projections.access.people import Role, may
from projections.access.sessions import Session, Sessions
from projections.service.console.addresses import HOME, PASSWORD, PREFIX, SIGN_IN
from projections.service.console.rendering import Rendering
from projections.service.console.troubles import Trouble, in_words

log = structlog.get_logger(__name__)

Access = Literal["anyone", "person", "viewer", "operator", "admin"]
"""`anyone` needs no session; `person` also lets those in who must change their password first."""

COOKIE = "cactus_session"
DOOR_COOKIE = "cactus_door"
BODY_BYTES_MAX = 512 * 1024
FIELDS_MAX = 64
REASON_LENGTH_MAX = 500
SAFE = frozenset({"GET", "HEAD"})


class Visit:
    """One request of one person, with what pages need to answer it."""

    def __init__(self, request: Request, session: Session | None, rendering: Rendering) -> None:
        self.request = request
        self.session = session
        self._rendering = rendering
        self.fields: dict[str, str] = {}

    @property
    def person(self) -> str:
        assert self.session is not None
        return self.session.person

    @property
    def is_fragment(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return self.request.headers.get("HX-Request") == "true"

    def may(self, role: Role) -> bool:
        return self.session is not None and may(self.session.role, role)

    def asked(self, name: str, default: str = "") -> str:
        """A field of the address, without what no id holds."""
        return self.request.query_params.get(name, default).replace("\0", "").strip()

    def number(self, name: str) -> int | None:
        """A whole number in the address; what is none counts as absent."""
        try:
            found = int(self.asked(name) or "x")
        except ValueError:
            return None
        return found if 0 <= found < 1 << 62 else None

    def needed(self, name: str) -> str:
        value = self.asked(name)
        if not value:
            raise HTTPException(404, f"This address lacks {name}.")
        return value

    def reason(self) -> str:
        """Why, as the form must say it."""
        text = self.field("reason").strip()
        if not text:
            raise Trouble("Say why: the decision is kept with its reason.", status=422)
        return text[:REASON_LENGTH_MAX]

    def field(self, name: str) -> str:
        """A field of the form that was sent; empty where it was left out."""
        return self.fields.get(name, "")

    def page(self, template: str, status: int = 200, **context: object) -> Response:
        return self._rendering.page(template, self, status=status, **context)

    def fragment(self, template: str, **context: object) -> str:
        return self._rendering.text(template, self, **context)


Answer = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A route of the console and who may take it. Paths are below `PREFIX`."""

    method: Literal["GET", "POST"]
    path: str
    access: Access
    answer: Answer


class Gate:
    """Turns pages into routes that let in whom they should."""

    def __init__(self, sessions: Sessions, rendering: Rendering) -> None:
        self._sessions = sessions
        self._rendering = rendering

    def routes(self, pages: Sequence[Page]) -> list[Route]:
        return [
            Route(f"{PREFIX}{page.path}", self._endpoint(page), methods=[page.method])
            for page in pages
        ]

    async def _session(self, request: Request) -> Session | None:
        token = request.cookies.get(COOKIE)
        return None if token is None else await self._sessions.find(token)

    def _endpoint(self, page: Page) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            visit = Visit(request, None, self._rendering)
            try:
                with in_words():
                    visit.session = await self._session(request)
                refusal = self._refusal(page, visit)
                if refusal is not None:
                    return refusal
                if page.method == "POST":
                    await _read_form(visit)
                    _check_origin(request)
                    _check_token(visit)
                with in_words():
                    return await page.answer(visit)
            except Trouble as trouble:
                return self._rendering.trouble(visit, trouble)
            except HTTPException as error:
                return self._rendering.trouble(
                    visit, Trouble(error.detail, status=error.status_code, headers=error.headers)
                )

        return endpoint

    def _refusal(self, page: Page, visit: Visit) -> Response | None:
        if page.access == "anyone":
            return None
        if visit.session is None:
            return _go(visit, _door(visit))
        if page.access == "person":
            return None
        if visit.session.must_change:
            return _go(visit, PASSWORD)
        if not visit.may(page.access):
            raise Trouble(
                f"You are signed in as {visit.session.role}; this takes the role {page.access}.",
                status=403,
            )
        return None


def _door(visit: Visit) -> str:
    """Sign in, then go on to the page that was asked for."""
    url = visit.request.url
    if visit.request.method not in SAFE or visit.is_fragment or url.path == f"{PREFIX}/":
        return SIGN_IN
    wanted = f"{url.path}?{url.query}" if url.query else url.path
    return f"{SIGN_IN}?next={quote(wanted, safe='')}"


def own_address(wanted: str) -> str:
    """An address to go on to after signing in: a page of ours, else the overview."""
    parts = urlsplit(wanted)
    ours = parts.path == PREFIX or parts.path.startswith(f"{PREFIX}/")
    safe = not (parts.scheme or parts.netloc) and "\\" not in wanted and wanted.isprintable()
    return wanted if ours and safe else HOME


def _go(visit: Visit, where: str) -> Response:
    if visit.is_fragment:
        return Response(status_code=401, headers={"HX-Redirect": where})
    return RedirectResponse(where, 303)


async def _read_form(visit: Visit) -> None:
    request = visit.request
    try:
        length = int(request.headers.get("content-length", ""))
    except ValueError as error:
        raise Trouble("The size of what was sent is not told.", status=411) from error
    if length > BODY_BYTES_MAX:
        raise Trouble(f"At most {BODY_BYTES_MAX // 1024} KiB can be sent.", status=413)
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise Trouble("Only forms are taken here.", status=415)
    form = await request.form(max_fields=FIELDS_MAX)
    visit.fields = {name: value for name, value in form.items() if isinstance(value, str)}


def _check_origin(request: Request) -> None:
    """Browsers say where a form comes from; one from another site is refused whatever it holds."""
    fetched = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if foreign or fetched not in {"same-origin", "none"}:
        log.warning("form_from_elsewhere", path=request.url.path)
        raise Trouble("This form was sent from another site.", status=403)


def _check_token(visit: Visit) -> None:
    """Of a session its own; at the door, where there is none yet, the door's cookie."""
    given = visit.field("csrf") or visit.request.headers.get("x-csrf", "")
    if visit.session is not None:
        expected = visit.session.csrf
    else:
        expected = visit.request.cookies.get(DOOR_COOKIE, "")
    if not expected or not secrets.compare_digest(given.encode(), expected.encode()):
        raise Trouble("This form is out of date. Open the page again, then send it.", status=403)
