"""`cactus translate` over files good and bad."""

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from deploy.cli import app
from tests.support import chargebee as cb


def run(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(app, ["translate", *arguments], input=stdin)


def written(directory: Path, name: str, document: object) -> str:
    path = directory / name
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def test_it_says_what_each_event_becomes(tmp_path: Path) -> None:
    result = run(
        written(tmp_path, "paid.json", cb.payment_succeeded()),
        written(tmp_path, "plan.json", cb.event("plan_created", plan={"id": "p"})),
    )
    assert result.exit_code == 0
    assert "PaymentSucceeded payment:txn_1:inv_1" in result.output
    assert "amount_minor=1000" in result.output
    assert "ignored: It changes the catalog" in result.output


def test_json_is_one_object_per_event() -> None:
    lines = b"\n".join(
        cb.body(event) for event in (cb.payment_succeeded(), cb.event("plan_created"))
    )
    result = run("--json", "--site", "other", "-", stdin=lines)
    paid, plan = (json.loads(line) for line in result.output.splitlines())
    assert (paid["kind"], paid["facts"][0]["site"]) == ("facts", "other")
    assert (plan["kind"], plan["facts"]) == ("ignored", [])


def test_answers_of_the_events_api_are_unwrapped(tmp_path: Path) -> None:
    wrapped = {"event": cb.payment_succeeded()}
    result = run(
        "--json",
        written(tmp_path, "one.json", wrapped),
        written(tmp_path, "page.json", {"list": [wrapped, wrapped], "next_offset": "x"}),
        written(tmp_path, "none.json", {"list": []}),
    )
    kinds = [json.loads(line)["kind"] for line in result.output.splitlines()]
    assert kinds == ["facts", "facts", "facts", "ignored"]


def test_resources_are_no_events_and_no_errors(tmp_path: Path) -> None:
    result = run(
        written(tmp_path, "a.json", cb.invoice()),
        written(tmp_path, "b.json", {"subscription": cb.subscription_pc2()}),
        written(tmp_path, "c.json", {"id": "cbdemo", "item_id": "x"}),
    )
    assert result.exit_code == 0
    assert "a Chargebee resource (invoice)" in result.output
    assert "a Chargebee resource (subscription)" in result.output


def test_broken_files_are_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_bytes(b'{"id": ')
    throttled = {"api_error_code": "api_request_limit_exceeded", "http_status_code": 429}
    lacking = cb.without(cb.payment_succeeded(), "content")
    result = run(
        str(tmp_path / "broken.json"),
        str(tmp_path / "absent.json"),
        str(tmp_path),
        written(tmp_path, "throttled.json", throttled),
        written(tmp_path, "lacking.json", lacking),
        written(tmp_path, "number.json", 7),
        written(tmp_path, "paid.json", cb.payment_succeeded()),
    )
    assert result.exit_code == 1
    assert result.output.count("broken:") == 6
    for said in ("not JSON", "No such file", "api_request_limit_exceeded", "content", "→"):
        assert said in result.output
