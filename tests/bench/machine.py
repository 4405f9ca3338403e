"""What the figures were measured on. They mean little without it."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

from deploy.native.loading import running_fold

PACKAGES = ("faust-streaming", "aiokafka", "msgspec", "quixstreams", "confluent-kafka", "uvloop")


def describe() -> dict[str, str]:
    """Date, processor, memory, interpreter, the packages that matter, and how the fold runs."""
    memory_gb = psutil.virtual_memory().total / 2**30
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": f"{_processor()}, {len(os.sched_getaffinity(0))} cores, {memory_gb:.0f} GB",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "fold": running_fold(),
        "system": f"{platform.system()} {platform.release()}",
        "packages": ", ".join(f"{each} {version(each)}" for each in PACKAGES),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
