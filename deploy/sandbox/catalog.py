"""What the sandbox's merchant sells: three plans, two terms, four currencies. PURE."""

from typing import Literal

import msgspec

PeriodUnit = Literal["month", "year"]
PLANS = ("basic", "pro", "business")
CURRENCIES = ("USD", "EUR", "GBP", "JPY")
YEAR_PRICE_MONTHS = 10

# Minor units per month. Yen has no minor unit: 1200 is 1,200 yen.
MONTH_PRICES_MINOR = {
    "basic": {"USD": 900, "EUR": 800, "GBP": 700, "JPY": 1200},
    "pro": {"USD": 2900, "EUR": 2700, "GBP": 2300, "JPY": 3900},
    "business": {"USD": 4900, "EUR": 4500, "GBP": 3900, "JPY": 6800},
}

# How much of a currency one unit of the site's base currency buys.
EXCHANGE_RATES = {"USD": 1.0, "EUR": 0.92, "GBP": 0.79, "JPY": 149.5}
BASE_CURRENCY = "USD"

ADDONS = {f"support-{currency}-monthly": currency for currency in CURRENCIES}
"""Item prices of add-ons, each with its currency."""
FEATURES = {"beta-access": "switch", "priority-support": "switch", "seats": "quantity"}
"""Features that plans may be given, each with its type."""

TAX_PER_CENT = {"USD": 0, "EUR": 20, "GBP": 20, "JPY": 0}


class Price(msgspec.Struct, frozen=True):
    """One plan in one currency and term: an item price of product catalog 2.0, a plan of 1.0."""

    plan: str
    currency: str
    unit: PeriodUnit

    @property
    def id(self) -> str:
        return f"{self.plan}-{self.currency}-{'monthly' if self.unit == 'month' else 'yearly'}"

    @property
    def name(self) -> str:
        return f"{self.plan.title()} {self.currency} {self.unit.title()}ly"

    @property
    def amount_minor(self) -> int:
        monthly = MONTH_PRICES_MINOR[self.plan][self.currency]
        return monthly if self.unit == "month" else monthly * YEAR_PRICE_MONTHS

    @property
    def months(self) -> int:
        return 1 if self.unit == "month" else 12

    def with_plan(self, plan: str) -> "Price":
        return Price(plan=plan, currency=self.currency, unit=self.unit)
