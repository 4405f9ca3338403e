"""Whose a dead letter is, whatever is left of it."""

import json
from dataclasses import replace

import pytest

from deploy.dead_letters.letters import Letter
from deploy.erasure.matching import is_about
from deploy.erasure.needles import Needles
from tests.support import chargebee as cb
from tests.unit.deploy.dead_letters.test_verdict import letter

RAW = "chargebee.raw.v1"
NOTHING = Needles(())
EVENT = cb.body(cb.payment_succeeded())


def raw(value: bytes, *, key: bytes = b"ev_1", site: bytes = b"acme") -> Letter:
    return letter(RAW, value, key=key, site=site)


def is_theirs(found: Letter, *texts: str, customer: str = "cust_1") -> bool:
    return is_about(found, "acme", customer, Needles(texts))


def test_the_key_of_the_account_tells() -> None:
    assert is_theirs(raw(b"\xff\xfe", key=b"acme:cust_1"))
    assert not is_theirs(raw(b"\xff\xfe", key=b"acme:cust_11"))


@pytest.mark.parametrize(
    "content",
    [
        {"customer": {"id": "cust_1"}},
        {"subscription": {"customer_id": "cust_1"}},
        {"subscriptions": [{"customer_id": "cust_9"}, {"customer_id": "cust_1"}]},
        {"gift": {"gifter": {"customer_id": "cust_1"}}},
        {"x": {"gifter_customer_id": "cust_1"}},
    ],
)
def test_an_id_where_customers_ids_stand_tells(content: object) -> None:
    assert is_theirs(raw(json.dumps({"content": content}).encode()))


@pytest.mark.parametrize(
    "content",
    [
        {"customer": {"id": "cust_12"}},
        {"invoice": {"id": "cust_1"}},
        {"customer": {"note": "cust_1"}},
    ],
)
def test_the_same_text_elsewhere_is_somebody_elses(content: object) -> None:
    assert not is_theirs(raw(json.dumps({"content": content}).encode()))


def test_half_an_event_is_theirs_where_their_id_stands_in_it() -> None:
    half = EVENT[: EVENT.index(b"cust_1") + 20]
    with pytest.raises(json.JSONDecodeError):
        json.loads(half)
    assert is_theirs(raw(half))
    assert not is_theirs(raw(half), customer="cust_")


def test_another_site_has_other_customers() -> None:
    assert not is_theirs(raw(EVENT, site=b"other"))
    assert not is_theirs(raw(EVENT[:-1], site=b"other"))
    custom = {"id": "x", "site": "other", "customer": "cust_1"}
    told = letter("custom.events.v1", json.dumps(custom).encode(), key=b"k", site=b"")
    assert not is_theirs(told)
    assert is_about(told, "other", "cust_1", NOTHING)


def test_a_text_that_tells_of_the_person_is_enough() -> None:
    found = raw(b"mail to petra.kanari@example.org", key=b"?")
    assert not is_theirs(found)
    assert is_theirs(found, cb.EMAIL)
    assert is_theirs(replace(found, value=b"", headers=[("x", cb.EMAIL.encode())]), cb.EMAIL)


def test_texts_are_found_as_json_writes_them() -> None:
    needles = Needles(['Zoë O\'Neil "Z"', ""])
    assert needles.are_in(json.dumps({"name": 'Zoë O\'Neil "Z"'}).encode())
    assert needles.are_in('{"name": "Zoë O\'Neil \\"Z\\""}'.encode())
    assert needles.are_in('Zoë O\'Neil "Z"'.encode())
    assert not needles.are_in(b"Zoe", None, b"")
    assert not Needles(["", ""])
