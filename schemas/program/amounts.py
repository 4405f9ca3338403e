"""Money tables, exact arithmetic on points, and the one rounding. PURE.

Amounts are decimal strings in the program and integer minor units everywhere else, as Chargebee
counts them. What is not yet a whole point is a `Fraction`; floats never touch money or points.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Literal

Rounding = Literal["floor", "half_up", "ceil"]

ZERO_DECIMAL_CURRENCIES = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "JPY",
        "KMF",
        "KRW",
        "MGA",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
"""Currencies Chargebee counts in whole units. Every other one is counted in hundredths, those with
three decimals (KWD, BHD …) too: apidocs.chargebee.com, "supported currencies"."""

MAX_AMOUNT_MINOR = 10**12

_DECIMAL = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")
_CURRENCY = re.compile(r"[A-Z]{3}")


class AmountError(ValueError):
    """The text is not an amount; the message says what to write instead."""


def check_currency(code: str) -> str:
    """`code`, if it looks like an ISO 4217 code; raises `AmountError` otherwise."""
    if _CURRENCY.fullmatch(code):
        return code
    suggestion = code.strip().upper()
    hint = f'"{suggestion}"' if _CURRENCY.fullmatch(suggestion) else 'such as "USD"'
    raise AmountError(f'"{code}" is no currency; write its ISO 4217 code in capitals, {hint}')


def parse_decimal(text: str) -> Fraction:
    """The exact value of a plain non-negative decimal such as "1.25"; raises `AmountError`."""
    if _DECIMAL.fullmatch(text) is None:
        raise AmountError(
            f'"{text}" is no decimal number; write digits with a point, such as "1.25"'
        )
    return Fraction(Decimal(text))


def parse_factor(text: str) -> Fraction:
    """A multiplier: a decimal above 0 and at most 1000; raises `AmountError`."""
    factor = parse_decimal(text)
    if not 0 < factor <= 1000:
        raise AmountError(f'"{text}" is no factor; write a number above 0 and up to 1000')
    return factor


def parse_percent(text: str) -> Fraction:
    """A percentage above 0 and at most 100; raises `AmountError`."""
    percent = parse_decimal(text)
    if not 0 < percent <= 100:
        raise AmountError(f'"{text}" is no percentage; write a number above 0 and up to 100')
    return percent


def minor_digits(currency: str) -> int:
    """How many decimals of the currency Chargebee's minor unit stands for: 0 or 2."""
    return 0 if currency in ZERO_DECIMAL_CURRENCIES else 2


def parse_money(text: str, currency: str) -> int:
    """Minor units of a positive amount in major units; raises `AmountError`.

    More decimals than the currency counts are refused, never rounded.
    """
    digits = minor_digits(currency)
    minor = parse_decimal(text) * (1 if digits == 0 else 100)
    if minor.denominator != 1:
        allowed = "no decimals" if digits == 0 else f"at most {digits} decimals"
        raise AmountError(f'"{text}" has too many decimals: {currency} takes {allowed}')
    if not 0 < minor <= MAX_AMOUNT_MINOR:
        raise AmountError(f'"{text}" {currency} is out of range; write an amount above 0')
    return minor.numerator


def parse_table(table: Mapping[str, str]) -> dict[str, int]:
    """A money table in minor units, `{"USD": "1.00"}` → `{"USD": 100}`; raises `AmountError`."""
    return {
        check_currency(currency): parse_money(text, currency) for currency, text in table.items()
    }


def money_text(amount_minor: int, currency: str) -> str:
    """The amount for people: `money_text(9938, "USD")` is "99.38 USD"."""
    digits = minor_digits(currency)
    sign, size = ("-", -amount_minor) if amount_minor < 0 else ("", amount_minor)
    if digits == 0:
        return f"{sign}{size} {currency}"
    whole, rest = divmod(size, 10**digits)
    return f"{sign}{whole}.{rest:0{digits}d} {currency}"


def points_for(amount_minor: int, per_minor: int, award: int) -> Fraction:
    """What an amount is worth before rounding: `award` points for every `per_minor`, pro rata."""
    return Fraction(amount_minor * award, per_minor)


def round_points(exact: Fraction | int, rounding: Rounding) -> int:
    """The whole points of an exact value.

    floor goes towards minus infinity and ceil towards plus infinity, also below zero; half_up takes
    the nearest and settles a tie away from zero, so that a debit mirrors its credit.
    """
    numerator, denominator = exact.numerator, exact.denominator
    match rounding:
        case "floor":
            return numerator // denominator
        case "ceil":
            return -(-numerator // denominator)
        case "half_up":
            size = (2 * abs(numerator) + denominator) // (2 * denominator)
            return size if numerator >= 0 else -size


def exact_text(exact: Fraction | int) -> str:
    """The exact decimal, "198.76", or "a/b" where no finite decimal exists."""
    numerator, denominator = exact.numerator, exact.denominator
    if denominator == 1:
        return str(numerator)
    twos, fives, rest = 0, 0, denominator
    while rest % 2 == 0:
        twos, rest = twos + 1, rest // 2
    while rest % 5 == 0:
        fives, rest = fives + 1, rest // 5
    if rest != 1:
        return f"{numerator}/{denominator}"
    places = max(twos, fives)
    digits = abs(numerator) * 10**places // denominator
    whole, part = divmod(digits, 10**places)
    return f"{'-' if numerator < 0 else ''}{whole}.{part:0{places}d}"


def parse_exact(text: str) -> Fraction:
    """What `exact_text` wrote."""
    return Fraction(text)
