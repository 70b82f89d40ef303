"""Upgrades the schema, with Alembic. A schema that is up to date doesn't import this."""

from importlib.metadata import version

import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, delete, insert, select

from slackbot.store.engine.database import DatabaseError, newest_revision
from slackbot.store.schema import facts

log = structlog.get_logger()

OLDEST = "0004"
"""The schema of the release before, which still works on this one; older releases may not."""
_OLDEST = "oldest_release"
"""The fact that keeps this, and which release has upgraded the schema."""


def migrations(connection: Connection) -> Config:
    config = Config()
    # As a package: in a path, a % would be read as the beginning of a reference.
    config.set_main_option("script_location", "slackbot.store:migrations")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, revisions: set[str]) -> None:
    """``revisions`` are those that the schema has.

    Raises:
        DatabaseError: A newer release has made of it what this one does not know.
    """
    config = migrations(connection)
    scripts = ScriptDirectory.from_config(config)
    if revisions <= {script.revision for script in scripts.walk_revisions()}:
        command.upgrade(config, "head")
        _note_oldest(connection)
        return
    if problem := too_old_for(connection):
        raise DatabaseError(problem)
    # Migrations only expand, so the release before goes on working beside it, or after it.
    log.warning("database_of_a_newer_release", revisions=sorted(revisions))


def too_old_for(connection: Connection) -> str | None:
    """Say what to do if this release may not run on what a newer one has made."""
    oldest, upgraded_by = _oldest(connection)
    if newest_revision() >= oldest:
        return None
    return (
        f"ssat-bot {upgraded_by} has upgraded the database, and this release is too old for "
        f"it: install {upgraded_by} or the release before it, or put back the backup from "
        "before the upgrade and run `ssat-bot rebuild`"
    )


def _note_oldest(connection: Connection) -> None:
    connection.execute(delete(facts).where(facts.c.name == _OLDEST))
    connection.execute(insert(facts).values(name=_OLDEST, value=f"{OLDEST} {version('ssat-bot')}"))


def _oldest(connection: Connection) -> tuple[str, str]:
    """Return the oldest schema whose release may run on this one, and what has made it."""
    said = connection.scalar(select(facts.c.value).where(facts.c.name == _OLDEST)) or ""
    revision, _, release = said.partition(" ")
    return revision, release
