"""As much of the Tremendous API as rewards need, as strict as the real one.

Orders are idempotent by `external_id`: a repeat answers 201 with the order that was made first, and
they are read by that id too (developers.tremendous.com, core-orders-create and error-handling).
"""

import hmac
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deploy.sandbox.faults import Faults
from deploy.sandbox.trouble import answer, json_answer

TOKEN = "TEST_sandbox_tremendous"  # noqa: S105 - of the sandbox, for all
FUNDING_SOURCE = "balance"
PRODUCTS = {
    "AMAZON": ("merchant_card", {"USD", "EUR", "GBP"}),
    "TREES": ("charity", {"USD", "EUR", "GBP"}),
}
"""Product id → category and the currencies it is sold in."""
CAMPAIGNS: dict[str, tuple[str, ...]] = {"THANKS": ("AMAZON",)}
DENOMINATION_MAX = 2000


Act = Callable[[], tuple[HTTPStatus, dict[str, Any]]]


class _Refusal(Exception):
    """The body of a 4xx answer: a message, and where in the request the mistake is."""

    def __init__(self, status: HTTPStatus, message: str, payload: object = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"errors": {"message": message, "payload": payload or {}}}


class _Value(msgspec.Struct, kw_only=True):
    denomination: float
    currency_code: str


class _Delivery(msgspec.Struct, kw_only=True):
    method: str


class _Recipient(msgspec.Struct, kw_only=True):
    name: str = ""
    email: str = ""
    phone: str = ""


class _Reward(msgspec.Struct, kw_only=True):
    value: _Value
    delivery: _Delivery
    products: list[str] = []
    campaign_id: str = ""
    recipient: _Recipient = msgspec.field(default_factory=_Recipient)


class _Payment(msgspec.Struct, kw_only=True):
    funding_source_id: str


class _NewOrder(msgspec.Struct, kw_only=True):
    payment: _Payment
    reward: _Reward
    external_id: str = ""


class Tremendous:
    """Orders under `/tremendous/api/v2`; `balance` is in US dollars, and orders draw on it."""

    def __init__(self, faults: Faults, *, balance: float = 1_000_000.0) -> None:
        self._faults = faults
        self.balance = balance
        self.orders: list[dict[str, Any]] = []
        self._by_id: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/tremendous/api/v2/orders", self._create, methods=["POST"]),
            Route("/tremendous/api/v2/orders/{id}", self._retrieve, methods=["GET"]),
        ]

    async def _create(self, request: Request) -> Response:
        return await answer(
            self._faults, request, lambda body: self._answered(request, lambda: self._order(body))
        )

    async def _retrieve(self, request: Request) -> Response:
        return await answer(
            self._faults, request, lambda _: self._answered(request, lambda: self._found(request))
        )

    def _answered(self, request: Request, act: Act) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() != "bearer" or not hmac.compare_digest(token, TOKEN):
                raise _Refusal(HTTPStatus.UNAUTHORIZED, "The API key is missing or wrong")
            status, order = act()
        except _Refusal as refusal:
            return json_answer(refusal.body, refusal.status)
        return json_answer({"order": order}, status)

    def _order(self, body: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
        try:
            wanted = msgspec.json.decode(body, type=_NewOrder)
        except msgspec.MsgspecError as error:
            raise _Refusal(
                HTTPStatus.BAD_REQUEST, "Order failed: validation failure", {"body": str(error)}
            ) from error
        known = self._by_id.get(wanted.external_id) if wanted.external_id else None
        if known is not None:
            return HTTPStatus.CREATED, known
        _check(wanted)
        if wanted.reward.value.denomination > self.balance:
            raise _Refusal(HTTPStatus.PAYMENT_REQUIRED, "Not enough funds in your account")
        self.balance -= wanted.reward.value.denomination
        return HTTPStatus.OK, self._made(wanted)

    def _made(self, wanted: _NewOrder) -> dict[str, Any]:
        number = len(self.orders) + 1
        order_id = f"ORDER{number:07}"
        order: dict[str, Any] = {
            "id": order_id,
            "external_id": wanted.external_id or None,
            "status": "EXECUTED",
            "rewards": [
                {
                    "id": f"REWARD{number:07}",
                    "order_id": order_id,
                    "value": msgspec.to_builtins(wanted.reward.value),
                    "delivery": {
                        "method": "LINK",
                        "status": "SUCCEEDED",
                        "link": f"https://testflight.tremendous.com/rewards/payout/{number:07}",
                    },
                }
            ],
        }
        self.orders.append(order)
        self._by_id[order_id] = order
        if wanted.external_id:
            self._by_id[wanted.external_id] = order
        return order

    def _found(self, request: Request) -> tuple[HTTPStatus, dict[str, Any]]:
        order = self._by_id.get(request.path_params["id"])
        if order is None:
            raise _Refusal(HTTPStatus.NOT_FOUND, "No order with this id")
        return HTTPStatus.OK, order


def _check(wanted: _NewOrder) -> None:
    """What the real API refuses with 400."""
    reward = wanted.reward
    wrong: dict[str, Any] = {}
    products = tuple(reward.products) or CAMPAIGNS.get(reward.campaign_id, ())
    if wanted.payment.funding_source_id != FUNDING_SOURCE:
        wrong["payment"] = {"funding_source_id": "There is no such funding source"}
    if reward.campaign_id and reward.campaign_id not in CAMPAIGNS:
        wrong["reward"] = {"campaign_id": "There is no such campaign"}
    elif not products:
        wrong["reward"] = {"products": "Give products or a campaign_id"}
    elif unknown := [each for each in products if each not in PRODUCTS]:
        wrong["reward"] = {"products": f"Unknown products: {', '.join(unknown)}"}
    elif not any(reward.value.currency_code in PRODUCTS[each][1] for each in products):
        wrong["reward"] = {"value": {"currency_code": "Not sold in this currency"}}
    elif not 0 < reward.value.denomination <= DENOMINATION_MAX:
        wrong["reward"] = {"value": {"denomination": f"Between 0 and {DENOMINATION_MAX}"}}
    elif reward.delivery.method != "LINK":
        wrong["reward"] = {"delivery": {"method": "Only LINK is known to this sandbox"}}
    if wrong:
        raise _Refusal(HTTPStatus.BAD_REQUEST, "Order failed: validation failure", wrong)
