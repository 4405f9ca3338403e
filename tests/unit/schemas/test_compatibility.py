"""A schema may grow and must not shrink."""

from typing import Any

import pytest

from schemas.compatibility import breaking_changes

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}


def record(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required or []}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (record(a=TEXT), record(a=TEXT, b=WHOLE)),
        (record(["a"], a=TEXT), record([], a=TEXT)),
        (record(a=WHOLE), record(a={"type": "number"})),
        (record(a=WHOLE), record(a={"anyOf": [WHOLE, {"type": "null"}]})),
        (record(a={"enum": ["x"]}), record(a={"enum": ["x", "y"]})),
        (TEXT, {}),
        ({"type": "integer", "minimum": 5}, {"type": "integer", "minimum": 1}),
        ({"type": "string", "maxLength": 5}, {"type": "string"}),
    ],
)
def test_growth_is_free(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert breaking_changes(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (record(a=TEXT), record(), "message.a: the field was removed"),
        (record(a=TEXT), record(["a"], a=TEXT), "message.a: the field became required"),
        (record(a=TEXT), record(["b"], a=TEXT, b=TEXT), "message.b: the field became required"),
        (record(a=TEXT), record(a=WHOLE), "message.a: was string, is integer"),
        (record(a={"type": "number"}), record(a=WHOLE), "message.a: was number, is integer"),
        (
            record(a={"anyOf": [WHOLE, {"type": "null"}]}),
            record(a=WHOLE),
            "message.a: null is no longer allowed",
        ),
        (
            record(a={"enum": ["x", "y"]}),
            record(a={"enum": ["x"]}),
            "message.a: 'y' is no longer allowed",
        ),
        (
            {"type": "array", "items": TEXT},
            {"type": "array", "items": WHOLE},
            "message.items: was string, is integer",
        ),
        ({"type": "integer"}, {"type": "integer", "minimum": 1}, "message: minimum is narrower"),
        (
            {"type": "integer", "maximum": 9},
            {"type": "integer", "maximum": 8},
            "message: maximum is narrower",
        ),
        (
            {"type": "object"},
            {"type": "object", "additionalProperties": False},
            "message.additionalProperties: no longer allowed",
        ),
        (TEXT, {"type": "string", "pattern": "^a"}, "message: the pattern changed"),
    ],
)
def test_a_narrower_schema_is_refused(old: dict[str, Any], new: dict[str, Any], said: str) -> None:
    assert breaking_changes(old, new) == [said]


def test_a_type_that_left_the_union_is_named() -> None:
    def union(*names: str) -> dict[str, Any]:
        return {
            "anyOf": [{"$ref": f"#/$defs/{name}"} for name in names],
            "$defs": {name: {"title": name, **record(a=TEXT)} for name in names},
        }

    assert breaking_changes(union("Earned", "Expired"), union("Earned", "Voided")) == [
        "message: Expired is no longer allowed"
    ]


def test_a_schema_that_contains_itself_is_compared_once() -> None:
    tree = {
        "$ref": "#/$defs/Tree",
        "$defs": {"Tree": record(child={"$ref": "#/$defs/Tree"}, name=TEXT)},
    }
    pruned = {
        "$ref": "#/$defs/Tree",
        "$defs": {"Tree": record(child={"$ref": "#/$defs/Tree"})},
    }
    assert breaking_changes(tree, tree) == []
    assert breaking_changes(tree, pruned) == ["message.name: the field was removed"]
