"""The loop guard: what our own calls cause at a billing site earns nothing and shifts nothing.

Each life is lived twice with the same chance, once untouched and once with a reward's call in it;
the site's own events go through translate and the fold.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from connectors.chargebee.translate import translate
from deploy.sandbox.endpoints import Endpoints
from deploy.sandbox.events import Event
from deploy.sandbox.joining import Mix
from deploy.sandbox.life import Habits, Life, LifeSettings
from deploy.sandbox.member import Member
from deploy.sandbox.site import Action
from deploy.sandbox.terms import DAY
from schemas.points import PointsEarned
from tests.support.story import Story, of, story
from tests.support.year import SITE

BY_OUR_KEY = Action("api", "cactus")
DAYS = 800
CALLED_AFTER = 40 * DAY
ADDON = "support-USD-monthly"
TRIGGERS = (
    "payment_succeeded",
    "first_payment",
    "plan_upgraded",
    "plan_downgraded",
    "subscription_renewed",
    "annual_renewal",
    "subscription_anniversary",
    "subscription_reactivated",
)
Earned = list[tuple[str, int]]


class Site:
    """One customer who renews and pays and does nothing else, with a fold that hears of it."""

    def __init__(self, *, catalog: int = 2, yearly: bool = False) -> None:
        quiet = Habits(**dict.fromkeys(Habits.__struct_fields__, 0.0))
        mix = Mix(
            veteran=1, yearly=float(yearly), trial=0, direct_debit=0, bank_transfer=0,
            currencies=(1, 0, 0, 0), catalog_1=float(catalog == 1),
        )  # fmt: skip
        self.life = Life(LifeSettings(customers=1, days=DAYS, habits=quiet, mix=mix))
        self.api = Endpoints(self.life)
        self.events: list[Event] = []
        self.account: Story = story(
            *(f"- {{id: {each.replace('_', '-')}, on: {each}, points: 1}}" for each in TRIGGERS)
        )
        self.life.site.listeners.append(self._hear)

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        for fact in translate(event.body, SITE).facts:
            self.account.lives_until(fact.occurred_at)
            self.account.tell(fact)

    @property
    def member(self) -> Member:
        return next(iter(self.life.members.values()))

    @property
    def subscription(self) -> str:
        return str(self.member.subscription["id"])

    def update(self, **form: Any) -> None:
        self.api.update_for_items(self.subscription, form, BY_OUR_KEY)

    def lived(self, call: "Call | None" = None) -> Earned:
        """The whole life, with a call in it; what was earned, by rule and instant."""
        self.life.advance(self.life.settings.start + CALLED_AFTER)
        if call is not None:
            heard, balance = len(self.events), self.account.balance
            call(self)
            assert len(self.events) > heard, "the site tells of what our call changed"
            assert self.account.balance == balance, "our own call earns nothing at once"
        self.life.advance(self.life.end)
        self.account.lives_until(self.life.end)
        return [(each.rule, each.occurred_at) for each in of(self.account.events, PointsEarned)]


Call = Callable[[Site], None]


def give_coupon(site: Site) -> None:
    make_coupon(site)
    site.update(coupon_ids=["five"])


def make_coupon(site: Site) -> None:
    form = {
        "id": "five",
        "name": "five",
        "apply_on": "invoice_amount",
        "discount_percentage": "5",
        "duration_type": "limited_period",
        "period": "3",
        "period_unit": "month",
    }
    site.api.create_coupon(form, BY_OUR_KEY)


def give_coupon_by_code(site: Site) -> None:
    make_coupon(site)
    form = {"id": "five-a0", "name": "five-a0", "coupon_id": "five"}
    site.api.create_coupon_set(form, BY_OUR_KEY)
    site.api.add_coupon_codes("five-a0", {"code": ["LOYAL1"]}, BY_OUR_KEY)
    site.update(coupon_ids=["LOYAL1"])


def take_coupon_back(site: Site) -> None:
    give_coupon(site)
    site.api.remove_coupons(site.subscription, {"coupon_ids": ["five"]}, BY_OUR_KEY)


def give_addon(site: Site, unit_price: int = 0) -> None:
    item = {"item_price_id": [ADDON], "quantity": ["2"], "unit_price": [str(unit_price)]}
    site.update(
        subscription_items={**item, "billing_cycles": ["2"]},
        replace_items_list="false",
        prorate="false",
        invoice_immediately="false",
    )


def switch_feature(site: Site) -> None:
    for action in ("upsert", "remove"):
        form = {"action": action, "entitlement_overrides": {"feature_id": ["beta-access"]}}
        site.api.override_entitlements(site.subscription, form, BY_OUR_KEY)


def give_credit(site: Site) -> None:
    form = {
        "customer_id": site.member.id,
        "amount": "100",
        "currency_code": "USD",
        "description": "a reward",
        "credit_type": "loyalty_credits",
        "reference": "r1",
    }
    site.api.add_credit(form, BY_OUR_KEY)


def move_term_end(site: Site, term_end: int) -> None:
    form = {"term_ends_at": str(term_end), "prorate": "false", "invoice_immediately": "false"}
    site.api.change_term_end(site.subscription, form, BY_OUR_KEY)


def give_days(days: int) -> Call:
    return lambda site: move_term_end(site, site.member.term_end + days * DAY)


def take_days_back(site: Site) -> None:
    before = site.member.term_end
    move_term_end(site, before + 10 * DAY)
    move_term_end(site, before)


@pytest.mark.parametrize("catalog", [1, 2])
@pytest.mark.parametrize(
    "call", [give_coupon, give_coupon_by_code, take_coupon_back, give_addon, switch_feature]
)
def test_nothing_is_earned_otherwise_than_without_the_reward(call: Call, catalog: int) -> None:
    touched = Site(catalog=catalog)
    assert touched.lived(call) == Site(catalog=catalog).lived()
    assert {"payment-succeeded", "subscription-renewed", "annual-renewal"} <= {
        each.rule for each in of(touched.account.events, PointsEarned)
    }


def test_credit_that_an_invoice_uses_is_no_payment() -> None:
    """It makes the next payment smaller. What uses it up comes in any order beside that."""
    assert sorted(Site().lived(give_credit)) == sorted(Site().lived())


def test_an_addon_at_no_price_comes_and_goes_unnoticed() -> None:
    site = Site()
    site.lived(give_addon)
    gained = [each.what for each in site.life.site.truth.benefits]
    held = [each["item_price_id"] for each in site.member.subscription["subscription_items"]]
    assert gained == [ADDON]
    assert ADDON not in held, "its two cycles are over"


def test_an_addon_at_a_price_would_be_noticed() -> None:
    site = Site()
    site.life.advance(site.life.settings.start + CALLED_AFTER)
    give_addon(site, 500)
    rules = Counter(rule for rule, _ in site.lived())
    assert (rules["plan-upgraded"], rules["plan-downgraded"]) == (1, 1)


@pytest.mark.parametrize("days", [10, 400])
def test_after_free_days_a_renewal_is_one_renewal_and_a_year_one_year(days: int) -> None:
    touched, untouched = Site(), Site()
    free, usual = touched.lived(give_days(days)), untouched.lived()
    starts = of_rule(free, "subscription-renewed")
    first_moved = next(at for at in starts if at not in of_rule(usual, "subscription-renewed"))
    moved_from = next(at for at in of_rule(usual, "subscription-renewed") if at not in starts)
    assert first_moved == moved_from + days * DAY
    assert len(set(starts)) == len(starts)
    assert set(Counter(rule for rule, _ in free)) == set(Counter(rule for rule, _ in usual))
    assert len(of_rule(free, "payment-succeeded")) == len(starts)
    # Years are counted from the sign-up, which no extra day moves.
    anniversaries = of_rule(free, "subscription-anniversary")
    assert anniversaries
    assert anniversaries == of_rule(usual, "subscription-anniversary")
    assert of_rule(free, "annual-renewal") == first_on_or_after(anniversaries, starts)


@pytest.mark.parametrize("days", [10, 400])
def test_a_yearly_term_with_free_days_completes_its_year_where_it_ends(days: int) -> None:
    touched, untouched = Site(yearly=True), Site(yearly=True)
    free, usual = touched.lived(give_days(days)), untouched.lived()
    renewals = of_rule(free, "subscription-renewed")
    assert of_rule(free, "annual-renewal") == renewals
    before = [at for at in of_rule(usual, "subscription-renewed") if at in renewals]
    moved = [at + days * DAY for at in of_rule(usual, "subscription-renewed") if at not in before]
    assert renewals == [*before, *(at for at in moved if at <= touched.life.end)]


def test_free_days_that_are_taken_back_leave_no_trace() -> None:
    assert Site().lived(take_days_back) == Site().lived()


def of_rule(earned: Earned, rule: str) -> list[int]:
    return [at for each, at in earned if each == rule]


def first_on_or_after(anniversaries: list[int], starts: list[int]) -> list[int]:
    """The renewals that complete years: one for however many anniversaries went by."""
    found = [min(at for at in starts if at // DAY >= each // DAY) for each in anniversaries]
    return sorted(set(found))
