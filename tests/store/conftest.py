from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from slackbot.store.database import Database
from slackbot.store.schema import metadata
from tests.conftest import Postgres


@pytest.fixture(scope="session")
def shared_postgres(postgres: Postgres) -> str:
    """One database for all tests of queries: to make one takes longer than such a test."""
    return postgres.new_database()


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated, empty database of each kind."""
    is_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'ssat-bot.db'}" if is_sqlite else ""
    opened = Database(url or request.getfixturevalue("shared_postgres"))
    await opened.migrate()
    if not is_sqlite:
        async with opened.transaction() as tx:
            await tx.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY"))
    yield opened
    await opened.close()
