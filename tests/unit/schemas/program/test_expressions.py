"""CEL in programs: what is accepted, what it gives, and what is said when it cannot."""

from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from schemas.facts import (
    CustomEventReceived,
    Line,
    PaymentSucceeded,
    Subscription,
    SubscriptionCancelled,
)
from schemas.program.expressions import (
    Condition,
    ExpressionError,
    Failed,
    Formula,
    event_properties,
)
from schemas.program.names import FIELDS, AccountFigures, Change, Given

BERLIN = ZoneInfo("Europe/Berlin")
SUBSCRIPTION = Subscription(
    id="sub_1",
    plan="pro-USD-monthly",
    status="active",
    currency="USD",
    period=1,
    period_unit="month",
    resource_version=1,
    lines=(
        Line(price="pro-USD-monthly", kind="plan", amount_minor=2900),
        Line(price="support", kind="addon", amount_minor=500),
    ),
)


def payment(**changes: Any) -> Given:
    fields: dict[str, Any] = {"amount_minor": 9938, "currency": "USD"} | changes
    fact = PaymentSucceeded(
        id="payment:t:i",
        site="acme",
        customer="c",
        occurred_at=1_764_547_200,  # 1 December 2025, a Monday, 01:00 in Berlin
        transaction="t",
        invoice="i",
        **fields,
    )
    return Given(
        fact, "payment_succeeded", BERLIN, SUBSCRIPTION, AccountFigures(100, 5, 900, 0, "saguaro")
    )


def event(**properties: Any) -> Given:
    fact = CustomEventReceived(
        id="custom:1",
        site="acme",
        customer="c",
        occurred_at=1,
        name="review",
        properties=properties,
    )
    return Given(fact, "custom", BERLIN)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('subscription.plan.startsWith("pro")', True),
        ('subscription.plan.startsWith("business")', False),
        ("payment.amount_minor >= 9938 && payment.amount < 100.0", True),
        ("payment.amount == 99.38", True),
        ('payment.currency in ["USD", "EUR"]', True),
        ('"support" in subscription.addons', True),
        ('subscription.addons.exists(x, x.startsWith("sup"))', True),
        ("subscription.amount_minor == 3400", True),
        ('account.tier == "saguaro" && account.balance + account.pending == 105', True),
        ('fact.trigger == "payment_succeeded"', True),
        ("fact.weekday == 1 && fact.hour == 1 && fact.day == 1 && fact.month == 12", True),
        ("has(payment.tax_minor)", False),
        ("!has(subscription.trial_end) || subscription.trial_end > 0", True),
        ('subscription["plan"] == "pro-USD-monthly"', True),
        ("payment.on_time // the usual case", True),
    ],
)
def test_a_condition_reads_the_fact_the_subscription_and_the_account(
    text: str, holds: bool
) -> None:
    assert Condition(text).holds(payment()) is holds


@pytest.mark.parametrize(
    ("text", "properties", "points"),
    [
        ("event.stars * 50", {"stars": 4}, Fraction(200)),
        ("event.stars * 50.0", {"stars": 4.5}, Fraction(225)),
        ("double(event.stars) * 0.29 * 100.0", {"stars": 1}, Fraction(29)),
        ("event.stars > 3 ? 100 : 10", {"stars": 3}, Fraction(10)),
        ("has(event.photo) && event.photo ? 20 : 5", {"photo": True}, Fraction(20)),
        ('event["the stars"] * 2', {"the stars": 3}, Fraction(6)),
        ("size(event.text) / 10", {"text": "x" * 25}, Fraction(2)),
    ],
)
def test_a_formula_gives_exact_points(
    text: str, properties: dict[str, Any], points: Fraction
) -> None:
    assert Formula(text, ["custom"]).points(event(**properties)) == points


def test_binary_noise_costs_no_point() -> None:
    """0.29 × 100 is 28.999999999999996 in floating point."""
    assert Formula("0.29 * 100.0").points(payment()) == 29


def test_equal_values_of_different_kinds_are_not_confused() -> None:
    """To Python 1 == 1.0 == True: a remembered result of one must not answer for another."""
    formula = Formula("event.x * 2")

    assert formula.points(event(x=1)) == 2
    assert isinstance(formula.points(event(x=1.0)), Failed)
    assert isinstance(formula.points(event(x=True)), Failed)
    assert formula.points(event(x=1)) == 2


@pytest.mark.parametrize(
    ("text", "given", "reason", "said"),
    [
        ("event.stars * 50", event(), "property_missing", "event.stars is not known for this fact"),
        ("event.stars * 50", event(stars="five"), "expression_failed", "event.stars"),
        ("event.stars * 50", payment(), "property_missing", "event.stars"),
        ("100 / event.stars", event(stars=0), "expression_failed", "division by zero"),
        ("event.stars * 50", event(stars=-1), "wrong_result", "0 or more"),
        ("event.stars * 50", event(stars=2**62), "expression_failed", "verflow"),
        ("100.0 / event.stars", event(stars=0.0), "wrong_result", "0 or more"),
        ("event.stars", event(stars="many"), "wrong_result", "not a number"),
        ("event.stars", event(stars=True), "wrong_result", "not a number"),
        ("int(event.stars)", event(stars="x"), "expression_failed", "int"),
        ("event.stars", event(stars=10**30), "wrong_result", "0 or more"),
    ],
)
def test_what_goes_wrong_on_one_fact_is_a_value_that_says_why(
    text: str, given: Given, reason: str, said: str
) -> None:
    result = Formula(text).points(given)

    assert isinstance(result, Failed)
    assert result.reason == reason
    assert said in result.detail


def test_a_condition_on_a_missing_subscription_says_so() -> None:
    given = msgspec.structs.replace(payment(), subscription=None)
    result = Condition('subscription.plan == "pro"').holds(given)

    assert result == Failed(
        "property_missing",
        'subscription.plan == "pro": subscription.plan is not known for this fact',
    )


def test_a_condition_that_is_no_longer_one_says_so() -> None:
    result = Condition("event.verified").holds(event(verified="yes"))

    assert isinstance(result, Failed)
    assert "gave a text, not true or false" in result.detail


def test_a_cancellation_has_its_reason() -> None:
    fact = SubscriptionCancelled(
        id="x", site="s", customer="c", occurred_at=1, subscription=SUBSCRIPTION, reason="no_card"
    )
    given = Given(fact, "subscription_cancelled", BERLIN)

    assert Condition('fact.reason == "no_card"').holds(given) is True


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ('change.kind == "plan" && change.from_plan == "basic" && change.to_plan == "pro"', True),
        ("change.quantity_after - change.quantity_before == 2", True),
        ("change.difference_minor > 1900", False),
        ("has(change.difference_minor)", True),
    ],
)
def test_an_upgrade_has_its_change(text: str, holds: bool) -> None:
    change = Change("basic", "pro", "plan", 1, 3, 1900)
    given = msgspec.structs.replace(payment(), trigger="plan_upgraded", change=change)

    assert Condition(text, ["plan_upgraded"]).holds(given) is holds
    elsewhere = Condition(text).holds(msgspec.structs.replace(given, trigger="annual_renewal"))
    assert elsewhere is False or isinstance(elsewhere, Failed)


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("", 0, "empty"),
        ("event.stars +", 14, "ends too early"),
        ("plan == 'pro'", 1, "did you mean subscription.plan?"),
        ("subscription.paln == 'pro'", 14, "did you mean plan?"),
        ("subscripton.plan == 'pro'", 1, "did you mean subscription?"),
        ("1 < 2 && amount_minor > 3", 10, "payment.amount_minor or subscription.amount_minor"),
        ("event == 1", 1, "such as event.stars"),
        ("subscription.plan.beginsWith('a')", 19, "there is no function beginsWith()"),
        ("fact.trigger.name == 'x'", 6, "no fields of its own"),
        ("payment.refund() == 1", 9, "has no function"),
        ("payment.amount_minor * 2.5 > 3.0", 0, "does not mix kinds"),
        ("payment.amount_minor", 0, "a condition must be true or false"),
        ("[1].exists(event, event > 1)", 12, "has a meaning here"),
        ("[1].exists(a, [1].exists(b, [1].exists(c, a == b)))", 40, "at most 2 loops"),
        ("1 == 1 " + " " * 2000, 0, "longer than 2000"),
        ("`event.x` == 1", 1, "no CEL expression"),
        ("__import__('os')", 1, "there is no function"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_remedy(text: str, column: int, said: str) -> None:
    with pytest.raises(ExpressionError) as error:
        Condition(text)

    assert said in str(error.value)
    assert error.value.column == column


def test_a_formula_must_give_a_number() -> None:
    for text in ("'abc'", "payment.on_time", "subscription.addons"):
        with pytest.raises(ExpressionError, match="a formula must give a number"):
            Formula(text)


def test_a_name_is_only_known_where_its_trigger_brings_it() -> None:
    with pytest.raises(ExpressionError, match='"event" is only known on custom'):
        Condition("event.stars > 3", ["payment_succeeded"])
    with pytest.raises(ExpressionError, match='"payment" is only known on first_payment'):
        Condition("payment.on_time", ["plan_upgraded"])
    with pytest.raises(ExpressionError, match='"change" is only known on plan_downgraded, plan_up'):
        Condition('change.kind == "plan"', ["subscription_renewed"])
    Condition("payment.on_time", ["plan_upgraded", "payment_succeeded"])
    Condition("payment.on_time", [])


def test_the_properties_an_expression_names_are_known_without_running_it() -> None:
    text = """event.stars > 3 && has(event.photo) || event["the text"] == "event.no" // event.no"""
    assert event_properties(text) == {"stars", "photo", "the text"}
    assert event_properties("payment.on_time") == frozenset()


def test_an_expression_tells_what_its_names_stood_for() -> None:
    condition = Condition('subscription.plan == "x" && has(payment.tax_minor)')

    values = {name: str(value) for name, value in condition.values(payment()).items()}
    assert values == {"subscription.plan": "pro-USD-monthly", "payment.tax_minor": "missing"}
    assert condition.roots == {"subscription", "payment"}


@pytest.mark.parametrize(
    ("text", "decisive"),
    [
        ('subscription.plan == "x" && payment.amount_minor > 0', 'subscription.plan == "x"'),
        ("payment.amount_minor > 0 && has(payment.tax_minor)", "has(payment.tax_minor)"),
        ("(1 > 2 && payment.on_time) && 1 < 2", "(1 > 2 && payment.on_time)"),
        ("payment.tax_minor > 1 && 1 < 2", "payment.tax_minor > 1"),
        (
            "1 > 2 && 2 > 3 || 3 > 4 && payment.on_time",
            "1 > 2 && 2 > 3 || 3 > 4 && payment.on_time",
        ),
        ("1 < 2 ? 1 > 2 && payment.on_time : true", "1 < 2 ? 1 > 2 && payment.on_time : true"),
        ('"a && b" == fact.trigger && true', '"a && b" == fact.trigger'),
        ("payment.amount_minor > 0 && true", "payment.amount_minor > 0 && true"),
    ],
)
def test_a_condition_that_fails_tells_which_part_of_it_did(text: str, decisive: str) -> None:
    assert Condition(text).decisive(payment()).text == decisive


@pytest.mark.parametrize(
    ("root", "field"), [(root, field) for root, fields in FIELDS.items() for field in fields]
)
def test_every_documented_name_can_be_read(root: str, field: str) -> None:
    """Each has the kind it is documented with, or is missing, on a payment."""
    value = FIELDS[root][field].read(payment(tax_minor=5))

    kinds = {"int": int, "double": float, "string": str, "bool": bool, "list": tuple}
    assert repr(value) == "missing" or type(value) is kinds[FIELDS[root][field].kind]
