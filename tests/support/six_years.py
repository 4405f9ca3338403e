"""The six years of `scenarios/years`: their program, their golden texts, and their facts."""

from functools import lru_cache
from pathlib import Path

from schemas.facts import AnyFact
from tests.support.golden import Told, tell
from tests.support.partition import named

YEARS = Path(__file__).parents[1] / "scenarios" / "years"
PROGRAM = (YEARS / "club.yaml").read_text("utf-8")
CUSTOMERS = ("monthly", "yearly", "trial", "several", "refunding", "returning")


def golden(customer: str) -> str:
    return (YEARS / f"{customer}.txt").read_text("utf-8")


@lru_cache
def told(customer: str) -> Told:
    """The year as the engine tells it. Whoever changes the account tells it anew."""
    return tell(PROGRAM, golden(customer))


def facts() -> list[AnyFact]:
    """Of all six, each under a name of its own."""
    return [named(fact, customer) for customer in CUSTOMERS for fact in told(customer).teller.facts]
