"""Run a busy role: on uvloop, and with a garbage collector that is seldom in the way.

What is imported by then lives as long as the process, so the collector need not walk it again. What
a role makes while it works is freed by reference counting, but for a few cycles.
"""

import gc
from collections.abc import Coroutine

import uvloop

ALLOCATIONS_PER_COLLECTION = 50_000
"""CPython's 700 would collect, for nothing, several times in each batch of facts."""


def run(role: Coroutine[object, object, None]) -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS_PER_COLLECTION, 20, 50)
    uvloop.run(role)
