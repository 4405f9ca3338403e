"""Idempotency keys as Chargebee keeps them: thirty minutes, by the clock of the API. PURE."""

from collections.abc import Callable

import msgspec

from deploy.sandbox.errors import bad_request
from deploy.sandbox.terms import MINUTE

HEADER = "chargebee-idempotency-key"
REPLAYED_HEADER = "chargebee-idempotency-replayed"
LIFETIME_SECONDS = 30 * MINUTE
KEY_LENGTH_MAX = 100


class Answer(msgspec.Struct, frozen=True):
    expires_at: float
    fingerprint: str
    body: bytes


class IdempotencyKeys:
    """Remembers what was answered with success; a refused call may be mended and sent again."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._answers: dict[str, Answer] = {}

    def find(self, key: str, fingerprint: str) -> bytes | None:
        """What this very request was answered before, or None. Another request is refused."""
        if not 0 < len(key) <= KEY_LENGTH_MAX:
            raise bad_request(
                "invalid_request", f"{HEADER} should have 1 to {KEY_LENGTH_MAX} characters"
            )
        answer = self._answers.get(key)
        if answer is None or answer.expires_at <= self._clock():
            return None
        if answer.fingerprint != fingerprint:
            raise bad_request(
                "invalid_request", f"The {HEADER} has already been used for a different request"
            )
        return answer.body

    def keep(self, key: str, fingerprint: str, body: bytes) -> None:
        now = self._clock()
        # Oldest first, because keys are entered in order of time.
        for old, answer in list(self._answers.items()):
            if answer.expires_at > now:
                break
            del self._answers[old]
        self._answers.pop(key, None)
        self._answers[key] = Answer(now + LIFETIME_SECONDS, fingerprint, body)
