"""The OpenAPI document: what FastAPI knows of the routes, and the shapes that we answer."""

from collections.abc import Iterator
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from projections.service.api.documents import Document
from projections.service.problems import ProblemDocument

DESCRIPTION = """\
Points, tiers and rewards of a merchant's customers.

Send `Authorization: Bearer KEY`; `cactus keys create` makes one. Times are unix seconds UTC, points
integers, money integer minor units beside a currency. Every refusal is `application/problem+json`.
Lists come in pages: `next` is the cursor of the one after. Answers to GET carry an `ETag`.
"""


def describe_api(app: FastAPI) -> dict[str, Any]:
    """Made once, when it is first asked for."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=DESCRIPTION,
            routes=app.routes,
            openapi_version=app.openapi_version,
        )
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(_shapes())
        components["securitySchemes"] = {
            "key": {
                "type": "http",
                "scheme": "bearer",
                "description": "An API key, hc_…; `x-scope` of a route names the scope it needs.",
            }
        }
        app.openapi_schema = document
    return app.openapi_schema


def _shapes() -> dict[str, Any]:
    _, found = msgspec.json.schema_components(
        [*_documents(Document), ProblemDocument], ref_template="#/components/schemas/{name}"
    )
    return dict(found)


def _documents(kind: type[Document]) -> Iterator[type[Document]]:
    for each in kind.__subclasses__():
        yield each
        yield from _documents(each)
