"""Where the fold cannot be compiled or loaded, it says why and runs as it is written."""

import json
import sys
import sysconfig
from pathlib import Path

import pytest

from deploy.errors import ConfigurationError
from deploy.native.builds import fingerprint, source_root, write_manifest
from deploy.native.compiling import NotCompiled, build
from deploy.native.loading import prefer_compiled, running_fold

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


def silent(line: str) -> None:
    raise AssertionError(line)


def made_up(root: Path, module: str) -> Path:
    """A build for these sources whose only file is no extension."""
    directory = root / f"{fingerprint(source_root())}-9.9"
    directory.mkdir(parents=True)
    (directory / f"{module}{SUFFIX}").write_bytes(b"not an extension")
    write_manifest(directory)
    return directory


def test_without_a_c_compiler_nothing_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")

    with pytest.raises(NotCompiled, match="no C compiler"):
        build(tmp_path / "native", source_root(), silent)

    assert not (tmp_path / "native").exists()


def test_sources_that_are_no_python_are_not_built(tmp_path: Path) -> None:
    code = tmp_path / "code"
    (code / "streams/account").mkdir(parents=True)
    (code / "streams/__init__.py").touch()
    (code / "streams/account/lots.py").write_text("def broken(:\n")
    root = tmp_path / "native"

    with pytest.raises(NotCompiled, match=r"lots\.py"):
        build(root, code, lambda _line: None)

    assert [path.name for path in root.iterdir()] == ["lock"]


def test_a_directory_that_cannot_be_written_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(NotCompiled, match="file"):
        build(tmp_path / "file" / "native", source_root(), silent)


def test_a_build_that_cannot_be_loaded_is_told_and_left_alone(tmp_path: Path) -> None:
    made_up(tmp_path, "no_library__mypyc")
    finders = list(sys.meta_path)

    with pytest.warns(RuntimeWarning, match="runs interpreted"):
        prefer_compiled(tmp_path)

    assert sys.meta_path == finders
    assert running_fold() == "interpreted"


def test_a_fold_that_is_imported_already_is_never_mixed_with_another(tmp_path: Path) -> None:
    directory = made_up(tmp_path, "some__mypyc")
    manifest = directory / "manifest.json"
    listed = json.loads(manifest.read_bytes())
    manifest.write_text(json.dumps({**listed, "streams.account.lots": listed["some__mypyc"]}))
    assert running_fold() == "interpreted"

    with pytest.raises(AssertionError, match=r"streams\.account\.lots"):
        prefer_compiled(tmp_path)


def test_the_switch_says_what_it_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CACTUS_NATIVE", "perhaps")

    with pytest.raises(ConfigurationError, match="on or off"):
        prefer_compiled(tmp_path)


def test_builds_belong_to_their_sources(tmp_path: Path) -> None:
    (tmp_path / "streams/account").mkdir(parents=True)
    source = tmp_path / "streams/account/lots.py"
    source.write_text("one = 1\n")
    before = fingerprint(tmp_path)

    source.write_text("one = 2\n")
    edited = fingerprint(tmp_path)
    source.rename(source.with_name("piles.py"))

    assert len({before, edited, fingerprint(tmp_path)}) == 3
