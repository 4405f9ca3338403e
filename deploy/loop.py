"""Run a busy role: on uvloop, and with a garbage collector that is seldom in the way."""

from collections.abc import Coroutine

import uvloop

from deploy.collector import collect_seldom, spare_what_is_there


def run(role: Coroutine[object, object, None]) -> None:
    spare_what_is_there()
    collect_seldom()
    uvloop.run(role)
