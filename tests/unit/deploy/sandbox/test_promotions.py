"""Promotional credits and coupons: what the next invoice does with them."""

import orjson
import pytest

from deploy.sandbox.errors import ApiError
from deploy.sandbox.joining import Mix
from deploy.sandbox.life import Habits, Life, LifeSettings
from deploy.sandbox.member import Member
from deploy.sandbox.site import Action, Resource
from deploy.sandbox.terms import DAY, add_months

BY_API = Action("api", "a key")
QUIET = Habits(
    upgrade=0,
    downgrade=0,
    quantity=0,
    address=0,
    cancel=0,
    refund=0,
    chargeback=0,
    goodwill=0,
    deletion=0,
    noise=0,
)
MONTHLY_CARDS = Mix(
    veteran=1, yearly=0, trial=0, direct_debit=0, bank_transfer=0, currencies=(1, 0, 0, 0)
)


@pytest.fixture
def life() -> Life:
    """One customer who pays by the month in dollars, and nothing else ever happens."""
    return Life(LifeSettings(customers=1, days=120, habits=QUIET, mix=MONTHLY_CARDS))


def only(life: Life) -> Member:
    return next(iter(life.members.values()))


def next_invoice(life: Life) -> Resource:
    life.advance(only(life).term_end)
    return list(life.site.invoices.values())[-1]


def coupon(life: Life, **params: object) -> Resource:
    given = {"id": "SPIKES", "name": "Spikes", "apply_on": "invoice_amount"} | params
    return life.promotions.create_coupon(given, BY_API)


def test_credit_is_taken_off_the_next_invoice_before_anybody_pays(life: Life) -> None:
    member = only(life)
    life.promotions.add(member.customer, 500, "USD", BY_API, description="d", reference="r1")

    invoice = next_invoice(life)

    assert invoice["discounts"] == [
        {
            "object": "discount",
            "entity_type": "promotional_credits",
            "description": "Promotional Credits",
            "amount": 500,
        }
    ]
    assert invoice["total"] == invoice["sub_total"] - 500
    assert life.promotions.balance(member.id, "USD") == 0
    assert member.customer["promotional_credits"] == 0


def test_credit_beyond_the_invoice_stays_for_the_one_after(life: Life) -> None:
    member = only(life)
    price = member.price.amount_minor * member.quantity
    life.promotions.add(member.customer, price + 300, "USD", BY_API, description="d")

    first = next_invoice(life)
    second = next_invoice(life)

    assert (first["total"], first["status"], first["linked_payments"]) == (0, "paid", [])
    assert second["sub_total"] - second["total"] == 300


def test_credit_in_another_currency_is_left_alone(life: Life) -> None:
    life.promotions.add(only(life).customer, 500, "EUR", BY_API, description="d")
    assert "discounts" not in next_invoice(life)
    assert life.promotions.balance(only(life).id, "EUR") == 500


def test_spending_credit_is_an_event_of_its_own(life: Life) -> None:
    life.promotions.add(only(life).customer, 500, "USD", BY_API, description="d")
    invoice = next_invoice(life)
    kept = life.site.events.kept(life.site.now)
    (spent,) = [event for event in kept if event.type == "promotional_credits_deducted"]
    entry = orjson.loads(spent.body)["content"]["promotional_credit"]
    assert entry["type"] == "decrement"
    assert entry["amount"] == 500
    assert entry["closing_balance"] == 0
    assert entry["description"] == f"Applied to the invoice # {invoice['id']}"


def test_more_than_the_balance_cannot_be_deducted(life: Life) -> None:
    customer = only(life).customer
    life.promotions.add(customer, 500, "USD", BY_API, description="d")
    with pytest.raises(ApiError, match="exceeds"):
        life.promotions.deduct(customer, 501, "USD", BY_API, description="d")
    assert life.promotions.balance(customer["id"], "USD") == 500


def test_deducting_without_an_amount_takes_all(life: Life) -> None:
    customer = only(life).customer
    life.promotions.add(customer, 500, "USD", BY_API, description="d")
    entry = life.promotions.deduct(customer, None, "USD", BY_API, description="d")
    assert (entry["amount"], entry["closing_balance"]) == (500, 0)


def test_a_one_time_coupon_is_used_once(life: Life) -> None:
    coupon(life, discount_type="percentage", discount_percentage=50.0, duration_type="one_time")
    subscription = only(life).subscription
    life.promotions.apply_coupons(subscription, ["SPIKES"], replace=False)

    first, second = next_invoice(life), next_invoice(life)

    assert first["discounts"][0]["entity_id"] == "SPIKES"
    assert first["total"] == first["sub_total"] - first["sub_total"] // 2
    assert "discounts" not in second
    assert "coupons" not in subscription
    (used,) = life.site.truth.coupons_used
    assert (used.coupon, used.invoice) == ("SPIKES", first["id"])


def test_a_coupon_for_ever_is_used_by_every_invoice(life: Life) -> None:
    coupon(life, discount_type="fixed_amount", discount_amount=100, currency_code="USD")
    life.promotions.apply_coupons(only(life).subscription, ["SPIKES"], replace=False)
    assert [next_invoice(life)["discounts"][0]["amount"] for _ in range(2)] == [100, 100]


def test_a_coupon_for_a_period_ends_with_it(life: Life) -> None:
    coupon(
        life,
        discount_type="percentage",
        discount_percentage=10.0,
        duration_type="limited_period",
        period=1,
        period_unit="month",
    )
    life.promotions.apply_coupons(only(life).subscription, ["SPIKES"], replace=False)
    assert "discounts" in next_invoice(life)
    assert "discounts" not in next_invoice(life)


def test_coupons_and_credit_together_never_take_more_than_the_invoice(life: Life) -> None:
    coupon(life, discount_type="percentage", discount_percentage=80.0)
    member = only(life)
    life.promotions.apply_coupons(member.subscription, ["SPIKES"], replace=False)
    life.promotions.add(member.customer, 10**6, "USD", BY_API, description="d")
    invoice = next_invoice(life)
    assert invoice["total"] == 0
    assert life.promotions.balance(member.id, "USD") == (
        10**6 - (invoice["sub_total"] - invoice["discounts"][0]["amount"])
    )


def test_an_expired_coupon_is_refused(life: Life) -> None:
    coupon(
        life,
        discount_type="percentage",
        discount_percentage=10.0,
        valid_till=life.site.now + DAY,
    )
    life.advance(life.site.now + 2 * DAY)
    with pytest.raises(ApiError, match="has expired") as refused:
        life.promotions.apply_coupons(only(life).subscription, ["SPIKES"], replace=False)
    assert refused.value.code == "resource_limit_exhausted"


def test_a_coupon_without_redemptions_left_is_refused(life: Life) -> None:
    coupon(life, discount_type="percentage", discount_percentage=10.0, max_redemptions=1)
    subscription = only(life).subscription
    life.promotions.apply_coupons(subscription, ["SPIKES"], replace=False)
    life.promotions.remove_coupons(subscription, ["SPIKES"])
    with pytest.raises(ApiError, match="no redemptions left"):
        life.promotions.apply_coupons(subscription, ["SPIKES"], replace=False)


def test_a_coupon_that_is_attached_already_is_not_attached_again(life: Life) -> None:
    coupon(life, discount_type="percentage", discount_percentage=10.0)
    subscription = only(life).subscription
    life.promotions.apply_coupons(subscription, ["SPIKES", "SPIKES"], replace=False)
    life.promotions.apply_coupons(subscription, ["SPIKES"], replace=False)
    assert [one["coupon_id"] for one in subscription["coupons"]] == ["SPIKES"]
    assert len(life.site.truth.coupons_applied) == 1


def test_a_second_coupon_of_the_same_id_is_a_duplicate(life: Life) -> None:
    coupon(life, discount_type="percentage", discount_percentage=10.0)
    with pytest.raises(ApiError, match="already taken") as refused:
        coupon(life, discount_type="percentage", discount_percentage=10.0)
    assert (refused.value.code, refused.value.param) == ("duplicate_entry", "id")


def test_the_thirty_first_comes_back_after_a_short_month() -> None:
    january_31 = 1_769_817_600
    assert add_months(january_31, 1) == 1_772_236_800
    assert add_months(january_31, 2) == 1_774_915_200
