"""What the OpenAPI document says of a route: its answer, its refusals, the scope it needs."""

from typing import Any

from projections.access.keys import Scope
from projections.service.api.documents import Document
from projections.service.problems import MEDIA_TYPE

PROBLEM = "ProblemDocument"
REFUSALS = {
    304: "Nothing has changed since the ETag in `If-None-Match`.",
    400: "The body is no JSON.",
    401: "No key, or one that is wrong, expired or revoked.",
    403: "The key is of another site, or lacks the scope.",
    404: "There is no such thing.",
    409: "The same id asked for something else before, or things stand otherwise.",
    413: "The body is too large.",
    422: "Something of the request cannot be right; `errors` says where.",
    429: "Too many requests; `Retry-After` says when to come again.",
    500: "Something of ours broke.",
    501: "This installation does not offer that.",
    503: "It cannot be answered now; `Retry-After` says when to come again.",
}


def reference(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def said(
    scope: Scope,
    document: type[Document],
    *,
    status: int = 200,
    what: str = "",
    also: dict[int, str] | None = None,
) -> dict[str, Any]:
    """The keyword arguments of a route that answers with `document`."""
    good = {
        "description": what or (document.__doc__ or "").split("\n\n", 1)[0],
        "content": {
            "application/json": {
                "schema": reference(document.__name__),
                "example": document.example,
            }
        },
    }
    responses: dict[int | str, dict[str, Any]] = {status: good}
    for other, text in (also or {}).items():
        responses[other] = {**good, "description": text}
    for refusal, text in REFUSALS.items():
        responses[refusal] = {"description": text}
        if refusal != 304:
            responses[refusal]["content"] = {MEDIA_TYPE: {"schema": reference(PROBLEM)}}
    return {
        "status_code": status,
        "response_model": None,
        "responses": responses,
        "openapi_extra": {"security": [{"key": [scope]}], "x-scope": scope},
    }
