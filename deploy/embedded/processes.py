"""Remember a process in a file, so that a stranger with a recycled pid is never taken for it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

CLOCK_SLACK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """One process: its pid and when it was born."""

    pid: int
    born_at: float


def remember(path: Path, pid: int) -> None:
    record = Remembered(pid, psutil.Process(pid).create_time())
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(asdict(record)), encoding="utf-8")
    draft.replace(path)


def recall(path: Path) -> psutil.Process | None:
    """The remembered process if it still lives. A stale or broken file is removed."""
    try:
        stored = json.loads(path.read_bytes())
        record = Remembered(int(stored["pid"]), float(stored["born_at"]))
        process = psutil.Process(record.pid)
        same = abs(process.create_time() - record.born_at) < CLOCK_SLACK_SECONDS
        if same and process.status() != psutil.STATUS_ZOMBIE:
            return process
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, psutil.NoSuchProcess):
        pass
    path.unlink(missing_ok=True)
    return None


def stop(process: psutil.Process, *, grace_seconds: float) -> bool:
    """SIGTERM, then SIGKILL after the grace. True where the process went by itself."""
    try:
        process.terminate()
        process.wait(grace_seconds)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(grace_seconds)
        return False
    return True
