"""Whether processes still run, asked of the operating system."""

from collections.abc import Iterable

import psutil


def all_gone(processes: Iterable[psutil.Process]) -> bool:
    return not any(_runs(each) for each in processes)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it ended while we looked
        return False
