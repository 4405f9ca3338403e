"""What qualifies for tiers outlives a change of basis or window, by instant, and stays small."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.points import TierChanged
from streams.account import qualifying
from streams.account.state import Memory
from streams.account.storing import encode_core
from streams.account.windows import Window
from tests.support.story import (
    DAY,
    HOUR,
    T0,
    YEAR,
    Story,
    happened,
    of,
    program_text,
    reasons,
    story,
)
from tests.support.year import program_of

LEVELS = "levels: [{id: low}, {id: mid, at: 100}, {id: high, at: 200}]"
USD = "basis: spend, currency: USD, "
BERLIN = ZoneInfo("Europe/Berlin")
Entries = Sequence[tuple[int, int]]


def with_tiers(more: str = "") -> Story:
    return story(tiers=f"{{{more}{LEVELS}}}")


def change(told: Story, more: str, *, effective_from: str = "2000-01-01T00:00") -> None:
    """A new version with other tiers."""
    text = program_text(tiers=f"{{{more}{LEVELS}}}")
    told.programs = program_of(text.replace("2000-01-01T00:00", effective_from))


def test_a_new_basis_is_answered_from_what_was_kept_of_it_and_not_of_the_other() -> None:
    told = with_tiers("window: P12M, ")
    told.paid("t1", 5_000)  # 50 points and 5,000 cents
    told.paid("t2", 9_900, currency="EUR")  # no point at all
    change(told, "basis: spend, currency: EUR, window: P12M, ")
    told.paid("t3", 1, at=T0 + DAY)
    assert of(told.events, TierChanged)[-1].basis == 9_900
    change(told, "window: P12M, ")
    told.paid("t4", 5_000, at=T0 + 2 * DAY)
    told.lives_until(T0 + YEAR + DAY)
    assert of(told.events, TierChanged)[-1].basis == 50  # t1 has left by then, t4 has not


@pytest.mark.parametrize("before", ["lifetime", "calendar_year", "membership_year", "P2Y"])
def test_a_new_window_is_exact_to_the_instant(before: str) -> None:
    told = with_tiers(f"{USD}window: {before}, ")
    told.paid("t1", 90, at=T0 + 5 * HOUR)
    change(told, f"{USD}window: P12M, ")
    told.paid("t2", 9, at=T0 + YEAR + 5 * HOUR - 1)
    assert told.tier == "low"
    told.paid("t3", 1, at=T0 + YEAR + 5 * HOUR - 1)
    assert told.tier == "mid"
    other = with_tiers(f"{USD}window: {before}, ")
    other.paid("t1", 90, at=T0 + 5 * HOUR)
    change(other, f"{USD}window: P12M, ")
    other.paid("t2", 10, at=T0 + YEAR + 5 * HOUR)
    assert other.tier == "low"


def test_a_refund_is_undone_in_what_was_kept_whatever_counts_now() -> None:
    told = with_tiers("window: P12M, ")
    told.paid("t1", 15_000)
    told.refunded("r1", "t1", 14_950)
    change(told, f"{USD}window: P12M, ")
    told.paid("t2", 49, at=T0 + 2 * DAY)
    assert told.tier == "low"
    told.paid("t3", 1, at=T0 + 2 * DAY)
    assert of(told.events, TierChanged)[-1].basis == 100


def test_a_version_that_reviews_for_the_first_time_leaves_a_whole_window() -> None:
    told = with_tiers()
    told.paid("t1", 20_000)
    change(told, "window: P12M, ", effective_from="2026-12-01T00:00")
    told.happened("visit", at=T0 + YEAR + DAY)
    assert told.due_at == T0 + 2 * YEAR
    told.lives_until(T0 + 2 * YEAR)
    assert of(told.events, TierChanged)[-1].to_tier == "low"


def test_a_review_that_is_long_due_under_a_new_version_comes_next() -> None:
    told = with_tiers()
    told.paid("t1", 20_000)
    change(told, "window: P12M, ")
    told.happened("visit", at=T0 + 3 * YEAR)
    assert told.due_at == T0 + 3 * YEAR + 1
    told.lives_until(T0 + 4 * YEAR)
    assert told.tier == "low"


def test_without_tiers_nothing_is_kept() -> None:
    told = story()
    told.paid("t1", 20_000)
    assert told.account.memory.qualifying == {}


@pytest.mark.parametrize(
    ("window", "kept"), [("lifetime", 100), ("calendar_year", 820), ("P6M", 270)]
)
def test_an_account_that_earns_every_day_for_years_stays_small(window: str, kept: int) -> None:
    told = story(
        "- {id: visit, on: custom, event: visit, points: 1}",
        expiry="{after: P1D}",
        tiers=f"{{window: {window}, {LEVELS}}}",
    )
    for day in range(1_200):
        told.tell(happened("visit", at=T0 + day * DAY))
    points = told.account.memory.qualifying[qualifying.POINTS]
    assert points.total == 1_200
    assert len(points.instants) == len(points.values) <= kept
    assert sum(points.values) >= 700
    rest = len(encode_core(told.account))
    assert rest < 10 * kept


instants = st.integers(T0, T0 + 3 * YEAR)
entries = st.lists(st.tuples(instants, st.integers(1, 9)), min_size=1, max_size=200)


@given(
    entries,
    st.sampled_from(["P1M", "P12M", "P45D", "PT36H", "P1M3D", "calendar_year", "membership_year"]),
    st.integers(0, 40 * DAY),
)
def test_what_counts_is_what_the_calendar_says_of_each(
    history: Entries, text: str, later: int
) -> None:
    window = Window(text, BERLIN)
    memory = _told(history, window)
    now = memory.clock + later
    expected = sum(value for at, value in history if window.leaves_at(at, memory.joined_at) > now)
    assert qualifying.counted(memory, "", window, now) == expected


@given(entries, st.data())
def test_what_was_undone_never_counted(history: Entries, data: st.DataObject) -> None:
    window = Window("P1Y", BERLIN)
    undone = data.draw(st.lists(st.sampled_from(history), unique=True))
    memory = _told(history, window)
    for at, value in undone:
        qualifying.uncount(memory, "", at, value)
    expected = sum(
        value for at, value in history if window.leaves_at(at, memory.joined_at) > memory.clock
    ) - sum(value for at, value in undone if window.leaves_at(at, memory.joined_at) > memory.clock)
    assert qualifying.counted(memory, "", window, memory.clock) == expected


@given(entries)
def test_what_is_merged_counts_longer_by_a_month_at_most(history: Entries) -> None:
    life, year = Window("lifetime", BERLIN), Window("P12M", BERLIN)
    memory = _told(history, life)
    found = qualifying.counted(memory, "", year, memory.clock)
    exact = [sum(value for at, value in history if year.leaves_at(at + more, 0) > memory.clock)
             for more in (0, 30 * DAY)]  # fmt: skip
    assert exact[0] <= found <= exact[1]


DAILY = [(T0 + day * DAY, 1) for day in range(70)]
"""More than is kept exact where nothing looks back: the first 65 of them are merged."""


@pytest.mark.parametrize("text", ["P60D", "calendar_year", "membership_year"])
def test_what_the_window_looks_back_to_is_exact_however_much_it_is(text: str) -> None:
    window = Window(text, BERLIN)
    history = [(T0 + hours * HOUR, 1) for hours in range(0, 120 * 24, 7)]
    memory = _told(history, window)
    now = memory.clock + HOUR
    expected = sum(value for at, value in history if window.leaves_at(at, T0) > now)
    assert qualifying.counted(memory, "", window, now) == expected > qualifying.EXACT


def test_a_year_of_membership_that_began_on_29_february_begins_on_the_28th_in_between() -> None:
    window = Window("membership_year", ZoneInfo("UTC"))
    joined_at = instant(2024, 2, 29)
    assert [
        window.leaves_at(instant(year, 6, 1), joined_at) for year in (2024, 2026, 2027, 2099)
    ] == [instant(2025, 2, 28), instant(2027, 2, 28), instant(2028, 2, 29), instant(2100, 2, 28)]


def instant(year: int, month: int, day: int) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def test_what_was_merged_is_undone_in_its_month() -> None:
    memory = _told(DAILY, Window("lifetime", BERLIN))
    points = memory.qualifying[qualifying.POINTS]
    merged = {at // (30 * DAY): at for at, _ in DAILY[:65]}
    assert points.instants == [*merged.values(), *(at for at, _ in DAILY[65:])]
    for at, value in DAILY:
        before = sum(points.values)
        qualifying.uncount(memory, "", at, value)
        assert sum(points.values) == before - value
    assert (sum(points.values), points.total) == (0, 0)


def test_what_is_not_kept_any_more_is_undone_in_the_total_alone() -> None:
    memory = _told([(T0, 5), (T0 + 2 * DAY, 7)], Window("P12M", BERLIN))
    points = memory.qualifying[qualifying.POINTS]
    qualifying.uncount(memory, "", T0 + DAY, 3)
    qualifying.uncount(memory, "", T0 + 3 * DAY, 4)
    qualifying.uncount(memory, "EUR", T0, 1)
    assert (points.values, points.total) == ([5, 7], 5)


def _told(history: Entries, window: Window) -> Memory:
    memory = Memory(joined_at=min(at for at, _ in history))
    for at, value in history:
        memory.clock = max(memory.clock, at)
        qualifying.count(memory, "", at, value, window)
    return memory


def test_under_a_retired_program_nothing_earns_counts_or_fires_and_all_else_goes_on() -> None:
    told = story(
        tiers=f"{{window: P30D, {LEVELS}}}",
        expiry="{after: P90D}",
        rewards="[{id: gift, when: {balance: 100}, cost: 50, free_days: 1}]",
    )
    [_, _, gift, _] = told.paid("t1", 15_000)
    text = program_text(tiers=f"{{window: P30D, {LEVELS}}}", expiry="{after: P90D}", retired="true")
    told.programs = program_of(text)
    assert reasons(told.paid("t2", 99_000, at=T0 + DAY)) == ["program_retired"]
    assert told.tier == "mid"
    told.failed(gift, at=T0 + 2 * DAY)  # type: ignore[arg-type]
    assert told.balance == 150
    told.refunded("r1", "t1", 1_000, at=T0 + 3 * DAY)
    assert told.balance == 140
    told.adjusted("a1", 5, at=T0 + 4 * DAY)
    told.lives_until(T0 + 90 * DAY)
    assert (told.tier, told.balance) == ("mid", 5)


def test_what_was_earned_before_there_were_tiers_is_lost_to_a_refund_too() -> None:
    told = story()
    told.paid("t1", 10_000)
    change(told, "window: lifetime, ")
    told.paid("t2", 100, at=T0 + DAY)
    assert told.tier == "mid"
    told.refunded("r1", "t1", 10_000, at=T0 + 2 * DAY)
    assert told.tier == "low"
