"""A garbage collector that is seldom in the way.

What we make is freed by reference counting, but for a few cycles. A collection walks all that was
made since the last, and finds next to nothing.
"""

import gc

ALLOCATIONS_PER_COLLECTION = 200_000
"""CPython's 700 would collect several times in each batch of facts, and all the time at import."""


def collect_seldom() -> None:
    gc.set_threshold(ALLOCATIONS_PER_COLLECTION, 20, 50)


def spare_what_is_there() -> None:
    """What is imported by now lives as long as the process: it need not be walked again."""
    gc.collect()
    gc.freeze()
