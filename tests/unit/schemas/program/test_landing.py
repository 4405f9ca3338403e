"""What a program says of where its rewards land, in words, and that old ones mean what they did."""

import pytest

from schemas.program.load import ProgramRefusedError, load_program
from schemas.program.model import Program
from schemas.program.words import describe

HEAD = "program: small\nsite: acme-test\neffective_from: 2026-01-01T00:00\n"
EARN = "earn: [{id: pay, on: payment_succeeded, points: 1}]\n"


def program(given: str) -> Program:
    return load_program(f"{HEAD}{EARN}rewards: [{{id: a, when: {{balance: 5}}, {given}}}]\n")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ('discount: {via: coupon, percent: "5"}', "5 % off as coupon"),
        (
            'discount: {via: coupon, percent: "5", periods: 3, codes: single_use}',
            "5 % off for 3 billing cycles as coupon, redeemed by a code of its own",
        ),
        ("free_days: 3, lands_on: fact, when_none: wait", "3 free days"),
        (
            "free_days: 3, lands_on: most_valuable, wait_for: P7D",
            "3 free days on the most valuable subscription, waiting P7D for one",
        ),
        (
            "free_days: 3, lands_on: oldest, when_none: fail",
            "3 free days on the oldest subscription, failing at once without one",
        ),
    ],
)
def test_where_a_reward_lands_can_be_said_in_words(given: str, said: str) -> None:
    [sentence] = [words for part, _, words in describe(program(given)) if part == "reward"]
    assert sentence == f"the first time the balance reaches 5 points: {said}"


@pytest.mark.parametrize("given", ["free_days: 3", "custom: {webhook: x}"])
def test_what_is_not_written_survives_being_stored(given: str) -> None:
    written = program(given)
    assert Program.model_validate(written.document()) == written


CREDIT = 'discount: {via: promotional_credit, amount: {USD: "1.00"}'


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        (f"{CREDIT}, periods: 3}}", ".discount", "`periods` is for coupons"),
        (f"{CREDIT}, codes: single_use}}", ".discount", "`codes` is for coupons"),
        (
            'discount: {via: coupon, percent: "5", periods: 0}',
            ".discount.periods",
            "write 1 or more",
        ),
        (
            'discount: {via: coupon, percent: "5", codes: single}',
            ".discount.codes",
            "did you mean single_use?",
        ),
        ("free_days: 3, lands_on: newst", ".lands_on", "did you mean newest?"),
        ("free_days: 3, when_none: give_up", ".when_none", "write one of wait, fail"),
        ("custom: {webhook: x}, lands_on: newest", "", "`lands_on` is for discounts"),
        (f"{CREDIT}}}, when_none: wait", "", "needs no subscription: `when_none` is for coupons"),
        ("custom: {webhook: x}, wait_for: P1D", "", "needs no subscription: `wait_for`"),
        ("free_days: 3, when_none: fail, wait_for: P1D", "", "leave one out"),
        ("free_days: 3, wait_for: a month", ".wait_for", "ISO 8601"),
    ],
)
def test_a_mistake_is_told_with_its_remedy(given: str, path: str, said: str) -> None:
    with pytest.raises(ProgramRefusedError) as refused:
        program(given)
    [problem] = refused.value.problems
    assert problem.path == f"rewards[0]{path}"
    assert said in problem.message
