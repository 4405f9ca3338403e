"""Whether a new JSON Schema still reads what was written under an old one. PURE.

Messages are stored for ever: a type, a field or a value that was once allowed must stay so, and
nothing that old messages lack may become required. Adding is free.
"""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

_LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")


def breaking_changes(old: Schema, new: Schema) -> list[str]:
    """Each change that would refuse an old message, as a sentence that starts with its place."""
    return _Comparison(old, new).run()


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old = old
        self._new = new
        self._seen: set[tuple[str, str]] = set()
        self._found: list[str] = []

    def run(self) -> list[str]:
        self._compare(self._old, self._new, "message")
        return list(dict.fromkeys(self._found))

    def _compare(self, old: Schema, new: Schema, place: str) -> None:
        pair = (str(old.get("$ref", "")), str(new.get("$ref", "")))
        if all(pair):
            if pair in self._seen:
                return
            self._seen.add(pair)
        old, new = _resolve(old, self._old), _resolve(new, self._new)
        if not new:
            return  # {} allows everything
        olds, news = self._options(old), self._options(new)
        if len(olds) > 1 or len(news) > 1:
            self._compare_options(olds, news, place)
            return
        self._compare_values(old, new, place)
        self._compare_fields(old, new, place)
        for inner in ("items", "additionalProperties"):
            self._compare_inner(old.get(inner), new.get(inner), f"{place}.{inner}")

    def _options(self, schema: Schema) -> list[Schema]:
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            return [each for option in options for each in self._options(option)]
        kinds = schema.get("type")
        if isinstance(kinds, list):
            return [{**schema, "type": kind} for kind in kinds]
        return [schema]

    def _compare_options(self, olds: list[Schema], news: list[Schema], place: str) -> None:
        for option in olds:
            name = self._name(option, self._old)
            likely = {name, "number"} if name == "integer" else {name}
            trials = [
                self._try(option, each, f"{place}.{name}")
                for each in news
                if self._name(each, self._new) in likely
            ]
            if trials:
                fewest: list[str] = min(trials, key=len)
                self._found += fewest
            else:
                self._found.append(f"{place}: {name} is no longer allowed")

    def _try(self, old: Schema, new: Schema, place: str) -> list[str]:
        """What one option of the new schema would refuse of one of the old."""
        before = self._found
        self._found = []
        self._compare(old, new, place)
        found, self._found = self._found, before
        return found

    def _name(self, option: Schema, root: Schema) -> str:
        if "$ref" in option:
            return str(option["$ref"]).rpartition("/")[2]
        resolved = _resolve(option, root)
        return str(resolved.get("title") or resolved.get("type") or "anything")

    def _compare_values(self, old: Schema, new: Schema, place: str) -> None:
        kinds = (old.get("type"), new.get("type"))
        if kinds[1] is not None and kinds[0] != kinds[1] and kinds != ("integer", "number"):
            self._found.append(f"{place}: was {kinds[0]}, is {kinds[1]}")
        olds, news = _values(old), _values(new)
        if news is not None:
            gone = "anything" if olds is None else ", ".join(sorted(olds - news))
            if gone:
                self._found.append(f"{place}: {gone} is no longer allowed")
        for bound, worse in [(each, 1) for each in _LOWER_BOUNDS] + [
            (each, -1) for each in _UPPER_BOUNDS
        ]:
            if bound in new and (bound not in old or (new[bound] - old[bound]) * worse > 0):
                self._found.append(f"{place}: {bound} is narrower")
        if "pattern" in new and new["pattern"] != old.get("pattern"):
            self._found.append(f"{place}: the pattern changed")

    def _compare_fields(self, old: Schema, new: Schema, place: str) -> None:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            if name in after:
                self._compare(before[name], after[name], f"{place}.{name}")
            else:
                self._found.append(f"{place}.{name}: the field was removed")
        self._found += [
            f"{place}.{name}: the field became required"
            for name in sorted(set(new.get("required", ())) - set(old.get("required", ())))
        ]

    def _compare_inner(self, old: Any, new: Any, place: str) -> None:
        if new is False and old is not False:
            self._found.append(f"{place}: no longer allowed")
        if isinstance(old, dict) and isinstance(new, dict):
            self._compare(old, new, place)


def _resolve(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        schema = root["$defs"][name]
    return schema


def _values(schema: Schema) -> set[str] | None:
    """The values allowed, None for all."""
    if "const" in schema:
        return {repr(schema["const"])}
    return {repr(value) for value in schema["enum"]} if "enum" in schema else None
