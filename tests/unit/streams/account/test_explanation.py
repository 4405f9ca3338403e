"""What an explanation says of each thing that was considered."""

import msgspec
import pytest

from schemas import ids
from schemas.facts import (
    AnyFact,
    RedemptionCancelled,
    RedemptionRequested,
    TierAssigned,
)
from schemas.points import FactIgnored, RewardEarned
from streams.account.explanation.explain import explain
from streams.account.explanation.facts import told as told_of
from streams.account.explanation.wording import Wording
from streams.account.steps import AnyStep, ConditionRead, MultiplierConsidered
from streams.account.trace import Trace
from tests.support.explained import explained, traced
from tests.support.story import (
    CUSTOMER,
    DAY,
    HOUR,
    ONE_PER_DOLLAR,
    T0,
    Story,
    activated,
    adjusted,
    cancelled,
    changed,
    created,
    deleted,
    delivered,
    failed,
    happened,
    only,
    paid,
    reactivated,
    refunded,
    renewed,
    story,
    subscription,
    time,
)
from tests.support.year import SITE


def said(told: Story, fact: AnyFact) -> list[str]:
    """As the customer reads it."""
    return explained(told, fact)


def test_a_payment_is_told_from_the_money_to_the_dates() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, activate_after: P14D}',
        points="{name: spikes}",
        timezone="Europe/Berlin",
        expiry="{after: P12M, round_up_to: month}",
        multipliers="[{id: black-friday, factor: '2', to: 2025-12-02T00:00}]",
    )
    assert said(told, paid("t1", 9_938)) == [
        "You paid 99.38 USD on 1 Dec 2025.",
        "Rule `pay` gives 1 for each 1.00 USD: 99.38 spikes.",
        "Multiplier `black-friday` doubles it: 198.76.",
        "Rounded down: 198 spikes.",
        "They become spendable on 15 Dec 2025 at 01:00 and expire at the end of 31 Dec 2026.",
        "No rule earns when the first payment succeeds.",
        "You can spend 0 spikes now, and 198 more are on their way.",
    ]


def test_a_condition_that_failed_names_the_part_and_what_it_read() -> None:
    told = story(
        "- {id: big, on: payment_succeeded, points: 5, when: payment.amount > 1.0 && "
        'subscription.plan == "pro" && account.lifetime >= 0}'
    )
    fact = paid("t1", 1_000, subscription=subscription(1, plan="basic"))
    assert (
        'Rule `big` does not apply: it asks for `subscription.plan == "pro"`, '
        'and subscription.plan = "basic".'
    ) in said(told, fact)


def test_a_condition_that_held_shows_every_value_it_read() -> None:
    told = story("- {id: ok, on: payment_succeeded, points: 5, when: payment.on_time || 1 > 2}")
    assert (
        "Rule `ok` asks for `payment.on_time || 1 > 2`, which holds: payment.on_time = true."
    ) in said(told, paid("t1", 1_000, on_time=True))


def test_a_condition_that_cannot_be_read_says_what_is_missing() -> None:
    told = story("- {id: pic, on: custom, event: review, points: 5, when: event.photo}")
    fact = happened("review")
    assert (
        "Rule `pic` does not apply: event.photo: event.photo is not known for this fact."
    ) in said(told, fact)


def test_a_formula_is_shown_with_what_it_read() -> None:
    told = story('- {id: review, on: custom, event: review, points: "event.stars * 50"}')
    sentences = said(told, happened("review", properties={"stars": 4}))
    assert sentences[:2] == [
        "`review` happened on 1 Dec 2025 with stars = 4.",
        "Rule `review` gives `event.stars * 50` with event.stars = 4: 200 points.",
    ]
    assert (
        "`review` gives nothing: event.stars * 50: event.stars is not known for this fact."
    ) in said(told, happened("review", key="x"))


def test_tax_quantity_and_currencies_that_are_not_listed_are_told() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}, tax: exclude, award: 2}}',
        "- {id: seats, on: payment_succeeded, points: {per_quantity: 15}}",
    )
    sentences = said(told, paid("t1", 1_190, tax_minor=190, quantity=3))
    assert (
        "Rule `pay` gives 2 for each 1.00 USD of 10.00 USD (1.90 USD tax left out): 20 points."
    ) in sentences
    assert "Rule `seats` gives 15 for each of 3: 45 points." in sentences
    assert "`pay` gives nothing: no amount for CHF." in said(told, paid("t2", 10, currency="CHF"))


def test_limits_and_cooldowns_say_what_is_used_up_and_until_when() -> None:
    told = story(
        "- {id: monthly, on: custom, event: visit, points: 5, limit: {count: 1, per: month}}",
        "- {id: rested, on: custom, event: visit, points: 5, limit: {cooldown: P30D}}",
    )
    first = said(told, happened("visit"))
    assert "Rule `monthly` counts at most once per month: not yet before this." in first
    assert "Rule `rested` counts with a cooldown: not yet before this." in first
    second = said(told, happened("visit", T0 + DAY))
    assert (
        "Rule `monthly` does not apply: it counts at most once per month, which is used up."
    ) in second
    assert (
        "Rule `rested` does not apply: it has to rest since the last time until 31 Dec 2025."
    ) in second
    assert second[-2:] == ["So nothing moved.", "You can spend 10 points now."]


def test_carry_rounding_and_cap_are_told_apart() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, '
        "cap: {points: 15, per: month}}",
        points="{carry_remainder: true}",
    )
    first = said(told, paid("t1", 999))
    assert "Rounded down: 9 points, and 0.99 is kept for the next time." in first
    second = said(told, paid("t2", 999))
    assert "0.99 kept from before make it 10.98." in second
    assert "Rounded down: 10 points, and 0.98 is kept for the next time." in second
    assert "At most 15 count per month, of which 6 were left: 6 points." in second
    third = said(told, paid("t3", 999))
    assert "At most 15 count per month, of which 0 were left: 0 points." in third
    assert third[-2] == "So nothing moved."


def test_a_value_that_no_decimal_writes_is_told_in_about() -> None:
    told = story('- {id: pay, on: payment_succeeded, points: {per: {USD: "0.03"}}}')
    assert "Rule `pay` gives 1 for each 0.03 USD: about 333.33 points." in said(
        told, paid("t1", 1_000)
    )


def test_tax_that_no_message_told_is_not_left_out() -> None:
    told = story('- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}, tax: exclude}}')
    sentences = said(told, paid("t1", 1_000))
    assert "Rule `pay` gives 1 for each 1.00 USD: 10 points." in sentences


def test_multipliers_that_do_not_count_say_why() -> None:
    told = story(
        stack="best",
        multipliers="[{id: late, factor: '3', from: 2026-03-20T00:00, to: 2026-03-27T12:30}, "
        "{id: rich, factor: '5', when: account.lifetime > 9}, {id: small, factor: '1.1'}, "
        "{id: big, factor: '1.5'}]",
    )
    sentences = said(told, paid("t1", 1_000))
    assert sentences[2:6] == [
        (
            "Multiplier `rich` does not apply: it asks for `account.lifetime > 9`, "
            "and account.lifetime = 0."
        ),
        "Multiplier `late` is not open: it counts from 20 Mar 2026 until 27 Mar 2026 at 12:30.",
        "Multiplier `small` (1.1 times) does not count: only the best one does.",
        "Multiplier `big` multiplies it by 1.5: 15.",
    ]


@pytest.mark.parametrize(
    ("window", "span"),
    [
        ("from: 2026-03-20T00:00", ": it counts from 20 Mar 2026"),
        ("to: 2025-11-30T00:00", ": it counts until 30 Nov 2025"),
        ("recurrence: {rule: FREQ=YEARLY, start: 2024-05-01T00:00, duration: P1D}", ""),
    ],
)
def test_a_multiplier_that_is_not_open_says_which_ends_it_has(window: str, span: str) -> None:
    told = story(multipliers=f"[{{id: rare, factor: '3', {window}}}]")
    assert f"Multiplier `rare` is not open{span}." in said(told, paid("t1", 1_000))


def test_the_tier_tells_what_counts_what_is_missing_and_what_it_multiplies() -> None:
    told = story(
        tiers="{window: P12M, levels: [{id: low}, {id: mid, at: 10, multiplier: '1.25'}, "
        "{id: top, at: 90}]}"
    )
    first = said(told, paid("t1", 1_000))
    assert (
        "10 points count towards tiers: you are in none yet, and `top` begins at 90 points, "
        "80 more."
    ) in first
    assert "You moved into `mid`." in first
    assert "Your tier `mid` multiplies it by 1.25: 12.5." in said(told, paid("t2", 1_000))
    reviewed = said(told, time(T0 + 400 * DAY))
    assert reviewed[1:3] == [
        (
            "On 1 Dec 2026: Your tier was reviewed: 0 points count towards tiers: you are in "
            "`mid`, and `top` begins at 90 points, 90 more."
        ),
        "On 1 Dec 2026: You moved from `mid` to `low`.",
    ]


def test_spending_that_counts_is_told_as_money() -> None:
    told = story(
        tiers="{basis: spend, currency: USD, levels: [{id: low}, {id: mid, at: 5000}]}",
    )
    assert (
        "10.00 USD count towards tiers: you are in none yet, and `mid` begins at 50.00 USD, "
        "40.00 USD more."
    ) in said(told, paid("t1", 1_000))


def test_every_reward_says_why_it_did_not_come_or_what_it_is() -> None:
    told = story(
        "- {id: visit, on: custom, event: visit, points: 60}",
        "- {id: small, on: custom, event: small, points: 1}",
        tiers="{levels: [{id: low}, {id: mid, at: 61}, {id: top, at: 100}]}",
        rewards="""
  - {id: balance, when: {balance: 50, repeat: every}, cost: 50, free_days: 1}
  - {id: life, when: {lifetime: 60}, free_days: 1}
  - {id: far, when: {lifetime: 1000}, free_days: 1}
  - {id: beta, when: {tier: mid}, feature: {id: beta}}
  - {id: gold, when: {tier: top}, feature: {id: gold}}
  - {id: act, when: {on: custom, event: small, when: account.balance > 900}, free_days: 2}
  - {id: dear, when: {on: custom, event: small}, cost: 900, free_days: 2}
""",
    )
    first = said(told, happened("visit"))
    assert (
        "You get the reward `balance`: each time the balance reaches 50 points: 1 free days "
        "for 50 points."
    ) in first
    assert "Reward `balance` costs 50 points: you have 10, 40 are missing." in first
    assert (
        "Reward `far` comes at 1,000 points earned in all: you have 60, 940 are missing." in first
    )
    assert [each for each in first if "paid for" in each] == [
        "50 points paid for `balance`, 50 of `visit` of 1 Dec 2025."
    ]
    second = said(told, happened("small", T0 + HOUR))
    assert "Reward `life` comes once, and came before." in second
    assert "You get the reward `beta`: on reaching mid: the feature beta." in second
    assert "Reward `gold` comes on reaching `top`." in second
    assert (
        "Reward `act` does not apply: it asks for `account.balance > 900`, "
        "and account.balance = 10."
    ) in second
    assert "Reward `dear` costs 900 points: you have 11, 889 are missing." in second
    assert "Reward `balance` comes at 50 points to spend: you have 11, 39 are missing." in second


def test_what_came_many_times_is_said_once_and_the_rest_is_left() -> None:
    told = story(rewards="[{id: r, when: {balance: 1, repeat: every}, cost: 1, free_days: 1}]")
    sentences = said(told, paid("t1", 15_000))
    assert (
        "You get the reward `r`: each time the balance reaches 1 points: 1 free days for 1 points "
        "(100 times)."
    ) in sentences
    assert "Reward `r` comes with what happens next: one fact gives no more at once." in sentences


def test_a_refund_tells_its_payment_the_share_and_where_it_was_taken() -> None:
    told = story(
        ONE_PER_DOLLAR, "- {id: flat, on: payment_succeeded, points: 10}", expiry="{after: P90D}"
    )
    told.paid("t1", 10_000)
    told.adjusted("spend", -80)
    half = explained(told, refunded("r1", "t1", 5_000))
    assert half == [
        "50.00 USD of your payment `t1` were refunded on 2 Dec 2025.",
        (
            "Your payment `t1` of 1 Dec 2025 earned 110 points; 50.00 of 100.00 USD of it went "
            "back by now, so 50 of 100 by `pay` and 5 of 10 by `flat` are undone now."
        ),
        "55 points earned by payment:t1:inv_t1 are undone, 30 of `pay` of 1 Dec 2025.",
        "25 of them were spent, and are owed now.",
        "You can spend 0 points now. You owe 25, which what comes next fills first.",
    ]
    assert "25 of them fill what you owed." in said(told, paid("t2", 5_000, at=T0 + 2 * DAY))


def test_refunds_that_do_nothing_say_why() -> None:
    told = story(refunds="{negative: clamp}", expiry="{after: P10D}")
    assert said(told, refunded("r0", "t0", 100))[1:3] == [
        "The payment it gives back is not known yet.",
        "So nothing moved.",
    ]
    told.paid("t1", 10_000)
    told.paid("t2", 20, at=T0)
    gone = said(told, refunded("r1", "t1", 10_000, T0 + 20 * DAY, reason="chargeback"))
    assert gone[0] == "Your bank took back 100.00 USD of your payment `t1` on 21 Dec 2025."
    assert gone[1].startswith("On 11 Dec 2025: 100 points expired, 100 of `pay` ")
    assert "100 of them had expired before." in gone
    again = said(told, refunded("r2", "t1", 10_000, T0 + 20 * DAY))
    assert "The whole payment was given back before." in again
    nothing = said(told, refunded("r3", "t2", 20, T0 + 20 * DAY))
    assert "The payment earned nothing that this refund undoes." in nothing


def test_a_repeat_says_that_it_changes_nothing() -> None:
    told = story()
    told.paid("t1", 1_000)
    assert said(told, paid("t1", 1_000)) == [
        "You paid 10.00 USD on 1 Dec 2025.",
        "It was told before, and changes nothing a second time.",
    ]


def test_rules_that_something_else_pulls_are_named_last() -> None:
    told = story(
        "- {id: climb, on: plan_upgraded, points: 10}",
        "- {id: review, on: custom, event: review, points: 1}",
    )
    assert said(told, happened("other")) == [
        "`other` happened on 1 Dec 2025.",
        "No rule earns when the event `other` arrives.",
        (
            "Not considered: `climb`, which earns when a plan is upgraded; "
            "`review`, which earns when the event `review` arrives."
        ),
        "Nothing moved: no rule of the program is about this.",
        "You can spend 0 points now.",
    ]


def test_a_change_that_is_none_says_so() -> None:
    told = story("- {id: climb, on: plan_upgraded, points: 10}")
    told.tell(created(subscription(1)))
    sentences = said(told, changed(subscription(2), T0 + DAY))
    assert sentences[1] == "Neither plan, quantity nor price changed in value."
    upgraded = said(told, changed(subscription(3, amount_minor=2_000, period=3), T0 + DAY))
    assert upgraded[0] == (
        "Your subscription changed on 2 Dec 2025: it is now 1 of `pro` for 20.00 USD "
        "every 3 months."
    )


def test_a_trial_waits_and_an_anniversary_is_told_on_its_day() -> None:
    told = story(
        "- {id: hello, on: subscription_created, points: 20, trial: wait}",
        "- {id: jubilee, on: subscription_anniversary, points: 23}",
    )
    trial = subscription(1, status="in_trial")
    assert said(told, created(trial))[:2] == [
        "Your subscription to `pro` began on 1 Dec 2025, with a trial first.",
        "`hello` gives nothing: the trial has not ended.",
    ]
    assert "Rule `hello` gives 20 points." in said(told, activated(subscription(2), T0 + DAY))
    sentences = said(told, time(T0 + 366 * DAY))
    assert sentences[0] == "Time went on to 2 Dec 2026."
    assert "On 1 Dec 2026: Rule `jubilee` gives 23 points." in sentences


def test_without_a_program_that_is_what_is_said() -> None:
    told = story()
    assert said(told, paid("t1", 1_000, at=86_400)) == [
        "You paid 10.00 USD on 2 Jan 1970.",
        "Nothing moved: no program of the site was in force.",
        "You can spend 0 points now.",
    ]


def test_outcomes_adjustments_and_erasure_are_told() -> None:
    told = story(
        expiry="{after: P40D}",
        rewards="[{id: r, when: {balance: 10, repeat: every}, cost: 10, free_days: 1}]",
    )
    reward = only(told.paid("t1", 1_000), RewardEarned)
    assert said(told, failed(reward.reward_id))[1:] == [
        "The reward `r` failed: no subscription.",
        "10 points for `r` came back with the dates they had.",
        "You can spend 10 points now.",
    ]
    assert said(told, delivered("acme-test:ann:r:7"))[1:3] == [
        "No reward under this id waits for an outcome.",
        "So nothing moved.",
    ]
    assert said(told, adjusted("a1", 5, T0 + DAY))[:2] == [
        "support gave you 5 points by hand on 2 Dec 2025: goodwill.",
        "5 points were added and expire at the end of 10 Jan 2026.",
    ]
    assert said(told, adjusted("a2", -20, T0 + DAY))[1].endswith(" of which you owe 15.")
    assert said(told, deleted())[1:] == [
        "15 points that you owed are written off.",
        "The account is closed for good.",
        "You can spend 0 points now.",
    ]
    assert said(told, paid("t9", 1, at=T0 + 2 * DAY))[1:3] == [
        "The customer was deleted.",
        "So nothing moved.",
    ]


@pytest.mark.parametrize(
    ("fact", "sentence"),
    [
        (renewed(subscription(1), T0), "Your subscription to `pro` renewed on 1 Dec 2025."),
        (
            cancelled(subscription(1), T0, reason="no_card"),
            "Your subscription to `pro` was cancelled on 1 Dec 2025 (no_card).",
        ),
        (reactivated(subscription(1), T0), "Your subscription to `pro` came back on 1 Dec 2025."),
        (
            activated(subscription(1)),
            "Your subscription to `pro` became active on 1 Dec 2025 after its trial.",
        ),
        (
            refunded("r1", "t1", 100, T0, reason="late_failure"),
            "Your payment `t1` of 1.00 USD failed after all on 1 Dec 2025.",
        ),
        (
            adjusted("a1", -5),
            "support took from you 5 points by hand on 1 Dec 2025: goodwill.",
        ),
        (time(T0 + HOUR), "Time went on to 1 Dec 2025 at 01:00."),
        (
            changed(subscription(1, quantity=3)),
            (
                "Your subscription changed on 1 Dec 2025: it is now 3 of `pro` for 10.00 USD every "
                "month."
            ),
        ),
        (created(subscription(1)), "Your subscription to `pro` began on 1 Dec 2025."),
        (
            activated(subscription(1), from_trial=False),
            "Your subscription to `pro` became active on 1 Dec 2025.",
        ),
        (
            failed("acme-test:ann:r:1", T0),
            "The reward acme-test:ann:r:1 could not be given on 1 Dec 2025: no subscription.",
        ),
        (deleted(T0), "Your account was deleted on 1 Dec 2025."),
        (
            delivered("acme-test:ann:r:1", T0),
            "The reward acme-test:ann:r:1 reached you on 1 Dec 2025 (pc_1).",
        ),
        (
            TierAssigned(
                id=ids.tier_assigned("x"),
                site=SITE,
                customer=CUSTOMER,
                occurred_at=T0,
                tier="gold",
                actor="ada",
                reason="a good year",
                until=T0 + DAY,
            ),
            "ada put you in `gold` on 1 Dec 2025 until 2 Dec 2025: a good year.",
        ),
        (
            RedemptionRequested(
                id=ids.redemption("x"),
                site=SITE,
                customer=CUSTOMER,
                occurred_at=T0,
                request="x",
                reward="mug",
                actor="shop",
            ),
            "You asked for the reward `mug` through shop on 1 Dec 2025.",
        ),
        (
            RedemptionCancelled(
                id=ids.redemption_cancelled("x"),
                site=SITE,
                customer=CUSTOMER,
                occurred_at=T0,
                request="x",
                actor="ada",
                reason="changed her mind",
            ),
            "ada took back the request x on 1 Dec 2025: changed her mind.",
        ),
    ],
)
def test_every_kind_of_fact_opens_with_its_own_sentence(fact: AnyFact, sentence: str) -> None:
    assert told_of(fact, Wording(None)) == sentence


def test_what_was_given_up_on_the_way_is_told_on_its_day() -> None:
    told = story()
    trace = Trace()
    trace.instant(T0 - DAY)
    trace.event(only(told.happened("other"), FactIgnored))
    trace.resume()
    assert explain(time(T0), trace)[1:] == [
        "On 30 Nov 2025: No rule of the program is about this.",
        "You can spend 0 points now.",
    ]


def test_the_steps_are_messages_that_can_be_stored_and_read_again() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, '
        "when: payment.amount_minor > 5 && has(payment.tax_minor)}",
        multipliers="[{id: now, factor: '1.5'}]",
    )
    steps = [
        *traced(told, paid("t1", 1_000)).steps,
        *traced(told, paid("t2", 1_000, tax_minor=3)).steps,
    ]
    encoded = msgspec.json.encode(steps)
    assert msgspec.json.decode(encoded, type=list[AnyStep]) == steps
    conditions = [step for step in steps if isinstance(step, ConditionRead)]
    assert conditions[0].values == {"payment.amount_minor": 1000, "payment.tax_minor": None}
    assert (conditions[0].unmet, conditions[0].part) == ("has(payment.tax_minor)", "rule")
    [multiplier] = [step for step in steps if isinstance(step, MultiplierConsidered)]
    assert (multiplier.outcome, multiplier.points) == ("counts", "15")
