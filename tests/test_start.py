"""What a start imports: only what this setup needs, for each library takes its time and memory."""

import subprocess
import sys
from pathlib import Path

from slackbot import __version__

NEEDED_BY_SOME = {
    "alembic",
    "cryptography",
    "holidays",
    "httpx2",
    "jinja2",
    "matplotlib",
    "opentelemetry",
    "pagerduty",
    "psycopg",
    "slack_sdk.socket_mode",
    "slackbot.local",
    "slackbot.past",
    "slackbot.people.checkup",
    "slackbot.people.folder",
    "slackbot.rebuild",
    "slackbot.report",
    "slackbot.routes_file",
    "slackbot.setup.init",
    "slackbot.setup.manifest",
    "slackbot.setup.webhook",
    "slackbot.check.live",
    "slackbot.check.samples",
    "slackbot.check.screen",
    "slackbot.check.webhook",
    "sqlalchemy.dialects.postgresql",
    "yaml",
}
OPEN = """
import asyncio, sys
import slackbot.commands
from slackbot.store.engine.database import Database

async def open_record():
    database = Database(sys.argv[1])
    await database.open()
    await database.close()

asyncio.run(open_record())
print(*sys.modules)
"""


def imported_by_a_start(database_url: str) -> set[str]:
    command = [sys.executable, "-c", OPEN, database_url]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(ended.stdout.split())


def test_a_start_on_sqlite_imports_nothing_that_only_other_setups_need(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'record.db'}"
    assert "alembic" in imported_by_a_start(url)  # it makes the tables
    assert imported_by_a_start(url) & NEEDED_BY_SOME == set()


def test_the_command_line_is_read_before_the_bot_is_imported() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "slackbot", "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "run the bot" in ended.stdout
    assert "slackbot.app" not in ended.stderr


def test_the_version_is_told_without_the_bot() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "slackbot", "--version"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout == f"ssat-bot {__version__}\n"
    assert "slackbot.app" not in ended.stderr
