"""A sandbox's year as facts, and the sample program, for tests that want history in bulk."""

from functools import lru_cache
from pathlib import Path

from connectors.chargebee.translate import translate
from deploy.sandbox.events import Event
from deploy.sandbox.life import Life, LifeSettings
from schemas import ids
from schemas.facts import AnyFact, ProgramPublished
from schemas.program.load import load_program
from schemas.program.model import Program
from streams.account.programs import Programs

SITE = "acme-test"
SPIKES = Path(__file__).parents[2] / "deploy" / "programs" / "spikes.yaml"
MORE_REWARDS = """
  - {id: beta, when: {tier: saguaro}, feature: {id: beta-access, while_in_tier: true}}
  - {id: tree, when: {lifetime: 15000, repeat: every}, charity: {webhook: trees, payload: {n: 1}}}
"""
"""What lasts while in a tier, and what another service gives."""


def programs(path: Path = SPIKES) -> Programs:
    """The program of a file whose last section is its rewards, and some more rewards."""
    return program_of(path.read_text(encoding="utf-8") + MORE_REWARDS)


def program_of(text: str) -> Programs:
    """The program in the YAML `text`, known from the beginning."""
    program = loaded(text)
    return Programs().with_published(
        ProgramPublished(
            id=ids.program_published(program.program, 1),
            site=program.site,
            customer="",
            occurred_at=0,
            program=program.program,
            version=1,
            document=program.document(),
        )
    )


@lru_cache
def loaded(text: str) -> Program:
    """A program is immutable, and reading its YAML takes longer than most tests."""
    return load_program(text)


@lru_cache
def year(seed: int, customers: int) -> tuple[AnyFact, ...]:
    """Facts in the order in which they happened."""
    life = Life(LifeSettings(seed=seed, customers=customers, days=365))
    events: list[Event] = []
    life.site.listeners.append(events.append)
    life.advance(life.end)
    return tuple(fact for event in events for fact in translate(event.body, SITE).facts)
