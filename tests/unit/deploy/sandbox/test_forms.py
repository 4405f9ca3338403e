"""Bracket keys, lists, filters, pages, keys and faults: the API's strictness in its parts."""

from typing import Any

import pytest

from deploy.sandbox import forms, paging
from deploy.sandbox.errors import ApiError, too_many_requests, unauthorized
from deploy.sandbox.faults import Fault, Faults, RateLimit
from deploy.sandbox.idempotency import LIFETIME_SECONDS, IdempotencyKeys


def refusal(call: Any) -> ApiError:
    with pytest.raises(ApiError) as refused:
        call()
    return refused.value


def test_bracket_keys_become_groups_and_lists() -> None:
    pairs = [("a", "1"), ("b[c]", "2"), ("d[0]", "x"), ("d[1]", "y"), ("e[f][0]", "z")]
    assert forms.decode(pairs) == {
        "a": "1",
        "b": {"c": "2"},
        "d": ["x", "y"],
        "e": {"f": ["z"]},
    }


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "1"), ("a", "2")],
        [("a", "1"), ("a[b]", "2")],
        [("a[b]", "1"), ("a", "2")],
        [("a[0]", "1"), ("a[2]", "2")],
        [("a[", "1")],
        [("", "1")],
        [("a[b][c][d]", "1")],
    ],
)
def test_a_form_that_makes_no_sense_is_refused(pairs: list[tuple[str, str]]) -> None:
    assert refusal(lambda: forms.decode(pairs)).status == 400


def test_a_parameter_nobody_knows_is_refused_by_name() -> None:
    error = refusal(lambda: forms.parse({"colour": "green"}, {}))
    assert (error.status, error.code, error.param) == (400, "invalid_request", "colour")


def test_what_is_needed_cannot_be_blank() -> None:
    fields = {"name": forms.text(10)}
    error = refusal(lambda: forms.parse({"name": ""}, fields, required=("name",)))
    assert (error.code, error.param) == ("param_wrong_value", "name")


@pytest.mark.parametrize(
    ("parser", "value"),
    [
        (forms.integer(1, 10), "11"),
        (forms.integer(1, 10), "1.5"),
        (forms.integer(1, 10), ["1"]),
        (forms.text(3), "four"),
        (forms.boolean, "yes"),
        (forms.choice("a", "b"), "c"),
        (forms.texts, "['a']"),
        (forms.json_object, "{'a': 1}"),
        (forms.decimal, "1e3"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(parser: forms.Parser, value: Any) -> None:
    assert refusal(lambda: parser("field", value)).code == "param_wrong_value"


FILTERS: dict[str, paging.FilterKind] = {"id": "text", "kind": "enum", "at": "timestamp"}
ROWS: list[dict[str, Any]] = [
    {"id": f"r{number}", "kind": "ab"[number % 2], "at": number * 10} for number in range(25)
]


def listed(form: dict[str, Any]) -> tuple[list[str], str | None]:
    page = paging.read(form, FILTERS, ("at",))
    rows = [((row["at"], n), row) for n, row in enumerate(ROWS) if page.passes(row)]
    found, offset = paging.cut(page, reversed(rows) if page.descending else rows)
    return [row["id"] for row in found], offset


def test_a_list_is_newest_first_and_ten_long_unless_asked_otherwise() -> None:
    found, offset = listed({})
    assert found == [f"r{number}" for number in range(24, 14, -1)]
    assert offset is not None


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", ["1", "7", "25", "100"])
def test_walking_the_pages_shows_each_row_once(order: str, limit: str) -> None:
    form: dict[str, Any] = {"limit": limit, "sort_by": {order: "at"}}
    seen, offset = listed(form)
    while offset is not None:
        found, offset = listed(form | {"offset": offset})
        seen += found
    expected = [row["id"] for row in ROWS]
    assert seen == (expected if order == "asc" else expected[::-1])


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"id": {"is": "r3"}}, ["r3"]),
        ({"id": {"in": '["r3","r5"]'}}, ["r3", "r5"]),
        ({"id": {"starts_with": "r2"}, "at": {"after": "200"}}, ["r21", "r22", "r23", "r24"]),
        ({"at": {"before": "20"}}, ["r0", "r1"]),
        ({"at": {"between": "[30,50]"}}, ["r3", "r4", "r5"]),
        ({"kind": {"not_in": '["b"]'}, "at": {"before": "50"}}, ["r0", "r2", "r4"]),
        ({"nothing": {"is": "x"}}, None),
    ],
)
def test_filters_choose_rows(form: dict[str, Any], expected: list[str] | None) -> None:
    form = form | {"sort_by": {"asc": "at"}}
    if expected is None:
        assert refusal(lambda: listed(form)).param == "nothing"
    else:
        assert listed(form)[0] == expected


@pytest.mark.parametrize(
    "form",
    [
        {"limit": "0"},
        {"limit": "101"},
        {"limit": "many"},
        {"offset": "5"},
        {"offset": '["1"]'},
        {"sort_by": {"asc": "id"}},
        {"sort_by": "at"},
        {"id": "r3"},
        {"id": {"like": "r3"}},
        {"kind": {"in": "['a', 'b']"}},
        {"kind": {"in": "[]"}},
        {"at": {"after": "yesterday"}},
        {"at": {"between": "[1]"}},
    ],
)
def test_a_list_request_that_makes_no_sense_is_refused(form: dict[str, Any]) -> None:
    assert refusal(lambda: listed(form)).code == "param_wrong_value"


def test_a_key_lives_thirty_minutes_by_the_clock_of_the_api() -> None:
    now = 1000.0
    keys = IdempotencyKeys(lambda: now)
    keys.keep("k", "request", b"answer")
    now += LIFETIME_SECONDS - 1
    assert keys.find("k", "request") == b"answer"
    now += 1
    assert keys.find("k", "request") is None


def test_a_key_used_for_another_request_is_refused() -> None:
    keys = IdempotencyKeys(lambda: 0.0)
    keys.keep("k", "request", b"answer")
    assert "different request" in refusal(lambda: keys.find("k", "another")).message


@pytest.mark.parametrize("key", ["", "k" * 101])
def test_a_key_has_one_to_a_hundred_characters(key: str) -> None:
    keys = IdempotencyKeys(lambda: 0.0)
    assert refusal(lambda: keys.find(key, "request")).status == 400


def test_the_body_of_a_429_has_no_type() -> None:
    body = too_many_requests().body()
    assert "type" not in body
    assert body["api_error_code"] == "api_request_limit_exceeded"
    assert body["http_status_code"] == 429


def test_error_bodies_have_the_old_fields_beside_the_new() -> None:
    body = unauthorized().body()
    assert body["message"] == body["error_msg"]
    assert body["http_status_code"] == 401
    assert body["api_error_code"] == "api_authentication_failed"


def test_a_scripted_fault_happens_as_often_as_it_was_told_to() -> None:
    faults = Faults(seed=1)
    faults.add(Fault(kind="server_error", path="/coupons", times=2, skip=1))
    drawn = [faults.draw("POST", "/api/v2/coupons/create_for_items") for _ in range(5)]
    assert [fault is not None for fault in drawn] == [False, True, True, False, False]
    assert faults.happened == {"server_error": 2}


def test_a_fault_for_one_path_leaves_others_alone() -> None:
    faults = Faults(seed=1)
    faults.add(Fault(kind="rate_limited", path="/coupons", method="POST"))
    assert faults.draw("GET", "/api/v2/coupons") is None
    assert faults.draw("POST", "/api/v2/customers") is None


def test_the_bucket_holds_a_minute_and_refills_evenly() -> None:
    now = 0.0
    limit = RateLimit(60, lambda: now)
    assert [limit.admits() for _ in range(61)] == [True] * 60 + [False]
    now += 1.0
    assert [limit.admits() for _ in range(2)] == [True, False]
