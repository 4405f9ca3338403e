"""What two versions of a program say differently."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import deploy
from schemas.program.diff import Change, Key, diff
from schemas.program.load import load_program

SPIKES = (Path(deploy.__file__).parent / "programs" / "spikes.yaml").read_text("utf-8")
SMALL = """\
program: small
site: acme
earn:
  - {id: pay, on: payment_succeeded, points: 5}
  - {id: welcome, on: subscription_created, points: 10}
tiers:
  window: P12M
  levels: [{id: low}, {id: mid, at: 100}, {id: high, at: 200}]
rewards:
  - {id: tree, when: {lifetime: 50}, charity: {webhook: trees, payload: {trees: 1}}}
"""


def changed(old: str, new: str, text: str = SMALL) -> tuple[list[Change], str]:
    """The changes, and all effects as one text."""
    assert old in text
    found = diff(load_program(text), load_program(text.replace(old, new)))
    return list(found.changes), " ".join(found.effects)


def test_the_same_program_differs_in_nothing_whatever_its_number() -> None:
    program = load_program(SPIKES)
    found = diff(program, program.model_copy(update={"version": 7}))
    assert found == ((), ())


def test_a_changed_rule_is_told_in_words_and_by_key() -> None:
    [change], effects = changed("points: 5}", "points: 6, limit: {count: 1}}")
    assert change == Change(
        "changed",
        "earn",
        "pay",
        "when a payment succeeds: 5 points",
        "when a payment succeeds: 6 points, once ever",
        (
            Key("points", 5, 6),
            Key("limit.count", None, 1),
            Key("limit.per", None, "ever"),
        ),
    )
    assert "Nobody loses points" in effects


def test_what_the_words_do_not_say_is_told_by_its_key() -> None:
    [change], _ = changed("trees: 1", "trees: 2")
    assert change.before == change.after
    assert change.keys == (Key("charity.payload.trees", 1, 2),)


def test_rules_that_come_go_and_change_places() -> None:
    line = "  - {id: welcome, on: subscription_created, points: 10}\n"
    [removed], _ = changed(line, "")
    assert (removed.kind, removed.id, removed.after) == ("removed", "welcome", "")
    [added], _ = changed(line, line + "  - {id: more, on: plan_upgraded, points: 1}\n")
    assert (added.kind, added.before, added.after) == (
        "added", "", "when a plan is upgraded: 1 points",
    )  # fmt: skip
    pay = "  - {id: pay, on: payment_succeeded, points: 5}\n"
    [moved], _ = changed(pay + line, line + pay)
    assert moved == Change("moved", "earn", "", "pay, welcome", "welcome, pay")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("at: 100", "at: 150", "Who is in mid keeps it until its next review"),
        ("at: 100", "at: 50", "Who reaches mid only now rises when they next earn or pay"),
        ("{id: mid, at: 100}, ", "", "Who is in mid is placed by what counts"),
        ("window: P12M", "window: lifetime", "stays, for no review takes it away"),
        ("window: P12M", "window: calendar_year", "answered anew from what is kept"),
        ("program: small", "retired: true\nprogram: small", "Nothing earns any more"),
    ],
)
def test_the_effects_on_customers_are_told(old: str, new: str, said: str) -> None:
    _, effects = changed(old, new)
    assert said in effects


def test_tiers_that_come_and_go_are_told() -> None:
    tiers = SMALL[SMALL.index("tiers:") : SMALL.index("rewards:")]
    changes, effects = changed(tiers, "")
    assert {(each.kind, each.part) for each in changes} == {
        ("removed", "tier"), ("changed", "setting"),
    }  # fmt: skip
    assert "Tiers stay as they are" in effects
    without = SMALL.replace(tiers, "")
    assert "placed in tiers when they next earn or pay" in " ".join(
        diff(load_program(without), load_program(SMALL)).effects
    )


def test_settings_are_told_by_the_key_that_the_program_writes() -> None:
    changes, _ = changed("site: acme", "site: acme\nrefunds: {negative: clamp}\nstack: best")
    assert [(each.id, each.before, each.after) for each in changes] == [
        ("stack", "multiply", "best"),
        ("refunds.negative", "allow", "clamp"),
    ]


FIELDS: dict[str, Any] = {
    "timezone": "Asia/Tokyo",
    "plan_ranking": ("a", "b"),
    "stack": "best",
    "retired": True,
    "expiry": None,
    "tiers": None,
    "multipliers": (),
    "rewards": (),
}


@given(st.sets(st.sampled_from(sorted(FIELDS)), min_size=1))
def test_no_difference_goes_untold(fields: set[str]) -> None:
    before = load_program(SPIKES)
    after = before.model_copy(update={field: FIELDS[field] for field in fields})
    told = {change.id.partition(".")[0] for change in diff(before, after).changes}
    parts = {change.part for change in diff(before, after).changes}
    for field in fields:
        assert field in told or field.removesuffix("s") in parts
