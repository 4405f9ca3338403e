"""Tell many random histories to both, on every core, and keep what differs."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat

from schemas.facts import AnyFact
from schemas.program.model import Program
from tests.laws.chance import Chance
from tests.laws.compare import difference
from tests.laws.histories import random_history
from tests.laws.programs import random_program

HISTORIES_OF_A_PROGRAM = 4
LATE_EVERY = 3
CHUNK = 100


@dataclass(frozen=True)
class Case:
    """What a seed and a number draw: the same every time. One of so many comes late, 0 for none."""

    seed: int
    number: int
    late_every: int = LATE_EVERY

    @property
    def is_late(self) -> bool:
        return self.late_every > 0 and self.number % self.late_every == 0

    def draw(self) -> tuple[Program, list[AnyFact]]:
        """A program serves some histories in a row: compiling one takes longer than a history."""
        program = random_program(Chance(self._seed_of_program()), bills=self.is_late)
        chance = Chance(f"{self.seed}.{self.number}")
        return program, random_history(chance, program, late=self.is_late)

    def _seed_of_program(self) -> str:
        if not self.is_late:
            return f"{self.seed}:{self.number // HISTORIES_OF_A_PROGRAM}"
        number = self.number // self.late_every
        return f"{self.seed}:late:{number // HISTORIES_OF_A_PROGRAM}"

    def differs(self) -> bool:
        return difference(*self.draw()) is not None


def differing(seed: int, late_every: int, numbers: range) -> list[Case]:
    return [case for number in numbers if (case := Case(seed, number, late_every)).differs()]


def run(
    seed: int, histories: int, workers: int, late_every: int = LATE_EVERY
) -> Iterator[tuple[int, list[Case]]]:
    """How many histories more are done, and which of them differ."""
    chunks = [range(start, min(start + CHUNK, histories)) for start in range(0, histories, CHUNK)]
    with ProcessPoolExecutor(workers) as pool:
        found = pool.map(differing, repeat(seed), repeat(late_every), chunks)
        for chunk, cases in zip(chunks, found, strict=True):
            yield len(chunk), cases
