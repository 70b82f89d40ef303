"""All feedback is in ``requests``, also what asks for no contact; managers have profiles.

Kudos are kept until they are where they belong.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("requests", sa.Column("created_at", sa.DateTime(timezone=True)))
    op.add_column("requests", sa.Column("triage", sa.String(16)))
    op.add_column("requests", sa.Column("triaged_at", sa.DateTime(timezone=True)))
    op.add_column("requests", sa.Column("waits_until", sa.Date))
    op.add_column("requests", sa.Column("sentiment", sa.String(16)))
    op.create_index("ix_requests_waits_until", "requests", ["waits_until"])
    op.create_index("ix_requests_due_at", "requests", ["due_at"])
    op.create_index("ix_requests_created_at", "requests", ["created_at"])
    op.create_index("ix_requests_triage_created_at", "requests", ["triage", "created_at"])
    op.create_index("ix_requests_triaged_at", "requests", ["triaged_at"])
    op.create_table(
        "profiles",
        sa.Column("slack_user", sa.String(32), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("slack_user", name="pk_profiles"),
    )
    op.create_table(
        "kudos",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project", sa.BigInteger, nullable=False),
        sa.Column("iid", sa.BigInteger, nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("week_project", sa.BigInteger),
        sa.Column("week_iid", sa.BigInteger),
        sa.Column("week_at", sa.DateTime(timezone=True)),
        sa.Column("problem", sa.Text),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_kudos"),
    )
    op.create_index("ix_kudos_project_iid", "kudos", ["project", "iid"])
