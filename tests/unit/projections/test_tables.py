"""The rows in code and the tables in SQL are one shape."""

import msgspec
import pytest
from sqlalchemy import Table

from projections.rows import BalanceRow, DayFlowRow, EntryRow, FlowRow, LotRow, RewardRow, StateRow
from projections.tables import (
    NOT_REBUILT,
    VIEWS,
    balances,
    day_flows,
    entries,
    flows,
    lots,
    rewards,
    states,
)

PAIRS = [
    (balances, BalanceRow),
    (entries, EntryRow),
    (lots, LotRow),
    (rewards, RewardRow),
    (flows, FlowRow),
    (day_flows, DayFlowRow),
    (states, StateRow),
]


@pytest.mark.parametrize(("table", "row"), PAIRS, ids=lambda each: getattr(each, "name", ""))
def test_columns_stand_in_the_order_of_the_fields(table: Table, row: type[msgspec.Struct]) -> None:
    assert tuple(column.name for column in table.columns) == row.__struct_fields__


def test_every_view_has_its_row() -> None:
    assert {table for table, _ in PAIRS} == {*VIEWS, states}


def test_what_a_rebuild_leaves_out_is_a_column_of_a_view() -> None:
    assert {column.name for table in VIEWS for column in table.columns} >= NOT_REBUILT
