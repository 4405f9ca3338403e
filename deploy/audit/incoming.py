"""Whatever came in is a fact in the log, ignored for a reason, or a dead letter. PURE."""

from collections.abc import Callable, Iterable, Sequence

from deploy.audit.dead_letters import DeadLetters, Origin
from deploy.audit.tally import Tally, place
from schemas import ids
from schemas.codec import DecodeError, decode_custom
from schemas.facts import AnyFact
from schemas.topics import HEADER_SITE
from schemas.translation import Translate, UntranslatableError

FactKey = tuple[str, str]
"""Account key and id of a fact."""


class Incoming:
    """Takes the records that were translated first, then the facts of each partition.

    `home` tells the partition of an account. Eight bytes and an origin are kept for each fact that
    retained records became.
    """

    def __init__(
        self,
        tally: Tally,
        dead_letters: DeadLetters,
        translate: Translate,
        home: Callable[[bytes], int],
    ) -> None:
        self._tally = tally
        self._dead_letters = dead_letters
        self._translate = translate
        self._home = home
        self._claims: dict[int, dict[bytes, Origin]] = {}
        self._ignored = 0

    def take_raw(
        self,
        origin: Origin,
        headers: Iterable[tuple[str, bytes]],
        value: bytes,
        timestamp_ms: int,
    ) -> None:
        site = dict(headers).get(HEADER_SITE)
        try:
            if site is None:
                raise UntranslatableError("no site")
            facts = self._translate(value, site.decode()).facts
        except UntranslatableError:
            self._reject(origin, value, timestamp_ms)
            return
        self._accept(origin, value, [_key(fact) for fact in facts])

    def take_custom(self, origin: Origin, value: bytes, timestamp_ms: int) -> None:
        try:
            event = decode_custom(value)
        except DecodeError:
            self._reject(origin, value, timestamp_ms)
            return
        key = (ids.account_key(event.site, event.customer), ids.custom(event.id))
        self._accept(origin, value, [key])

    def _reject(self, origin: Origin, value: bytes, timestamp_ms: int) -> None:
        self._tally.examined += 1
        self._dead_letters.expect(origin, value, timestamp_ms)

    def _accept(self, origin: Origin, value: bytes, keys: Sequence[FactKey]) -> None:
        self._tally.examined += 1
        self._dead_letters.take_original(origin, value)
        self._ignored += not keys
        for account, fact in keys:
            claims = self._claims.setdefault(self._home(account.encode()), {})
            claims.setdefault(_digest(account, fact), origin)

    def take_fact(self, partition: int, fact: AnyFact) -> None:
        claims = self._claims.get(partition)
        if claims:
            claims.pop(_digest(*_key(fact)), None)

    def finish(self) -> None:
        for claims in self._claims.values():
            for origin in claims.values():
                self._tally.breach(f"{place(*origin)} became a fact that is not in the log")
        if self._ignored:
            self._tally.note(f"{self._ignored} ignored for a reason")


def _key(fact: AnyFact) -> FactKey:
    return ids.account_key(fact.site, fact.customer), fact.id


def _digest(account: str, fact: str) -> bytes:
    return ids.digest(f"{account}\n{fact}")
