"""`cactus dlq`: what it refuses before it asks Kafka."""

import pytest
from typer.testing import CliRunner

from deploy.cli import app


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("show", "here"), "write OFFSET or PARTITION/OFFSET"),
        (("replay", "0/x", "--reason", "fixed"), "write OFFSET or PARTITION/OFFSET"),
        (("replay", "--reason", "fixed"), "name one PLACE, or say --passing"),
        (("replay", "7", "--passing", "--reason", "fixed"), "name one PLACE"),
        (("replay", "7"), "Missing option '--reason'"),
        (("discard", "7", "--reason", " "), "say it in a few words"),
        (("discard", "7", "--reason", "why", "--actor", ""), "say it in a few words"),
        (("list", "--newer-than", "a day"), "ISO 8601"),
        (("list", "--limit", "0"), "greater than or equal to 1"),
    ],
)
def test_what_is_not_said_well_is_refused(arguments: tuple[str, ...], complaint: str) -> None:
    result = CliRunner().invoke(app, ["dlq", *arguments])
    assert result.exit_code == 2
    assert complaint in " ".join(result.output.replace("│", " ").split())
