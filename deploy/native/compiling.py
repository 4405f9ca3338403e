"""Compile the fold with mypyc, and publish a build only when it is whole and can be loaded."""

import ast
import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from deploy.errors import OperatingError
from deploy.native.builds import FOLD, find_build, fingerprint, sources, write_manifest

DRAFT = "draft-"
ASKED_BY_EVERY_FACT = ("schemas/ids.py", "schemas/program/periods.py")
"""Compiled with the fold: a call from compiled code to compiled code costs next to nothing."""
KEPT_BUILDS = 4
"""A process that just starts may still load modules of a build that is not the newest."""
DIRECT_CALLS = "-fno-plt -fno-semantic-interposition"
"""Nobody replaces the interpreter's functions, which compiled code calls all the time."""
PROOF = """\
import sys
from pathlib import Path
from deploy.native.loading import prefer_compiled, running_fold
prefer_compiled(Path(sys.argv[1]))
sys.exit(running_fold() != "compiled" and "what was compiled is not loaded")
"""

Say = Callable[[str], None]


class NotCompiled(OperatingError):
    """Why there is no compiled fold here. Everything works without."""


def build(root: Path, code: Path, say: Say) -> Path:
    """The build of the sources in `code`, made now where it is missing. Raises `NotCompiled`."""
    compiler = _mypyc_version()
    wanted = fingerprint(code)
    if found := find_build(root, wanted, compiler):
        return found.directory
    _require_c_compiler()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(root / "lock"):
            if found := find_build(root, wanted, compiler):  # by whom we waited for
                return found.directory
            say("compiling the account fold (20 seconds, once for these sources)")
            final = root / f"{wanted}-{compiler}"
            _forget(root)
            with tempfile.TemporaryDirectory(dir=root, prefix=DRAFT) as draft:
                built = Path(draft, "built", final.name)
                copy = _copied(code, Path(draft, "copy"))
                if fingerprint(copy) != wanted:
                    raise NotCompiled("the sources were edited meanwhile; make setup tries again")
                _compile(copy, built)
                _run([sys.executable, "-c", PROOF, str(built.parent)], code, CACTUS_NATIVE="on")
                shutil.rmtree(final, ignore_errors=True)  # broken, or it would have been found
                built.rename(final)
            return final
    except OSError as error:
        raise NotCompiled(f"{error.strerror}: {error.filename}") from error


def to_compile(code: Path) -> list[str]:
    """The fold's modules but those that define structs, which msgspec must make itself."""
    fold = [path for path in sources(code) if path.parent.as_posix() == FOLD]
    fold += [Path(path) for path in ASKED_BY_EVERY_FACT]
    return [str(path) for path in fold if path.stem != "__init__" and not _has_structs(code / path)]


def _has_structs(path: Path) -> bool:
    """Whether mypyc would make classes of its own kind of them, on which the options are lost."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise NotCompiled(f"{path.name}: {error}") from error
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return any(ast.unparse(base).endswith("Struct") for each in classes for base in each.bases)


def _mypyc_version() -> str:
    try:
        return version("mypy")
    except PackageNotFoundError:
        raise NotCompiled("mypy is not installed") from None


def _require_c_compiler() -> None:
    command = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
    if not shutil.which(command[0]):
        raise NotCompiled(f"there is no C compiler ({command[0]}) on PATH")


def _copied(code: Path, copy: Path) -> Path:
    """The sources, away from a pyproject.toml that setuptools would want to understand."""
    for path in [*sources(code), Path("streams/__init__.py")]:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(code / path, copy / path)
    return copy


def _compile(copy: Path, built: Path) -> None:
    (copy / "mypy.ini").write_text("[mypy]\n", encoding="utf-8")  # or the user's own would count
    flags = f"{os.environ.get('CFLAGS', '')} {DIRECT_CALLS}".strip()
    command = [sys.executable, "-m", "mypyc", *to_compile(copy)]
    _run(command, copy, MYPYC_DEBUG_LEVEL="0", CFLAGS=flags)
    for path in sorted(copy.rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}")):
        place = path.relative_to(copy)
        if place.parts[0] != "build":
            (built / place).parent.mkdir(parents=True, exist_ok=True)
            path.rename(built / place)
    write_manifest(built)


def _forget(root: Path) -> None:
    """Drop the oldest builds, and the drafts of those who were ended in the middle."""
    builds = sorted(root.glob("*-*.*"), key=lambda path: path.stat().st_mtime)
    for path in [*builds[: 1 - KEPT_BUILDS], *root.glob(f"{DRAFT}*")]:
        shutil.rmtree(path, ignore_errors=True)


def _run(command: list[str], directory: Path, **environment: str) -> None:
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise NotCompiled(said[-1] if said else f"mypyc ended with {done.returncode}")


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
