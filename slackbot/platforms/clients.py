"""The two platforms as the program calls them: one client each, made from the settings."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from slack_sdk.web.async_client import AsyncWebClient

from slackbot.platforms.gitlab import PACES as TRACKER_PACES
from slackbot.platforms.gitlab import Tracker
from slackbot.platforms.pace import faster
from slackbot.platforms.slack import PACES, Workspace, slack_session
from slackbot.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Outside:
    """The clients of the two platforms, and the HTTP session that Slack's calls share."""

    workspace: Workspace
    tracker: Tracker


@contextlib.asynccontextmanager
async def connect(settings: Settings, speed: float = 1) -> AsyncIterator[Outside]:
    """Make the clients of Slack and GitLab; nothing is called yet.

    Args:
        settings: Say where they are.
        speed: How many times as many calls as the real platforms allow, for those that allow more.
    """
    async with slack_session() as session:
        client = AsyncWebClient(
            token=settings.slack_bot_token.get_secret_value(),
            base_url=settings.slack_api_url,
            session=session,  # whose time limit counts: with one, a client's own does not
            retry_handlers=[],  # the default one would post twice after a dropped connection
        )
        tracker = Tracker(
            settings.gitlab_url,
            settings.gitlab_token.get_secret_value(),
            settings.gitlab_project,
            faster(TRACKER_PACES, speed),
        )
        try:
            yield Outside(workspace=Workspace(client, faster(PACES, speed)), tracker=tracker)
        finally:
            await tracker.close()
