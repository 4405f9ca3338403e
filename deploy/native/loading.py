"""Take the fold from its build, where there is one for just these sources; else as it is written.

All of the fold comes from one build or nothing does: compiled modules call each other directly.
"""

import importlib
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Literal

from deploy.errors import ConfigurationError
from deploy.native.builds import default_root, find_build, fingerprint, source_root

NATIVE_VARIABLE = "CACTUS_NATIVE"
"""`off` leaves the fold interpreted. No setting of a file: it is read before there are settings."""

Running = Literal["compiled", "interpreted"]


class _Finder(MetaPathFinder):
    """Finds the modules of one build, and never another in the place of one that is gone."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        file = self._files.get(fullname)
        return None if file is None else spec_from_file_location(fullname, file)


def prefer_compiled(root: Path | None = None) -> None:
    """Let this process import the compiled fold. Call it before anything imports the fold.

    A build that this machine cannot load is warned about and left alone.
    """
    if not _wanted():
        return
    where = root or default_root()
    if not where.is_dir():
        return
    build = find_build(where, fingerprint(source_root()))
    if build is None:
        return
    late = sorted(build.files.keys() & sys.modules.keys())
    assert not late, f"imported before the compiled fold was preferred: {', '.join(late)}"
    finder = _Finder(build.files)
    sys.meta_path.insert(0, finder)
    try:
        importlib.import_module(build.library)
    except ImportError as error:
        sys.meta_path.remove(finder)
        warnings.warn(
            f"the compiled fold cannot be loaded, so it runs interpreted: {error}",
            RuntimeWarning,
            stacklevel=2,
        )


def running_fold() -> Running:
    """How the fold of this process runs, told by what is loaded."""
    file = importlib.import_module("streams.account.decide").__file__ or ""
    return "compiled" if file.endswith(tuple(EXTENSION_SUFFIXES)) else "interpreted"


def _wanted() -> bool:
    value = os.environ.get(NATIVE_VARIABLE, "on")
    if value not in {"on", "off"}:
        raise ConfigurationError(f"{NATIVE_VARIABLE} is on or off, not {value!r}.")
    return value == "on"
