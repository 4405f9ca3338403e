"""The supervisor, with real and tiny child processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from deploy.backoff import RestartPolicy
from deploy.supervisor import Job, Supervisor
from tests.support.processes import all_gone
from tests.support.waiting import eventually, eventually_blocking

QUICK = RestartPolicy(first_seconds=0.01, max_seconds=0.05)
STAY = "import signal, time\nprint('up', flush=True)\nwhile True: time.sleep(60)"
STUBBORN = f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{STAY}"


class Log:
    """Remembers what a supervisor prints."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))

    def of(self, name: str) -> list[str]:
        return [line for who, line in self.lines if who == name]


def python(name: str, code: str, *, stage: int = 1, grace_seconds: float = 10) -> Job:
    command = [sys.executable, "-c", code]
    return Job(name=name, command=command, stage=stage, grace_seconds=grace_seconds)


async def test_the_output_of_a_job_arrives_line_by_line_under_its_name() -> None:
    log = Log()
    async with Supervisor(log, QUICK) as supervisor:
        supervisor.start(python("talker", f"print('one'); print('two')\n{STAY}"))
        await eventually(lambda: len(log.of("talker")) == 3)

    assert log.of("talker") == ["one", "two", "up"]


async def test_a_line_without_end_comes_in_pieces() -> None:
    log = Log()
    async with Supervisor(log, QUICK) as supervisor:
        supervisor.start(python("endless", f"print('x' * 100_000)\n{STAY}"))
        await eventually(lambda: "up" in log.of("endless"))

    assert sum(line.count("x") for line in log.of("endless")) == 100_000
    assert len(log.of("endless")) > 2


async def test_a_job_that_is_killed_is_started_again() -> None:
    log = Log()
    async with Supervisor(log, QUICK) as supervisor:
        child = supervisor.start(python("victim", STAY))
        await eventually(lambda: log.of("victim") == ["up"])
        assert child.process is not None
        os.kill(child.process.pid, signal.SIGKILL)
        await eventually(lambda: log.of("victim") == ["up", "up"])

    assert any("SIGKILL" in line for line in log.of("cactus"))
    assert child.starts == 2


async def test_a_crash_loop_is_reported_once_with_the_last_words() -> None:
    log = Log()
    async with Supervisor(log, QUICK) as supervisor:
        child = supervisor.start(python("broken", "import sys; sys.exit('no database')"))
        await eventually(lambda: child.starts >= 5)

    loud = [line for line in log.of("cactus") if "KEEPS CRASHING" in line]
    assert len(loud) == 1
    assert any("no database" in line for line in log.of("cactus"))


async def test_a_program_that_does_not_exist_is_a_crash_loop_not_a_broken_supervisor() -> None:
    log = Log()
    async with Supervisor(log, QUICK) as supervisor:
        child = supervisor.start(Job(name="ghost", command=["/no/such/program"]))
        await eventually(lambda: child.crash_looping)

    assert any("KEEPS CRASHING" in line for line in log.of("cactus"))


async def test_stopping_ends_higher_stages_before_lower_ones() -> None:
    log = Log()
    farewell = (
        "import signal, sys\n"
        "def bye(*_): print('bye', flush=True); sys.exit(0)\n"
        f"signal.signal(signal.SIGTERM, bye)\n{STAY}"
    )
    async with Supervisor(log, QUICK) as supervisor:
        supervisor.start(python("broker", farewell, stage=0))
        supervisor.start(python("role", farewell, stage=1))
        await eventually(lambda: log.of("broker") == ["up"] and log.of("role") == ["up"])

    byes = [name for name, line in log.lines if line == "bye"]
    assert byes == ["role", "broker"]


async def test_a_job_that_ignores_sigterm_is_killed_after_its_grace() -> None:
    log = Log()
    async with Supervisor(log, QUICK) as supervisor:
        child = supervisor.start(python("stubborn", STUBBORN, grace_seconds=0.2))
        await eventually(lambda: log.of("stubborn") == ["up"])

    assert child.process is not None
    assert child.process.returncode == -signal.SIGKILL
    assert any("does not stop" in line for line in log.of("cactus"))


async def test_stopping_while_a_job_waits_to_be_restarted_returns() -> None:
    log = Log()
    slow = RestartPolicy(first_seconds=600, max_seconds=600)
    async with Supervisor(log, slow) as supervisor:
        child = supervisor.start(python("ended", "pass"))
        await eventually(lambda: child.failures == 1)

    assert child.starts == 1


def test_nothing_is_left_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    stay = (
        f"import os, pathlib\npathlib.Path({str(pid_file)!r}).write_text(str(os.getpid()))\n{STAY}"
    )
    script = tmp_path / "supervise.py"
    script.write_text(
        "import asyncio, sys\n"
        "from deploy.supervisor import Job, Supervisor\n"
        "async def main():\n"
        "    async with Supervisor(print) as supervisor:\n"
        f"        supervisor.start(Job(name='child', command=[sys.executable, '-c', {stay!r}]))\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n",
        encoding="utf-8",
    )
    with subprocess.Popen([sys.executable, script], stdout=subprocess.DEVNULL) as supervisor:
        eventually_blocking(lambda: pid_file.exists() and pid_file.read_text())
        child = psutil.Process(int(pid_file.read_text()))
        supervisor.kill()

    eventually_blocking(lambda: all_gone([child]))
