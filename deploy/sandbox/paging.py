"""Lists: filters with operators, order, pages of 1 to 100, and offsets that mean nothing. PURE."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import msgspec
import orjson

from deploy.sandbox.errors import bad_request, wrong_value

LIMIT_MAX = 100
LIMIT_DEFAULT = 10
FilterKind = Literal["text", "enum", "timestamp"]

OPERATORS: dict[FilterKind, frozenset[str]] = {
    "text": frozenset({"is", "is_not", "starts_with", "in", "not_in"}),
    "enum": frozenset({"is", "is_not", "in", "not_in"}),
    "timestamp": frozenset({"after", "before", "on", "between"}),
}
DAY_SECONDS = 86_400

Test = Callable[[Any], bool]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What a list request asks for. `tests` are by field; an absent field passes none of them."""

    limit: int
    position: tuple[int, int] | None
    descending: bool
    tests: tuple[tuple[str, Test], ...]

    def passes(self, values: Mapping[str, Any]) -> bool:
        return all(field in values and test(values[field]) for field, test in self.tests)


def read(form: Mapping[str, Any], filters: Mapping[str, FilterKind], sorts: Iterable[str]) -> Page:
    """Check a list request. Newest first unless `sort_by[asc]` says otherwise."""
    descending, tests = True, []
    for name, value in form.items():
        if name in {"limit", "offset", "include_deleted"}:
            continue
        if name == "sort_by":
            descending = _direction(value, set(sorts))
        elif name not in filters:
            raise bad_request("invalid_request", f"{name} : is not a parameter of this call", name)
        else:
            tests += [(name, test) for test in _tests(name, value, filters[name])]
    return Page(
        limit=_limit(form.get("limit")),
        position=_position(form.get("offset")),
        descending=descending,
        tests=tuple(tests),
    )


def cut(page: Page, rows: Iterable[tuple[tuple[int, int], Any]]) -> tuple[list[Any], str | None]:
    """One page of `rows`, (position, row) with positions falling or rising as the page asks."""
    found: list[Any] = []
    last: tuple[int, int] | None = None
    for position, row in rows:
        if page.position is not None and not _is_past(position, page.position, page.descending):
            continue
        if len(found) == page.limit:
            assert last is not None
            return found, _offset(last)
        found.append(row)
        last = position
    return found, None


def _is_past(position: tuple[int, int], seen: tuple[int, int], descending: bool) -> bool:  # noqa: FBT001
    return position < seen if descending else position > seen


def _offset(position: tuple[int, int]) -> str:
    return orjson.dumps([str(position[0] * 1000), str(position[1])]).decode()


def _position(offset: Any) -> tuple[int, int] | None:
    if offset is None:
        return None
    try:
        milliseconds, sequence = msgspec.json.decode(offset, type=tuple[str, str])
        return int(milliseconds) // 1000, int(sequence)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise wrong_value("offset", "is not one that this API gave") from error


def _limit(value: Any) -> int:
    if value is None:
        return LIMIT_DEFAULT
    if not isinstance(value, str) or not value.isdigit() or not 1 <= int(value) <= LIMIT_MAX:
        raise wrong_value("limit", f"should be between 1 and {LIMIT_MAX}")
    return int(value)


def _direction(value: Any, sorts: set[str]) -> bool:
    if isinstance(value, dict) and len(value) == 1:
        (order, field), *_ = value.items()
        if order in {"asc", "desc"} and field in sorts:
            return bool(order == "desc")
    raise wrong_value("sort_by", f"should be sort_by[asc|desc] = {' or '.join(sorted(sorts))}")


def _tests(name: str, value: Any, kind: FilterKind) -> list[Test]:
    if not isinstance(value, dict):
        raise wrong_value(name, f"needs an operator, such as {name}[{min(OPERATORS[kind])}]")
    tests = []
    for operator, operand in value.items():
        if operator not in OPERATORS[kind]:
            raise wrong_value(f"{name}[{operator}]", "is not an operator of this filter")
        make = _timestamp_test if kind == "timestamp" else _text_test
        tests.append(make(f"{name}[{operator}]", operator, operand))
    return tests


def _text_test(name: str, operator: str, operand: Any) -> Test:
    if operator in {"in", "not_in"}:
        wanted = set(_json_list(name, operand))
        inside = operator == "in"
        return lambda value: (str(value) in wanted) is inside
    if not isinstance(operand, str):
        raise wrong_value(name, "should be a text")
    if operator == "starts_with":
        return lambda value: str(value).startswith(operand)
    same = operator == "is"
    return lambda value: (_plain(value) == operand) is same


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _timestamp_test(name: str, operator: str, operand: Any) -> Test:
    if operator == "between":
        bounds = [_instant(name, bound) for bound in _json_list(name, operand)]
        if len(bounds) != 2:
            raise wrong_value(name, "should be a list of two timestamps")
        return lambda value: bool(bounds[0] <= value <= bounds[1])
    instant = _instant(name, operand)
    if operator == "after":
        return lambda value: bool(value > instant)
    if operator == "before":
        return lambda value: bool(value < instant)
    day = instant // DAY_SECONDS
    return lambda value: bool(value // DAY_SECONDS == day)


def _instant(name: str, operand: Any) -> int:
    if isinstance(operand, int) and operand >= 0:
        return operand
    if not isinstance(operand, str) or not operand.isdigit() or len(operand) > 12:
        raise wrong_value(name, "should be a timestamp in seconds")
    return int(operand)


def _json_list(name: str, operand: Any) -> list[Any]:
    """Lists go as JSON. A language's own print of a list, with single quotes, is refused."""
    try:
        parsed = orjson.loads(operand)
    except (orjson.JSONDecodeError, TypeError):
        parsed = None
    if not isinstance(parsed, list) or not parsed:
        raise wrong_value(name, 'should be a JSON list such as ["a","b"]')
    return parsed
