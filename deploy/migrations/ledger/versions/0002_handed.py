"""What a reward hands to the customer, a code or a link: kept here and nowhere else."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("reward", sa.Column("handed", sa.Text, nullable=False, server_default=""))
