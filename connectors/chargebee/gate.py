"""Who may post for a site: basic authentication that tells an attacker nothing."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping, Sequence
from hashlib import blake2b

CREDENTIALS_MAX = 2
"""Two may live at once, so that a password can be changed without losing a webhook."""

_SCHEME = "basic "


class Gate:
    """Checks `Authorization` headers against the credentials of each site.

    Unknown site, wrong password and no password cost the same work: every check makes one digest
    and compares it with two others in constant time.
    """

    def __init__(self, credentials: Mapping[str, Sequence[str]]) -> None:
        """`credentials` are `user:password` by site; a site without any admits nobody."""
        self._key = secrets.token_bytes(32)
        self._sites = {site: self._digests(pairs) for site, pairs in credentials.items()}
        self._nobody = self._digests(())

    def knows(self, site: str) -> bool:
        return site in self._sites

    def admits(self, site: str, authorization: str) -> bool:
        presented = self._digest(_credentials_in(authorization))
        matches = [
            hmac.compare_digest(presented, digest) for digest in self._sites.get(site, self._nobody)
        ]
        return any(matches)

    def _digests(self, pairs: Sequence[str]) -> tuple[bytes, ...]:
        assert len(pairs) <= CREDENTIALS_MAX
        digests = [self._digest(pair.encode()) for pair in pairs]
        # Filled up with digests of nothing, so that every site has as many.
        digests += [secrets.token_bytes(32) for _ in range(CREDENTIALS_MAX - len(pairs))]
        return tuple(digests)

    def _digest(self, credentials: bytes) -> bytes:
        # Equal lengths, whatever is presented: a comparison must not tell the length either.
        return blake2b(credentials, key=self._key, digest_size=32).digest()


def _credentials_in(authorization: str) -> bytes:
    """The decoded `user:password`, or nothing where the header is not of the basic scheme."""
    if not authorization.lower().startswith(_SCHEME):
        return b""
    try:
        return base64.b64decode(authorization[len(_SCHEME) :].strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
