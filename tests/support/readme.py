"""The fenced blocks of a Markdown file, for tests that do what it says."""

import re
from dataclasses import dataclass
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
_BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """`kind` is the language, `words` what else the fence says."""

    kind: str
    words: tuple[str, ...]
    text: str


def blocks(path: Path = README) -> list[Block]:
    found = []
    for match in _BLOCK.finditer(path.read_text(encoding="utf-8")):
        kind, *words = match["info"].split() or [""]
        found.append(Block(kind, tuple(words), match["text"]))
    return found
