"""Feedback that a message is about: the shortcut "Show feedback", pasted links, link buttons."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot import metrics
from slackbot.blocks.answers.linking import ACT, AUTHORIZE
from slackbot.blocks.menu import OPEN_ISSUE, OPEN_TICKET
from slackbot.handlers.answers import Answers
from slackbot.handlers.incoming import Body, sender_of
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.slack.client import UNFURL_SCOPES, SlackClient
from slackbot.rules.reading.query import mentioned_feedback
from slackbot.rules.refusals import NotAllowed

log = structlog.get_logger()

SHOW_FEEDBACK = "show_feedback"
"""As in the manifest."""
DEPTH = 12
"""Of nested blocks."""
MOST_LINKS = 5
"""Per message."""


@dataclass(frozen=True)
class Showing:
    answers: Answers
    slack: SlackClient
    channels: tuple[str, ...]
    """Where cards stand that customers wait for."""

    def register(self, app: AsyncApp) -> None:
        app.shortcut(SHOW_FEEDBACK)(self._show)
        app.event("link_shared")(self.answers.once_acked(self._unfurl))
        app.action(OPEN_ISSUE)(self._leave)
        app.action(OPEN_TICKET)(self._leave)
        app.action(AUTHORIZE)(self._leave)
        app.action(ACT)(self._leave)

    async def _show(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, SHOW_FEEDBACK) as reply:
            asker = await self.answers.look(*sender_of(args.body))
            about = mentioned_feedback("\n".join(texts_of(args.body.get("message"))))
            reply.show(await self.answers.show(about, asker), in_place=False)

    async def _leave(self, ack: AsyncAck) -> None:
        """Slack reports clicks on link buttons, too."""
        await ack()

    async def _unfurl(self, body: Body) -> None:
        try:
            if await self._is_ours(body):
                await self._post_small_cards(body["event"])
        except NotAllowed as refusal:
            log.info("link_not_unfurled", refusal=type(refusal).__name__)
        except PlatformError as error:
            # The link stays; the cards stand in the same channel.
            log.warning("link_not_unfurled", problem=str(error))

    async def _is_ours(self, body: Body) -> bool:
        """Require the cards' channel, and a poster who may look."""
        event = body["event"]
        if (await self.slack.identity()).lacks(UNFURL_SCOPES):
            return False
        # While it is typed, the channel is "COMPOSER". To ask would fail for a team without one.
        if event.get("channel") not in map(self.slack.known_channel, self.channels):
            return False
        await self.answers.look(str(body["team_id"]), str(event["user"]))
        return True

    async def _post_small_cards(self, event: Body) -> None:
        unfurls = {}
        for link in (event.get("links") or [])[:MOST_LINKS]:
            if blocks := await self.answers.preview(str(link["url"])):
                unfurls[str(link["url"])] = {"blocks": blocks}
        if not unfurls:
            return
        await self.slack.call(
            "chat.unfurl", channel=event["channel"], ts=event["message_ts"], unfurls=unfurls
        )
        metrics.POSTS.labels("unfurl").inc()


def texts_of(node: Any, depth: int = DEPTH) -> Iterator[str]:
    if depth == 0:
        return
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str) and name in ("text", "url", "fallback", "from_url"):
                yield value
            yield from texts_of(value, depth - 1)
    elif isinstance(node, list):
        for each in node:
            yield from texts_of(each, depth - 1)
