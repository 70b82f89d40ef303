from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.local.slack import Channel, Workspace, serve
from tests.local.slack.builders import client_of

FRIDAY = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)


class Clock:
    def __init__(self, now: datetime = FRIDAY) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def workspace(clock: Clock) -> AsyncIterator[Workspace]:
    """A workspace that is being served, with two managers and a guest."""
    slack = Workspace(clock=clock)
    slack.add_user("U1", "avery", real_name="Avery Example", email="avery@example.com")
    slack.add_user("U2", "blake", real_name="Blake Example", email="blake@example.com")
    slack.add_user("U3", "casey", is_restricted=True)
    slack.add_channel("support_escalations", id="C1", members=["U1", "U2"])
    async with serve(slack):
        yield slack


@pytest.fixture
def channel(workspace: Workspace) -> Channel:
    return workspace.channel("#support_escalations")


@pytest.fixture
async def session(workspace: Workspace) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as shared:
        yield shared


@pytest.fixture
def client(workspace: Workspace, session: aiohttp.ClientSession) -> AsyncWebClient:
    return client_of(workspace, session)


@pytest.fixture
def app(workspace: Workspace, client: AsyncWebClient) -> AsyncApp:
    return AsyncApp(client=client, signing_secret=workspace.signing_secret)
