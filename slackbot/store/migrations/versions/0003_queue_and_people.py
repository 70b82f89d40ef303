"""The queue and the people: what else awaits triage, who is who, who is on duty, what was told."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def _number() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def _key() -> tuple[sa.Column[int], sa.Column[int]]:
    return (
        sa.Column("project", sa.BigInteger, nullable=False),
        sa.Column("iid", sa.BigInteger, nullable=False),
    )


def upgrade() -> None:
    op.add_column("requests", sa.Column("ticket", sa.BigInteger))
    op.create_index("ix_requests_ticket", "requests", ["ticket"])
    _fill_in()
    op.create_table(
        "feedbacks",
        *_key(),
        sa.Column("ticket", sa.BigInteger),
        sa.Column("created_at", _moment(), nullable=False),
        sa.Column("triage", sa.String(16), nullable=False),
        sa.Column("triaged_at", _moment()),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("project", "iid", name="pk_feedbacks"),
    )
    op.create_index("ix_feedbacks_triage_created_at", "feedbacks", ["triage", "created_at"])
    op.create_index("ix_feedbacks_triaged_at", "feedbacks", ["triaged_at"])
    op.create_index("ix_feedbacks_ticket", "feedbacks", ["ticket"])
    op.create_table(
        "links",
        sa.Column("slack_user", sa.String(32), nullable=False),
        sa.Column("gitlab", sa.String(255), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("slack_user", name="pk_links"),
        sa.UniqueConstraint("gitlab", name="uq_links_gitlab"),
    )
    op.create_table(
        "link_codes",
        sa.Column("slack_user", sa.String(32), nullable=False),
        sa.Column("expires_at", _moment(), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("slack_user", name="pk_link_codes"),
    )
    op.create_table(
        "duty_turns",
        sa.Column("seq", _number(), nullable=False),
        sa.Column("began_at", _moment(), nullable=False),
        sa.Column("ended_at", _moment()),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_duty_turns"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "posts",
        sa.Column("key", sa.String(128), nullable=False),
        *_key(),
        sa.Column("begun_at", _moment(), nullable=False),
        sa.Column("ended_at", _moment()),
        sa.Column("ts", sa.String(32)),
        sa.PrimaryKeyConstraint("key", name="pk_posts"),
    )
    op.create_index("ix_posts_project_iid", "posts", ["project", "iid"])
    op.create_index("ix_posts_ended_at", "posts", ["ended_at"])
    op.create_table(
        "snoozes",
        *_key(),
        sa.Column("until", _moment(), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("project", "iid", name="pk_snoozes"),
    )
    op.create_table(
        "homes",
        sa.Column("slack_user", sa.String(32), nullable=False),
        sa.Column("opened_at", _moment(), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("painted", sa.BigInteger, nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("slack_user", name="pk_homes"),
    )


def _fill_in() -> None:
    requests = sa.table(
        "requests",
        *_key(),
        sa.column("document", sa.Text),
        sa.column("ticket", sa.BigInteger),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(requests)).all():
        ticket = json.loads(row.document).get("ticket")
        if ticket is None:
            continue
        connection.execute(
            sa.update(requests)
            .where(requests.c.project == row.project, requests.c.iid == row.iid)
            .values(ticket=ticket)
        )
