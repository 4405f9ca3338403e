"""A replay proves what is stored, or says what stands against it."""

import msgspec

from deploy.replay.history import History
from deploy.replay.replay import Replay, discrepancies
from tests.support.history import history_of, published
from tests.support.story import DAY, T0, paid, program_text, refunded, time

FIRST = published(program_text())
SECOND = published(
    program_text("- {id: pay, on: payment_succeeded, points: 7}").replace("2000-", "2025-"), 2
)
STORY = (
    FIRST,
    paid("t1", 10_000),
    paid("t1", 10_000),  # again: it gives nothing
    SECOND,
    paid("t2", 10_000, T0 + DAY),
    refunded("r1", "t1", 5_000, T0 + 2 * DAY),
    time(T0 + 3 * DAY),
)


def against(history: History) -> list[str]:
    replay = Replay(history.site, history.customer)
    return discrepancies(history, list(replay.fold(history.records)))


def test_the_facts_give_exactly_what_is_stored() -> None:
    history = history_of(*STORY)
    assert len(history.entries) == 4
    assert against(history) == []


def test_each_fact_is_decided_under_the_versions_known_at_its_offset() -> None:
    history = history_of(*STORY)
    assert [(each.program_version, each.points) for each in history.entries[:2]] == [
        (1, 100),
        (2, 7),
    ]
    replay = Replay(history.site, history.customer)
    points = [len(each.events) for each in replay.fold(history.records)]
    assert points == [1, 0, 1, 1, 1]
    assert replay.account.ledger.lifetime == 57


def test_a_repeat_that_was_not_read_changes_nothing() -> None:
    history = history_of(*STORY)
    del history.records[2]
    assert against(history) == []


def test_a_fact_that_is_gone_is_said_to_be() -> None:
    history = history_of(*STORY)
    del history.records[1:3]
    lacking = History(
        site=history.site,
        customer=history.customer,
        entries=history.entries,
        records=history.records,
        missing=[10],
    )
    [missing, different] = against(lacking)
    assert missing == "1 of the customer's facts are no longer in the log (offsets 10)."
    assert different.startswith("Entry 1 (PointsEarned) is stored otherwise than a replay")


def test_a_program_that_is_gone_is_said_to_be() -> None:
    history = history_of(*STORY)
    del history.records[3]
    [missing, different] = against(history)
    assert missing.startswith("Version 2 of the program `plain`, under which some of this")
    assert different.startswith("Entry 2 (PointsEarned) is stored otherwise")


def test_one_byte_of_difference_is_found() -> None:
    history = history_of(*STORY)
    entry = history.entries[2]
    entry.event = entry.event.replace('"points":50', '"points":51')
    assert [each[:7] for each in against(history)] == ["Entry 3"]


def test_an_entry_that_follows_from_no_fact_is_found() -> None:
    history = history_of(*STORY)
    more = msgspec.structs.replace(history.entries[-1], sequence=5)
    history.entries.append(more)
    assert against(history) == ["5 entries are stored for these facts, and a replay gives 4."]


def test_facts_that_came_late_are_proven_as_they_were_decided() -> None:
    history = history_of(
        FIRST, paid("t2", 5_000, T0 + 3 * DAY), paid("t1", 1_000, T0 + DAY), time(T0 + 9 * DAY)
    )
    assert against(history) == []
