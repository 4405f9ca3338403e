"""Fetch Kafka's jars once for a user, and never trust a broken one.

The resolver writes straight into its repository, so an interrupted download would stay there for
ever. We give it a staging repository of our own, remove what is broken from it before each attempt,
and publish a complete set by one rename, with a manifest of sizes that every later start checks.
"""

import fcntl
import json
import os
import shutil
import xml.etree.ElementTree as ET  # ours to parse only to see whether it is whole
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from deploy.errors import OperatingError

KAFKA_VERSION = "4.1.1"
ARTIFACTS = (f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}", "org.slf4j:slf4j-simple:1.7.36")
ATTEMPTS_MAX = 3
TIMEOUT_SECONDS = 60
DOWNLOADS_MAX = 6
RUNTIME_SCOPES = {None, "compile", "runtime"}

Say = Callable[[str], None]
"""Receives one line of progress at a time."""
Resolve = Callable[[Path, Say], list[Path]]
"""(repository, say) → the jars of `ARTIFACTS` and what they need, downloaded where missing."""


class DownloadFailed(OperatingError):
    """The jars could not be fetched."""


def fetch_jars(cache: Path, say: Say, *, resolve: Resolve | None = None) -> list[Path]:
    """All jars of the embedded broker, from `cache` or else downloaded into it."""
    cache.mkdir(parents=True, exist_ok=True)
    final = cache / f"kafka-{KAFKA_VERSION}"
    with _one_at_a_time(cache / "lock"):
        if jars := _complete_set(final):
            return jars
        shutil.rmtree(final, ignore_errors=True)
        staging = cache / f"staging-{KAFKA_VERSION}"
        found = _resolve_with_retries(staging, say, resolve or _resolve_by_jgo)
        _publish(found, final)
        shutil.rmtree(staging, ignore_errors=True)
    jars = _complete_set(final)
    assert jars, "a set just published is complete"
    return jars


def _complete_set(directory: Path) -> list[Path]:
    """The jars listed in the manifest if every one is there whole, else nothing."""
    try:
        manifest: dict[str, int] = json.loads((directory / "manifest.json").read_bytes())
    except (OSError, ValueError):
        return []
    jars = [directory / name for name in sorted(manifest)]
    whole = all(
        jar.is_file() and jar.stat().st_size == manifest[jar.name] and zipfile.is_zipfile(jar)
        for jar in jars
    )
    return jars if whole else []


def _resolve_with_retries(staging: Path, say: Say, resolve: Resolve) -> list[Path]:
    repository = staging / "repository"
    failure: Exception | None = None
    for attempt in range(1, ATTEMPTS_MAX + 1):
        _remove_broken(repository)
        say(f"fetching Kafka {KAFKA_VERSION} (43 MB, once)" + (" again" if attempt > 1 else ""))
        try:
            jars = resolve(repository, say)
        # What its parsers and its HTTP library raise comes through the resolver.
        except (RuntimeError, ValueError, OSError, ET.ParseError) as error:
            failure = error
            continue
        broken = [jar.name for jar in jars if not _is_whole_jar(jar)]
        if jars and not broken:
            return jars
        failure = zipfile.BadZipFile(f"broken: {', '.join(broken) or 'nothing arrived'}")
    _remove_broken(repository)
    msg = (
        f"Kafka's jars could not be downloaded in {ATTEMPTS_MAX} attempts: {failure}. "
        "Check the network and the proxy to your Maven repository, then try again; "
        "what arrived whole is kept."
    )
    raise DownloadFailed(msg) from failure


def _resolve_by_jgo(repository: Path, say: Say) -> list[Path]:
    # Once for a user; it takes as long to import as a role's own modules.
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415

    @contextmanager
    def progress(name: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        if name.endswith(".jar"):
            say(f"  {name} ({total_bytes / 1e6:.1f} MB)")
        yield lambda _received: None

    repository.mkdir(parents=True, exist_ok=True)
    context = MavenContext(
        resolver=PythonResolver(progress_callback=progress),
        repo_cache=repository,
        local_repos=[],
        timeout=TIMEOUT_SECONDS,
    )
    # Not jgo's environments: building one downloads a whole JDK where no Java is installed.
    asked = [context.create_dependency(each) for each in ARTIFACTS]
    inputs, needed = context.resolver.resolve(asked)
    artifacts = [each.artifact for each in (*inputs, *needed) if each.scope in RUNTIME_SCOPES]
    with ThreadPoolExecutor(DOWNLOADS_MAX) as pool:
        return list(pool.map(lambda artifact: artifact.resolve(), artifacts))


def _remove_broken(repository: Path) -> None:
    for path in list(repository.rglob("*")):
        if (path.suffix == ".jar" and not _is_whole_jar(path)) or (
            path.suffix in {".pom", ".xml"} and not _is_whole_xml(path)
        ):
            path.unlink()


def _is_whole_jar(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as jar:
            return jar.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def _is_whole_xml(path: Path) -> bool:
    try:
        ET.parse(path)  # noqa: S314 - only its well-formedness is asked
    except (OSError, ET.ParseError):
        return False
    return True


def _publish(jars: list[Path], final: Path) -> None:
    draft = final.with_name(f"{final.name}.draft-{os.getpid()}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for jar in jars:
        shutil.copyfile(jar, draft / jar.name)
    sizes = {jar.name: (draft / jar.name).stat().st_size for jar in jars}
    (draft / "manifest.json").write_text(json.dumps(sizes, indent=1), encoding="utf-8")
    draft.rename(final)


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
