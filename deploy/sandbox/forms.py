"""Forms with bracket keys, as Chargebee takes them: `a[b][0]=x` becomes {"a": {"b": ["x"]}}. PURE.

Everything is text after decoding; `Fields` says what each endpoint takes and of which kind.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from deploy.sandbox.errors import bad_request, wrong_value

KEY = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)((?:\[[A-Za-z0-9_]+\])*)$")
PART = re.compile(r"\[([A-Za-z0-9_]+)\]")
DEPTH_MAX = 3
TIMESTAMP_MAX = 2**34

Parser = Callable[[str, Any], Any]
"""Takes a parameter's name and raw value; returns the value, or raises an `ApiError`."""


def decode(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The nested form. Lists must be counted from 0 without a gap; a key given twice is refused."""
    root: dict[str, Any] = {}
    for key, value in pairs:
        _put(root, key, value)
    return {name: _with_lists(name, value) for name, value in root.items()}


def _put(root: dict[str, Any], key: str, value: str) -> None:
    match = KEY.match(key)
    if match is None:
        raise bad_request("invalid_request", f"{key} is no parameter name", key)
    path = [match[1], *PART.findall(match[2])]
    if len(path) > DEPTH_MAX:
        raise bad_request("invalid_request", f"{key} is nested too deep", key)
    place = root
    for part in path[:-1]:
        deeper = place.setdefault(part, {})
        if not isinstance(deeper, dict):
            raise bad_request("invalid_request", f"{key} is given as a value and as a group", key)
        place = deeper
    if path[-1] in place:
        raise bad_request("invalid_request", f"{key} is given twice", key)
    place[path[-1]] = value


def _with_lists(name: str, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _with_lists(f"{name}[{key}]", one) for key, one in value.items()}
    if not all(key.isdigit() for key in inner):
        return inner
    indexes = sorted(int(key) for key in inner)
    if indexes != list(range(len(indexes))):
        raise bad_request("invalid_request", f"{name} does not count from 0 without a gap", name)
    return [inner[str(index)] for index in indexes]


def parse(
    form: Mapping[str, Any], fields: Mapping[str, Parser], *, required: Sequence[str] = ()
) -> dict[str, Any]:
    """The form's values by kind. Refuses what is unknown, missing, or of the wrong kind."""
    for name in form:
        if name not in fields:
            raise bad_request("invalid_request", f"{name} : is not a parameter of this call", name)
    for name in required:
        if form.get(name, "") == "":
            raise wrong_value(name, "is needed and cannot be blank")
    return {name: fields[name](name, value) for name, value in form.items()}


def text(limit: int) -> Parser:
    def parser(name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise wrong_value(name, "should be a text")
        if len(value) > limit:
            raise wrong_value(name, f"should not be longer than {limit} characters")
        return value

    return parser


def integer(low: int, high: int = TIMESTAMP_MAX) -> Parser:
    def parser(name: str, value: Any) -> int:
        if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,12}", value):
            raise wrong_value(name, "should be a whole number")
        number = int(value)
        if not low <= number <= high:
            raise wrong_value(name, f"should be between {low} and {high}")
        return number

    return parser


def decimal(name: str, value: Any) -> float:
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", value):
        raise wrong_value(name, "should be a number")
    return float(value)


def boolean(name: str, value: Any) -> bool:
    if value not in {"true", "false"}:
        raise wrong_value(name, "should be true or false")
    return bool(value == "true")


def choice(*allowed: str) -> Parser:
    def parser(name: str, value: Any) -> str:
        if value not in allowed:
            raise wrong_value(name, f"should be one of {', '.join(allowed)}")
        return str(value)

    return parser


def texts(name: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise wrong_value(name, "should be a list of texts")
    return value


def json_object(name: str, value: Any) -> Any:
    """Structured data goes as JSON text, not as brackets."""
    try:
        parsed = orjson.loads(value)
    except (orjson.JSONDecodeError, TypeError):
        parsed = None
    if not isinstance(parsed, dict):
        raise wrong_value(name, "should be a JSON object")
    return parsed


def item_constraints(name: str, value: Any) -> list[dict[str, str]]:
    if not isinstance(value, dict):
        raise wrong_value(name, "should be groups such as item_constraints[item_type][0]")
    columns = {key: texts(f"{name}[{key}]", column) for key, column in value.items()}
    length = max(len(column) for column in columns.values())
    return [
        {key: column[row] for key, column in columns.items() if row < len(column)}
        for row in range(length)
    ]


def rows(fields: Mapping[str, Parser], *, required: Sequence[str] = ()) -> Parser:
    """Groups such as `items[price][0]=a&items[price][1]=b`, one value per row of each column."""

    def parser(name: str, value: Any) -> list[dict[str, Any]]:
        if not isinstance(value, dict):
            raise wrong_value(name, f"should be groups such as {name}[{next(iter(fields))}][0]")
        columns = {key: texts(f"{name}[{key}]", column) for key, column in value.items()}
        length = max((len(column) for column in columns.values()), default=0)
        return [
            parse(
                {key: column[row] for key, column in columns.items() if row < len(column)},
                fields,
                required=required,
            )
            for row in range(length)
        ]

    return parser
