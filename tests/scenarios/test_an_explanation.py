"""One rich example of what `cactus simulate --explain` prints, kept to be read by people."""

import json
from pathlib import Path

from typer.testing import CliRunner

from deploy.cli import app

HERE = Path(__file__).parent
PROGRAM = HERE / "explained.yaml"
EVENTS = HERE / "explained.ndjson"
GOLDEN = HERE / "explained.txt"
"""Every fact of `EVENTS` explained, one after the other with an empty line between."""


def printed(fact_id: str) -> str:
    arguments = ["simulate", "-p", str(PROGRAM), str(EVENTS), "--explain", fact_id]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_beginning_a_payment_and_its_refund_are_explained_as_in_the_golden_file() -> None:
    ids = [json.loads(line)["id"] for line in EVENTS.read_text("utf-8").splitlines()]
    assert "\n".join(printed(each) for each in ids) == GOLDEN.read_text("utf-8")
