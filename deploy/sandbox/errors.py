"""What the API says when it will not do something: the JSON error bodies. PURE."""

from http import HTTPStatus
from typing import Any

INVALID_REQUEST = "invalid_request"
OPERATION_FAILED = "operation_failed"


class ApiError(Exception):
    """An answer other than success. `type` is absent where the real site leaves it out (429)."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        *,
        type: str | None = INVALID_REQUEST,  # noqa: A002 - the field's name on the wire
        param: str | None = None,
        legacy_code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.type = type
        self.param = param
        self.legacy_code = legacy_code or code
        self.headers = headers or {}

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"message": self.message}
        if self.type is not None:
            body["type"] = self.type
        body["api_error_code"] = self.code
        if self.param is not None:
            body["param"] = self.param
            body["error_param"] = self.param
        body["error_code"] = self.legacy_code
        body["error_msg"] = self.message
        body["http_status_code"] = int(self.status)
        return body


def unauthorized() -> ApiError:
    return ApiError(
        HTTPStatus.UNAUTHORIZED,
        "api_authentication_failed",
        "Sorry, authentication failed: the API key is not one of this site",
        legacy_code="api_authentication_invalid_key",
        headers={"WWW-Authenticate": 'Basic realm="Chargebee"'},
    )


def not_found(what: str, resource_id: str, param: str | None = None) -> ApiError:
    return ApiError(
        HTTPStatus.NOT_FOUND,
        "resource_not_found",
        f"{what} {resource_id} not found",
        param=param,
    )


def wrong_value(param: str, reason: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, "param_wrong_value", f"{param} : {reason}", param=param)


def bad_request(code: str, message: str, param: str | None = None) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, code, message, param=param)


def too_many_requests() -> ApiError:
    return ApiError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "api_request_limit_exceeded",
        "Sorry, too many requests: access is blocked for a while, try again later",
        type=None,
    )


def unavailable() -> ApiError:
    return ApiError(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "site_not_ready",
        "Sorry, the site is under maintenance, try again later",
        type=OPERATION_FAILED,
    )


def internal_error() -> ApiError:
    return ApiError(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal_error",
        "Sorry, something went wrong while processing the request",
        type=OPERATION_FAILED,
    )
