"""How a call to Chargebee can go wrong, sorted by what it means for the effect of the call.

`sort_error` is the one place that knows the SDK's and the transport's exceptions.
"""

from http import HTTPStatus
from typing import Any

import httpx
from chargebee import APIError

WAIT_WHEN_THROTTLED_SECONDS = 60.0
WAIT_WHEN_LOCKED_SECONDS = 2.0
WAIT_WHEN_UNREACHABLE_SECONDS = 5.0
WAIT_WHEN_MISCONFIGURED_SECONDS = 60.0

_MISCONFIGURED = {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NEVER_SENT_EITHER = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL)


class CallError(Exception):
    """A call to Chargebee that did not answer with success."""

    def __init__(self, reason: str, *, status: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status


class CallRefusedError(CallError):
    """Chargebee understood the call and will not do it: sending it again changes nothing."""

    def __init__(self, reason: str, *, code: str, status: int) -> None:
        super().__init__(reason, status=status)
        self.code = code


class CallNotExecutedError(CallError):
    """The call certainly had no effect; it may be sent again after `retry_after` seconds.

    `for_all`: so may no other call to the site before that.
    """

    def __init__(
        self, reason: str, *, retry_after: float, status: int = 0, for_all: bool = False
    ) -> None:
        super().__init__(reason, status=status)
        self.retry_after = retry_after
        self.for_all = for_all


class CallUncertainError(CallError):
    """The call may or may not have had its effect."""


def sort_error(
    error: Exception, throttled_seconds: float = WAIT_WHEN_THROTTLED_SECONDS
) -> CallError:
    """What an exception of the SDK or of httpx says about the effect of the call.

    `throttled_seconds` is how long to wait after a 429 that does not say.
    """
    if isinstance(error, APIError):
        return _sort_answer(error, throttled_seconds)
    if isinstance(error, _NEVER_SENT):
        return CallNotExecutedError(
            f"Chargebee cannot be reached: {error}", retry_after=WAIT_WHEN_UNREACHABLE_SECONDS
        )
    if isinstance(error, _NEVER_SENT_EITHER):
        return CallNotExecutedError(
            f"the call could not be made: {error}", retry_after=WAIT_WHEN_MISCONFIGURED_SECONDS
        )
    if isinstance(error, TimeoutError | httpx.TransportError):
        return CallUncertainError(f"the connection broke after sending: {type(error).__name__}")
    # The SDK raises bare exceptions for bodies it cannot read, and TypeError for fields it misses.
    return CallUncertainError(f"the answer cannot be read: {type(error).__name__}")


def _sort_answer(error: Any, throttled_seconds: float) -> CallError:
    status = int(error.http_status_code)
    code = str(error.api_error_code or error.error_code or "")
    reason = f"{code or status}: {error}"
    if code == "lock_timeout":
        return CallNotExecutedError(reason, retry_after=WAIT_WHEN_LOCKED_SECONDS, status=status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        wait = _retry_after(error.http_headers) or throttled_seconds
        return CallNotExecutedError(reason, retry_after=wait, status=status, for_all=True)
    if status in _MISCONFIGURED:
        # A wrong API key is ours to mend: failing rewards for it would punish customers.
        return CallNotExecutedError(
            reason, retry_after=WAIT_WHEN_MISCONFIGURED_SECONDS, status=status
        )
    if status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return CallRefusedError(reason, code=code or str(status), status=status)
    return CallUncertainError(reason, status=status)


def _retry_after(headers: Any) -> float | None:
    """Seconds, where the header holds them; the SDK passes headers on and never reads this one."""
    try:
        seconds = float((headers or {}).get("retry-after", ""))
    except ValueError:
        return None
    return seconds if 0 < seconds < 3600 else None
