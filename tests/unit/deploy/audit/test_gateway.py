"""What the billing site holds, against what the ledger says."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from connectors.rewards.gateway import GrantedCredit
from deploy.audit.gateway import compare_coupons, compare_credits
from deploy.audit.stories import LedgerReward
from tests.support.audit import examples, tally

ID = "acme:c1:five-off:1"
COUPON = json.dumps({"subscription": "sub_1", "coupon": {"id": "cactus-1"}})


def row(state: str = "delivered", **changes: Any) -> LedgerReward:
    values: dict[str, Any] = {
        "reward_id": ID,
        "site": "acme",
        "customer": "c1",
        "via": "promotional_credit",
        "amounts_minor": {"USD": 500, "EUR": 450},
        "command": b"",
        "state": state,
        "stuck": False,
        "settled_at": 1,
        "reference": "pc_1",
        "reason": "",
        "told": True,
        "body": "",
    }
    return LedgerReward(**{**values, **changes})


def credit(id: str = "pc_1", **changes: Any) -> GrantedCredit:  # noqa: A002
    values: dict[str, Any] = {
        "reference": ID,
        "customer": "c1",
        "amount_minor": 500,
        "currency": "USD",
        "created_at": 1,
    }
    return GrantedCredit(id=id, **{**values, **changes})


def credits_said(
    ledger: Sequence[LedgerReward], credits_: Sequence[GrantedCredit], erased: str = ""
) -> list[str]:
    counted = tally()
    granted: dict[str, list[GrantedCredit]] = {}
    for each in credits_:
        granted.setdefault(each.reference, []).append(each)
    known = {each.reward_id for each in ledger}
    compare_credits(counted, "acme", ledger, granted, known=known, erased={erased})
    return examples(counted)


@pytest.mark.parametrize(
    ("state", "credits_"),
    [
        ("delivered", [credit()]),
        ("delivered", [credit(currency="EUR", amount_minor=450)]),
        ("failed", []),
        ("due", []),
        ("unknown", [credit()]),
    ],
)
def test_credits_that_agree_with_the_ledger(state: str, credits_: list[GrantedCredit]) -> None:
    assert credits_said([row(state)], credits_) == []


def test_credits_of_other_systems_are_none_of_our_business() -> None:
    others = [credit("pc_8", reference="goodwill"), credit("pc_9", reference="goodwill")]

    assert credits_said([row()], [credit(), *others]) == []


@pytest.mark.parametrize(
    ("ledger", "credits_", "said"),
    [
        ([row()], [credit(), credit("pc_2")], f"{ID} was given 2 times: pc_1, pc_2"),
        ([row("unknown")], [credit(), credit("pc_2")], "was given 2 times"),
        ([row()], [], "acme holds no credit for it"),
        ([row("failed")], [credit()], "is failed and was given all the same: pc_1"),
        ([row("cancelled")], [credit()], "is cancelled and was given all the same: pc_1"),
        ([row()], [credit(amount_minor=5000)], "pc_1 gives 5000 USD to c1"),
        ([row()], [credit(currency="GBP")], "which is worth None to c1"),
        ([row()], [credit(customer="c2")], "pc_1 gives 500 USD to c2"),
        ([], [credit()], f"pc_1 was given for {ID}, which no ledger knows"),
    ],
)
def test_credits_that_contradict_the_ledger_are_named(
    ledger: list[LedgerReward], credits_: list[GrantedCredit], said: str
) -> None:
    assert any(said in each for each in credits_said(ledger, credits_))


def test_a_deleted_customer_takes_credits_along() -> None:
    assert credits_said([row()], [], erased="acme:c1") == []


def coupons_said(ledger: Sequence[LedgerReward], count: int | None) -> list[str]:
    counted = tally()
    held = None if count is None else Counter({"cactus-1": count})
    compare_coupons(counted, ledger, {"sub_1": held})
    return examples(counted)


def coupon_row(state: str = "delivered", **changes: Any) -> LedgerReward:
    return row(state, via="coupon", body=COUPON, **changes)


@pytest.mark.parametrize(
    ("state", "count"), [("delivered", 1), ("failed", 0), ("unknown", 1), ("delivered", None)]
)
def test_coupons_that_agree_with_the_ledger(state: str, count: int | None) -> None:
    assert coupons_said([coupon_row(state)], count) == []


def test_a_coupon_that_was_taken_back_need_not_be_there() -> None:
    assert coupons_said([coupon_row(taken_back=True)], 0) == []


def test_a_coupon_that_was_never_sent_is_not_looked_for() -> None:
    counted = tally()
    compare_coupons(counted, [row("failed", via="coupon")], {})
    assert counted.examined == 0


@pytest.mark.parametrize(
    ("state", "count", "said"),
    [
        ("delivered", 2, "was applied 2 times"),
        ("failed", 1, "is failed and its coupon was applied all the same"),
        ("delivered", 0, "is delivered and its coupon is nowhere to be seen"),
    ],
)
def test_coupons_that_contradict_the_ledger_are_named(state: str, count: int, said: str) -> None:
    assert any(said in each for each in coupons_said([coupon_row(state)], count))


def test_two_rewards_with_one_coupon_are_named() -> None:
    [said] = coupons_said([coupon_row(), coupon_row(reward_id="acme:c1:five-off:2")], 1)

    assert said.endswith("are one coupon: sub_1:cactus-1")
