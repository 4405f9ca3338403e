"""What refunds undo: the points on record, wherever they went since, and what they counted for."""

import pytest

from schemas.facts import AnyFact, RefundReason
from schemas.points import (
    AnyPointsEvent,
    FactIgnored,
    PointsEarned,
    PointsExpired,
    PointsReversed,
    RewardEarned,
)
from tests.support.story import (
    DAY,
    ONE_PER_DOLLAR,
    T0,
    Story,
    earned,
    kinds,
    of,
    only,
    paid,
    program_text,
    reasons,
    refunded,
    story,
)
from tests.support.year import program_of

FIVE_OFF = (
    "[{id: five-off, when: {balance: 100, repeat: every}, cost: 100, "
    'discount: {via: promotional_credit, amount: {USD: "5.00"}}}]'
)


def undone(events: list[AnyPointsEvent]) -> PointsReversed:
    return only(events, PointsReversed)


def test_repeated_partial_refunds_undo_exactly_what_the_payment_earned() -> None:
    told = story()
    told.paid("t1", 1_000)
    parts = [told.refunded(f"r{part}", "t1", 333) for part in range(3)]
    parts.append(told.refunded("r3", "t1", 1))
    assert [[each.points for each in of(part, PointsReversed)] for part in parts] == [
        [3],
        [4],
        [3],
        [],
    ]
    assert told.lifetime == told.balance == 0
    assert reasons(told.refunded("r4", "t1", 500)) == ["already_refunded"]


def test_a_refund_undoes_what_was_earned_then_whatever_the_rule_says_now() -> None:
    """Golden: earn at one point a dollar, change the rule to two, refund."""
    later = program_text().replace("2000-01-01", "2025-12-02").replace('"1.00"', '"0.50"')
    document = program_of(later)._documents[0].replace(b'"version":1', b'"version":2')
    told = story()
    told.paid("t1", 1_000)
    told.programs = type(told.programs)((*told.programs._documents, document))
    assert earned(told.paid("t2", 1_000, at=T0 + 2 * DAY)) == [("pay", 20)]
    assert undone(told.refunded("r1", "t1", 1_000, at=T0 + 3 * DAY)).points == 10
    assert told.balance == 20


def test_a_refund_undoes_points_of_a_rule_that_is_gone() -> None:
    told = story()
    told.paid("t1", 1_000)
    told.programs = program_of(program_text("- {id: other, on: payment_succeeded, points: 1}"))
    assert undone(told.refunded("r1", "t1", 1_000)).points == 10
    assert (told.balance, told.lifetime) == (0, 0)


def test_a_refund_is_spread_over_all_rules_that_the_payment_pulled() -> None:
    told = story(
        ONE_PER_DOLLAR,
        "- {id: first, on: first_payment, points: 15}",
        "- {id: punctual, on: on_time_payment, points: 6}",
    )
    told.paid("t1", 1_000, on_time=True)
    assert undone(told.refunded("r1", "t1", 333)).points == 10  # 31 x 333 / 1000 = 10.3
    assert undone(told.refunded("r2", "t1", 667)).points == 21
    assert told.balance == 0


def test_a_cooldown_counts_from_the_last_payment_that_stands() -> None:
    told = story("- {id: pay, on: payment_succeeded, points: 10, limit: {cooldown: P7D}}")
    told.paid("t1", 1_000)
    told.paid("t2", 1_000, at=T0 + 7 * DAY)
    told.refunded("r2", "t2", 1_000, at=T0 + 8 * DAY)
    assert earned(told.paid("t3", 1_000, at=T0 + 9 * DAY)) == [("pay", 10)]
    assert reasons(told.paid("t4", 1_000, at=T0 + 15 * DAY)) == ["limit_reached"]


@pytest.mark.parametrize("limit", ["{count: 2}", "{count: 2, per: year}"])
def test_a_refund_frees_one_place_of_a_limit(limit: str) -> None:
    told = story(f"- {{id: pay, on: payment_succeeded, points: 10, limit: {limit}}}")
    told.paid("t1", 1_000, at=T0 + 1)
    told.paid("t2", 1_000, at=T0 + 2)
    told.refunded("r1", "t1", 1_000, at=T0 + 3)
    assert earned(told.paid("t3", 1_000, at=T0 + 4)) == [("pay", 10)]
    assert reasons(told.paid("t4", 1_000, at=T0 + 5)) == ["limit_reached"]


def test_a_refund_before_activation_voids_the_pending_points() -> None:
    told = story(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}, activate_after: P14D}'
    )
    told.paid("t1", 10_000)
    event = undone(told.refunded("r1", "t1", 2_500))
    assert (event.pending, event.balance, event.overdrawn) == (75, 0, 0)
    assert kinds(told.lives_until(T0 + 14 * DAY)) == ["PointsActivated"]
    assert told.balance == 75


def test_a_refund_of_all_pending_points_leaves_nothing_to_activate() -> None:
    told = story("- {id: pay, on: payment_succeeded, points: 10, activate_after: P14D}")
    told.paid("t1", 10_000)
    told.refunded("r1", "t1", 10_000)
    assert told.due_at is None
    assert (told.balance, told.pending, told.lifetime) == (0, 0, 0)


def test_a_refund_after_expiry_takes_nothing_a_second_time() -> None:
    told = story(expiry="{after: P10D}")
    told.paid("t1", 10_000)
    told.paid("t2", 5_000, at=T0 + 5 * DAY)
    told.lives_until(T0 + 10 * DAY)
    event = undone(told.refunded("r1", "t1", 10_000, at=T0 + 11 * DAY))
    assert (event.points, event.expired, event.lots, event.overdrawn) == (100, 100, (), 0)
    assert (told.balance, told.lifetime) == (50, 50)


@pytest.mark.parametrize(
    ("negative", "figures"),
    [
        # Spent 60 of 100, refund all; 30 are pending: balance, pending, deficit, forgiven.
        ("allow", (-60, 30, 60, 0)),
        ("pending_first", (-30, 0, 30, 0)),
        ("clamp", (0, 30, 0, 60)),
    ],
)
def test_spent_points_follow_the_programs_policy(
    negative: str, figures: tuple[int, int, int, int]
) -> None:
    told = story(
        ONE_PER_DOLLAR,
        "- {id: visit, on: custom, event: visit, points: 30, activate_after: P14D}",
        refunds=f"{{negative: {negative}}}",
    )
    told.paid("t1", 10_000)
    told.happened("visit")
    told.adjusted("spend", -60)
    event = undone(told.refunded("r1", "t1", 10_000))
    assert (event.balance, event.pending, event.deficit, event.forgiven) == figures
    assert (event.points, event.lifetime) == (100, 30)


@pytest.mark.parametrize("negative", ["allow", "pending_first", "clamp"])
def test_every_policy_takes_other_spendable_points_first(negative: str) -> None:
    told = story(refunds=f"{{negative: {negative}}}", expiry="{after: P30D}")
    told.paid("t1", 10_000)
    told.paid("t2", 10_000, at=T0 + DAY)
    told.adjusted("spend", -60)
    event = undone(told.refunded("r1", "t1", 10_000))
    assert [(each.lot, each.points) for each in event.lots] == [
        (told.lot("t1"), 40),
        (told.lot("t2"), 60),
    ]
    assert (event.balance, event.deficit, event.forgiven) == (40, 0, 0)


def test_a_deficit_is_filled_by_the_next_credits_and_expiry_takes_only_what_is_left() -> None:
    """Golden: debit deeper than the balance, then two credits."""
    told = story(expiry="{after: P10D}")
    told.paid("t1", 10_000)
    told.adjusted("spend", -80)
    told.refunded("r1", "t1", 10_000)
    assert (told.balance, told.deficit) == (-80, 80)
    first = only(told.paid("t2", 5_000, at=T0 + 2 * DAY), PointsEarned)
    second = only(told.paid("t3", 5_000, at=T0 + 3 * DAY), PointsEarned)
    assert (first.absorbed, first.balance) == (50, -30)
    assert (second.absorbed, second.balance, second.deficit) == (30, 20, 0)
    expired = only(told.lives_until(T0 + 20 * DAY), PointsExpired)
    assert (expired.points, expired.balance) == (20, 0)


def test_a_refund_of_points_that_filled_a_deficit_opens_it_again() -> None:
    told = story()
    told.adjusted("debt", -80)
    told.paid("t1", 10_000)
    assert told.balance == 20
    event = undone(told.refunded("r1", "t1", 10_000))
    assert (event.points, event.overdrawn, event.balance) == (100, 80, -80)


def test_a_refund_before_its_payment_waits_for_it() -> None:
    told = story()
    assert reasons(told.refunded("r1", "t1", 400)) == ["refund_parked"]
    events = told.paid("t1", 1_000, at=T0 + 2 * DAY)
    assert kinds(events) == ["PointsEarned", "PointsReversed"]
    assert told.balance == 6
    assert undone(told.refunded("r2", "t1", 600, at=T0 + 3 * DAY)).points == 6


def test_a_refund_whose_payment_does_not_come_is_given_up_after_ninety_days() -> None:
    told = story()
    told.refunded("r1", "t1", 400, at=T0)
    assert told.due_at == T0 + 90 * DAY
    given_up = only(told.lives_until(T0 + 99 * DAY), FactIgnored)
    assert (given_up.reason, given_up.occurred_at) == ("refund_unmatched", T0 + 90 * DAY)
    assert "the payment t1" in given_up.detail
    assert told.account.memory.parked == ()
    assert kinds(told.paid("t1", 1_000, at=T0 + 99 * DAY)) == ["PointsEarned"]


def test_a_parked_refund_is_given_up_by_whatever_fact_passes_its_deadline() -> None:
    told = story()
    told.refunded("r1", "t1", 400, at=T0, invoice="a")
    events = told.paid("t2", 1_000, at=T0 + 90 * DAY)
    assert kinds(events) == ["FactIgnored", "PointsEarned"]
    assert "the payment t1, invoice a" in only(events, FactIgnored).detail


def test_what_is_left_of_a_refund_keeps_its_deadline() -> None:
    told = story()
    told.refunded("r1", "t1", 1_500, at=T0)
    told.paid("t1", 1_000, invoice="a", at=T0 + DAY)
    assert told.due_at == T0 + 90 * DAY
    told.paid("t1", 1_000, invoice="b", at=T0 + 2 * DAY)
    assert (told.account.memory.parked, told.balance) == ((), 5)


def test_a_refund_that_comes_when_its_time_has_passed_is_not_parked_any_more() -> None:
    told = story()
    told.time(T0 + 90 * DAY)
    assert reasons(told.refunded("r1", "t1", 400, at=T0)) == ["refund_unmatched"]
    assert told.due_at is None


def test_a_chargeback_that_found_its_payment_is_given_up_without_a_word() -> None:
    told = story()
    told.paid("t1", 1_000, at=T0)
    told.refunded("c1", "t1", 1, at=T0 + DAY, reason="chargeback")
    assert told.due_at is None
    told.refunded("r2", "t2", 1, at=T0 + 2 * DAY)
    assert reasons(told.lives_until(T0 + 99 * DAY)) == ["refund_unmatched"]
    assert told.account.memory.parked == ()


def test_a_chargeback_that_came_first_is_given_up_without_a_word_once_its_payment_is_known() -> (
    None
):
    told = story()
    told.refunded("c1", "t1", 1, at=T0, reason="chargeback")
    told.paid("t1", 1_000, at=T0 + DAY)
    assert (told.balance, told.due_at) == (0, None)
    assert kinds(told.time(T0 + 99 * DAY)) == ["FactIgnored"]
    assert reasons(told.events)[-1] == "nothing_due"


def test_more_refunds_than_are_parked_say_which_is_given_up() -> None:
    told = story()
    for number in range(32):
        assert reasons(told.refunded(f"r{number}", f"t{number}", 1)) == ["refund_parked"]
    events = told.refunded("last", "t99", 1, at=T0 + 2 * DAY)
    assert reasons(events) == ["refund_unmatched", "refund_parked"]
    assert of(events, FactIgnored)[0].detail.endswith("the payment t0")


def test_a_refund_before_its_payment_keeps_the_tier_and_rewards_away() -> None:
    for window in ("lifetime", "P12M", "calendar_year"):
        told = story(
            tiers=f"{{window: {window}, levels: [{{id: low}}, {{id: high, at: 100}}]}}",
            rewards=FIVE_OFF,
        )
        told.refunded("r1", "t1", 10_000)
        told.paid("t1", 10_000, at=T0 + 2 * DAY)
        assert told.tier == "low", window
        assert of(told.events, RewardEarned) == []
        told.paid("t2", 9_900, at=T0 + 3 * DAY)
        assert told.tier == "low", window


def test_what_a_chargeback_waits_for_beyond_its_payment_is_given_up_too() -> None:
    told = story()
    told.paid("t1", 1_000, invoice="a")
    told.refunded("r1", "t1", 1_000, reason="chargeback")
    told.paid("t1", 1_000, at=T0 + 90 * DAY, invoice="b")
    assert told.balance == 0, "a day before the end of the ninety that it waits"
    told.paid("t1", 1_000, at=T0 + 91 * DAY, invoice="c")
    assert told.balance == 10


def test_a_refund_names_one_invoice_of_a_payment() -> None:
    told = story()
    told.paid("t1", 1_000, invoice="a")
    told.paid("t1", 2_000, invoice="b")
    event = undone(told.refunded("r1", "t1", 2_000, invoice="b"))
    assert (event.points, event.earned_by) == (20, "payment:t1:b")
    assert told.balance == 10


def test_a_refund_that_names_no_invoice_goes_through_them_all() -> None:
    told = story()
    told.paid("t1", 1_000, invoice="a")
    told.paid("t1", 2_000, invoice="b")
    events = told.refunded("r1", "t1", 1_500)
    assert [(each.earned_by, each.points) for each in of(events, PointsReversed)] == [
        ("payment:t1:a", 10),
        ("payment:t1:b", 5),
    ]


@pytest.mark.parametrize("reason", ["chargeback", "late_failure"])
@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_a_chargeback_undoes_all_that_is_left_whenever_it_comes(
    reason: RefundReason, position: int
) -> None:
    told = story()
    facts: list[AnyFact] = [
        paid("t1", 1_000, invoice="a"),
        paid("t1", 2_000, invoice="b"),
        refunded("r1", "t1", 500, invoice="a"),
    ]
    facts.insert(position, refunded("c1", "t1", 1, reason=reason))
    for fact in facts:
        told.tell(fact)
    assert (told.balance, told.lifetime, told.deficit) == (0, 0, 0)


def test_a_refunded_first_payment_lets_the_next_one_be_the_first() -> None:
    told = story("- {id: first, on: first_payment, points: 50, limit: {count: 1}}")
    assert earned(told.paid("t1", 1_000)) == [("first", 50)]
    told.refunded("r1", "t1", 999)
    assert earned(told.paid("t2", 1_000, at=T0 + 2 * DAY)) == []
    told.refunded("r2", "t1", 1, at=T0 + 3 * DAY)
    assert earned(told.paid("t3", 1_000, at=T0 + 4 * DAY)) == [("first", 50)]
    assert told.balance == 50


@pytest.mark.parametrize(("late", "outcome"), [(0, "PointsReversed"), (1, "FactIgnored")])
def test_a_payment_can_be_refunded_for_two_years(late: int, outcome: str) -> None:
    told = story()
    now = T0 + 732 * DAY + late
    for name, at in (("t1", T0), ("t2", T0 + DAY), ("t3", now)):
        told.paid(name, 1_000, at=at)
    assert kinds(told.refunded("r1", "t1", 1_000, at=now)) == [outcome]
    assert kinds(told.refunded("r2", "t2", 1_000, at=now)) == ["PointsReversed"]


def test_a_payment_that_earned_nothing_is_refunded_for_a_reason() -> None:
    told = story()
    told.paid("t1", 10)
    assert reasons(told.refunded("r1", "t1", 10)) == ["nothing_to_reverse"]


def test_a_repeated_refund_changes_nothing() -> None:
    told = story()
    told.paid("t1", 1_000)
    told.refunded("r1", "t1", 500)
    assert told.refunded("r1", "t1", 500) == []
    assert told.balance == 5


def test_a_late_refund_is_undone_at_the_accounts_clock() -> None:
    told = story(expiry="{after: P10D}")
    told.paid("t1", 10_000)
    told.lives_until(T0 + 10 * DAY)
    event = undone(told.refunded("r1", "t1", 10_000, at=T0 + DAY))
    assert (event.occurred_at, event.expired, event.balance) == (T0 + 10 * DAY, 100, 0)


def test_points_that_came_back_expired_are_not_taken_a_second_time() -> None:
    told = story(expiry="{after: P10D}", rewards=FIVE_OFF)
    reward = only(told.paid("t1", 10_000), RewardEarned)
    told.paid("t2", 5_000, at=T0 + 5 * DAY)
    told.failed(reward, at=T0 + 11 * DAY)
    event = undone(told.refunded("r1", "t1", 10_000, at=T0 + 12 * DAY))
    assert (event.expired, event.lots, event.overdrawn) == (100, (), 0)
    assert told.balance == 50


def test_a_refund_of_points_that_bought_a_reward_overdraws_until_it_fails() -> None:
    told = story(rewards=FIVE_OFF)
    reward = only(told.paid("t1", 10_000), RewardEarned)
    told.refunded("r1", "t1", 10_000)
    assert (told.balance, told.deficit) == (-100, 100)
    told.failed(reward)
    assert (told.balance, told.deficit, told.lifetime) == (0, 0, 0)


def test_without_a_program_a_refund_is_still_undone() -> None:
    told = story()
    told.paid("t1", 1_000)
    told.programs = Story(type(told.programs)()).programs
    assert undone(told.refunded("r1", "t1", 1_000)).points == 10


def test_of_more_payments_than_can_be_kept_the_newest_four_hundred_can_be_refunded() -> None:
    told = story()
    for number in range(401):
        told.paid(f"t{number}", 100, at=T0 + number)
    assert undone(told.refunded("r1", "t1", 100)).points == 1
    assert reasons(told.refunded("r0", "t0", 100)) == ["refund_parked"]


def test_what_is_left_of_a_refund_beyond_all_payments_is_given_up_aloud() -> None:
    told = story()
    told.paid("t1", 1_000)
    assert undone(told.refunded("r1", "t1", 1_500, at=T0 + DAY)).points == 10
    assert reasons(told.lives_until(T0 + 99 * DAY)) == ["refund_unmatched"]


def test_a_chargeback_whose_payment_never_comes_is_given_up_aloud() -> None:
    told = story()
    told.refunded("c1", "t1", 1, at=T0, reason="chargeback")
    assert reasons(told.lives_until(T0 + 99 * DAY)) == ["refund_unmatched"]
