"""`cactus program`: what it prints, and how it ends."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.cli import app
from deploy.commands.program_sources import published
from deploy.errors import OperatingError
from deploy.publish import (
    PublishFailedError,
    local_now,
    refuse_unreachable,
    retired,
    same_program,
)
from schemas.program.load import load_program
from schemas.program.model import Program

TEXT = """\
program: small
site: acme
timezone: Europe/Berlin
effective_from: 2026-12-01T00:00
earn:
  - {id: pay, on: payment_succeeded, points: 5}
"""
DECEMBER = 1_796_079_600


def version(number: int, start: str = "2026-12-01T00:00", name: str = "small") -> Program:
    text = TEXT.replace("2026-12-01T00:00", start).replace("small", name)
    return load_program(text).model_copy(update={"version": number})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(TEXT)
    return path


def test_a_good_program_is_shown_in_words(file: Path) -> None:
    result = CliRunner().invoke(app, ["program", "check", str(file)])

    assert result.exit_code == 0
    assert "when a payment succeeds: 5 points" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    ("grant", "missing"),
    [
        ("charity: {webhook: trees}", "an endpoint trees"),
        ("gift_card: {via: tremendous, amount: {USD: '5.00'}, campaign: C}", "tremendous.api_key"),
    ],
)
def test_a_reward_that_the_settings_cannot_carry_out_is_told(
    file: Path, grant: str, missing: str
) -> None:
    file.write_text(TEXT + f"rewards: [{{id: gift, when: {{balance: 9}}, {grant}}}]\n")
    result = CliRunner().invoke(app, ["program", "check", str(file)])

    assert result.exit_code == 0
    assert f"reward gift: the settings lack {missing}." in " ".join(result.stderr.split())


def test_a_reward_that_needs_no_setting_is_shown_without_a_warning(file: Path) -> None:
    file.write_text(TEXT + "rewards: [{id: week, when: {balance: 9}, free_days: 7}]\n")
    assert "careful" not in CliRunner().invoke(app, ["program", "check", str(file)]).stderr


def test_a_good_program_is_json_for_programs(file: Path) -> None:
    result = CliRunner().invoke(app, ["program", "check", str(file), "--json"])

    printed = json.loads(result.stdout)
    assert printed["ok"] is True
    assert Program.model_validate(printed["program"]) == load_program(TEXT)


def test_a_mistake_is_shown_with_its_line_and_a_caret(file: Path) -> None:
    file.write_text(TEXT.replace("payment_succeeded", "payment_suceeded"))
    result = CliRunner().invoke(app, ["program", "check", str(file)])

    assert result.exit_code == 1
    lines = result.stderr.splitlines()
    shown = next(index for index, line in enumerate(lines) if "   6 │" in line)
    assert lines[shown + 1].index("^") == lines[shown].index("payment_suceeded")
    assert "did you mean payment_succeeded?" in lines[shown + 2]
    assert "earn[0].on" in result.stderr


def test_a_mistake_is_json_for_programs(file: Path) -> None:
    file.write_text(TEXT.replace("points: 5", "points: 0"))
    result = CliRunner().invoke(app, ["program", "check", str(file), "--json"])

    assert result.exit_code == 1
    printed = json.loads(result.stdout)
    assert printed["ok"] is False
    assert [(each["path"], each["line"]) for each in printed["problems"]] == [("earn[0].points", 6)]


def test_markup_in_a_program_is_printed_and_not_obeyed(file: Path) -> None:
    file.write_text(TEXT.replace("points: 5", 'points: "[red]x[/red]"'))
    result = CliRunner().invoke(app, ["program", "check", str(file)])

    assert result.exit_code == 1
    assert "[red]x[/red]" in result.stderr


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_an_operating_error(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "x.yaml"
    if content is not None:
        path.write_bytes(content)
    result = CliRunner().invoke(app, ["program", "check", str(path)])

    assert isinstance(result.exception, OperatingError)
    assert "cannot be read" in str(result.exception)


def test_the_same_program_is_recognised_whatever_its_version() -> None:
    draft = load_program(TEXT)
    undated = draft.model_copy(update={"effective_from": None})

    assert same_program(draft, version(7))
    assert same_program(undated, version(7))
    assert not same_program(draft, version(7, "2026-11-01T00:00"))
    assert not same_program(load_program(TEXT.replace("points: 5", "points: 6")), version(7))


@pytest.mark.parametrize(
    ("start", "now", "refused"),
    [
        ("2026-12-01T00:00", DECEMBER, False),
        ("2026-11-01T00:00", DECEMBER, True),
        ("2026-11-01T00:00", DECEMBER - 86_400, False),  # it applies until the other begins
        ("2027-01-01T00:00", DECEMBER, False),
    ],
)
def test_a_version_that_could_never_apply_is_refused(start: str, now: int, refused: bool) -> None:
    known = [version(1, name="other")]
    if refused:
        with pytest.raises(PublishFailedError, match="would never apply"):
            refuse_unreachable(version(1, start), known, now)
    else:
        refuse_unreachable(version(1, start), known, now)


def test_now_is_told_in_the_programs_zone() -> None:
    assert local_now(DECEMBER, "Europe/Berlin").isoformat() == "2026-12-01T00:00:00"
    with pytest.raises(PublishFailedError, match="write effective_from"):
        local_now(0, "UTC")


def test_a_difference_is_told_in_words_with_what_it_does(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(TEXT.replace("points: 5", "points: 6"))
    result = CliRunner().invoke(app, ["program", "diff", str(file), str(other)])

    assert result.exit_code == 0
    assert result.stdout.splitlines()[:3] == [
        "~ earn pay  when a payment succeeds: 5 points",
        "  → when a payment succeeds: 6 points",
        "    points: 5 → 6",
    ]
    assert "Nobody loses points" in result.stdout


def test_settings_and_rules_that_came_or_went_take_a_line_each(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(TEXT.replace("id: pay", "id: more") + "expiry: {after: P1Y}\n")
    result = CliRunner().invoke(app, ["program", "diff", str(file), str(other)])

    assert result.stdout.splitlines()[:3] == [
        "~ setting expiry.after  — → P1Y",
        "- earn pay  when a payment succeeds: 5 points",
        "+ earn more  when a payment succeeds: 5 points",
    ]


def test_a_difference_is_json_for_programs(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(TEXT.replace("points: 5", "points: 6"))
    result = CliRunner().invoke(app, ["program", "diff", str(file), str(other), "--json"])

    printed = json.loads(result.stdout)
    [change] = printed["changes"]
    assert (change["kind"], change["part"], change["id"]) == ("changed", "earn", "pay")
    assert change["keys"] == [{"path": "points", "before": 5, "after": 6}]
    assert len(printed["effects"]) == 1


def test_no_difference_says_so(file: Path) -> None:
    result = CliRunner().invoke(app, ["program", "diff", str(file), str(file)])
    assert (result.exit_code, result.stdout) == (0, "They say the same.\n")


def test_what_is_neither_a_file_nor_a_version_is_an_operating_error(file: Path) -> None:
    result = CliRunner().invoke(app, ["program", "diff", str(file), "small:latest"])
    assert isinstance(result.exception, OperatingError)
    assert "neither a file nor a version such as small:3" in str(result.exception)


def test_of_what_is_published_the_latest_is_meant_unless_a_version_is_named() -> None:
    programs = [version(1), version(2), version(1, name="other")]
    assert published(programs, "small", None, None).version == 2
    assert published(programs, "small", 1, "acme").version == 1
    with pytest.raises(OperatingError, match="No program small version 3 is published"):
        published(programs, "small", 3, None)
    elsewhere = version(1).model_copy(update={"site": "two"})
    with pytest.raises(OperatingError, match="add --site acme or --site two"):
        published([*programs, elsewhere], "small", None, None)


def test_a_retired_version_keeps_all_that_refunds_and_dates_need_and_is_retired_once() -> None:
    ended = retired(version(3), [version(3)], DECEMBER)
    assert ended.retired
    assert ended.earn == version(3).earn
    assert ended.effective_from is None
    stands = ended.model_copy(update={"version": 4, "effective_from": version(3).effective_from})
    assert same_program(retired(stands, [version(3), stands], DECEMBER), stands)


def test_only_the_program_that_a_site_has_now_can_be_retired() -> None:
    known = [version(1, "2026-01-01T00:00"), version(1, name="other")]
    assert retired(known[0], known, DECEMBER - 1).retired
    with pytest.raises(PublishFailedError, match="small does not apply to acme now, other version"):
        retired(known[0], known, DECEMBER)
    with pytest.raises(PublishFailedError, match="no program does"):
        retired(known[1], [known[1]], DECEMBER - 1)
