"""Feedback that a message is about: the shortcut "Show feedback", and pasted links."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond

from slackbot import metrics
from slackbot.blocks.elements import Block
from slackbot.blocks.queue import render_preview
from slackbot.handlers.desk import Desk
from slackbot.handlers.listening import Body, answer, privately, team_of
from slackbot.handlers.looking import Looking
from slackbot.handlers.surface import present
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.message import SlackMessage
from slackbot.platforms.slack import UNFURL_SCOPES, Workspace
from slackbot.rules.query import issue_of_link, mentioned_feedback
from slackbot.rules.refusals import NotAllowed

log = structlog.get_logger()

SHOW_FEEDBACK = "show_feedback"
"""The callback id of the shortcut, as in the manifest."""
DEPTH = 12
"""How deep the blocks of a message are looked into."""


def register(
    app: AsyncApp, desk: Desk, looking: Looking, workspace: Workspace, channel: str
) -> None:
    """Listen for the shortcut on any message, and for links posted in the channel of the cards."""

    @app.shortcut(SHOW_FEEDBACK)
    async def show(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        found: list[SlackMessage] = []

        async def work() -> None:
            asker = await looking.asker(team_of(body), str(body["user"]["id"]))
            about = mentioned_feedback("\n".join(texts_of(body.get("message"))))
            found.append(await looking.show(about, asker))

        async def tell() -> None:
            await present(respond, found[0], in_place=False)

        await answer(work, privately(respond), ack=ack, what=SHOW_FEEDBACK, then=tell)

    @app.event("link_shared")
    async def unfurl(body: Body) -> None:
        event = body["event"]
        try:
            if await _is_ours(body, desk, workspace, channel):
                await _unfurl(event, desk, workspace)
        except NotAllowed as refusal:
            log.info("link_not_unfurled", refusal=type(refusal).__name__)
        except PlatformError as error:
            # A link without its small card is a link; the cards stand in the same channel.
            log.warning("link_not_unfurled", problem=str(error))


async def _is_ours(body: Body, desk: Desk, workspace: Workspace, channel: str) -> bool:
    """Tell whether a link stands where the cards do, posted by one who may look."""
    event = body["event"]
    if not (await workspace.identity()).scopes >= UNFURL_SCOPES:
        return False
    # One that is only typed so far stands in no channel, but in the "COMPOSER".
    if event.get("channel") != await workspace.channel_id(channel):
        return False
    await desk.look(str(body["team_id"]), str(event["user"]))
    return True


async def _unfurl(event: Mapping[str, Any], desk: Desk, workspace: Workspace) -> None:
    unfurls = await _small_cards([str(link["url"]) for link in event.get("links") or ()], desk)
    if not unfurls:
        return
    await workspace.call(
        "chat.unfurl", channel=event["channel"], ts=event["message_ts"], unfurls=unfurls
    )
    metrics.POSTS.labels("unfurl").inc()


async def _small_cards(urls: Sequence[str], desk: Desk) -> dict[str, dict[str, list[Block]]]:
    found: dict[str, dict[str, list[Block]]] = {}
    async with desk.transaction() as tx:
        for url in urls[:5]:
            target = issue_of_link(url)
            known = await desk.viewer.find(tx, [target]) if target else None
            if known and known.items:
                blocks = render_preview(known.items[0], known.hours, known.now)
                found[url] = {"blocks": blocks}
    return found


def texts_of(node: Any, depth: int = DEPTH) -> Iterator[str]:
    """Find every text and every address in a message, however it is made up."""
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
