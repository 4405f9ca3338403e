"""Facts that come late take their place: each kind of correction, told as it happens."""

import pytest

from schemas import facts
from schemas.points import (
    CorrectionApplied,
    FactIgnored,
    PointsAdjusted,
    PointsEarned,
    PointsReversed,
    RewardEarned,
    TierChanged,
)
from streams.account.storing import decode_account, encode_account
from tests.support.story import (
    DAY,
    HOUR,
    ONE_PER_DOLLAR,
    T0,
    cancelled,
    changed,
    created,
    deleted,
    earned,
    happened,
    kinds,
    of,
    only,
    paid,
    program_text,
    reasons,
    renewed,
    story,
    subscription,
    told_in_order,
)
from tests.support.year import program_of

FREE = "free_days: 1"
REACH_SECONDS = 4 * DAY
"""How late a fact may come and take its place all the same."""
KEPT_BYTES = 32_768
"""Of a busy account so much is always kept of its last facts."""
VISIT = "- {id: visit, on: custom, event: visit, points: 10}"
LEVELS = "levels: [{id: low}, {id: high, at: 100, multiplier: '2'}]"


def test_a_late_fact_that_changes_nothing_else_is_decided_as_if_in_time() -> None:
    told = story()
    told.paid("t2", 2_000, at=T0 + DAY)
    events = told.paid("t1", 1_000, at=T0)
    assert kinds(events) == ["PointsEarned"]
    assert (events[0].occurred_at, events[0].balance, told.balance) == (T0, 30, 30)


def test_a_late_payment_earns_in_its_place_and_what_it_displaced_is_corrected() -> None:
    told = story("- {id: pay, on: payment_succeeded, points: 60, cap: {points: 100, per: month}}")
    told.paid("t1", 100, at=T0)
    told.paid("t3", 100, at=T0 + 2 * DAY)
    events = told.paid("t2", 100, at=T0 + DAY)
    assert kinds(events) == ["PointsEarned", "CorrectionApplied"]
    own, correction = only(events, PointsEarned), only(events, CorrectionApplied)
    assert (own.points, own.wanted) == (40, 60), "t2 was there before the cap was reached"
    assert correction.cause.trigger == "correction"
    assert correction.cause.fact == "payment:t2:inv_t2"
    assert (correction.points, correction.lifetime_points) == (-40, -40)
    assert correction.corrected == ("payment:t3:inv_t3",)
    assert correction.detail == "payment:t3:inv_t3 gives 0 points, not 40"
    assert [(state.lot, state.points) for state in correction.lots] == [(told.lot("t3"), 0)]
    assert told.balance == told.lifetime == 100


def test_what_the_late_fact_would_have_raised_is_raised_after_all() -> None:
    told = story(tiers=f"{{window: lifetime, {LEVELS}}}")
    told.paid("t2", 5_000, at=T0 + DAY)
    assert told.balance == 50
    events = told.paid("t1", 10_000, at=T0)
    assert kinds(events) == ["PointsEarned", "TierChanged", "CorrectionApplied"]
    tier = only(events, TierChanged)
    assert (tier.to_tier, tier.occurred_at, tier.cause.trigger) == ("high", T0, "correction")
    assert only(events, CorrectionApplied).points == 50, "t2 was paid in the higher tier"
    assert (told.balance, told.tier) == (200, "high")


def test_points_that_had_expired_in_their_place_are_told_and_gone() -> None:
    told = story(expiry="{after: P1D}")
    told.happened("other", T0 + 3 * DAY)
    events = told.paid("t1", 1_000, at=T0)
    assert kinds(events) == ["PointsEarned", "CorrectionApplied"]
    assert (told.balance, told.lifetime) == (0, 10)
    assert kinds(told.refunded("r1", "t1", 1_000, at=T0 + 3 * DAY)) == ["PointsReversed"]
    assert (told.balance, told.lifetime, told.deficit) == (0, 0, 0)


def test_a_refund_that_comes_before_its_payment_undoes_it_as_it_would_have() -> None:
    told = story()
    assert reasons(told.refunded("r1", "t1", 400, at=T0 + DAY)) == ["refund_parked"]
    events = told.paid("t1", 1_000, at=T0)
    assert kinds(events) == ["PointsEarned", "PointsReversed"]
    assert only(events, PointsReversed).points == 4
    assert (told.balance, told.lifetime) == (6, 6)


def test_a_late_refund_takes_from_the_lots_of_its_place() -> None:
    told = story(
        rewards=f"[{{id: free, when: {{balance: 100, repeat: every}}, cost: 100, {FREE}}}]"
    )
    told.paid("t1", 6_000, at=T0)
    told.paid("t2", 6_000, at=T0 + 2 * DAY)
    assert told.balance == 20
    events = told.refunded("r1", "t1", 6_000, at=T0 + DAY)
    assert kinds(events) == ["PointsReversed", "RewardRevoked", "CorrectionApplied"]
    reversed_ = only(events, PointsReversed)
    parts = sum(change.points for change in reversed_.lots)
    assert reversed_.points == 60 == parts + reversed_.overdrawn
    assert (told.balance, told.lifetime, told.deficit) == (60, 60, 0)


def test_facts_of_one_second_are_decided_in_the_order_of_their_kind() -> None:
    rules = (ONE_PER_DOLLAR, "- {id: half, on: subscription_renewed, points: account.balance / 2}")
    seen = subscription(1, term_start=T0)
    first, second = story(*rules), story(*rules)
    first.tell(renewed(seen, T0))
    first.paid("t1", 1_000, at=T0)
    second.paid("t1", 1_000, at=T0)
    assert reasons(second.tell(renewed(seen, T0)))[0] == "rounds_to_nothing"
    assert first.balance == second.balance == 10


def test_facts_of_one_second_and_kind_are_decided_in_the_order_of_their_ids() -> None:
    rule = "- {id: pay, on: payment_succeeded, points: 60, cap: {points: 100, per: month}}"
    first, second = story(rule), story(rule)
    for name in ("t1", "t2"):
        first.paid(name, 100, at=T0)
    for name in ("t2", "t1"):
        second.paid(name, 100, at=T0)
    assert first.account.ledger.lots == second.account.ledger.lots


def test_what_time_did_meanwhile_is_lived_through_again() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, activate_after: P2D}'
    )
    told.paid("t2", 1_000, at=T0 + HOUR)
    told.lives_until(T0 + 3 * DAY)
    assert told.balance == 10
    events = told.paid("t1", 2_000, at=T0)
    assert kinds(events) == ["PointsEarned", "CorrectionApplied"]
    [state] = only(events, CorrectionApplied).lots
    assert (state.points, state.active) == (20, True)
    assert (told.balance, told.pending) == (30, 0)


def test_a_fact_more_than_four_days_late_is_decided_where_it_arrives() -> None:
    rule = "- {id: pay, on: payment_succeeded, points: 60, cap: {points: 100, per: month}}"
    told = story(rule)
    told.paid("t1", 100, at=T0 + REACH_SECONDS + 1)
    told.paid("t2", 100, at=T0 + REACH_SECONDS + 1)
    assert reasons(told.paid("t0", 100, at=T0)) == ["cap_reached"]
    in_time = story(rule)
    in_time.paid("t1", 100, at=T0 + REACH_SECONDS)
    in_time.paid("t2", 100, at=T0 + REACH_SECONDS)
    assert earned(in_time.paid("t0", 100, at=T0)) == [("pay", 60)]


def test_what_came_too_late_keeps_its_place_when_others_are_decided_again() -> None:
    told = story("- {id: pay, on: payment_succeeded, points: 60, cap: {points: 100, per: month}}")
    told.paid("t1", 100, at=T0 + 6 * DAY)
    told.paid("t0", 100, at=T0)
    told.paid("t2", 100, at=T0 + 5 * DAY)
    assert told.balance == 100
    assert told.lot("t2")
    lots = {each.id for each in told.account.ledger.lots}
    assert int(told.lot("t0"), 16) not in lots, "it found the cap reached, as it does now"


def test_an_adjustment_stands_where_it_was_asked_for() -> None:
    told = story(refunds="{negative: allow}")
    told.paid("t1", 1_000, at=T0 + DAY)
    told.adjusted("a1", -30, at=T0)
    assert (told.balance, told.deficit) == (-20, 20)
    events = told.paid("t0", 5_000, at=T0)
    assert kinds(events) == ["PointsEarned", "CorrectionApplied"]
    assert (told.balance, told.deficit) == (30, 0)


def test_two_requests_of_one_second_are_answered_in_the_order_of_arrival() -> None:
    told = story(refunds="{negative: clamp}")
    told.paid("t1", 1_000, at=T0)
    told.adjusted("b", -8, at=T0)
    told.adjusted("a", -8, at=T0)
    told.paid("t0", 100, at=T0)
    assert told.balance == 11 - 10, "what was answered stands, although there was more to take"
    assert [each.points for each in of(told.events, PointsAdjusted)] == [-8, -2]


CATALOGUE = f"[{{id: mug, when: {{request: true}}, cost: 50, {FREE}}}]"


def test_what_was_granted_on_request_stands_and_is_owed_where_points_were_not_there() -> None:
    told = story(rewards=CATALOGUE)
    told.paid("t1", 5_000, at=T0)
    mug = only(told.requested("q1", "mug", at=T0 + 2 * DAY), RewardEarned)
    events = told.refunded("r1", "t1", 5_000, at=T0 + DAY)
    assert kinds(events) == ["PointsReversed", "CorrectionApplied"]
    assert (told.balance, told.deficit) == (-50, 50)
    told.delivered(mug, at=T0 + 2 * DAY)
    assert told.account.ledger.standing("mug") == 1


def test_what_was_refused_stays_refused() -> None:
    told = story(rewards=CATALOGUE)
    told.paid("t1", 1_000, at=T0)
    assert reasons(told.requested("q1", "mug", at=T0 + 2 * DAY)) == ["not_enough_points"]
    assert kinds(told.paid("t2", 5_000, at=T0 + DAY)) == ["PointsEarned"]
    assert told.balance == 60


def test_versions_published_since_do_not_change_what_was_decided_before() -> None:
    later = program_text().replace('"1.00"', '"0.10"')
    document = program_of(later)._documents[0].replace(b'"version":1', b'"version":2')
    told = story()
    told.paid("t2", 1_000, at=T0 + DAY)
    told.programs = type(told.programs)((*told.programs._documents, document))
    events = told.paid("t1", 1_000, at=T0)
    assert only(events, PointsEarned).points == 100, "known when it came"
    assert told.balance == 110


def test_a_lot_of_a_later_version_is_confirmed_by_what_came_before_that_version() -> None:
    waiting = "activate_on: {on: custom, event: visit, within: P7D}"
    pay = "- {id: pay, on: payment_succeeded, points: 10"
    told = story(f"{pay}}}")
    second = program_of(program_text(f"{pay}, {waiting}}}"))._documents[0]
    told.happened("visit", T0 + DAY)
    told.programs = type(told.programs)(
        (*told.programs._documents, second.replace(b'"version":1', b'"version":2'))
    )
    told.paid("t1", 1_000, at=T0)
    assert (told.balance, told.pending) == (10, 0), "the visit stands within its seven days"


def test_a_deleted_customer_stays_deleted() -> None:
    told = story()
    told.paid("t1", 1_000, at=T0)
    told.tell(deleted(T0 + DAY))
    assert told.account.past == []
    assert reasons(told.paid("t0", 1_000, at=T0)) == ["account_erased"]


def test_a_repeated_late_fact_does_nothing() -> None:
    told = story()
    told.paid("t2", 1_000, at=T0 + DAY)
    told.paid("t1", 1_000, at=T0)
    assert told.paid("t1", 1_000, at=T0) == []
    assert told.paid("t2", 1_000, at=T0 + DAY) == []


def test_a_late_fact_that_only_repeats_what_is_known_says_so() -> None:
    told = story("- {id: climb, on: plan_upgraded, points: 5}")
    told.tell(created(subscription(1), T0 + DAY))
    events = told.tell(changed(subscription(1), T0))
    assert only(events, FactIgnored).reason == "no_previous_value"


def test_an_account_remembers_some_days_only() -> None:
    told = story(VISIT)
    for day in range(40):
        told.happened("visit", T0 + day * DAY)
        kept = [each.at for past in told.account.past for each in past.facts]
        assert kept[0] <= T0 + max(0, day - 4) * DAY, "four days can always be taken back"
        assert len(kept) <= 10
    assert told.balance == 400
    told.happened("visit", T0 + 60 * DAY)
    assert [each.at for past in told.account.past for each in past.facts] == [T0 + 60 * DAY]


def test_a_busy_account_remembers_so_much_only() -> None:
    told = story(VISIT)
    for second in range(1_000):
        fact = happened("visit", T0 + second, properties={"note": "x" * 100})
        told.tell(fact)
    assert KEPT_BYTES <= sum(past.size for past in told.account.past) <= 3 * KEPT_BYTES
    assert earned(told.happened("visit", T0 + 900, key="late")) == [("visit", 10)]
    assert earned(told.happened("visit", T0 + 1, key="early")) == [("visit", 10)]


def test_a_fact_too_large_to_keep_is_decided_and_nothing_is_taken_back_behind_it() -> None:
    told = story(VISIT)
    told.happened("visit", T0)
    told.happened("visit", T0 + DAY, properties={"note": "x" * (KEPT_BYTES + 1)})
    assert told.account.past == []
    assert earned(told.happened("visit", T0 + DAY, key="next")) == [("visit", 10)]
    assert earned(told.happened("visit", T0 + HOUR)) == [("visit", 10)]
    large = {"note": "x" * (KEPT_BYTES + 1)}
    assert earned(told.happened("visit", T0 + 2 * HOUR, properties=large)) == [("visit", 10)]
    assert told.balance == 50


@pytest.mark.parametrize("name", ["t1", "t2", "t3"])
def test_payments_that_changed_since_are_as_they_were_when_taken_back(name: str) -> None:
    told = story()
    for number in (1, 2, 3):
        told.paid(f"t{number}", 1_000, at=T0 + number)
    told.happened("other", T0 + 10 * DAY)
    told.refunded("r1", name, 500, at=T0 + 12 * DAY)
    told.refunded("r2", name, 500, at=T0 + 11 * DAY)
    assert told.balance == 20
    assert told.lifetime == 20
    assert decode_account(encode_account(told.account)).past == told.account.past
    assert len(of(told.events, PointsReversed)) == 2


def test_late_facts_find_what_a_cancelled_subscription_was() -> None:
    told = story("- {id: bye, on: subscription_cancelled, points: 1}")
    told.tell(cancelled(subscription(2, status="cancelled"), T0 + DAY))
    told.tell(created(subscription(1), T0))
    [known] = told.account.memory.subscriptions
    assert (known.status, known.resource_version) == ("cancelled", 2)


def test_any_of_these_is_as_if_told_in_order() -> None:
    told = story(ONE_PER_DOLLAR, VISIT, tiers=f"{{window: lifetime, {LEVELS}}}")
    late: list[facts.AnyFact] = [
        paid("t3", 9_000, T0 + 3 * DAY),
        happened("visit", T0 + 2 * DAY),
        paid("t1", 9_500, T0),
        happened("visit", T0 + DAY),
    ]
    for fact in late:
        told.tell(fact)
    expected = told_in_order(told, *sorted(late, key=lambda fact: fact.occurred_at))
    assert told.account.ledger.lots == expected.account.ledger.lots
    assert (told.tier, told.lifetime) == (expected.tier, expected.lifetime)


def test_a_fact_four_days_late_takes_its_place_among_those_of_its_instant() -> None:
    told = story("- {id: pay, on: payment_succeeded, points: 60, cap: {points: 100, per: month}}")
    told.paid("t1", 100, at=T0)
    told.paid("t2", 100, at=T0 + REACH_SECONDS)
    events = told.paid("t0", 100, at=T0)
    assert earned(events) == [("pay", 60)]
    assert only(events, CorrectionApplied).detail == (
        "payment:t1:inv_t1 gives 40 points, not 60; payment:t2:inv_t2 gives 0 points, not 40"
    )
    assert told.balance == 100


def test_a_late_fact_too_large_to_keep_is_decided_where_it_arrives() -> None:
    told = story(
        "- {id: visit, on: custom, event: visit, points: 10, cap: {points: 15, per: month}}"
    )
    told.happened("visit", T0)
    told.happened("visit", T0 + 2 * DAY)
    large = {"note": "x" * (KEPT_BYTES + 1)}
    assert reasons(told.happened("visit", T0 + DAY, properties=large)) == ["cap_reached"]


def test_a_late_fact_stands_among_those_of_its_instant_wherever_a_past_begins() -> None:
    told = story("- {id: pay, on: payment_succeeded, points: 10, cap: {points: 55, per: month}}")
    for day in range(6):
        told.paid(f"t{day}", 100, at=T0 + day * DAY)
    events = told.paid("a", 100, at=T0 + 4 * DAY)
    assert earned(events) == [("pay", 10)]
    assert "payment:t4:inv_t4 gives 5 points, not 10" in only(events, CorrectionApplied).detail
