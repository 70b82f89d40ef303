from collections.abc import AsyncIterator

import pytest

from slackbot.store.engine.database import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated, empty database of each kind."""
    opened = Database(database_url)
    yield opened
    await opened.close()
