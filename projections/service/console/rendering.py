"""Pages from templates. Everything is escaped; a name that a template misspells is an error."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from projections.access.sessions import Session
from projections.service.console import addresses
from projections.service.console.chips import chip
from projections.service.console.files import StaticFiles
from projections.service.console.troubles import Trouble
from projections.service.console.visible import escaped
from schemas.program.amounts import money_text
from schemas.program.diff import value_words

TEMPLATES = Path(__file__).parent / "templates"
PROBLEM_HEADER = "X-Console-Problem"
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "object-src 'none'"
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
BETWEEN_BACKTICKS = re.compile("`([^`]+)`")
TITLES = {
    403: "Not allowed",
    404: "Not found",
    409: "That cannot be done now",
    429: "Too many tries",
    503: "Not to be had now",
}


class Asked(Protocol):
    """What a template may know of a request and of who made it."""

    request: Request
    session: Session | None


class Rendering:
    """`clock` is the engine's time, against which events are told, `wall` the real one;
    `environment` names where we are, such as live or sandbox.
    """

    def __init__(
        self,
        clock: Callable[[], int],
        wall: Callable[[], int],
        environment: str,
        files: StaticFiles,
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "address": addresses.address,
            "customer_address": addresses.customer,
            "reward_address": addresses.reward,
            "dead_letter_address": addresses.dead_letter,
            "chip": chip,
            "environment": environment,
            "file": files.address,
        }
        self._templates.filters |= {
            "counted": counted,
            "signed": signed,
            "utc": utc,
            "day": day,
            "seen": escaped,
            "plain": plain,
            "marked": marked,
            "money": money_text,
            "value_words": value_words,
            "shown_json": shown_json,
            "lasting": lasting,
        }

    def text(self, template: str, visit: Asked, **context: object) -> str:
        now = self._clock()

        def when(seconds: float | None, against: float | None = None) -> Markup:
            return told_time(seconds, now if against is None else against)

        return self._templates.get_template(template).render(
            visit=visit,
            me=visit.session,
            here=visit.request.url.path.removeprefix(addresses.PREFIX),
            now=now,
            wall=self._wall(),
            when=when,
            **context,
        )

    def page(
        self, template: str, visit: Asked, *, status: int = 200, **context: object
    ) -> Response:
        return guarded(HTMLResponse(self.text(template, visit, **context), status))

    def trouble(self, visit: Asked, trouble: Trouble) -> Response:
        """A page that says what went wrong; to htmx, a header that its page shows."""
        headers = {**trouble.headers, PROBLEM_HEADER: quote(trouble.message)}
        title = TITLES.get(trouble.status, "That did not work")
        text = self.text(
            "trouble.html", visit, title=title, message=trouble.message, status=trouble.status
        )
        return guarded(HTMLResponse(text, trouble.status, headers=headers))


def guarded(response: Response) -> Response:
    """With what browsers must hold to: our own files, no inline script or style, no framing."""
    response.headers.update(HEADERS)
    return response


def plain(value: object) -> str:
    """A value of a grant in a few words: nothing that a JSON reader would have to untangle."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {plain(each)}" for name, each in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(each) for each in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def marked(sentence: str) -> Markup:
    """A sentence in which names stand between backticks, as explanations write them."""
    told = [
        Markup("<code>{}</code>").format(part) if number % 2 else part
        for number, part in enumerate(BETWEEN_BACKTICKS.split(escaped(sentence)))
    ]
    return Markup().join(told)


def shown_json(value: object) -> str:
    return escaped(json.dumps(value, indent=1, ensure_ascii=False))


def counted(value: float | None) -> str:
    """With thousands apart; a dash where there is none."""
    return "–" if value is None else f"{value:,.0f}"


def signed(value: int) -> str:
    """With its sign, and a true minus."""
    return f"+{value:,}" if value > 0 else f"{value:,}".replace("-", "−")


def utc(seconds: float | None) -> str:
    """To the second, in UTC."""
    if seconds is None:
        return "–"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def day(seconds: float | None) -> str:
    return "–" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%d %b %Y")


def lasting(seconds: float | None) -> str:
    """A length of time in its largest unit."""
    if seconds is None:
        return "–"
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            number = int(seconds // size)
            return f"{number:,} {name}{'' if number == 1 else 's'}"
    return f"{seconds:.0f} s"


def told_time(seconds: float | None, now: float) -> Markup:
    """Relative for reading, absolute in UTC for knowing."""
    if seconds is None:
        return Markup("–")
    away = now - seconds
    if abs(away) < 5:
        words = "just now"
    elif abs(away) >= 60 * 86_400:
        words = day(seconds)
    else:
        words = f"{lasting(away)} ago" if away > 0 else f"in {lasting(-away)}"
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        stamp, utc(seconds), escape(words)
    )
