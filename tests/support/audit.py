"""A folded year for audits to look at, and small things to tamper with."""

from functools import lru_cache

from deploy.audit.tally import Tally
from schemas import ids
from schemas.facts import AnyFact
from schemas.points import AnyPointsEvent
from streams.account.ordering import fold
from streams.account.state import Account
from tests.support.year import programs, year

CUSTOMERS = 12


def tally() -> Tally:
    return Tally("check", "Something holds.")


def examples(counted: Tally) -> list[str]:
    return list(counted.check().examples)


def account_of(about: AnyFact | AnyPointsEvent) -> bytes:
    return ids.account_key(about.site, about.customer).encode()


@lru_cache
def folded_year() -> tuple[tuple[AnyFact, ...], tuple[AnyPointsEvent, ...]]:
    """Facts, whose offsets are their places in the tuple, and the events they gave."""
    facts, known = year(1, CUSTOMERS), programs()
    accounts: dict[bytes, Account] = {}
    events: list[AnyPointsEvent] = []
    for offset, fact in enumerate(facts):
        account = accounts.setdefault(account_of(fact), Account())
        events += fold(account, fact, offset, known)
    return facts, tuple(events)
