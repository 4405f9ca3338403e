"""The program that every measurement runs: the sample, exactly as it ships."""

from functools import lru_cache

from schemas.program.load import load_program
from schemas.program.model import Program
from streams.account.programs import Programs
from tests.support.year import SPIKES, program_of


def sample() -> Program:
    return load_program(SPIKES.read_text(encoding="utf-8"))


@lru_cache
def known() -> Programs:
    """The sample, published before the first fact."""
    return program_of(SPIKES.read_text(encoding="utf-8"))
