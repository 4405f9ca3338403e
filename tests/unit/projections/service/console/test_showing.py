"""The pure parts of the pages: bytes, charts, times, chains and holdings."""

import pytest
from markupsafe import Markup

from projections.accounts import Account
from projections.balances import View, project
from projections.console_queries import every_day
from projections.rows import BalanceRow, EntryRow, LotRow
from projections.service.console.charts import HEIGHT, line, short, spark, stacked
from projections.service.console.chips import chip
from projections.service.console.holdings import hold
from projections.service.console.rendering import lasting, marked, plain, signed, told_time
from projections.service.console.timeline import fact_label, links, whole
from projections.service.console.visible import TEXT_BYTES_MAX, escaped, show
from projections.service.ports import Standing, TierStanding
from tests.support.points import DAY, NOON, logged, story
from tests.support.year import SITE


def test_json_is_indented_and_other_bytes_are_as_they_are() -> None:
    assert show(b'{"a":1}').text == '{\n  "a": 1\n}'
    assert show(b'{"a":1').text == '{"a":1'
    assert not show(b"\xff\x00").pretty
    assert show(b"\xff\x00").text == r"\xff\x00"


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\tb\n", "a\tb\n"),
        ("\x1b[31m", r"\x1b[31m"),
        ("abc\u202etxt", r"abc\u202etxt"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("Grüße 🌵", "Grüße 🌵"),
    ],
)
def test_what_cannot_be_seen_is_written_as_its_code(text: str, seen: str) -> None:
    assert escaped(text) == seen


def test_long_bytes_are_cut_and_say_so() -> None:
    long = show(b"x" * (TEXT_BYTES_MAX + 1))
    assert long.cut
    assert len(long.text) == TEXT_BYTES_MAX
    assert len(long.hex_lines) == 64
    assert show(b"[" * 3000).text.startswith("[[")


def test_bars_stand_on_the_axis_and_hang_from_it() -> None:
    chart = stacked(["1 Dec", "2 Dec"], [("earned", [60, 0]), ("spent", [-20, -40])], "points")
    assert [each.title for each in chart.bars] == [
        "1 Dec: 60 points earned",
        "1 Dec: 20 points spent",
        "2 Dec: 40 points spent",
    ]
    up, down, other = chart.bars
    assert up.y + up.height == pytest.approx(chart.zero, abs=0.02)
    assert down.y == other.y == pytest.approx(chart.zero, abs=0.02)
    assert other.height == pytest.approx(2 * down.height, abs=0.02)
    assert [each.label for each in chart.ticks] == ["−50", "0", "50", "100"]


def test_a_chart_of_nothing_is_still_a_chart() -> None:
    assert line([], []).line == ""
    assert stacked(["1 Dec"], [("earned", [0])], "points").bars == ()
    assert [each.height for each in spark(["a", "b"], [0, 0], "earned")] == [1.5, 1.5]


def test_a_line_keeps_within_its_chart() -> None:
    chart = line(["a", "b", "c"], [0, 7, 1_000_000])
    numbers = [float(part.lstrip("ML")) for part in chart.line.split()]
    assert all(0 <= y <= HEIGHT for y in numbers[1::2])
    assert chart.ticks[-1].label == "1M"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (950, "950"), (1200, "1.2k"), (-34_000_000, "−34M"), (2_000_000_000, "2B")],
)
def test_numbers_beside_an_axis_are_short(value: float, said: str) -> None:
    assert short(value) == said


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (NOON - 3, "just now"),
        (NOON - 90, "1 minute ago"),
        (NOON - 7200, "2 hours ago"),
        (NOON + 3 * DAY, "in 3 days"),
        (NOON - 61 * DAY, "01 Oct 2025"),
    ],
)
def test_times_are_relative_with_their_instant_behind_them(seconds: int, words: str) -> None:
    told = told_time(seconds, NOON)
    assert words in told
    assert 'title="' in told
    assert "UTC" in told
    assert told_time(None, NOON) == "–"
    assert lasting(0.4) == "0 s"


def test_what_stands_between_backticks_is_code_and_never_markup() -> None:
    assert marked("`<b>` did <i>") == Markup("<code>&lt;b&gt;</code> did &lt;i&gt;")
    assert marked("one ` alone") == "one ` alone"


def test_numbers_have_a_true_minus_and_values_are_plain() -> None:
    assert (signed(1200), signed(-5), signed(0)) == ("+1,200", "−5", "0")
    assert plain({"USD": 500, "all": [True, "x"]}) == "USD 500, all yes, x"


def test_a_state_that_nobody_named_is_shown_as_it_is() -> None:
    assert chip("half_done") == ("half done", "still", "dot")


def entries() -> list[EntryRow]:
    view = View()
    for each in logged(story()):
        project(view, each)
    return list(reversed(view.entries))


def test_every_type_of_event_has_its_place_in_a_chain() -> None:
    chain = links(entries())
    assert sum(len(link.effects) for link in chain) == len(story())
    assert {link.tone for link in chain} == {"gave", "took", "gift", "still"}
    assert all(effect.happened for link in chain for effect in link.effects)


def test_a_page_ends_between_facts_not_within_one() -> None:
    rows = entries()
    for row in rows[:4]:
        row.fact, row.fact_offset = "payment:a:b", 7
    assert whole(rows[:2], more=True) == rows[:2]
    assert whole(rows[:5], more=True) == rows[:4]
    assert whole(rows[:5], more=False) == rows[:5]


def test_a_fact_is_called_by_what_it_is_about() -> None:
    assert fact_label("refund:txn_1") == "Payment refunded"
    assert fact_label("moon_landing:1") == "Moon landing"


def test_days_in_which_nothing_moved_are_days_too() -> None:
    days = every_day([], NOON, 3)
    assert [each.period for each in days] == ["2025-11-29", "2025-11-30", "2025-12-01"]
    assert [name for name, *_ in days[0].rows()] == ["Earned", "Spent"]


def lot(name: str, remaining: int, available_at: int, *, waits: bool = False) -> LotRow:
    return LotRow(
        site=SITE,
        customer="c1",
        lot=name,
        partition=0,
        sequence=1,
        fact="payment:t1:i",
        rule="pay",
        program="spikes",
        program_version=1,
        points=remaining,
        remaining=remaining,
        opened_at=NOON,
        available_at=available_at,
        expires_at=None,
        closed_at=None,
        waits=waits,
    )


LOTS = [lot("1", 100, NOON), lot("2", 50, NOON + DAY), lot("3", 7, NOON + 9 * DAY, waits=True)]
ROW = BalanceRow(SITE, "c1", 0, sequence=4, balance=100, pending=57, lifetime=157, deficit=20)


def test_without_its_state_an_account_has_what_its_lots_hold() -> None:
    held = hold(Account(ROW, None), LOTS, None, NOON)
    assert (held.balance, held.pending, held.next_at) == (80, 57, NOON + DAY)
    assert held.share is None


class FakeAccounts:
    """Whose every account stands as it was told."""

    def __init__(self, sequence: int, tier: TierStanding | None) -> None:
        self.sequence = sequence
        self.lived_to = NOON + 5
        self.tier = tier

    def read(self, site: str, state: bytes) -> "FakeAccounts":
        return self

    def standing(self, at: int) -> Standing:
        assert at >= self.lived_to
        return Standing(
            sequence=self.sequence,
            balance=1,
            pending=2,
            lifetime=3,
            deficit=0,
            tier=self.tier,
            expiring=(),
            program="spikes",
            program_version=1,
            erased=False,
        )

    async def as_of(self, site: str, customer: str, at: int, known_at: int | None) -> None:
        raise AssertionError("a page asks for now")


def test_with_its_state_an_account_stands_as_the_fold_says() -> None:
    tier = TierStanding(
        tier="seedling",
        since=NOON,
        basis=500,
        next_tier="saguaro",
        missing=1500,
        needed_to_keep=0,
        review_at=NOON + DAY,
    )
    held = hold(Account(ROW, b"state"), LOTS, FakeAccounts(4, tier), NOON)
    assert (held.balance, held.tier, held.share) == (1, "seedling", 25)
    assert held.tier_words == ("1,500 to saguaro", "to stay: nothing more by 02 Dec 2025")


def test_money_and_holds_are_told_as_such() -> None:
    tier = TierStanding(tier="gold", since=NOON, currency="USD", held_tier="gold")
    held = hold(Account(ROW, b"state"), LOTS, FakeAccounts(4, tier), NOON)
    assert held.tier_words == ("the highest there is", "held by hand for good")
    rising = TierStanding(
        tier="", since=None, currency="USD", basis=0, next_tier="gold", missing=12345
    )
    held = hold(Account(ROW, b"state"), LOTS, FakeAccounts(4, rising), NOON)
    assert held.tier_words == ("123.45 USD to gold",)


def test_a_state_that_lags_behind_the_entries_is_not_asked() -> None:
    held = hold(Account(ROW, b"state"), LOTS, FakeAccounts(3, None), NOON)
    assert held.balance == 80
