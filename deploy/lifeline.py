"""Run a command that dies with its parent, even when the parent is killed without a word.

`python deploy/lifeline.py PARENT_PID COMMAND...`. On Linux the kernel keeps the promise and this
process becomes the command; elsewhere it stays and watches its parent. Standard library only: it
starts once for every supervised process.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.5


def lifeline(command: list[str]) -> list[str]:
    """`command`, tied to the life of this process. Start it from a thread that lives as long."""
    script = str(Path(__file__).resolve())
    return [sys.executable, "-I", "-S", script, str(os.getpid()), *command]


def run(parent: int, command: list[str]) -> int:
    if os.uname().sysname == "Linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl")
        if os.getppid() != parent:
            return 1  # the parent died before we asked
        os.execvp(command[0], command)  # noqa: S606 - a list, and no shell is wanted
    return _watch(parent, command)


def _watch(parent: int, command: list[str]) -> int:
    child = subprocess.Popen(command)

    def pass_on(number: int, _frame: object) -> None:
        child.send_signal(number)

    signal.signal(signal.SIGTERM, pass_on)
    signal.signal(signal.SIGINT, pass_on)
    while child.poll() is None:
        if os.getppid() != parent:
            child.kill()
        time.sleep(POLL_SECONDS)
    return child.returncode


if __name__ == "__main__":
    sys.exit(run(int(sys.argv[1]), sys.argv[2:]))
