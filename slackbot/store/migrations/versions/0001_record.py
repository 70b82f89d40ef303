"""The record: requests, decisions, cards, messages, errands."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "requests",
        sa.Column("project", sa.BigInteger, nullable=False),
        sa.Column("iid", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("due_at", _moment(), nullable=False),
        sa.Column("is_open", sa.Boolean, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("project", "iid", name="pk_requests"),
    )
    op.create_index("ix_requests_state_due_at", "requests", ["state", "due_at"])
    op.create_table(
        "decisions",
        sa.Column("seq", _number(), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project", sa.BigInteger, nullable=False),
        sa.Column("iid", sa.BigInteger, nullable=False),
        sa.Column("interaction", sa.String(255), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("decided_at", _moment(), nullable=False),
        sa.Column("begun_at", _moment()),
        sa.Column("finished_at", _moment()),
        sa.Column("problem", sa.Text),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_decisions"),
        sa.UniqueConstraint("id", name="uq_decisions_id"),
        sa.UniqueConstraint("interaction", name="uq_decisions_interaction"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decisions_project_iid_status", "decisions", ["project", "iid", "status"])
    op.create_table(
        "cards",
        sa.Column("project", sa.BigInteger, nullable=False),
        sa.Column("iid", sa.BigInteger, nullable=False),
        sa.Column("channel", sa.String(32)),
        sa.Column("ts", sa.String(32)),
        sa.Column("posting_since", _moment()),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("painted", sa.BigInteger, nullable=False),
        sa.Column("repaint_at", _moment()),
        sa.PrimaryKeyConstraint("project", "iid", name="pk_cards"),
    )
    op.create_table(
        "messages",
        sa.Column("seq", _number(), nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project", sa.BigInteger, nullable=False),
        sa.Column("iid", sa.BigInteger, nullable=False),
        sa.Column("begun_at", _moment()),
        sa.Column("sent_at", _moment()),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_messages"),
        sa.UniqueConstraint("id", name="uq_messages_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_messages_project_iid_sent_at", "messages", ["project", "iid", "sent_at"])
    op.create_table(
        "errands",
        sa.Column("lane", sa.String(16), nullable=False),
        sa.Column("project", sa.BigInteger, nullable=False),
        sa.Column("iid", sa.BigInteger, nullable=False),
        sa.Column("wanted", sa.BigInteger, nullable=False),
        sa.Column("urgent", sa.Integer, nullable=False),
        sa.Column("ready_at", _moment(), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("problem", sa.Text),
        sa.Column("leased_by", sa.String(64)),
        sa.Column("leased_until", _moment()),
        sa.PrimaryKeyConstraint("lane", "project", "iid", name="pk_errands"),
    )
    op.create_index("ix_errands_lane_ready_at", "errands", ["lane", "ready_at"])
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(255), nullable=False),
        sa.Column("received_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_received_at", "deliveries", ["received_at"])
    op.create_table(
        "facts",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_facts"),
    )
