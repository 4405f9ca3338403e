"""Gift cards and donations in a program: by webhook or by order, and what is said of a mistake."""

import pytest

from schemas.program.load import load_program
from tests.unit.schemas.program.test_load import SMALL, problems


def reward(grant: str) -> str:
    return SMALL + f"rewards:\n  - {{id: gift, when: {{balance: 10}}, {grant}}}\n"


@pytest.mark.parametrize(
    "grant",
    [
        "gift_card: {webhook: cards}",
        'gift_card: {via: tremendous, amount: {USD: "10.00"}, products: [AMAZON]}',
        'charity: {via: tremendous, amount: {USD: "10.00"}, campaign: THANKS}',
    ],
)
def test_a_gift_comes_by_webhook_or_by_order(grant: str) -> None:
    assert load_program(reward(grant)).rewards[0].id == "gift"


@pytest.mark.parametrize(
    ("grant", "path", "said"),
    [
        ("gift_card: {via: tremendos, amount: {USD: '1.00'}, campaign: C}", "via", "tremendous"),
        ("gift_card: {via: tremendous, campaign: C}", "amount", "missing"),
        ("gift_card: {via: tremendous, amount: {USD: '1.00'}}", "", "products to choose from"),
        ("gift_card: {via: tremendous, amount: {USD: '1.00'}, campain: C}", "campain", "campaign?"),
        ("gift_card: {webhok: cards}", "webhok", "mean webhook"),
    ],
)
def test_a_mistake_in_a_gift_is_told_about_its_own_form(grant: str, path: str, said: str) -> None:
    found = problems(reward(grant))
    wanted = "rewards[0].gift_card" + (f".{path}" if path else "")
    assert any(each.path == wanted and said in each.message for each in found), found
