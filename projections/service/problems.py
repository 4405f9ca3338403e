"""Refusals as problem+json (RFC 9457): one shape for every error the service answers."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:cactus:problem:"

Port = TypeVar("Port")


class Fault(msgspec.Struct, frozen=True):
    """One thing wrong with a request: where (a path such as `body.points`), and what."""

    path: str
    message: str


class ProblemDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a refusal says. `type` names the kind for programs, `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str = ""
    errors: tuple[Fault, ...] = ()


class Problem(Exception):
    """Raise it anywhere below a route: it becomes the answer."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str = "",
        *,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or title)
        self.status = status
        self.kind = kind
        self.title = title
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def document(self) -> ProblemDocument:
        return ProblemDocument(
            TYPE_PREFIX + self.kind, self.title, self.status, self.detail, self.errors
        )

    def answer(self) -> Response:
        return Response(
            msgspec.json.encode(self.document()),
            self.status,
            headers=self.headers,
            media_type=MEDIA_TYPE,
        )


def not_found(detail: str) -> Problem:
    return Problem(404, "not-found", "There is no such thing", detail)


def unavailable(detail: str, retry_after_seconds: int = 5) -> Problem:
    return Problem(
        503,
        "unavailable",
        "This cannot be answered now",
        detail,
        headers={"Retry-After": str(retry_after_seconds)},
    )


def offered(port: Port | None) -> Port:
    """The port, or the refusal where this installation has none."""
    if port is None:
        raise Problem(501, "not-offered", "This installation does not offer that")
    return port


def invalid(faults: Sequence[Fault]) -> Problem:
    return Problem(422, "invalid", "The request cannot be right", errors=faults)


def fault_path(location: Sequence[Any]) -> str:
    """`("body", "points")` as `body.points`."""
    return ".".join(str(part) for part in location)
