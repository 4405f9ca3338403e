"""An entry is explained from what the views and the log hold of its customer."""

import pytest

from deploy.replay.explaining import explain_in
from deploy.replay.history import CannotTell
from schemas.codec import POINTS
from tests.support.history import history_of, published
from tests.support.story import DAY, T0, happened, paid, program_text

PROGRAM = published(
    program_text(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}}',
        "- {id: big, on: payment_succeeded, points: 50, when: payment.amount_minor > 50000}",
    )
)
STORY = (PROGRAM, paid("t1", 10_000), happened("party", T0 + DAY), paid("t2", 2_000, T0 + 2 * DAY))


def test_rules_that_did_not_fire_say_which_condition_failed() -> None:
    history = history_of(*STORY)
    explained = explain_in(history, history.entries[0])
    told = explained.explanation.sentences
    assert "Rule `pay` gives 1 for each 1.00 USD: 100 points." in told
    assert any(each.startswith("Rule `big` does not apply: it asks for") for each in told)
    assert explained.discrepancies == []
    assert explained.sequences == [1]
    assert [POINTS.decode(event).balance for event in explained.events] == [100]


def test_an_entry_in_the_middle_is_explained_as_the_account_was_then() -> None:
    history = history_of(*STORY)
    history.records.pop()  # what came later is not read
    explained = explain_in(history, history.entries[1])
    assert explained.explanation.fact.occurred_at == T0 + DAY
    assert explained.explanation.sentences[-1] == "You can spend 100 points now."
    assert explained.discrepancies == []


def test_it_says_when_what_is_stored_is_something_else() -> None:
    history = history_of(*STORY)
    history.entries[2].event = history.entries[2].event.replace('"balance":120', '"balance":999')
    explained = explain_in(history, history.entries[2])
    assert len(explained.discrepancies) == 1
    assert explained.explanation.sentences[-1] == "You can spend 120 points now."


def test_without_its_own_fact_there_is_no_explanation() -> None:
    history = history_of(*STORY)
    del history.records[1]
    with pytest.raises(CannotTell, match="entry 1, payment:t1:inv_t1, cannot be read any more"):
        explain_in(history, history.entries[0])
