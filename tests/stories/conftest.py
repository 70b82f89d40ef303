from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import MovableClock
from tests.town import Town
from tests.town import town as build_town


@pytest.fixture
async def quiet_town(clock: MovableClock, tmp_path: Path, database_url: str) -> AsyncIterator[Town]:
    """A town whose bot has not been started; the story does that."""
    async with build_town(clock, tmp_path, database_url) as built:
        yield built
        built.check()


@pytest.fixture
async def town(quiet_town: Town) -> AsyncIterator[Town]:
    """A town with the bot running."""
    async with quiet_town.bot_running():
        yield quiet_town
