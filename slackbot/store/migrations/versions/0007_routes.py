"""Each team has its own feedback, and its own managers on duty."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Without routes the one team has no name; the release before knows no other."""
    for table in ("duty_turns", "requests"):
        column = sa.Column("route", sa.String(32), nullable=False, server_default="")
        op.add_column(table, column)
