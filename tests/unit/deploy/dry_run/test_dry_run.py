"""A draft is tried on what a customer has lived through."""

from deploy.dry_run.run import DryRun, dry_run
from schemas.facts import AnyFact, ProgramPublished
from schemas.program.load import load_program
from tests.support.history import history_of, published
from tests.support.story import DAY, T0, delivered, happened, paid, program_text, refunded, time

PUBLISHED = program_text()
NOW = T0 + 100 * DAY
DOUBLE = program_text('- {id: pay, on: payment_succeeded, points: {per: {USD: "0.50"}}}')


def tried(draft: str, *told: AnyFact, on: str = PUBLISHED) -> DryRun:
    known: ProgramPublished = published(on)
    return dry_run(history_of(known, *told), load_program(draft), NOW)


def test_the_published_program_itself_changes_nothing() -> None:
    found = tried(PUBLISHED, paid("t1", 10_000), refunded("r1", "t1", 5_000))
    assert found.differences.is_empty
    assert found.sentences == ["Nothing would have been different for this customer."]
    assert (found.published.balance, found.draft.balance) == (50, 50)


def test_figures_and_rules_are_told_as_they_are_and_would_have_been() -> None:
    found = tried(DOUBLE, paid("t1", 10_000), refunded("r1", "t1", 5_000))
    assert found.sentences == [
        "There would be 100 points to spend instead of 50: 50 more.",
        "100 points would have been earned in all instead of 50.",
        "100 points would have been taken back by refunds instead of 50.",
        "Rule `pay` would have given 200 points (once) instead of 100 points (once).",
        "1 fact would have given something else.",
    ]
    [fact] = found.differences.facts
    assert (fact.fact, fact.published, fact.draft) == (
        "payment:t1:inv_t1",
        {"pay": 100},
        {"pay": 200},
    )


def test_rules_that_are_new_or_gone_are_said_to_be() -> None:
    draft = program_text("- {id: party, on: custom, event: party, points: 30}")
    told = tried(draft, paid("t1", 10_000), happened("party", T0 + DAY)).sentences
    assert "Rule `pay` would have given nothing; it has given 100 points (once)." in told
    assert "Rule `party` would have given 30 points (once); it has given nothing." in told


def test_tiers_and_rewards_are_compared() -> None:
    rewards = """
  - {id: off, when: {balance: 150}, discount: {amount: {USD: "5.00"}, via: promotional_credit}}"""
    tiers = "{window: P12M, levels: [{id: low}, {id: high, at: 150}]}"
    sections = {"tiers": tiers, "rewards": rewards}
    double = program_text(
        '- {id: pay, on: payment_succeeded, points: {per: {USD: "0.50"}}}', **sections
    )
    found = tried(double, paid("t1", 10_000), on=program_text(**sections))
    assert "The customer would be in tier `high` instead of tier `low`." in found.sentences
    assert "Reward `off` would have been given once; it was not." in found.sentences
    back = tried(
        program_text(**sections),
        paid("t1", 10_000),
        delivered("acme-test:ann:off:1"),
        on=double,
    )
    assert "Reward `off` would not have been given; it was given once." in back.sentences


def test_time_falls_due_as_the_draft_has_it() -> None:
    """Points that lapse after ten days under the draft have lapsed before the second payment."""
    draft = program_text(expiry="{after: P10D}")
    lived = (paid("t1", 10_000), time(T0 + 50 * DAY), paid("t2", 1_000, T0 + 95 * DAY))
    found = tried(draft, *lived)
    assert (found.published.balance, found.draft.balance) == (110, 10)
    assert found.differences.figures["expired"] == (0, 100)


def test_it_holds_as_if_always_in_force_whatever_the_file_says() -> None:
    later = DOUBLE.replace("2000-01-01T00:00", "2030-01-01T00:00")
    assert tried(later, paid("t1", 10_000)).draft.balance == 200


def test_what_facts_do_not_hold_is_said() -> None:
    draft = program_text('- {id: stars, on: custom, event: review, points: "event.stars * 50"}')
    found = tried(draft, happened("review", T0, properties={}))
    [note] = found.notes
    assert note == (
        "No published version asks for `stars` of `review`: facts do not hold it, so the draft "
        "finds nothing there."
    )
