"""Search everything that an installation keeps for texts that tell of a person."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.databases import sqlite_files
from deploy.erasure.databases import bytes_with, files_of, rows_with
from deploy.erasure.needles import Needles
from deploy.settings import Settings
from deploy.topic_logs import Logs
from schemas.topics import Topics, TopicSpec
from streams.core.batches import Record

Progress = Callable[[int, int], None]
"""Is told how many records of how many have been searched."""


@dataclass(slots=True)
class Hits:
    """`places` says by place how often something was found, those with nothing too. `newest_ms` is
    by topic the timestamp of the newest record with a hit.
    """

    places: dict[str, int] = field(default_factory=dict)
    newest_ms: dict[str, int] = field(default_factory=dict)


async def search(
    settings: Settings,
    logs: Logs,
    topics: Topics,
    needles: Needles,
    *,
    files: Sequence[Path],
    progress: Progress = lambda *_: None,
) -> Hits:
    """Every record of every topic, every text of every table, the bytes of SQLite's files, and
    `files`: logs of processes, or directories of them.
    """
    hits = Hits()
    async for spec, record in _records(logs, topics, progress):
        hits.places.setdefault(spec.name, 0)
        if record is not None and _tells(record, needles):
            hits.places[spec.name] += 1
            hits.newest_ms[spec.name] = max(hits.newest_ms.get(spec.name, 0), record.timestamp)
    hits.places.update(await rows_with(settings, needles))
    for name, path in sqlite_files(settings).items():
        found = sum(bytes_with(each, needles) for each in files_of(path))
        hits.places[f"file of the {name}"] = found
    for each in files:
        inside = [path for path in each.rglob("*") if path.is_file()] if each.is_dir() else [each]
        hits.places[str(each)] = sum(bytes_with(path, needles) for path in inside)
    return hits


async def _records(
    logs: Logs, topics: Topics, progress: Progress
) -> "AsyncIterator[tuple[TopicSpec, Record | None]]":
    """Of each topic first None, so that one without records is told of too."""
    spans = []
    for spec in topics:
        partitions = await logs.partitions(spec.name)
        starts, ends = await logs.starts(spec.name, partitions), {}
        ends = await logs.ends(spec.name, partitions)
        spans += [(spec, each, starts[each], ends[each]) for each in partitions]
    total, done = sum(end - start for _, _, start, end in spans), 0
    for spec, partition, start, end in spans:
        yield spec, None
        async for records in logs.read(spec.name, partition, start, end):
            for record in records:
                yield spec, record
            done += len(records)
            progress(min(done, total), total)


def _tells(record: Record, needles: Needles) -> bool:
    headers = (value for _, value in record.headers)
    return needles.are_in(record.key, record.value, *headers)
