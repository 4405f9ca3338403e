"""A program back to YAML: what can be edited, checked and published again. PURE."""

from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from schemas.program.model import Program

LINE_LENGTH_MAX = 88
GIVEN_BY_PUBLISHING = ("version", "effective_from")


def to_yaml(program: Program) -> str:
    """The rules, without what publishing gives: a new version applies from when it is published.

    Keys that stand at their defaults are left out.
    """
    document = program.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for name in GIVEN_BY_PUBLISHING:
        document.pop(name, None)
    writer = YAML()
    writer.indent(mapping=2, sequence=4, offset=2)
    writer.width = LINE_LENGTH_MAX
    text = StringIO()
    writer.dump(_block(document), text)
    return text.getvalue()


def _block(value: Any, depth: int = 0) -> Any:
    """Nested as people write it: what fits into a line stands in one, but the top level never."""
    if isinstance(value, dict):
        mapping = CommentedMap((name, _block(each, depth + 1)) for name, each in value.items())
        if depth and _fits(value):
            mapping.fa.set_flow_style()
        return mapping
    if isinstance(value, list):
        sequence = CommentedSeq(_block(each, depth + 1) for each in value)
        if not any(isinstance(each, dict) for each in value):
            sequence.fa.set_flow_style()
        return sequence
    return value


def _fits(value: dict[str, Any]) -> bool:
    return len(str(value)) <= LINE_LENGTH_MAX and not any(
        isinstance(each, list) and any(isinstance(part, dict) for part in each)
        for each in value.values()
    )
