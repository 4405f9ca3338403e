"""Money in, exact points out: minor units, rounding, exact text."""

from fractions import Fraction

import pytest

from schemas.program.amounts import (
    AmountError,
    check_currency,
    exact_text,
    money_text,
    parse_factor,
    parse_money,
    parse_percent,
    parse_table,
    points_for,
    round_points,
)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("1.00", "USD", 100),
        ("0.9", "EUR", 90),
        ("1", "GBP", 100),
        ("150", "JPY", 150),
        ("1000", "KRW", 1000),
        ("1.5", "KWD", 150),
        ("0.01", "USD", 1),
    ],
)
def test_an_amount_becomes_the_minor_units_chargebee_counts(
    text: str, currency: str, minor: int
) -> None:
    assert parse_money(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "said"),
    [
        ("1.5", "JPY", "no decimals"),
        ("1.005", "USD", "at most 2 decimals"),
        ("1.005", "KWD", "at most 2 decimals"),
        ("0", "USD", "above 0"),
        ("-1", "USD", "no decimal number"),
        ("1,50", "USD", "no decimal number"),
        ("1e3", "USD", "no decimal number"),
        (".5", "USD", "no decimal number"),
        ("\u0661", "USD", "no decimal number"),
        ("99999999999999", "USD", "out of range"),
    ],
)
def test_a_wrong_amount_is_refused_and_never_rounded(text: str, currency: str, said: str) -> None:
    with pytest.raises(AmountError, match=said):
        parse_money(text, currency)


def test_a_table_is_read_currency_by_currency() -> None:
    assert parse_table({"USD": "1.00", "JPY": "150"}) == {"USD": 100, "JPY": 150}
    with pytest.raises(AmountError, match='"USD"'):
        parse_table({"usd": "1.00"})


@pytest.mark.parametrize("code", ["US", "USDD", "U$D", "", "\uff35SD"])
def test_what_is_no_currency_code_is_refused(code: str) -> None:
    with pytest.raises(AmountError, match="ISO 4217"):
        check_currency(code)


def test_a_factor_is_above_zero_and_a_percentage_up_to_a_hundred() -> None:
    assert parse_factor("1.25") == Fraction(5, 4)
    assert parse_percent("12.5") == Fraction(25, 2)
    for parse, text in ((parse_factor, "0"), (parse_factor, "1001"), (parse_percent, "100.1")):
        with pytest.raises(AmountError, match="above 0 and up to"):
            parse(text)


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(9938, "USD", "99.38 USD"), (5, "USD", "0.05 USD"), (-250, "EUR", "-2.50 EUR"),
     (150, "JPY", "150 JPY"), (0, "USD", "0.00 USD")],
)  # fmt: skip
def test_an_amount_is_written_for_people(amount: int, currency: str, text: str) -> None:
    assert money_text(amount, currency) == text


@pytest.mark.parametrize(
    ("exact", "floor", "half_up", "ceil"),
    [
        (Fraction(19876, 100), 198, 199, 199),
        (Fraction(5, 2), 2, 3, 3),
        (Fraction(-5, 2), -3, -3, -2),
        (Fraction(-9, 4), -3, -2, -2),
        (Fraction(1, 3), 0, 0, 1),
        (Fraction(7), 7, 7, 7),
    ],
)
def test_rounding_is_defined_on_both_sides_of_zero(
    exact: Fraction, floor: int, half_up: int, ceil: int
) -> None:
    assert round_points(exact, "floor") == floor
    assert round_points(exact, "half_up") == half_up
    assert round_points(exact, "ceil") == ceil


@pytest.mark.parametrize(
    ("exact", "text"),
    [
        (Fraction(19876, 100), "198.76"),
        (Fraction(5), "5"),
        (Fraction(1, 3), "1/3"),
        (Fraction(-1, 8), "-0.125"),
        (Fraction(1, 50), "0.02"),
        (Fraction(-22, 7), "-22/7"),
        (Fraction(0), "0"),
    ],
)
def test_an_exact_value_is_written_as_a_decimal_or_else_as_a_ratio(
    exact: Fraction, text: str
) -> None:
    assert exact_text(exact) == text


def test_points_for_an_amount_are_pro_rata() -> None:
    assert points_for(9938, 100, 2) == Fraction("198.76")
    assert points_for(90, 90, 1) == 1
