"""Plans and late reminders get tables of their own; since when a rendering may still land."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_PLANNED, _MISSED = "planned:", "missed:"


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    """Copy what the release before has noted in ``posts``."""
    op.create_table(
        "reminder_plans",
        sa.Column("round", sa.String(128), nullable=False),
        sa.Column("project", sa.BigInteger, nullable=False),
        sa.Column("iid", sa.BigInteger, nullable=False),
        sa.Column("planned_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("round", name="pk_reminder_plans"),
    )
    op.create_index("ix_reminder_plans_project_iid", "reminder_plans", ["project", "iid"])
    op.create_table(
        "missed_reminders",
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("project", sa.BigInteger, nullable=False),
        sa.Column("iid", sa.BigInteger, nullable=False),
        sa.Column("noted_at", _moment(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_missed_reminders"),
    )
    for table in ("cards", "homes"):
        op.add_column(table, sa.Column("rendering_since", _moment()))
    _copy(_PLANNED, "reminder_plans", "round", "planned_at")
    _copy(_MISSED, "missed_reminders", "key", "noted_at")


def _copy(prefix: str, table: str, key: str, moment: str) -> None:
    posts = sa.table("posts", *map(sa.column, ("key", "project", "iid", "begun_at", "ended_at")))
    into = sa.table(table, *map(sa.column, (key, "project", "iid", moment)))
    found = sa.select(
        sa.func.substr(posts.c.key, len(prefix) + 1),
        posts.c.project,
        posts.c.iid,
        posts.c.begun_at,
    ).where(posts.c.key.startswith(prefix), posts.c.ended_at.is_(None))
    op.get_bind().execute(into.insert().from_select([key, "project", "iid", moment], found))
