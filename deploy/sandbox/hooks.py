"""Another service that takes signed messages: it checks them, does for one id one thing, and keeps
account of what it truly gave.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from standardwebhooks import Webhook
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.sandbox.faults import Faults
from deploy.sandbox.trouble import answer, json_answer

SECRET = "whsec_c2FuZGJveC1ob29rLXNlY3JldC10aGlydHktdHdvISE="  # noqa: S105 - of the sandbox, for all


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One thing given, or taken back, for one message id."""

    message_id: str
    endpoint: str
    kind: str
    data: dict[str, Any]
    code: str


class Hooks:
    """Services under `/hooks/<name>`; every one of them has the same secret."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._given: dict[str, Given] = {}
        self.repeated = 0

    @property
    def given(self) -> list[Given]:
        return list(self._given.values())

    def routes(self) -> list[Route]:
        return [Route("/hooks/{name}", self._endpoint, methods=["POST"])]

    async def _endpoint(self, request: Request) -> Response:
        return await answer(self._faults, request, self._take(request))

    def _take(self, request: Request) -> Callable[[bytes], Response]:
        def take(body: bytes) -> Response:
            try:
                message = Webhook(SECRET).verify(body, dict(request.headers))
            except Exception as error:  # noqa: BLE001 - the library raises more kinds than it says
                return json_answer({"error": str(error)}, HTTPStatus.UNAUTHORIZED)
            return self._give(request.headers["webhook-id"], request.path_params["name"], message)

        return take

    def _give(self, message_id: str, endpoint: str, message: dict[str, Any]) -> Response:
        known = self._given.get(message_id)
        if known is not None:
            self.repeated += 1
        else:
            known = self._given[message_id] = Given(
                message_id=message_id,
                endpoint=endpoint,
                kind=message["type"],
                data=message["data"],
                code=f"{endpoint}-{len(self._given) + 1:06}".upper(),
            )
        return json_answer({"id": f"{endpoint}:{json.dumps(known.message_id)}", "code": known.code})
