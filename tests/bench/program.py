"""The programs that are measured: the sample exactly as it ships, or another, and every key."""

from datetime import datetime
from functools import lru_cache
from pathlib import Path

from schemas import ids
from schemas.facts import ProgramPublished
from schemas.program.load import load_program
from schemas.program.model import Program
from streams.account.programs import Programs
from tests.support.year import SPIKES

EVERYTHING = Path(__file__).with_name("everything.yaml")
ALWAYS = datetime(2000, 1, 1)  # noqa: DTZ001 - local time in the program's own zone

_chosen = SPIKES


def choose(path: Path) -> None:
    """Before anything else is asked: measure with this program."""
    global _chosen  # noqa: PLW0603 - one run measures one program
    _chosen = path


def sample() -> Program:
    """What every measurement runs. One without a beginning has always applied."""
    return _always(load_program(_chosen.read_text(encoding="utf-8")))


def _always(program: Program) -> Program:
    if program.effective_from is not None:
        return program
    return program.model_copy(update={"effective_from": ALWAYS})


@lru_cache
def known() -> Programs:
    """The program of every measurement, published before the first fact."""
    return _published(sample())


@lru_cache
def everything() -> Programs:
    """The program that uses every key, published before the first fact."""
    return _published(load_program(EVERYTHING.read_text(encoding="utf-8")))


def _published(program: Program) -> Programs:
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
