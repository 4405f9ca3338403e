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


@pytest.fixture
def codes(life: Life) -> Resource:
    """A set of two codes, each for half of the next invoice."""
    coupon(life, discount_type="percentage", discount_percentage=50.0, duration_type="one_time")
    held = life.promotions.codes.create_set({"id": "s", "name": "s", "coupon_id": "SPIKES"}, BY_API)
    life.promotions.codes.add(held, ["AB1", "AB2"], BY_API)
    return held


def test_a_code_puts_its_coupon_on_the_subscription_once(life: Life, codes: Resource) -> None:
    subscription = only(life).subscription
    life.promotions.apply_coupons(subscription, ["AB1"], replace=False)
    (held,) = subscription["coupons"]
    assert (held["coupon_id"], held["coupon_code"]) == ("SPIKES", "AB1")
    assert life.site.coupon_codes["AB1"]["status"] == "redeemed"
    assert (codes["total_count"], codes["redeemed_count"]) == (2, 1)

    invoice = next_invoice(life)
    assert invoice["discounts"][0]["coupon_set_code"] == "AB1"
    with pytest.raises(ApiError, match="AB1 is redeemed") as refused:
        life.promotions.apply_coupons(subscription, ["AB1"], replace=False)
    assert refused.value.code == "resource_limit_exhausted"


@pytest.mark.usefixtures("codes")
def test_a_coupon_that_waits_is_not_redeemed_a_second_time(life: Life) -> None:
    subscription = only(life).subscription
    life.promotions.apply_coupons(subscription, ["AB1"], replace=False)
    with pytest.raises(ApiError, match="on the subscription already"):
        life.promotions.apply_coupons(subscription, ["AB2"], replace=False)
    assert life.site.coupon_codes["AB2"]["status"] == "not_redeemed"


@pytest.mark.parametrize("code", ["", "AB-1", "A" * 51, "ÄB1"])
def test_a_code_is_letters_and_digits(life: Life, codes: Resource, code: str) -> None:
    with pytest.raises(ApiError, match="letters and digits"):
        life.promotions.codes.add(codes, [code], BY_API)


@pytest.mark.parametrize("more", [["AB3", "AB1"], ["AB3", "AB3"]])
def test_of_codes_of_which_one_is_taken_none_is_added(
    life: Life, codes: Resource, more: list[str]
) -> None:
    with pytest.raises(ApiError, match="already taken"):
        life.promotions.codes.add(codes, more, BY_API)
    assert set(life.site.coupon_codes) == {"AB1", "AB2"}


def test_a_set_holds_a_thousand_codes(life: Life, codes: Resource) -> None:
    life.promotions.codes.add(codes, [f"C{number}" for number in range(998)], BY_API)
    with pytest.raises(ApiError, match="at most 1000"):
        life.promotions.codes.add(codes, ["D1"], BY_API)


def test_a_set_has_an_id_of_its_own_and_a_coupon(life: Life, codes: Resource) -> None:
    with pytest.raises(ApiError, match="already taken") as refused:
        life.promotions.codes.create_set({**codes, "coupon_id": "SPIKES"}, BY_API)
    assert refused.value.code == "duplicate_entry"
    with pytest.raises(ApiError, match="not found"):
        life.promotions.codes.create_set({"id": "t", "name": "t", "coupon_id": "NONE"}, BY_API)


@pytest.mark.parametrize(("unit", "invoices"), [("day", 0), ("week", 0), ("month", 2), ("year", 3)])
def test_a_limited_period_is_counted_in_its_unit(life: Life, unit: str, invoices: int) -> None:
    coupon(
        life,
        discount_type="percentage",
        discount_percentage=10.0,
        duration_type="limited_period",
        period=2,
        period_unit=unit,
    )
    next_invoice(life)
    life.advance(life.site.now + DAY)
    life.promotions.apply_coupons(only(life).subscription, ["SPIKES"], replace=False)
    assert sum("discounts" in next_invoice(life) for _ in range(3)) == invoices


def test_a_period_belongs_to_a_limited_period(life: Life) -> None:
    given = {"discount_type": "percentage", "discount_percentage": 10.0}
    with pytest.raises(ApiError, match="period_unit"):
        coupon(life, **given, duration_type="limited_period", period=2)
    with pytest.raises(ApiError, match="limited period only"):
        coupon(life, **given, duration_type="one_time", period=2)


def test_the_thirty_first_comes_back_after_a_short_month() -> None:
    january_31 = 1_769_817_600
    assert add_months(january_31, 1) == 1_772_236_800
    assert add_months(january_31, 2) == 1_774_915_200
