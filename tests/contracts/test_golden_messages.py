"""Stored messages stay readable: every type has golden messages, and they mean what they meant."""

import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import schemas
from deploy import contracts
from schemas.codec import FACTS, POINTS, REWARDS, Codec, DecodeError, decode_custom
from schemas.custom import CustomEvent
from schemas.facts import AnyFact, TimeReached
from schemas.points import AnyPointsEvent
from schemas.program.model import Program
from schemas.rewards import AnyGrant, AnyRewardCommand, GrantReward

EXAMPLES = Path(schemas.__file__).parent / "examples"
UNIONS = {
    "loyalty.facts.v1": (AnyFact, FACTS),
    "loyalty.points.v1": (AnyPointsEvent, POINTS),
    "loyalty.rewards.v1": (AnyRewardCommand, REWARDS),
}
TYPES = [
    (topic, message, codec)
    for topic, (union, codec) in UNIONS.items()
    for message in typing.get_args(union)
]


def read(topic: str, name: str, kind: str) -> bytes:
    return (EXAMPLES / topic / name / "v1" / f"{kind}.json").read_bytes()


def canonical(data: bytes) -> bytes:
    return msgspec.json.format(data, indent=2) + b"\n"


def stored() -> Iterator[Any]:
    for topic, (_, codec) in UNIONS.items():
        for path in sorted((EXAMPLES / topic).rglob("*.json")):
            yield pytest.param(path, codec, id=str(path.relative_to(EXAMPLES)))


@pytest.mark.parametrize(("path", "codec"), list(stored()))
def test_a_golden_message_reads_and_writes_back_to_the_byte(
    path: Path, codec: Codec[msgspec.Struct]
) -> None:
    data = path.read_bytes()
    message = codec.decode(data)

    assert type(message).__name__ == path.parts[-3]
    assert canonical(codec.encode(message)) == data


@pytest.mark.parametrize(("topic", "message", "codec"), TYPES)
def test_every_type_has_a_message_with_every_field(
    topic: str, message: type[msgspec.Struct], codec: Codec[msgspec.Struct]
) -> None:
    document = msgspec.json.decode(read(topic, message.__name__, "complete"))

    fields = {field.encode_name for field in msgspec.structs.fields(message)}
    assert set(document) == fields | {"type"}


@pytest.mark.parametrize(("topic", "message", "codec"), TYPES)
def test_every_type_has_a_message_with_no_field_that_can_be_left_out(
    topic: str, message: type[msgspec.Struct], codec: Codec[msgspec.Struct]
) -> None:
    data = read(topic, message.__name__, "minimal")
    document = msgspec.json.decode(data)

    required = {field.encode_name for field in msgspec.structs.fields(message) if field.required}
    assert set(document) == required | {"type", "v"}
    for name in required:
        less = {key: value for key, value in document.items() if key != name}
        with pytest.raises(DecodeError):
            codec.decode(msgspec.json.encode(less))


def test_no_golden_message_belongs_to_a_type_that_is_gone() -> None:
    named = {(topic, message.__name__) for topic, message, _ in TYPES}
    others = {("custom.events.v1", "CustomEvent"), ("loyalty.programs.v1", "Program")}

    found = {(path.parts[-4], path.parts[-3]) for path in EXAMPLES.rglob("*.json")}
    assert found == named | others


def test_every_grant_stands_in_some_golden_command() -> None:
    commands = [
        REWARDS.decode(path.read_bytes())
        for path in (EXAMPLES / "loyalty.rewards.v1" / "GrantReward").rglob("*.json")
    ]
    granted = {type(each.grant) for each in commands if isinstance(each, GrantReward)}
    assert granted == set(typing.get_args(AnyGrant))


@pytest.mark.parametrize("kind", ["complete", "minimal"])
def test_a_golden_custom_event_reads(kind: str) -> None:
    data = read("custom.events.v1", "CustomEvent", kind)
    event = decode_custom(data)

    assert isinstance(event, CustomEvent)
    document = msgspec.json.decode(data)
    assert msgspec.to_builtins(event) == {"properties": {}, **document}


@pytest.mark.parametrize("kind", ["complete", "minimal"])
def test_a_golden_program_reads_and_survives_being_stored(kind: str) -> None:
    program = Program.model_validate_json(read("loyalty.programs.v1", "Program", kind))
    again = Program.model_validate(msgspec.json.decode(msgspec.json.encode(program.document())))

    assert again == program


def test_the_golden_program_uses_every_key() -> None:
    """A key that no golden program has could change its meaning unseen."""
    complete = msgspec.json.decode(read("loyalty.programs.v1", "Program", "complete"))

    definitions = {"Program": Program.model_json_schema(), **_definitions()}
    wanted = {key for each in definitions.values() for key in each.get("properties", {})}
    assert wanted <= set(_keys(complete))


def _definitions() -> dict[str, Any]:
    return dict(Program.model_json_schema()["$defs"])


def _keys(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        yield from document
        for value in document.values():
            yield from _keys(value)
    if isinstance(document, list):
        for value in document:
            yield from _keys(value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"type":"TimeReached","v":2,"id":"time:1","site":"s"}', "newer than this code"),
        (b'{"type":"TimeReached","v":0,"id":"time:1","site":"s"}', "no upcaster"),
        (b'{"type":"MoonReached","v":1}', "MoonReached"),
        (b'{"v":1}', "does not say its"),
        (b'{"type":"TimeReached","v":"1"}', "does not say its"),
        (b"[]", "not a JSON object"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"type":"TimeReached","v":1,"id":7}', "TimeReached"),
    ],
)
def test_what_this_code_does_not_know_is_an_error_and_never_a_guess(data: bytes, said: str) -> None:
    with pytest.raises(DecodeError, match=said):
        FACTS.decode(data)


def test_a_complete_newer_message_is_refused_too() -> None:
    document = msgspec.json.decode(read("loyalty.facts.v1", "TimeReached", "complete"))

    with pytest.raises(DecodeError, match="version 2 is newer"):
        FACTS.decode(msgspec.json.encode({**document, "v": 2}))


def test_an_old_message_is_lifted_step_by_step() -> None:
    """As if TimeReached had said `account` in version 1 and `when` until version 3."""

    def split_account(old: dict[str, Any]) -> dict[str, Any]:
        site, _, customer = old.pop("account").partition(":")
        return {**old, "site": site, "customer": customer}

    def rename_when(old: dict[str, Any]) -> dict[str, Any]:
        return {**old, "occurred_at": old.pop("when")}

    codec: Codec[AnyFact] = Codec(
        AnyFact,
        versions={"TimeReached": 3},
        upcasters={("TimeReached", 1): split_account, ("TimeReached", 2): rename_when},
    )
    old = {"type": "TimeReached", "v": 1, "id": "time:5", "account": "acme:c:1", "when": 5}

    lifted = codec.decode(msgspec.json.encode(old))

    assert lifted == TimeReached(id="time:5", site="acme", customer="c:1", occurred_at=5, v=3)


def test_a_lifted_message_that_is_still_wrong_is_an_error() -> None:
    upcast: Callable[[dict[str, Any]], dict[str, Any]] = lambda old: old  # noqa: E731
    codec: Codec[AnyFact] = Codec(
        AnyFact, versions={"TimeReached": 2}, upcasters={("TimeReached", 1): upcast}
    )
    with pytest.raises(DecodeError, match="TimeReached"):
        codec.decode(b'{"type":"TimeReached","v":1,"id":"time:5"}')


def test_a_misspelt_key_of_a_custom_event_is_refused() -> None:
    with pytest.raises(DecodeError, match="propertys"):
        decode_custom(
            b'{"id":"1","site":"s","customer":"c","name":"n","occurred_at":1,"propertys":{}}'
        )


def test_the_stored_schemas_still_read_what_they_allowed() -> None:
    assert contracts.refusals() == []
