"""What replicas share (rests, ranks, a pace in common), and how long ago a request last changed."""

import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("errands", sa.Column("settles_at", sa.DateTime(timezone=True)))
    op.add_column("errands", sa.Column("rank", sa.DateTime(timezone=True)))
    op.add_column("requests", sa.Column("gitlab_updated_at", sa.DateTime(timezone=True)))
    op.create_index("ix_requests_gitlab_updated_at", "requests", ["gitlab_updated_at"])
    op.create_table(
        "paces",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("taken_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_paces"),
    )
    _fill_in()


def _fill_in() -> None:
    requests = sa.table(
        "requests",
        sa.column("project", sa.BigInteger),
        sa.column("iid", sa.BigInteger),
        sa.column("document", sa.Text),
        sa.column("gitlab_updated_at", sa.DateTime(timezone=True)),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(requests)).all():
        moment = json.loads(row.document).get("gitlab_updated_at")
        if moment is None:
            continue
        connection.execute(
            sa.update(requests)
            .where(requests.c.project == row.project, requests.c.iid == row.iid)
            .values(gitlab_updated_at=datetime.fromisoformat(moment))
        )
