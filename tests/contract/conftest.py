"""The two sides of a contract: a stand-in, and with credentials the real platform.

The real platforms are asked by `make contract` only, and only as far as the environment has
credentials (docs/local.md). Without them their half does not exist.
"""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from yarl import URL

from slackbot.handlers import acting, answers, following_up
from slackbot.local.gitlab import GitLab
from slackbot.local.gitlab import serve as serve_gitlab
from slackbot.local.slack import Workspace
from slackbot.local.slack import serve as serve_slack
from slackbot.people import admission, linking
from tests.contract.produced import PATIENCE, Produced, produced

Json = dict[str, Any]
STANDIN, REAL = "stand-in", "real"
MAY_ASK_THE_REAL = os.environ.get("SSAT_CONTRACT") == "real"


def given(*names: str) -> bool:
    """Whether the environment has all that a real platform needs."""
    return MAY_ASK_THE_REAL and all(os.environ.get(name) for name in names)


SLACK = ("SLACK_CONTRACT_TOKEN", "SLACK_CONTRACT_CHANNEL")
SLACK_SIDES = [STANDIN, *([REAL] if given(*SLACK) else [])]
MANIFEST_SIDES = [STANDIN, *([REAL] if given("SLACK_CONTRACT_CONFIG_TOKEN") else [])]
GITLAB = ("GITLAB_CONTRACT_URL", "GITLAB_CONTRACT_TOKEN", "GITLAB_CONTRACT_PROJECT")
GITLAB_SIDES = [STANDIN, *([REAL] if given(*GITLAB) else [])]


def now() -> datetime:
    return datetime.now(UTC)


# --- Slack -------------------------------------------------------------------------------------


@dataclass
class SlackSide:
    """A workspace with the bot in a channel; what was posted is deleted in the end."""

    client: AsyncWebClient
    channel: str
    posted: list[str] = field(default_factory=list)

    async def post(self, **message: Any) -> str:
        answer = await self.client.chat_postMessage(channel=self.channel, **message)
        ts = str(answer["ts"])
        self.posted.append(ts)
        return ts

    async def message(self, ts: str) -> Json | None:
        """Return a message as the history has it, with its metadata."""
        found = await self.client.conversations_history(
            channel=self.channel, oldest=ts, latest=ts, inclusive=True, include_all_metadata=True
        )
        return next((each for each in found["messages"] if each["ts"] == ts), None)

    async def clean_up(self) -> None:
        for ts in reversed(self.posted):
            with contextlib.suppress(SlackApiError):
                await self.client.chat_delete(channel=self.channel, ts=ts)


def client_for(token: str, session: aiohttp.ClientSession, base_url: str) -> AsyncWebClient:
    patient = AsyncRateLimitErrorRetryHandler(max_retry_count=5)
    return AsyncWebClient(token=token, base_url=base_url, session=session, retry_handlers=[patient])


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as shared:
        yield shared


@contextlib.asynccontextmanager
async def standin_workspace() -> AsyncIterator[tuple[Workspace, str]]:
    workspace = Workspace(clock=now)
    workspace.add_channel("escalations", id="C0CONTRACT")
    workspace.rates.enforce(on=False)
    async with serve_slack(workspace) as url:
        yield workspace, url


@pytest.fixture(params=SLACK_SIDES)
async def slack(
    request: pytest.FixtureRequest, session: aiohttp.ClientSession
) -> AsyncIterator[SlackSide]:
    if request.param == STANDIN:
        async with standin_workspace() as (workspace, url):
            yield SlackSide(client_for(workspace.bot_token, session, url), "C0CONTRACT")
        return
    token, channel = (os.environ[name] for name in SLACK)
    side = SlackSide(client_for(token, session, AsyncWebClient.BASE_URL), channel)
    yield side
    await side.clean_up()


@pytest.fixture(params=MANIFEST_SIDES)
async def configuration(
    request: pytest.FixtureRequest, session: aiohttp.ClientSession
) -> AsyncIterator[AsyncWebClient]:
    """A client with an app configuration token."""
    if request.param == STANDIN:
        async with standin_workspace() as (workspace, url):
            yield client_for(workspace.configuration_token, session, url)
        return
    token = os.environ["SLACK_CONTRACT_CONFIG_TOKEN"]
    yield client_for(token, session, AsyncWebClient.BASE_URL)


@pytest.fixture(scope="session")
def shown() -> Produced:
    """What the bot shows in its whole life; to see it takes half a minute."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (admission, linking, acting, following_up):
            patch.setattr(module, "PATIENCE_SECONDS", PATIENCE)
        patch.setattr(answers, "MODAL_SECONDS", PATIENCE)
        return asyncio.run(produced())


# --- GitLab ------------------------------------------------------------------------------------


@dataclass
class Answer:
    """What GitLab answered."""

    status: int
    body: Any
    headers: Any


@dataclass
class GitLabSide:
    """A project in which the bot may open issues and label them; in the end they are closed."""

    url: str
    token: str
    project: str
    session: aiohttp.ClientSession
    opened: list[int] = field(default_factory=list)

    async def ask(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        params: list[tuple[str, str]] | None = None,
        token: str | None = None,
    ) -> Answer:
        """Ask for something in the project, or for an absolute path."""
        place = path if path.startswith("/") else f"/projects/{quote(self.project, safe='')}/{path}"
        url = path if path.startswith("http") else f"{self.url}/api/v4{place}"
        headers = {"PRIVATE-TOKEN": token or self.token}
        target = url if path.startswith("http") else URL(url, encoded=True)
        async with self.session.request(
            method, target, json=body, params=params, headers=headers
        ) as answer:
            is_json = answer.content_type == "application/json"
            shown = await answer.json() if is_json else await answer.text()
            return Answer(answer.status, shown, answer.headers)

    async def issue(self, **attributes: Any) -> Json:
        title = attributes.pop("title", f"Contract {secrets.token_hex(4)}")
        answer = await self.ask("POST", "issues", {"title": title, **attributes})
        assert answer.status == 201, answer.body
        self.opened.append(answer.body["iid"])
        return dict(answer.body)

    async def again(self, issue: Json) -> Json:
        """Return an issue as it is now."""
        answer = await self.ask("GET", f"issues/{issue['iid']}")
        return dict(answer.body)

    async def label(self, name: str) -> str:
        """Let the project have a label."""
        answer = await self.ask("POST", "labels", {"name": name, "color": "#428BCA"})
        assert answer.status in (201, 409), answer.body
        return name

    async def clean_up(self) -> None:
        for iid in self.opened:
            await self.ask("PUT", f"issues/{iid}", {"state_event": "close"})


@pytest.fixture(params=GITLAB_SIDES)
async def gitlab(
    request: pytest.FixtureRequest, session: aiohttp.ClientSession
) -> AsyncIterator[GitLabSide]:
    if request.param == STANDIN:
        inside = GitLab(clock=now)
        project = inside.add_project("example/feedback")
        bot = inside.add_user("ssat-bot", "SSAT bot", bot=True)
        inside.add_member(project, bot, 20)
        async with serve_gitlab(inside) as url:
            yield GitLabSide(url, inside.add_token(bot), project.path, session)
        return
    url, token, path = (os.environ[name] for name in GITLAB)
    side = GitLabSide(url.rstrip("/"), token, path, session)
    yield side
    await side.clean_up()
