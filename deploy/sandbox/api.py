"""The API over HTTP: who may call, how often, what goes wrong on purpose, and where calls lead."""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from deploy.sandbox import forms
from deploy.sandbox.endpoints import COLLECTIONS, Endpoints, Form
from deploy.sandbox.errors import (
    ApiError,
    bad_request,
    internal_error,
    not_found,
    too_many_requests,
    unauthorized,
    unavailable,
)
from deploy.sandbox.faults import Fault, Faults, RateLimit
from deploy.sandbox.idempotency import HEADER, REPLAYED_HEADER, IdempotencyKeys
from deploy.sandbox.site import Action
from deploy.sandbox.trouble import hold, retry_header

log = structlog.get_logger(__name__)

FORM_TYPE = "application/x-www-form-urlencoded"
BODY_BYTES_MAX = 64 * 1024
WEBHOOK_HEADER = "chargebee-event-webhook"

Handler = Callable[[Request, Form, Action], bytes]


class Calls(msgspec.Struct):
    """What the API did, for the status page."""

    answered: int = 0
    refused: int = 0
    limited: int = 0
    replayed: int = 0
    failed: int = 0


class Api:
    """`keys` maps each API key to its name, which events give as their user."""

    def __init__(
        self,
        endpoints: Endpoints,
        *,
        keys: Mapping[str, str],
        faults: Faults,
        limit: RateLimit,
        idempotency: IdempotencyKeys,
    ) -> None:
        self._endpoints = endpoints
        self._keys = dict(keys)
        self._faults = faults
        self._limit = limit
        self._idempotency = idempotency
        self.calls = Calls()

    def routes(self) -> list[Route]:
        """All under /api/v2. What is not listed here is not found, as on the real site."""
        do = self._endpoints
        plural = {kind: f"/{collection}" for kind, collection in COLLECTIONS.items()}
        routes = [
            self._get("/events", lambda _, form: do.list_events(form)),
            self._get("/events/{id}", lambda request, _: do.retrieve_event(_id(request))),
            self._post("/promotional_credits/add", lambda _, form, by: do.add_credit(form, by)),
            self._post(
                "/promotional_credits/deduct", lambda _, form, by: do.deduct_credit(form, by)
            ),
            self._post("/coupons/create_for_items", lambda _, form, by: do.create_coupon(form, by)),
            self._post("/coupon_sets", lambda _, form, by: do.create_coupon_set(form, by)),
            self._post(
                "/coupon_sets/{id}/add_coupon_codes",
                lambda request, form, by: do.add_coupon_codes(_id(request), form, by),
            ),
            self._post(
                "/customers/{id}",
                lambda request, form, by: do.update_customer(_id(request), form, by),
            ),
            self._post(
                "/subscriptions/{id}/update_for_items",
                lambda request, form, by: do.update_for_items(_id(request), form, by),
            ),
            self._post(
                "/subscriptions/{id}/change_term_end",
                lambda request, form, by: do.change_term_end(_id(request), form, by),
            ),
            self._post(
                "/subscriptions/{id}/entitlement_overrides",
                lambda request, form, by: do.override_entitlements(_id(request), form, by),
            ),
            self._get(
                "/subscriptions/{id}/entitlement_overrides",
                lambda request, _: do.list_overrides(_id(request)),
            ),
            self._post(
                "/subscriptions/{id}/remove_coupons",
                lambda request, form, by: do.remove_coupons(_id(request), form, by),
            ),
        ]
        for kind, path in plural.items():
            routes += [
                self._get(path, _lister(do, kind)),
                self._get(f"{path}/{{id}}", _retriever(do, kind)),
            ]
        routes.append(
            Route(
                "/api/v2/{path:path}",
                self._endpoint(_nothing_there),
                methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            )
        )
        return routes

    def _get(self, path: str, read: Callable[[Request, Form], bytes]) -> Route:
        def handler(request: Request, form: Form, _: Action) -> bytes:
            return read(request, form)

        return Route(f"/api/v2{path}", self._endpoint(handler), methods=["GET"])

    def _post(self, path: str, handler: Handler) -> Route:
        return Route(f"/api/v2{path}", self._endpoint(handler), methods=["POST"])

    def _endpoint(self, handler: Handler) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            try:
                response = await self._answer(request, handler)
                self.calls.answered += 1
                return response
            except ApiError as error:
                self._count(error)
                return Response(
                    msgspec.json.encode(error.body()),
                    status_code=error.status,
                    headers=error.headers,
                    media_type="application/json",
                )

        return endpoint

    def _count(self, error: ApiError) -> None:
        if error.status == HTTPStatus.TOO_MANY_REQUESTS:
            self.calls.limited += 1
        elif error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.calls.failed += 1
        else:
            self.calls.refused += 1

    async def _answer(self, request: Request, handler: Handler) -> Response:
        key_name = self._authenticate(request)
        if not self._limit.admits():
            raise too_many_requests()
        fault = self._faults.draw(request.method, request.url.path)
        _fail_before(fault)
        pairs = await _read_form(request)
        lag = fault.seconds if fault is not None and fault.kind == "stale" else 0.0
        with self._endpoints.lag.behind(lag):
            response = self._execute(request, pairs, handler, key_name)
        return await _fail_after(fault, request, response)

    def _execute(
        self, request: Request, pairs: list[tuple[str, str]], handler: Handler, key_name: str
    ) -> Response:
        # Nothing is awaited in here, so a call is one step for the site and for its keys.
        key = request.headers.get(HEADER) if request.method == "POST" else None
        fingerprint = f"{request.url.path}?{sorted(pairs)!r}"
        if key is not None:
            known = self._idempotency.find(key, fingerprint)
            if known is not None:
                self.calls.replayed += 1
                return _json(known, {REPLAYED_HEADER: "true"})
        muted = request.headers.get(WEBHOOK_HEADER) == "all-disabled"
        action = Action("api", key_name, muted=muted)
        body = handler(request, forms.decode(pairs), action)
        if key is not None:
            self._idempotency.keep(key, fingerprint, body)
        return _json(body, {})

    def _authenticate(self, request: Request) -> str:
        """Basic auth with the API key as user and no password; returns the key's name."""
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise unauthorized() from None
        if scheme.lower() == "basic" and password == "":
            for key, name in self._keys.items():
                if hmac.compare_digest(key.encode(), user.encode()):
                    return name
        raise unauthorized()


def _id(request: Request) -> str:
    return str(request.path_params["id"])


def _lister(do: Endpoints, kind: str) -> Callable[[Request, Form], bytes]:
    return lambda _, form: do.list_resources(kind, form)


def _retriever(do: Endpoints, kind: str) -> Callable[[Request, Form], bytes]:
    return lambda request, _: do.retrieve_resource(kind, _id(request))


def _nothing_there(request: Request, _form: Form, _action: Action) -> bytes:
    raise not_found("Path", f"{request.method} {request.url.path}")


async def _read_form(request: Request) -> list[tuple[str, str]]:
    if request.method == "GET":
        return parse_qsl(request.url.query, keep_blank_values=True)
    body = await request.body()
    if len(body) > BODY_BYTES_MAX:
        raise ApiError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "invalid_request", "The body is too large"
        )
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if body and content_type != FORM_TYPE:
        raise bad_request("invalid_request", f"The body should be {FORM_TYPE}")
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=bool(body))
    except (UnicodeDecodeError, ValueError) as error:
        raise bad_request("invalid_request", "The body is not a form") from error


def _json(body: bytes, headers: dict[str, str]) -> Response:
    return Response(body, headers=headers, media_type="application/json")


def _fail_before(fault: Fault | None) -> None:
    if fault is None:
        return
    if fault.kind == "server_error":
        raise internal_error()
    if fault.kind in {"rate_limited", "rate_limited_bare"}:
        limited = too_many_requests()
        limited.headers |= retry_header(fault)
        raise limited
    if fault.kind == "outage":
        raise unavailable()
    if fault.kind == "lock_timeout":
        raise ApiError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "lock_timeout",
            "Sorry, another call is changing this resource, try again later",
            type=None,
        )


async def _fail_after(fault: Fault | None, request: Request, response: Response) -> Response:
    if fault is None:
        return response
    log.info("fault injected", kind=fault.kind)
    if fault.kind == "failed_after":
        raise internal_error()
    if fault.kind == "garbage":
        return HTMLResponse("<html><body>Bad gateway</body></html>", status_code=502)
    if fault.kind != "stale":
        await hold(request, fault.seconds)
    return response
