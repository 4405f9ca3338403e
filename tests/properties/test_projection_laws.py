"""Laws of the projection, held over a sandbox's year that the real fold decided."""

import random
from collections import defaultdict

import pytest

from projections.balances import View, net_change, project
from tests.support.points import history, logged
from tests.support.year import SITE

CUSTOMERS = 60


@pytest.mark.parametrize("seed", [1, 2])
def test_what_events_add_and_what_lots_hold_are_both_the_balance(seed: int) -> None:
    view = View()
    added: defaultdict[str, int] = defaultdict(int)
    lots_of: defaultdict[str, set[str]] = defaultdict(set)
    for each in logged(history(seed, CUSTOMERS)):
        customer = each.event.customer
        project(view, each)
        added[customer] += net_change(each.event)
        lots_of[customer] |= {lot for _, whose, lot in view.changed_lots if whose == customer}
        view.changed_lots.clear()
        row = view.balances[SITE, customer]
        left = sum(view.lots[SITE, customer, lot].remaining for lot in lots_of[customer])
        assert added[customer] == row.balance + row.pending, each.event
        assert left - row.deficit == row.balance + row.pending, each.event
    assert len(added) == CUSTOMERS


@pytest.mark.parametrize("seed", [1, 2])
def test_no_lot_goes_below_nothing_and_one_is_closed_when_nothing_is_left(seed: int) -> None:
    view = View()
    for each in logged(history(seed, CUSTOMERS)):
        project(view, each)
        for key in view.changed_lots:
            lot = view.lots[key]
            assert 0 <= lot.remaining <= lot.points
            assert (lot.closed_at is None) == (lot.remaining > 0)
        view.changed_lots.clear()


@pytest.mark.parametrize("seed", [1, 2])
def test_what_flowed_adds_up_to_what_lots_hold(seed: int) -> None:
    view = View()
    for each in logged(history(seed, CUSTOMERS)):
        project(view, each)
    flowed: defaultdict[str, int] = defaultdict(int)
    held: defaultdict[str, int] = defaultdict(int)
    for flow in view.flows.values():
        flowed[flow.program] += flow.points
    for lot in view.lots.values():
        held[lot.program] += lot.remaining
    assert flowed == held
    assert sum(held.values()) > 0


def test_the_days_of_a_month_add_up_to_the_month() -> None:
    view = View()
    for each in logged(history(1, CUSTOMERS)):
        project(view, each)
    added: defaultdict[tuple[str, str], int] = defaultdict(int)
    for flow in view.day_flows.values():
        added[flow.day[:7], flow.kind] += flow.points
    assert added == {(flow.month, flow.kind): flow.points for flow in view.flows.values()}


@pytest.mark.parametrize("seed", [1, 2])
def test_repeats_of_any_kind_change_nothing(seed: int) -> None:
    rng = random.Random(seed)
    plain, repeating = View(), View()
    events = logged(history(seed, CUSTOMERS))
    fresh = 0
    for index, each in enumerate(events):
        project(plain, each)
        fresh += project(repeating, each)
        again = rng.randint(0, index)
        fresh += sum(project(repeating, old) for old in events[again : again + 3][: index - again])
    assert fresh == len(events)
    assert (repeating.balances, repeating.lots) == (plain.balances, plain.lots)
    assert (repeating.rewards, repeating.entries) == (plain.rewards, plain.entries)
