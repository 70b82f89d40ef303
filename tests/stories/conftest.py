from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from slackbot.handlers import acting, answers, following_up
from slackbot.people import admission, linking
from slackbot.people.grants import device
from tests.conftest import MovableClock
from tests.town import PATIENCE, Town
from tests.town import town as build_town


@pytest.fixture
async def quiet_town(database_url: str, clock: MovableClock, tmp_path: Path) -> AsyncIterator[Town]:
    """A town whose bot has not been started; the story does that."""
    async with build_town(clock, tmp_path, database_url) as built:
        yield built
        built.check()


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """What must fit into Slack's three seconds may take longer: the machine may be busy."""
    if request.node.get_closest_marker("impatient"):
        return
    monkeypatch.setattr(admission, "PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(linking, "PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(device, "PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(answers, "MODAL_SECONDS", PATIENCE)
    monkeypatch.setattr(acting, "PATIENCE_SECONDS", PATIENCE)
    monkeypatch.setattr(following_up, "PATIENCE_SECONDS", PATIENCE)


@pytest.fixture
async def town(quiet_town: Town) -> AsyncIterator[Town]:
    """A town with the bot running."""
    async with quiet_town.bot_running():
        yield quiet_town
