"""Real payloads, where a folder of them is at hand: set CHARGEBEE_SAMPLES to it.

They are other people's, so none is kept here; our own events are in tests/support/chargebee.py.
"""

import os
from pathlib import Path

import pytest

from connectors.chargebee.customers import raw_key
from connectors.chargebee.ignored import UNKNOWN
from connectors.chargebee.intake import read_event
from connectors.chargebee.translate import HANDLERS
from connectors.chargebee.unwrap import events_in
from deploy.translating import answers

VARIABLE = "CHARGEBEE_SAMPLES"
FOLDER = os.environ.get(VARIABLE, "")

pytestmark = pytest.mark.skipif(
    not FOLDER, reason=f"REAL PAYLOADS NOT TESTED: set {VARIABLE} to a folder of them"
)

SAMPLES = sorted(Path(FOLDER).glob("*.json")) if FOLDER else []


def is_error_body(path: Path) -> bool:
    return path.name.startswith("error.")


def test_the_folder_holds_payloads() -> None:
    assert SAMPLES


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_every_sample_becomes_facts_or_is_ignored_for_a_reason(path: Path) -> None:
    for answer in answers(path, "acme-test"):
        assert (answer.kind == "error") == is_error_body(path), answer.reason
        assert answer.reason != UNKNOWN
        assert (answer.kind == "facts") == bool(answer.facts)
        assert answer.facts or answer.event_type not in HANDLERS or answer.reason


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_door_takes_every_real_event(path: Path) -> None:
    if is_error_body(path):
        return
    for event in events_in(path.read_bytes()):
        if isinstance(event, bytes):
            document = read_event(event)
            for answer in answers(path, "acme-test"):
                key = f"acme-test:{answer.customer}" if answer.customer else answer.event_id
                assert raw_key("acme-test", document) == key
