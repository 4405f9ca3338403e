"""Counting a promise, and showing what came of it."""

from deploy.audit.printing import print_report
from deploy.audit.report import AuditReport
from deploy.audit.tally import EXAMPLES_MAX
from tests.support.audit import tally


def test_a_check_counts_every_breach_and_shows_the_first() -> None:
    counted = tally()
    for number in range(EXAMPLES_MAX + 3):
        counted.breach(f"breach {number}")

    check = counted.check()

    assert check.breaches == EXAMPLES_MAX + 3
    assert check.examples == tuple(f"breach {number}" for number in range(EXAMPLES_MAX))


def test_a_report_passes_as_long_as_no_check_has_a_breach() -> None:
    sound, broken = tally(), tally()
    broken.breach("something")

    assert AuditReport((sound.check(), sound.check())).passed
    assert not AuditReport((sound.check(), broken.check())).passed
    assert AuditReport((broken.check(),)).document()["passed"] is False


def test_people_see_the_promise_the_note_and_the_examples() -> None:
    from deploy.console import out

    counted = tally()
    counted.note("SKIPPED acme: the site has no api_key")
    counted.breach("[acme]:c1: event 7 is missing")
    with out.capture() as captured:
        print_report(AuditReport((counted.check(),)))

    for said in ("Something holds.", "SKIPPED acme", "[acme]:c1: event 7 is missing", "FAIL"):
        assert said in captured.get()
