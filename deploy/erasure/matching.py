"""Whether a dead letter is about a customer. PURE.

A letter may be anything, also half an event. Its key tells in most cases, its fields where it can
be read, and where it cannot, whether the id stands where customers' ids stand.
"""

import re
from typing import Any

import msgspec

from deploy.dead_letters.letters import Letter
from deploy.erasure.needles import Needles
from schemas import ids
from schemas.topics import HEADER_SITE

_IDS = ("customer_id", "gifter_customer_id")


def is_about(letter: Letter, site: str, customer: str, needles: Needles) -> bool:
    """By its key, by an id in it of the same site, or by a text that tells of the person."""
    if letter.key == ids.account_key(site, customer).encode():
        return True
    if needles.are_in(letter.value, *(value for _, value in letter.headers)):
        return True
    whose = dict(letter.headers).get(HEADER_SITE, b"").decode(errors="replace")
    try:
        document = msgspec.json.decode(letter.value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return whose in {"", site} and _stands_in(letter.value, customer)
    if isinstance(document, dict) and isinstance(document.get("site"), str):
        whose = document["site"]
    return whose in {"", site} and _names(document, customer)


def _names(value: Any, customer: str) -> bool:
    if isinstance(value, list):
        return any(_names(each, customer) for each in value)
    if not isinstance(value, dict):
        return False
    of = value.get("customer")
    if of == customer or (isinstance(of, dict) and of.get("id") == customer):
        return True
    if any(value.get(name) == customer for name in _IDS):
        return True
    return any(_names(each, customer) for each in value.values())


def _stands_in(data: bytes, customer: str) -> bool:
    """In bytes that are no JSON: `"customer_id": "c1"`, or `"customer": {… "id": "c1"`."""
    quoted = re.escape(msgspec.json.encode(customer))
    field = rb'"(?:gifter_)?customer(?:_id)?"\s*:\s*' + quoted
    within = rb'"customer"\s*:\s*\{[^{}]*"id"\s*:\s*' + quoted
    return re.search(field + rb"|" + within, data) is not None
