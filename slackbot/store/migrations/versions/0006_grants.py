"""Codes that people authorize in GitLab, and what they have granted: sealed, never as it is."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "device_codes",
        sa.Column("slack_user", sa.String(32), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("expires_at", _moment(), nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("slack_user", "scope", name="pk_device_codes"),
    )
    op.create_table(
        "grants",
        sa.Column("slack_user", sa.String(32), nullable=False),
        sa.Column("account", sa.BigInteger, nullable=False),
        sa.Column("sealed", sa.Text, nullable=False),
        sa.Column("renewing_until", _moment()),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("slack_user", name="pk_grants"),
    )
