"""Signed messages after Standard Webhooks 1.0: id, instant, a signature per secret. PURE.

Two secrets may live at once: the receiver checks with the old or the new one while it is rotated.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

SECRETS_MAX = 2
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
PREFIX = "whsec_"


class BadSecretError(ValueError):
    """The text is no secret of Standard Webhooks; the message says what one looks like."""


def check_secret(text: str) -> str:
    """`text`, if it is a secret; raises `BadSecretError`."""
    try:
        size = len(base64.b64decode(text.removeprefix(PREFIX), validate=True))
    except binascii.Error:
        size = 0
    if not text.startswith(PREFIX) or not SECRET_BYTES_MIN <= size <= SECRET_BYTES_MAX:
        raise BadSecretError(
            f"a webhook secret is {PREFIX} and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} random"
            f" bytes in base64: python -c 'import base64,secrets;"
            f' print("{PREFIX}" + base64.b64encode(secrets.token_bytes(32)).decode())\''
        )
    return text


def sign(message: str, message_id: str, *, at: int, secrets: Sequence[str]) -> dict[str, str]:
    """The headers that go with a message. `at` is when this attempt is made, unix seconds."""
    # In UTC: the library signs another instant for other zones.
    instant = datetime.fromtimestamp(at, UTC)
    signatures = [Webhook(secret).sign(message_id, instant, message) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(signatures),
    }
