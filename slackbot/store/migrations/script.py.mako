"""${message}."""

import sqlalchemy as sa
from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Expand; what the release before still uses is dropped one release later."""
    ${upgrades if upgrades else "pass"}
