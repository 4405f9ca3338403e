"""Load the root certificates once: the SDK does it for every call, which takes 40 ms of CPU."""

import ssl
from functools import lru_cache
from typing import Any

import httpx
from chargebee import Chargebee, http_request


@lru_cache(maxsize=1)
def tls_context() -> ssl.SSLContext:
    """Verifies hosts and certificates; one for all sites. SSL_CERT_FILE may name others."""
    return httpx.create_ssl_context()


@lru_cache(maxsize=1)
def share_tls_context() -> None:
    """Let every call of the SDK verify with the one context."""
    # Where this is on, the SDK builds a context of its own; where it is off, it takes the one that
    # its httpx client is given. It also forces https, which a sandbox on this machine has not.
    Chargebee.verify_ca_certs = False
    make_request = http_request._make_request_async  # noqa: SLF001 - there is no public place for it

    async def make_request_with_context(request_args: dict[str, Any]) -> Any:
        return await make_request({**request_args, "verify": tls_context()})

    http_request._make_request_async = make_request_with_context  # noqa: SLF001
