"""Upgrades the schema, with Alembic. A schema that is up to date doesn't import this."""

import structlog
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

log = structlog.get_logger()


def migrations(connection: Connection) -> Config:
    config = Config()
    # As a package: in a path, a % would be read as the beginning of a reference.
    config.set_main_option("script_location", "slackbot.store:migrations")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, revisions: set[str]) -> None:
    """``revisions`` are those that the schema has."""
    config = migrations(connection)
    scripts = ScriptDirectory.from_config(config)
    if revisions <= {script.revision for script in scripts.walk_revisions()}:
        command.upgrade(config, "head")
        return
    # Migrations only expand, so an older replica that starts again goes on working beside it.
    log.warning("database_of_a_newer_release", revisions=sorted(revisions))
