"""Chance and identity from a seed: the same seed gives the same life, whatever else happens. PURE.

Each customer draws from a stream of their own, so what an API call changes for one customer never
shifts another's life.
"""

import random
from hashlib import blake2b

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
ID_LENGTH = 16


class Identities:
    """Numbers what each owner gets and turns the number into an opaque id."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._counts: dict[tuple[str, str], int] = {}

    def next(self, owner: str, prefix: str) -> str:
        count = self._counts.get((owner, prefix), 0) + 1
        self._counts[owner, prefix] = count
        return prefix + opaque(f"{self._seed}/{owner}/{prefix}/{count}")


def opaque(name: str) -> str:
    number = int.from_bytes(blake2b(name.encode(), digest_size=ID_LENGTH).digest())
    letters = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[digit])
    return "".join(letters)


def stream(seed: int, owner: str) -> random.Random:
    return random.Random(f"{seed}/{owner}")


def fractions(seed: int, name: str, count: int) -> list[float]:
    """`count` independent numbers in [0, 1) that depend on nothing but the seed and the name."""
    digest = blake2b(f"{seed}/{name}".encode(), digest_size=4 * count).digest()
    return [int.from_bytes(digest[start : start + 4]) / 2**32 for start in range(0, 4 * count, 4)]
