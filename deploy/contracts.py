"""Generate the JSON Schemas of every message, for those who read our topics in another language.

`python -m deploy.contracts` writes them; `--check` fails where a file is not what the code says.
A change that would refuse stored messages is not written: such a type needs a new version.
"""

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

from schemas.compatibility import breaking_changes
from schemas.custom import CustomEvent
from schemas.facts import AnyFact
from schemas.points import AnyPointsEvent
from schemas.program.model import Program
from schemas.rewards import AnyRewardCommand

DIRECTORY = Path(__file__).parents[1] / "schemas" / "jsonschema"
MESSAGES: dict[str, Any] = {
    "custom.events.v1": CustomEvent,
    "loyalty.facts.v1": AnyFact,
    "loyalty.points.v1": AnyPointsEvent,
    "loyalty.programs.v1": Program,
    "loyalty.rewards.v1": AnyRewardCommand,
}
"""What each topic holds."""


def render(topic: str) -> str:
    """The JSON Schema of a topic's values."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_schema(MESSAGES[topic]),
        "title": topic,
    }
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _schema(message: Any) -> dict[str, Any]:
    if message is Program:
        return Program.model_json_schema(by_alias=True)
    (schema,), components = msgspec.json.schema_components([message], ref_template="#/$defs/{name}")
    return {**schema, "$defs": components}


def stale(directory: Path = DIRECTORY) -> list[str]:
    """The topics whose file is missing or is not what the code says."""
    return [topic for topic in MESSAGES if _stored(directory, topic) != render(topic)]


def refusals(directory: Path = DIRECTORY) -> list[str]:
    """What the code would no longer read of what the files allow."""
    return [
        f"{topic}: {change}"
        for topic in MESSAGES
        if (stored := _stored(directory, topic))
        for change in breaking_changes(json.loads(stored), json.loads(render(topic)))
    ]


def write(directory: Path = DIRECTORY) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for topic in MESSAGES:
        (directory / f"{topic}.json").write_text(render(topic), encoding="utf-8")


def _stored(directory: Path, topic: str) -> str:
    try:
        return (directory / f"{topic}.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def main(arguments: list[str]) -> int:
    broken = refusals()
    if broken:
        lines = "\n  ".join(broken)
        sys.stderr.write(f"stored messages would no longer be read; add a version:\n  {lines}\n")
        return 1
    if arguments != ["--check"]:
        write()
        return 0
    found = stale()
    if found:
        sys.stderr.write(f"not up to date: {', '.join(found)}; run make schemas\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
