"""Builds of the compiled fold, each for exactly one state of the sources and one interpreter.

They lie in the virtual environment: whoever may change what runs there may change them, and an
image carries them along. A build is named by the digest of all that goes into it, so that edited
sources find none; it lists the digests of its own files, so that a broken one is none.
"""

import hashlib
import json
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

FOLD = "streams/account"
TYPED_AGAINST = "schemas"
"""Part of a build's sources: compiled code trusts the types of what it calls."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Build:
    """A build that is whole. `files` are the modules it brings, by name."""

    directory: Path
    files: dict[str, Path]

    @property
    def library(self) -> str:
        """The module that holds the compiled code of all the others."""
        return next(name for name in self.files if name.endswith("__mypyc"))


def default_root() -> Path:
    return Path(sys.prefix, "lib", "hellocactus", "native")


def source_root() -> Path:
    """The directory of our packages, as this process imports them."""
    spec = find_spec("streams")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parents[1]


def sources(root: Path) -> Iterator[Path]:
    """What is compiled and what it is typed against, relative to `root`."""
    yield from sorted(path.relative_to(root) for path in (root / FOLD).glob("*.py"))
    yield from sorted(path.relative_to(root) for path in (root / TYPED_AGAINST).rglob("*.py"))


def fingerprint(root: Path) -> str:
    """The digest of the sources and of what the interpreter asks of an extension."""
    digest = hashlib.sha256(f"{sys.version} {sysconfig.get_config_var('EXT_SUFFIX')}".encode())
    for path in sources(root):
        data = (root / path).read_bytes()
        digest.update(f"\n{path.as_posix()} {len(data)}\n".encode())
        digest.update(data)
    return digest.hexdigest()[:24]


def find_build(root: Path, wanted: str, made_with: str = "*") -> Build | None:
    """The newest whole build of a fingerprint, by the given version of the compiler or by any."""
    found = sorted(root.glob(f"{wanted}-{made_with}"), key=lambda path: path.stat().st_mtime)
    return next((build for path in reversed(found) if (build := _whole(path))), None)


def write_manifest(directory: Path) -> None:
    """List every extension below the directory, under the name of the module it is."""
    listed = {}
    for path in sorted(directory.rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}")):
        file = path.relative_to(directory).as_posix()
        name = file.partition(".")[0].replace("/", ".")
        listed[name] = {"file": file, "sha256": _digest(path)}
    (directory / MANIFEST).write_text(json.dumps(listed, indent=1), encoding="utf-8")


def _whole(directory: Path) -> Build | None:
    try:
        listed = json.loads((directory / MANIFEST).read_bytes())
        for each in listed.values():
            if _digest(directory / each["file"]) != each["sha256"]:
                return None
        return Build(directory, {name: directory / listed[name]["file"] for name in listed})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
