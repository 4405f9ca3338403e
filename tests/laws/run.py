"""Tell many random histories to both, on every core, and keep what differs."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from schemas.facts import AnyFact
from schemas.program.model import Program
from tests.laws.chance import Chance
from tests.laws.compare import difference
from tests.laws.histories import random_history
from tests.laws.programs import random_program

HISTORIES_OF_A_PROGRAM = 4
CHUNK = 100


@dataclass(frozen=True)
class Case:
    """What a seed and a number draw: the same every time."""

    seed: int
    number: int

    def draw(self) -> tuple[Program, list[AnyFact]]:
        """A program serves some histories in a row: compiling one takes longer than a history."""
        program = random_program(Chance(f"{self.seed}:{self.number // HISTORIES_OF_A_PROGRAM}"))
        return program, random_history(Chance(f"{self.seed}.{self.number}"), program)

    def differs(self) -> bool:
        return difference(*self.draw()) is not None


def differing(seed: int, numbers: range) -> list[Case]:
    return [case for number in numbers if (case := Case(seed, number)).differs()]


def run(seed: int, histories: int, workers: int) -> Iterator[tuple[int, list[Case]]]:
    """How many histories more are done, and which of them differ."""
    chunks = [range(start, min(start + CHUNK, histories)) for start in range(0, histories, CHUNK)]
    with ProcessPoolExecutor(workers) as pool:
        found = pool.map(differing, [seed] * len(chunks), chunks)
        for chunk, cases in zip(chunks, found, strict=True):
            yield len(chunk), cases
