"""Every fact has an outcome, and every points event has its fact, in one partition. PURE."""

from deploy.audit.tally import Tally
from schemas import ids
from schemas.facts import AnyFact
from schemas.points import AnyPointsEvent


class Outcomes:
    """Takes the partition's points events first, then its facts.

    A repeat has no events of its own: the outcome of its first delivery is its outcome.
    """

    def __init__(self, tally: Tally, partition: int) -> None:
        self._tally = tally
        self._partition = partition
        self._claims: dict[int, bytes] = {}
        self._seen: set[bytes] = set()

    def take_event(self, event: AnyPointsEvent) -> None:
        cause = event.cause
        claim = _digest(event.site, event.customer, cause.fact)
        if self._claims.setdefault(cause.offset, claim) != claim:
            self._tally.breach(
                f"{event.site}:{event.customer}: event {event.sequence} names the fact {cause.fact}"
                f" at {self._at(cause.offset)}, and others name another one there"
            )

    def take_fact(self, offset: int, fact: AnyFact) -> None:
        self._tally.examined += 1
        digest = _digest(fact.site, fact.customer, fact.id)
        claim = self._claims.pop(offset, None)
        repeated = digest in self._seen
        self._seen.add(digest)
        told = f"{fact.id} of {fact.site}:{fact.customer} at {self._at(offset)}"
        if claim is not None and claim != digest:
            self._tally.breach(f"events name another fact than {told}")
        elif claim is None and not repeated:
            self._tally.breach(f"no event names the fact {told}")
        elif claim is not None and repeated:
            self._tally.breach(f"a repeat has events of its own: {told}")

    def finish(self) -> None:
        for offset in self._claims:
            self._tally.breach(f"events name a fact at {self._at(offset)}, and there is none")

    def _at(self, offset: int) -> str:
        return f"offset {offset} of partition {self._partition}"


def _digest(site: str, customer: str, fact: str) -> bytes:
    return ids.digest(f"{ids.account_key(site, customer)}\n{fact}")
