"""The parts of the embedded Kafka that need no Kafka: jars, Java, ports, remembered processes."""

import json
import os
import socket
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path

import pytest

from deploy.embedded import ports, processes
from deploy.embedded.jars import DownloadFailed, Say, fetch_jars
from deploy.embedded.java import JavaMissing, find_java, java_version
from deploy.kafka import new_cluster_id


def silent(_line: str) -> None:
    pass


class FakeRepository:
    """Stands for jgo: writes into the repository like it, broken as often as told."""

    def __init__(self, *, broken_attempts: int = 0, unreachable_attempts: int = 0) -> None:
        self.broken_attempts = broken_attempts
        self.unreachable_attempts = unreachable_attempts
        self.attempts = 0
        self.downloads: list[str] = []

    def __call__(self, repository: Path, _say: Say) -> list[Path]:
        self.attempts += 1
        found = []
        for name in ("kafka.jar", "clients.jar"):
            path = repository / name.removesuffix(".jar") / name
            if not path.exists():
                self._download(path)
            found.append(path)
        if self.attempts <= self.unreachable_attempts:
            raise ConnectionError("no route to host")
        return found

    def _download(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.downloads.append(path.name)
        with zipfile.ZipFile(path, "w") as jar:
            jar.writestr("A.class", b"\xca\xfe" * 1000)
        if path.name == "clients.jar" and self.attempts <= self.broken_attempts:
            path.write_bytes(path.read_bytes()[:100])


def test_jars_are_downloaded_once(tmp_path: Path) -> None:
    repository = FakeRepository()

    first = fetch_jars(tmp_path, silent, resolve=repository)
    second = fetch_jars(tmp_path, silent, resolve=repository)

    assert [jar.name for jar in first] == ["clients.jar", "kafka.jar"]
    assert first == second
    assert repository.attempts == 1


def test_a_download_that_breaks_off_is_fetched_again_and_what_was_whole_is_kept(
    tmp_path: Path,
) -> None:
    repository = FakeRepository(broken_attempts=1)

    jars = fetch_jars(tmp_path, silent, resolve=repository)

    assert all(zipfile.is_zipfile(jar) for jar in jars)
    assert repository.downloads == ["kafka.jar", "clients.jar", "clients.jar"]


def test_a_download_that_stays_broken_says_so_and_leaves_nothing_broken_behind(
    tmp_path: Path,
) -> None:
    with pytest.raises(DownloadFailed, match=r"clients\.jar"):
        fetch_jars(tmp_path, silent, resolve=FakeRepository(broken_attempts=99))

    assert [jar.name for jar in tmp_path.rglob("*.jar")] == ["kafka.jar"]
    assert len(fetch_jars(tmp_path, silent, resolve=FakeRepository())) == 2


def test_an_unreachable_repository_is_tried_a_bounded_number_of_times(tmp_path: Path) -> None:
    repository = FakeRepository(unreachable_attempts=99)

    with pytest.raises(DownloadFailed, match="no route to host"):
        fetch_jars(tmp_path, silent, resolve=repository)

    assert repository.attempts == 3


@pytest.mark.parametrize("damage", ["truncated", "missing", "manifest"])
def test_a_cache_damaged_later_is_fetched_anew(tmp_path: Path, damage: str) -> None:
    jars = fetch_jars(tmp_path, silent, resolve=FakeRepository())
    if damage == "truncated":
        jars[0].write_bytes(jars[0].read_bytes()[:50])
    elif damage == "missing":
        jars[0].unlink()
    else:
        (jars[0].parent / "manifest.json").write_text("{")

    again = fetch_jars(tmp_path, silent, resolve=FakeRepository())

    assert all(zipfile.is_zipfile(jar) for jar in again)


def fake_java(directory: Path, version: str) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    java = directory / "java"
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2025-01-01' >&2\n")
    java.chmod(0o755)
    return java


@pytest.mark.parametrize(
    ("said", "major"), [("17.0.15", 17), ("1.8.0_402", 8), ("25", 25), ("21-ea", 21)]
)
def test_the_version_of_java_is_understood(tmp_path: Path, said: str, major: int) -> None:
    assert java_version(fake_java(tmp_path, said)) == major


def test_a_new_enough_java_on_path_is_taken(tmp_path: Path) -> None:
    java = fake_java(tmp_path, "21.0.1")

    assert find_java(search_path=str(tmp_path)) == java


@pytest.mark.parametrize("on_path", [None, "11.0.2"])
def test_without_a_usable_java_on_path_the_packaged_one_is_taken(
    tmp_path: Path, on_path: str | None
) -> None:
    if on_path:
        fake_java(tmp_path, on_path)

    java = find_java(search_path=str(tmp_path))

    assert java.parent != tmp_path
    assert (java_version(java) or 0) >= 17


def test_a_java_asked_for_that_is_too_old_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JavaMissing, match=r"is Java 11; Kafka needs 17"):
        find_java(fake_java(tmp_path, "11.0.2"))


def test_a_java_asked_for_that_does_not_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JavaMissing, match="not a Java that runs"):
        find_java(tmp_path / "java")


def test_free_ports_are_distinct_and_free() -> None:
    found = ports.free_ports(5)

    assert len(set(found)) == 5
    assert all(ports.is_free(port) for port in found)


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as holder:
        port = holder.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.answers(port)

    assert not ports.answers(port)


def test_a_remembered_process_is_recalled_and_stopped(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as child:
        processes.remember(file, child.pid)
        process = processes.recall(file)
        assert process is not None
        assert process.pid == child.pid
        assert processes.stop(process, grace_seconds=10)

    assert processes.recall(file) is None
    assert not file.exists()


def test_a_stranger_with_a_recycled_pid_is_not_taken_for_the_process(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    file.write_text(json.dumps({"pid": os.getpid(), "born_at": 1.0}))

    assert processes.recall(file) is None


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"pid": "x", "born_at": 1}'])
def test_a_broken_pid_file_is_forgotten(tmp_path: Path, content: str) -> None:
    file = tmp_path / "pid"
    file.write_text(content)

    assert processes.recall(file) is None


def test_a_cluster_id_never_looks_like_an_option() -> None:
    drawn = [uuid.UUID(bytes=b"\xf8" + bytes(15)), uuid.UUID(bytes=b"\x01" + bytes(15))]

    assert new_cluster_id(lambda: drawn.pop(0)) == "AQ" + "A" * 20
    assert drawn == []
