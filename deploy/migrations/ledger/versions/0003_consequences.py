"""Taking rewards back, limits, pauses and what people decided.

Revocations become work of their own among the rewards. What an earlier release only recorded of
them is kept as it ended: nobody expects an upgrade to carry it out, and a person can retry it.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for name in ("program", "kind", "claimed"):
        op.add_column("reward", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.add_column("reward", sa.Column("revokes", sa.Text))
    taken_back = sa.text("revokes IS NOT NULL")
    op.create_index(
        "reward_revokes",
        "reward",
        ["revokes"],
        sqlite_where=taken_back,
        postgresql_where=taken_back,
    )
    op.drop_index("reward_unreported", "reward")
    untold = sa.text("state IN ('delivered', 'failed', 'cancelled') AND NOT reported")
    op.create_index(
        "reward_unreported", "reward", ["number"], sqlite_where=untold, postgresql_where=untold
    )
    _make_tables()
    _name_programs_and_kinds()
    _keep_revocations()
    op.drop_table("revocation")


def _make_tables() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "usage",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("ends_wall", sa.Double),
    )
    op.create_table(
        "pause",
        sa.Column("site", sa.Text, primary_key=True),
        sa.Column("program", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("since_wall", sa.Double, nullable=False),
    )
    op.create_table(
        "decision",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("decided_wall", sa.Double, nullable=False),
        sa.Column("verb", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("ix_decision_subject", "decision", ["subject"])


def _name_programs_and_kinds() -> None:
    connection = op.get_bind()
    rows = connection.execute(sa.text("SELECT number, command FROM reward")).all()
    named = [
        {"number": number, "program": command["program"], "kind": _kind(command["grant"])}
        for number, command in ((number, json.loads(text)) for number, text in rows)
    ]
    if named:
        connection.execute(
            sa.text("UPDATE reward SET program = :program, kind = :kind WHERE number = :number"),
            named,
        )


def _kind(grant: dict[str, str]) -> str:
    return grant["via"] if grant["kind"] == "discount" else grant["kind"]


def _keep_revocations() -> None:
    connection = op.get_bind()
    rows = connection.execute(
        sa.text(
            "SELECT revocation.reward_id, revocation.command, revocation.result, reward.kind"
            " FROM revocation"
            " LEFT JOIN reward ON reward.reward_id = revocation.reward_id"
        )
    ).all()
    for reward_id, text, result, kind in rows:
        command = json.loads(text)
        withdrawn = result == "withdrawn"
        connection.execute(
            sa.text(
                "INSERT INTO reward (reward_id, site, account, program, kind, revokes, command,"
                " state, epoch, refusal, conflicts, tries, next_wall, settled_at, reference,"
                " handed, reason, stuck, body, claimed, lease_owner, lease_number, lease_until,"
                " reported) VALUES (:id, :site, :account, :program, :kind, :revokes, :command,"
                " :state, 0, '', 0, 0, 0, :at, '', '', :reason, '', '', '', '', 0, 0, :reported)"
            ),
            {
                "id": f"{reward_id}:revoked",
                "site": command["site"],
                "account": f"{command['site']}:{command['customer']}",
                "program": command["program"],
                "kind": kind or "",
                "revokes": reward_id,
                "command": text,
                "at": command["occurred_at"],
                "state": "cancelled" if withdrawn else "failed",
                "reason": "the reward was never given"
                if withdrawn
                else "an earlier release did not take rewards back",
                "reported": True,
            },
        )
