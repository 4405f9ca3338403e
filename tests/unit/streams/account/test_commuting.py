"""Which late facts are decided where they stand, and which have the days since decided anew."""

from collections.abc import Sequence

import pytest

from schemas import ids
from schemas.facts import AnyFact
from schemas.points import CorrectionApplied
from streams.account.ordering import fold
from streams.account.programs import Programs
from streams.account.state import Account, OpenReward
from streams.account.steps import DecidedAnew
from streams.account.storing import decode_account, encode_account
from streams.account.trace import Trace
from tests.laws.deliveries import canonical
from tests.support.story import (
    DAY,
    HOUR,
    T0,
    Story,
    activated,
    adjusted,
    assigned,
    cancelled,
    changed,
    created,
    delivered,
    earned,
    happened,
    only,
    paid,
    program_text,
    reactivated,
    refunded,
    renewed,
    subscription,
)
from tests.support.year import program_of

PAY = '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}, award: 1}}'
AGAIN = "- {id: again, on: subscription_renewed, points: 15}"
TIERS = "{levels: [{id: low}, {id: mid, at: 40}, {id: high, at: 90}]}"
GIFT = "\n  - {id: gift, when: {balance: 50, repeat: every}, free_days: 1}"
LATER = T0 + 30 * DAY


def known() -> list[AnyFact]:
    """What stands before the month's burst: a subscription and its first payment."""
    seen = subscription(1)
    return [created(seen, T0), paid("t0", 1_000, T0 + HOUR, subscription=seen)]


def burst() -> tuple[AnyFact, AnyFact]:
    """A renewal, and the payment of the same second; canonical order has the renewal first."""
    seen = subscription(2, term_start=LATER)
    return renewed(seen, LATER), paid("t1", 1_000, LATER, subscription=seen)


def decided_anew(programs: Programs, told: Sequence[AnyFact]) -> int:
    """How often facts were decided anew, where these are told in this order."""
    account, found = Account(), 0
    for offset, fact in enumerate(told):
        account = decode_account(encode_account(account))
        trace = Trace()
        fold(account, fact, offset, programs, trace=trace)
        found += sum(isinstance(step, DecidedAnew) for step in trace.steps)
    return found


def told_late(programs: Programs, told: Sequence[AnyFact]) -> int:
    """How often facts were decided anew; however that was, the account is as if told in order."""
    assert end_of(account_of(programs, told)) == end_of(account_of(programs, canonical([*told])))
    return decided_anew(programs, told)


def account_of(programs: Programs, told: Sequence[AnyFact]) -> Account:
    account = Account()
    for offset, fact in enumerate(told):
        fold(account, fact, offset, programs)
    return account


def end_of(account: Account) -> tuple[object, ...]:
    ledger = account.ledger
    standing = {reward: ledger.standing(reward) for reward in ledger.fired}
    upgrades = [each.fact for each in account.memory.upgrades]
    return (
        ledger.lots,
        (ledger.deficit, ledger.lifetime, ledger.tier, ledger.tier_since),
        {reward: count for reward, count in standing.items() if count},
        sorted((each.reward, len(each.taken)) for each in ledger.open_rewards),
        upgrades,
    )


def of(*rules: str, rewards: str = "", **more: str) -> Programs:
    if rewards:
        more["rewards"] = rewards
    return program_of(program_text(*rules, **more))


def test_a_renewal_that_earns_nothing_may_follow_its_payment() -> None:
    renewal, payment = burst()
    assert decided_anew(of(PAY, tiers=TIERS), [*known(), payment, renewal]) == 0


def test_a_renewal_that_earns_a_little_may_follow_its_payment() -> None:
    renewal, payment = burst()
    assert decided_anew(of(PAY, AGAIN, tiers=TIERS), [*known(), payment, renewal]) == 0


@pytest.mark.parametrize(
    "programs",
    [
        of(PAY, AGAIN, rewards=GIFT),
        of(PAY, AGAIN, tiers="{levels: [{id: low}, {id: mid, at: 30}]}"),
        of(PAY, "- {id: again, on: subscription_renewed, points: 'account.balance + 1'}"),
        of(PAY, "- {id: again, on: subscription_renewed, points: 15, activate_after: P1D}"),
        of(
            PAY,
            AGAIN,
            "- {id: wait, on: payment_succeeded, points: 5, "
            "activate_on: {on: subscription_renewed, within: P2D}}",
        ),
    ],
    ids=["reward", "tier", "account", "pending", "confirmed"],
)
def test_one_that_may_reach_something_reads_the_account_or_moves_other_lots_may_not(
    programs: Programs,
) -> None:
    # The first payment and 15 points per renewal lead across 30, and two payments across 50.
    seen = subscription(2, term_start=LATER)
    renewal, payment = renewed(seen, LATER), paid("t1", 2_500, LATER, subscription=seen)
    assert decided_anew(programs, [*known(), payment, renewal]) == 1


HELLO = "- {id: hello, on: subscription_created, points: 2}"
SEEN = subscription(2, term_start=T0)
EARLIER = subscription(1, amount_minor=900, term_start=T0)
YEARLY = subscription(2, period_unit="year", term_start=T0 + HOUR)


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ([created(SEEN, T0)], 0),
        ([renewed(SEEN, T0)], 0),
        ([created(subscription(3, term_start=T0), T0)], 0),
        ([created(subscription(1, name="other", term_start=T0), T0)], 1),
        ([created(subscription(3, amount_minor=900, term_start=T0), T0)], 1),
        ([created(EARLIER, T0)], 1),
        ([renewed(YEARLY, T0)], 1),
        ([changed(SEEN, T0)], 1),
    ],
    ids=["created", "renewed", "newer", "another", "changes", "older", "yearly", "change"],
)
def test_after_the_payment_that_was_the_first_to_tell_of_it_only_one_that_tells_the_same_may(
    told: list[AnyFact], found: int
) -> None:
    payment = paid("t0", 1_000, T0, subscription=SEEN)
    assert decided_anew(of(PAY, HELLO, tiers=TIERS), [payment, *told]) == found


def test_none_may_after_two_payments_that_told_of_two_subscriptions_first() -> None:
    other = subscription(1, name="other")
    bills = [paid("t0", 1_000, T0, subscription=other), paid("t1", 1_000, T0, subscription=SEEN)]
    assert decided_anew(of(PAY), [*bills, created(SEEN, T0)]) == 1


def test_none_may_where_the_payment_fired_what_entering_the_lowest_tier_brings() -> None:
    told: list[AnyFact] = [paid("t0", 1_000, T0, subscription=SEEN), created(SEEN, T0)]
    gift = "\n  - {id: gift, when: {tier: low}, free_days: 1}"
    assert decided_anew(of(PAY, HELLO, tiers=TIERS, rewards=gift), told) == 1


def test_a_change_of_value_may_only_where_it_earns_little() -> None:
    seen = subscription(2, amount_minor=90_000)
    told = [*known(), paid("t1", 1_000, LATER, subscription=seen), changed(seen, LATER)]
    assert decided_anew(of(PAY, "- {id: climb, on: plan_upgraded, points: 5}"), told) == 0
    kept = "- {id: climb, on: plan_upgraded, points: 5, clawback_within: P9D}"
    assert decided_anew(of(PAY, kept), told) == 1


def test_a_trial_that_ended_may_follow_its_payment() -> None:
    seen = subscription(2)
    told = [*known(), paid("t1", 1_000, LATER, subscription=seen), activated(seen, LATER)]
    assert decided_anew(of(PAY), told) == 0


def test_whatever_is_no_refund_may_follow_the_delivery_of_an_earlier_reward() -> None:
    programs = of(PAY, rewards="\n  - {id: gift, when: {balance: 10}, free_days: 1}")
    first = delivered(ids.reward_id("acme-test", "ann", "gift", 1), LATER + HOUR)
    before = [*known(), happened("visit", LATER), first]
    late: list[AnyFact] = [
        paid("t1", 1_000, LATER + 60),
        happened("other", LATER + 60),
        renewed(subscription(2), LATER + 60),
    ]
    for fact in late:
        assert decided_anew(programs, [*before, fact]) == 0
    assert decided_anew(programs, [*before, refunded("r", "t0", 500, LATER + 60)]) == 1


def test_none_may_where_time_did_something_meanwhile() -> None:
    programs = of(PAY, expiry="{after: P30D}")
    told = [*known(), paid("t1", 100, LATER - HOUR), paid("t2", 100, LATER + 2 * HOUR)]
    assert decided_anew(programs, [*told, paid("t3", 100, LATER)]) == 1
    gift = "\n  - {id: gift, when: {balance: 10}, free_days: 1}"
    first = delivered(ids.reward_id("acme-test", "ann", "gift", 1), LATER + 2 * HOUR)
    told = [*known(), happened("visit", LATER - HOUR), first]
    for expiry, anew in (("{after: P30D}", 1), ("{after: P60D}", 0)):
        programs = of(PAY, rewards=gift, expiry=expiry)
        assert told_late(programs, [*told, paid("t3", 100, LATER)]) == anew


THANKS = "\n  - {id: thanks, when: {on: payment_succeeded}, cost: 900, free_days: 1}"
LIFE = "\n  - {id: life, when: {lifetime: 18}, free_days: 1}"
HIGH_AT_15 = "{window: lifetime, levels: [{id: low}, {id: high, at: 15, multiplier: '2'}]}"


@pytest.mark.parametrize(
    "programs",
    [
        of(PAY, AGAIN, rewards=THANKS),
        of(PAY, AGAIN, tiers=HIGH_AT_15),
        of('- {id: pay, on: payment_succeeded, points: "account.balance + 1"}', AGAIN),
        of(PAY, AGAIN, '- {id: one, on: first_payment, points: "account.balance"}'),
        of(PAY, AGAIN, '- {id: one, on: on_time_payment, points: "account.balance"}'),
        of(PAY, "- {id: a, on: subscription_renewed, points: 15, when: account.balance < 15}"),
        of(PAY, AGAIN, tiers="{levels: [{id: low}, {id: mid, at: 25, multiplier: '2'}]}"),
        of(PAY, expiry="{after: P9D, extended_by: {on: [subscription_renewed]}}"),
        of(
            PAY,
            "- {id: wait, on: payment_succeeded, points: 5, "
            "activate_on: {on: subscription_renewed, within: P90D}}",
        ),
        of(PAY, AGAIN, expiry="{after: P9D, extended_by: {on: [subscription_renewed]}}"),
        of(PAY, AGAIN, rewards=LIFE),
    ],
    ids=[
        "not_affordable", "tier", "payment_reads", "first_reads", "punctual_reads",
        "renewal_reads", "next_tier", "extends", "confirms", "extended", "reward",
    ],
)  # fmt: skip
def test_a_renewal_may_not_where_it_or_the_payment_does_more_than_earn(
    programs: Programs,
) -> None:
    seen = subscription(2, term_start=LATER)
    renewal, payment = renewed(seen, LATER), paid("t1", 1_000, LATER, on_time=True)
    assert told_late(programs, [*known(), payment, renewal]) == 1


def test_one_that_nothing_answers_may_whatever_the_payment_did() -> None:
    renewal, payment = burst()
    for programs in (of(PAY, rewards=THANKS), of(PAY, tiers=HIGH_AT_15)):
        assert told_late(programs, [*known(), payment, renewal]) == 0


def test_none_that_earns_may_where_the_payment_filled_what_was_owed() -> None:
    renewal, payment = burst()
    told = [*known(), adjusted("debt", -15, LATER - HOUR), payment, renewal]
    assert told_late(of(PAY, AGAIN), told) == 1
    assert told_late(of(PAY), told) == 0
    told.insert(-1, paid("t2", 1_000, LATER))
    assert told_late(of(PAY, AGAIN), told) == 1


def test_none_that_earns_may_while_points_are_owed() -> None:
    renewal, _ = burst()
    told = [*known(), adjusted("debt", -99, LATER - HOUR), paid("t1", 10, LATER), renewal]
    assert told_late(of(PAY, AGAIN), told) == 1


def test_none_that_earns_may_where_a_person_holds_the_tier() -> None:
    renewal, payment = burst()
    told = [*known(), assigned("a", "mid", LATER - HOUR), payment, renewal]
    assert told_late(of(PAY, AGAIN, tiers=TIERS), told) == 1


def test_whom_no_higher_tier_is_left_for_may_earn_as_much_as_there_is() -> None:
    renewal, payment = burst()
    programs = of(PAY, "- {id: again, on: subscription_renewed, points: 900}", tiers=TIERS)
    told = [*known(), paid("big", 20_000, LATER - HOUR), payment, renewal]
    assert told_late(programs, told) == 0


def test_a_reward_that_came_once_for_all_holds_nothing_up() -> None:
    renewal, payment = burst()
    once = "\n  - {id: gift, when: {balance: 20}, cost: 5, free_days: 1}"
    told = [*known(), paid("big", 1_000, LATER - HOUR), payment, renewal]
    assert told_late(of(PAY, AGAIN, rewards=once), told) == 0


@pytest.mark.parametrize(
    ("when", "anew"),
    [
        ("{lifetime: 40, repeat: every}, free_days: 1", 0),
        ("{lifetime: 30, repeat: every}, free_days: 1", 1),
        ("{balance: 30, repeat: every}, cost: 20, free_days: 1", 1),
        ("{lifetime: 80}, free_days: 1", 0),
        ("{lifetime: 65}, free_days: 1", 1),
        ("{balance: 70}, free_days: 1", 0),
        ("{balance: 50}, free_days: 1", 1),
    ],
)
def test_a_renewal_may_where_it_leads_to_no_reward(when: str, anew: int) -> None:
    """45 points were earned and 10 of them spent, 10 are paid for, and 15 come by the renewal."""
    renewal, payment = burst()
    programs = of(PAY, AGAIN, rewards=f"\n  - {{id: gift, when: {when}}}")
    before: list[AnyFact] = [paid("big", 3_500, LATER - HOUR), adjusted("spend", -10, LATER - 60)]
    assert told_late(programs, [*known(), *before, payment, renewal]) == anew


@pytest.mark.parametrize("first", ["t1", "t2"])
def test_a_reward_that_one_of_two_payments_fired_stays_with_it(first: str) -> None:
    """With the renewal's points before both, the first of them would have fired it."""
    amounts = {"t1": 1_000, "t2": 1_000, first: 2_000}
    for lifetime in (22, 35):
        programs = of(PAY, AGAIN, rewards=life(lifetime))
        assert told_late(programs, [*known(), *bills(amounts), burst()[0]]) == 1


@pytest.mark.parametrize(
    ("points", "one", "other", "anew"),
    [(1, 35, 45, 0), (10, 35, 45, 1), (30, 35, 45, 1), (10, 12, 65, 1), (10, 35, 65, 0)],
)
def test_one_that_earns_too_little_to_have_fired_it_before_may_follow(
    points: int, one: int, other: int, anew: int
) -> None:
    """From 10 to 40 and then to 70: each payment fires one, for which so much was missing."""
    again = f"- {{id: again, on: subscription_renewed, points: {points}}}"
    programs = of(PAY, again, rewards=life(one) + life(other, "other"))
    told = [*known(), *bills({"t1": 3_000, "t2": 3_000}), burst()[0]]
    assert told_late(programs, told) == anew


def life(lifetime: int, name: str = "life") -> str:
    return f"\n  - {{id: {name}, when: {{lifetime: {lifetime}}}, free_days: 1}}"


def bills(amounts: dict[str, int]) -> list[AnyFact]:
    """Payments of the month's burst, in the order of their names."""
    seen = subscription(2, term_start=LATER)
    told = sorted(amounts.items())
    return [paid(name, amount_minor, LATER, subscription=seen) for name, amount_minor in told]


def test_none_may_where_rewards_are_left_for_the_next_fact() -> None:
    many = "\n  - {id: gift, when: {balance: 1, repeat: every}, cost: 1, free_days: 1}"
    seen = subscription(2, term_start=LATER)
    told = [*known(), paid("t1", 20_000, LATER, subscription=seen), renewed(seen, LATER)]
    assert decided_anew(of(PAY, rewards=many), told) == 1


def test_none_may_where_a_refund_waits_for_its_payment() -> None:
    renewal, payment = burst()
    told = [*known(), refunded("r", "t9", 100, LATER - DAY), payment, renewal]
    assert told_late(of(PAY), told) == 1


def test_none_may_that_stands_before_something_later_than_itself() -> None:
    seen = subscription(2, term_start=LATER)
    before = [*known(), happened("visit", LATER - HOUR)]
    for later in (0, 1):
        payment = paid("t1", 1_000, LATER + later, subscription=seen)
        assert told_late(of(PAY), [*before, payment, renewed(seen, LATER)]) == later


def test_none_may_but_after_a_payment_or_a_delivery() -> None:
    renewal, payment = burst()
    after: list[AnyFact] = [happened("visit", LATER), refunded("r", "t0", 10, LATER)]
    for fact in after:
        assert told_late(of(PAY), [*known(), payment, fact, renewal]) == 1


def test_payments_of_one_instant_are_decided_in_their_order() -> None:
    bills = [paid("t2", 1_000, LATER), paid("t1", 2_000, LATER)]
    assert told_late(of(PAY, rewards=GIFT), [*known(), *bills]) == 1


def test_a_downgrade_may_not_although_nothing_answers_it() -> None:
    cheaper = subscription(2, amount_minor=500)
    told = [*known(), paid("t1", 1_000, LATER, subscription=cheaper), changed(cheaper, LATER)]
    assert told_late(of(PAY), told) == 1


def test_a_cancellation_may_not_although_nothing_answers_it() -> None:
    """Only a payment that came too late for its own place stands after one of the same instant."""
    told = [*known(), happened("visit", LATER), paid("t1", 1_000, T0 + DAY)]
    ended = cancelled(subscription(2, status="cancelled"), LATER)
    assert decided_anew(of(PAY), [*told, ended]) == 1


def test_an_upgrade_that_comes_with_a_renewal_is_bounded_too() -> None:
    dearer = subscription(2, amount_minor=5_000, term_start=LATER)
    told = [*known(), paid("t1", 1_000, LATER, subscription=dearer), renewed(dearer, LATER)]
    climb = "- {id: climb, on: plan_upgraded, points: %s}"
    assert told_late(of(PAY, climb % 5), told) == 0
    assert told_late(of(PAY, AGAIN, climb % 1, rewards=life(33)), told) == 1
    assert told_late(of(PAY, climb % "account.balance"), told) == 1


def test_a_renewal_that_completes_a_year_is_bounded_too() -> None:
    first = subscription(1, period_unit="year")
    seen = subscription(2, period_unit="year", term_start=T0 + 365 * DAY)
    at = T0 + 365 * DAY
    told: list[AnyFact] = [
        created(first, T0),
        paid("t1", 1_000, at, subscription=seen),
        renewed(seen, at),
    ]
    year = "- {id: year, on: annual_renewal, points: %s}"
    assert told_late(of(PAY, year % 5), told) == 0
    assert told_late(of(PAY, year % "account.balance"), told) == 1


@pytest.mark.parametrize("kind", ["created", "activated", "converted", "reactivated"])
def test_every_other_fact_about_a_subscription_is_bounded_by_its_own_trigger(kind: str) -> None:
    other = subscription(2, name="sub_2" if kind == "created" else "sub_1")
    late, trigger = {
        "created": (created(other, LATER), "subscription_created"),
        "activated": (activated(other, LATER), "subscription_created"),
        "converted": (activated(other, LATER), "trial_converted"),
        "reactivated": (reactivated(other, LATER), "subscription_reactivated"),
    }[kind]
    told = [*known(), paid("t1", 1_000, LATER), late]
    assert told_late(of(PAY, f"- {{id: own, on: {trigger}, points: 5}}"), told) == 0
    reading = of(PAY, f"- {{id: own, on: {trigger}, points: account.balance}}")
    assert told_late(reading, told) == 1


def test_a_reward_for_the_late_fact_may_be_given_where_it_costs_nothing() -> None:
    renewal, payment = burst()
    thanks = "\n  - {id: thanks, when: {on: subscription_renewed}, %sfree_days: 1}"
    assert told_late(of(PAY, rewards=thanks % ""), [*known(), payment, renewal]) == 0
    assert told_late(of(PAY, rewards=thanks % "cost: 5, "), [*known(), payment, renewal]) == 1


def test_where_no_program_was_in_force_everything_may() -> None:
    at, seen = 100 * DAY, subscription(1)
    told: list[AnyFact] = [
        created(seen, at),
        paid("t1", 1_000, 130 * DAY),
        renewed(seen, 130 * DAY),
    ]
    assert told_late(of(PAY, AGAIN), told) == 0


def test_a_delivery_that_set_more_rewards_free_holds_others_up() -> None:
    many = "\n  - {id: gift, when: {balance: 1, repeat: every}, cost: 1, free_days: 1}"
    first = delivered(ids.reward_id("acme-test", "ann", "gift", 1), LATER + HOUR)
    told = [*known(), paid("t1", 18_000, LATER), first, happened("visit", LATER + 60)]
    assert decided_anew(of(PAY, rewards=many), told) == 1


def test_while_an_upgrade_may_be_clawed_back_only_payments_follow_a_delivery() -> None:
    programs = of(
        PAY,
        "- {id: climb, on: plan_upgraded, points: 5, clawback_within: P90D}",
        rewards="\n  - {id: gift, when: {balance: 10}, free_days: 1}",
    )
    first = delivered(ids.reward_id("acme-test", "ann", "gift", 1), LATER + HOUR)
    dearer = changed(subscription(2, amount_minor=5_000), LATER)
    told = [*known(), dearer, first]
    assert told_late(programs, [*told, paid("t1", 100, LATER + 60)]) == 0
    assert told_late(programs, [*told, happened("visit", LATER + 60)]) == 1
    cheaper = changed(subscription(3, amount_minor=500), LATER + 60)
    assert told_late(programs, [*told, cheaper]) == 1


def test_what_nothing_is_kept_before_may_only_where_it_is_of_the_same_instant() -> None:
    programs = of(PAY, rewards="\n  - {id: gift, when: {balance: 10}, free_days: 1}")
    first = delivered(ids.reward_id("acme-test", "ann", "gift", 1), LATER + HOUR)
    assert told_late(programs, [*known(), first, happened("visit", LATER + 60)]) == 1
    renewal, payment = burst()
    assert told_late(programs, [*known(), payment, renewal]) == 0


def with_second(first: Programs, text: str, second_from: str) -> Programs:
    """A second version is known too."""
    later = text.replace("2000-01-01T00:00", second_from)
    document = program_of(later)._documents[0].replace(b'"version":1', b'"version":2')
    return Programs((*first._documents, document))


def test_none_may_where_a_version_came_into_force_or_became_known_before_it() -> None:
    """The first fact under it plans what it asks for, which then is not the payment."""
    first = of(PAY)
    renewal, payment = burst()
    before = [*known(), happened("visit", LATER - HOUR)]
    in_force = with_second(first, program_text(PAY), "2025-12-30T23:30")
    assert told_late(in_force, [*before, payment, renewal]) == 1
    known_later = with_second(first, program_text(PAY), "2026-12-30T00:00")
    account, trace = account_of(first, before), Trace()
    fold(account, payment, 3, known_later)
    fold(account, renewal, 4, known_later, trace=trace)
    assert any(isinstance(step, DecidedAnew) for step in trace.steps)


def test_none_may_where_a_version_came_into_force_after_it() -> None:
    told = [
        *known(),
        paid("t1", 1_000, LATER - 60),
        delivered(ids.reward_id("acme-test", "ann", "gift", 1), LATER + 2 * DAY),
        paid("t2", 1_000, LATER),
    ]
    gift = "\n  - {id: gift, when: {balance: 10}, free_days: 1}"
    one = of(PAY, rewards=gift)
    assert told_late(one, told) == 0
    both = with_second(one, program_text(PAY, rewards=gift), "2026-01-01T00:00")
    assert told_late(both, told) == 1


@pytest.mark.parametrize(("settled", "anew"), [(399, 0), (400, 1)])
def test_none_may_where_so_many_rewards_are_settled_that_the_oldest_goes(
    settled: int, anew: int
) -> None:
    renewal, payment = burst()
    account, trace = account_of(of(PAY), [*known(), payment]), Trace()
    account.ledger.settled = tuple(OpenReward("gift", each, at=T0) for each in range(settled))
    fold(account, renewal, 3, of(PAY), trace=trace)
    assert sum(isinstance(step, DecidedAnew) for step in trace.steps) == anew


GIFT_AT_TEN = "\n  - {id: gift, when: {balance: 10}, free_days: 1}"
GIFT_ARRIVED = delivered(ids.reward_id("acme-test", "ann", "gift", 1), LATER + HOUR)


def before_the_gift() -> list[AnyFact]:
    return [*known(), happened("visit", LATER - HOUR), GIFT_ARRIVED]


def test_what_was_decided_in_its_place_lets_by_what_it_would_have_in_time() -> None:
    seen = subscription(2, term_start=LATER + 60)
    payment, renewal = paid("t1", 1_000, LATER + 60), renewed(seen, LATER + 60)
    told = [*before_the_gift(), payment, renewal]
    assert told_late(of(PAY, rewards=GIFT_AT_TEN), told) == 0
    fired = of(PAY, AGAIN, rewards=GIFT_AT_TEN + life(18))
    payment = paid("t1", 1_000, LATER + 60, subscription=seen)
    assert told_late(fired, [*before_the_gift(), payment, renewal]) == 1


def test_what_was_decided_in_its_place_stands_there_for_what_comes_next() -> None:
    renewal, payment = burst()
    programs = of(PAY, "- {id: back, on: subscription_reactivated, points: account.balance}")
    back = reactivated(subscription(3), LATER)
    assert told_late(programs, [*known(), payment, renewal, back]) == 1


def test_what_was_decided_in_its_place_is_corrected_by_what_it_gave() -> None:
    capped = "- {id: pay, on: payment_succeeded, points: 60, cap: {points: 100, per: month}}"
    told = Story(of(capped, rewards=GIFT_AT_TEN))
    for fact in before_the_gift():
        told.tell(fact)
    assert earned(told.paid("t2", 100, LATER + 60)) == [("pay", 40)]
    events = told.paid("t1", 100, LATER + 30)
    assert earned(events) == [("pay", 40)]
    assert only(events, CorrectionApplied).detail == "payment:t2:inv_t2 gives 0 points, not 40"


@pytest.mark.parametrize("after", ["PT1H", "PT59M", "PT2H"])
def test_what_a_fact_in_its_place_has_made_due_happens_at_once(after: str) -> None:
    waiting = f"- {{id: deed, on: custom, event: deed, points: 5, activate_after: {after}}}"
    told = [*before_the_gift(), happened("deed", LATER)]
    assert told_late(of(PAY, waiting, rewards=GIFT_AT_TEN), told) == 0


def test_a_trigger_that_nothing_answers_adds_nothing_however_many_seats_there_are() -> None:
    many = subscription(2, amount_minor=5_000, quantity=1_000, term_start=LATER)
    told = [*known(), paid("t1", 1_000, LATER, subscription=many), renewed(many, LATER)]
    climb = "- {id: climb, on: plan_upgraded, points: 5}"
    assert told_late(of(PAY, climb, rewards=life(900)), told) == 0


def test_the_months_after_a_year_was_completed_complete_none() -> None:
    first, at = subscription(1, term_start=T0), T0 + 395 * DAY
    anniversary = subscription(2, term_start=T0 + 365 * DAY)
    month = subscription(3, term_start=at)
    told: list[AnyFact] = [created(first, T0), renewed(anniversary, T0 + 365 * DAY)]
    told += [paid("t1", 1_000, at, subscription=month), renewed(month, at)]
    year = "- {id: year, on: annual_renewal, points: account.balance}"
    assert told_late(of(PAY, year), told) == 0


def test_none_may_that_stands_days_before_others() -> None:
    told: list[AnyFact] = [created(subscription(1), T0)]
    told += [paid(f"t{day}", 100, T0 + day * DAY) for day in range(6)]
    renewal = renewed(subscription(2, term_start=T0 + 4 * DAY), T0 + 4 * DAY)
    assert told_late(of(PAY), [*told, renewal]) == 1
