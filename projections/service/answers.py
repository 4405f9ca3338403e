"""Answers as JSON, with an ETag: whoever has the same already is told so, and sent nothing."""

from hashlib import blake2b
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

JSON = "application/json"
_encode = msgspec.json.Encoder().encode


def answer(request: Request, document: Any, *, status: int = 200, told_by: Any = None) -> Response:
    """`told_by` is what the ETag is made of where the document holds the time of day."""
    body = _encode(document)
    seen = body if told_by is None else _encode(told_by)
    tag = f'"{blake2b(seen, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if tag in _known(request):
        return Response(status_code=304, headers=headers)
    return Response(body, status, headers=headers, media_type=JSON)


def accepted(document: Any, status: int, headers: dict[str, str] | None = None) -> Response:
    return Response(_encode(document), status, headers=headers, media_type=JSON)


def _known(request: Request) -> list[str]:
    given = request.headers.get("if-none-match", "")
    return [each.strip().removeprefix("W/") for each in given.split(",")] if given else []
