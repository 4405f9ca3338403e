"""Which mistakes are tried: of each place drawn one, the same for the same seed."""

from collections.abc import Iterable
from random import Random

from tests.mutants.places import Mutant

EXPLANATIONS = "streams/account/explanation/"
WEIGHT_OF_WORDING = 0.5
"""What an explanation says moves no point: its places are drawn half as often."""


def draw(places: Iterable[list[Mutant]], sample: int, seed: int) -> list[Mutant]:
    """`sample` of them, weighted, without putting any back; all where there are no more."""
    chance = Random(seed)
    drawn = [
        (chance.random() ** (1 / _weight(mutants[0])), chance.choice(mutants)) for mutants in places
    ]
    return sorted(mutant for _, mutant in sorted(drawn, reverse=True)[:sample])


def _weight(mutant: Mutant) -> float:
    return WEIGHT_OF_WORDING if mutant.path.startswith(EXPLANATIONS) else 1.0
