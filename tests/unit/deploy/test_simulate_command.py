"""`cactus simulate`: what it prints, and how it ends."""

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from deploy.cli import app
from deploy.errors import OperatingError
from schemas.codec import FACTS, POINTS
from tests.support import chargebee as cb
from tests.unit.deploy.test_simulation import DAY, PROGRAM, T0, paid

LATER = json.dumps({"advance_to": T0 + 14 * DAY})


def written(directory: Path, name: str, text: str) -> str:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def run(directory: Path, text: str, *arguments: str, program: str = PROGRAM) -> Result:
    return CliRunner().invoke(
        app,
        [
            "simulate",
            "--program",
            written(directory, "program.yaml", program),
            written(directory, "events.ndjson", text),
            *arguments,
        ],
    )


def fact(name: str) -> str:
    return FACTS.encode(paid(name)).decode()


def test_it_prints_points_events_one_per_line(tmp_path: Path) -> None:
    result = run(tmp_path, f"{fact('t1')}\n{LATER}\n")
    assert result.exit_code == 0
    events = [POINTS.decode(line) for line in result.stdout_bytes.splitlines()]
    assert [(type(each).__name__, each.balance) for each in events] == [
        ("PointsEarned", 0),
        ("PointsActivated", 100),
    ]


def test_standard_input_and_several_versions(tmp_path: Path) -> None:
    second = PROGRAM.replace("2025-01-01", "2025-02-01").replace('"1.00"', '"0.50"')
    result = CliRunner().invoke(
        app,
        [
            "simulate",
            *("-p", written(tmp_path, "one.yaml", PROGRAM)),
            *("-p", written(tmp_path, "two.yaml", second)),
            "-",
        ],
        input=fact("t1"),
    )
    assert '"program_version":2' in result.stdout
    assert '"points":200' in result.stdout


def test_the_summary_is_a_table_or_one_json_document(tmp_path: Path) -> None:
    text = f"{fact('t1')}\n{fact('t1')}\n{LATER}\n"
    table = run(tmp_path, text, "--summary").stdout
    assert "3 facts, of which 1 came before, made 2 points events" in table
    assert "1 in all: balance 100, pending 0" in table
    assert [line for line in table.splitlines() if "ann" in line and "100" in line]
    summary = json.loads(run(tmp_path, text, "--summary", "--json").stdout)
    assert summary["customers"][0]["balance"] == 100
    assert summary["totals"]["repeats"] == 1


TIERS = (
    PROGRAM + "tiers: {window: P12M, levels: [{id: low}, {id: mid, at: 80}, {id: top, at: 300}]}"
)


def test_the_summary_says_what_the_tier_needs_to_rise_and_to_stay(tmp_path: Path) -> None:
    text = f"{fact('t1')}\n{LATER}\n"
    table = run(tmp_path, text, "--summary", program=TIERS).stdout
    assert [line.split()[:4] for line in table.splitlines() if "ann" in line] == [
        ["ann", "mid", "200", "to"]
    ]
    assert "2026-12-01" in table
    [customer] = json.loads(run(tmp_path, text, "--summary", "--json", program=TIERS).stdout)[
        "customers"
    ]
    assert (customer["tier"], customer["outlook"]["missing"]) == ("mid", 200)
    assert customer["expiring"] == [[T0 + 44 * DAY, 100]]


def test_chargebee_events_are_of_the_programs_site_unless_told_otherwise(tmp_path: Path) -> None:
    event = json.dumps(cb.payment_succeeded())
    own = json.loads(run(tmp_path, event).stdout.splitlines()[0])
    other = json.loads(run(tmp_path, event, "--site", "other").stdout.splitlines()[0])
    assert (own["site"], other["site"]) == ("acme-test", "other")
    assert other["reason"] == "no_program"


def test_ignored_events_are_counted_on_standard_error(tmp_path: Path) -> None:
    plan = json.dumps(cb.event("plan_created", plan={"id": "p"}))
    result = run(tmp_path, f"{plan}\n{plan}\n")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "ignored 2: It changes the catalog" in result.stderr


def test_every_bad_line_is_named_and_the_exit_code_says_so(tmp_path: Path) -> None:
    result = run(tmp_path, f"{fact('t1')}\nnonsense\n{fact('t2')}\n[]\n")
    assert result.exit_code == 1
    assert "line 2: not JSON" in result.stderr
    assert "line 4: not a JSON object" in result.stderr
    assert "ended before line 2" in result.stderr
    assert len(result.stdout.splitlines()) == 1


def test_a_summary_of_bad_lines_prints_none(tmp_path: Path) -> None:
    result = run(tmp_path, "nonsense\n", "--summary", "--json")
    assert (result.exit_code, result.stdout) == (1, "")


def test_a_bad_program_is_told_as_by_program_check(tmp_path: Path) -> None:
    result = run(tmp_path, fact("t1"), program=PROGRAM.replace("earn", "earns"))
    assert result.exit_code == 1
    assert "earns" in result.stderr


def test_files_that_cannot_be_read_are_an_operating_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(
        app, ["simulate", "-p", written(tmp_path, "p.yaml", PROGRAM), str(tmp_path / "absent")]
    )
    assert isinstance(result.exception, OperatingError)
    assert "No such file" in str(result.exception)


def test_programs_of_two_sites_ask_which_one_the_events_are_of(tmp_path: Path) -> None:
    other = written(tmp_path, "other.yaml", PROGRAM.replace("acme-test", "acme-two"))
    result = run(tmp_path, fact("t1"), "-p", other)
    assert isinstance(result.exception, OperatingError)
    assert "--site acme-test or --site acme-two" in str(result.exception)


def test_one_fact_is_explained_in_sentences(tmp_path: Path) -> None:
    text = f"{fact('t1')}\n{fact('t2')}\n{LATER}\n{fact('t1')}\n"
    lines = run(tmp_path, text, "--explain", "payment:t1:inv_t1").stdout.splitlines()
    assert lines[0] == "payment:t1:inv_t1 of ann, under plain version 1"
    assert lines[1] == "You paid 100.00 USD on 1 Dec 2025."
    assert lines[-1] == "It was told once more, which changed nothing."


def test_an_explanation_as_json_has_the_fact_its_steps_and_its_events(tmp_path: Path) -> None:
    text = f"{fact('t1')}\n{fact('t2')}\n"
    result = run(tmp_path, text, "--explain", "payment:t2:inv_t2", "--json")
    [explained] = json.loads(result.stdout)
    assert (explained["program"], explained["program_version"]) == ("plain", 1)
    assert explained["fact"]["transaction"] == "t2"
    assert explained["sentences"][0] == "You paid 100.00 USD on 1 Dec 2025."
    kinds = [step["type"] for step in explained["steps"]]
    assert kinds[:4] == ["TriggerPulled", "RuleConsidered", "BaseCounted", "PointsCounted"]
    [earned] = [step for step in explained["steps"] if step["type"] == "PointsEarned"]
    assert (earned["sequence"], earned["cause"]["offset"]) == (2, 1)


def test_what_time_did_is_explained_for_each_customer_of_the_instant(tmp_path: Path) -> None:
    bob = FACTS.encode(paid("t2", "bob")).decode()
    at = T0 + 14 * DAY
    stdout = run(tmp_path, f"{fact('t1')}\n{bob}\n{LATER}\n", "--explain", f"time:{at}").stdout
    assert f"time:{at} of ann, under plain version 1" in stdout
    assert f"time:{at} of bob, under plain version 1" in stdout
    assert stdout.count("100 points became spendable") == 2


def test_a_fact_without_a_program_says_so(tmp_path: Path) -> None:
    old = FACTS.encode(paid("t0", at=DAY)).decode()
    stdout = run(
        tmp_path,
        old,
        "--explain",
        "payment:t0:inv_t0",
        program=PROGRAM.replace("2025-01-01T00:00", "2025-06-01T00:00"),
    ).stdout
    assert stdout.startswith("payment:t0:inv_t0 of ann, under no program\n")


def test_an_unknown_fact_is_refused_with_those_that_were_probably_meant(tmp_path: Path) -> None:
    event = json.dumps(cb.payment_succeeded())
    text = f"{fact('t1')}\n{event}\n"
    alike = run(tmp_path, text, "--explain", "payment:t1:inv_t7")
    assert isinstance(alike.exception, OperatingError)
    assert "has the id payment:t1:inv_t7. Near it: payment:t1:inv_t1" in str(alike.exception)
    part = run(tmp_path, text, "--explain", "inv_t1")
    assert str(part.exception).endswith("Near it: payment:t1:inv_t1.")
    source = run(tmp_path, text, "--explain", json.loads(event)["id"])
    assert "Near it: payment:txn" in str(source.exception)
    nothing = run(tmp_path, fact("t1"), "--explain", "zzzzzzzz")
    assert str(nothing.exception).endswith("has the id zzzzzzzz.")


def test_a_summary_and_an_explanation_are_not_printed_together(tmp_path: Path) -> None:
    result = run(tmp_path, fact("t1"), "--explain", "payment:t1:inv_t1", "--summary")
    assert isinstance(result.exception, OperatingError)
    assert "give one of them" in str(result.exception)
