"""Signatures as the library of Standard Webhooks checks them."""

import base64
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from connectors.outgoing.signing import BadSecretError, check_secret, sign

OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
STRANGE = "whsec_" + base64.b64encode(b"s" * 32).decode()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> int:
    """The library checks against the clock of the wall, so a signature must be of now."""
    del monkeypatch

    return int(time.time())


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_a_receiver_with_either_living_secret_accepts_the_message(now: int, secret: str) -> None:
    headers = sign('{"a":1}', "acme:c1:tree:1", at=now, secrets=(NEW, OLD))
    assert Webhook(secret).verify('{"a":1}', headers) == {"a": 1}


def test_a_receiver_with_another_secret_refuses_it(now: int) -> None:
    headers = sign("{}", "acme:c1:tree:1", at=now, secrets=(NEW, OLD))
    with pytest.raises(WebhookVerificationError):
        Webhook(STRANGE).verify("{}", headers)


def test_a_changed_message_is_refused(now: int) -> None:
    headers = sign('{"trees":1}', "acme:c1:tree:1", at=now, secrets=(NEW,))
    with pytest.raises(WebhookVerificationError):
        Webhook(NEW).verify('{"trees":9}', headers)


@pytest.mark.parametrize(
    "text", ["", "whsec_", "secret", "whsec_c2hvcnQ=", "whsec_" + "A" * 200, "whsec_no base64!"]
)
def test_what_is_no_secret_is_refused_with_how_to_make_one(text: str) -> None:
    with pytest.raises(BadSecretError, match="random bytes in base64: python -c"):
        check_secret(text)


def test_a_secret_is_kept_as_it_is() -> None:
    assert check_secret(NEW) == NEW
