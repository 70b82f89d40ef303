"""Shortcuts, shared links and homes in the stand-in: the payloads, and what Slack refuses."""

from typing import Any

import pytest
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.local.slack import Channel, Workspace
from tests.local.slack.builders import over_http, section

URL = "https://gitlab.example/-/issues/7"


async def refused(workspace: Workspace, call: Any) -> str:
    """The error with which a call is refused, which the stand-in notes as a fault of the bot's."""
    before = len(workspace.refusals)
    with pytest.raises(SlackApiError) as caught:
        await call
    assert len(workspace.refusals) == before + 1
    return str(caught.value.response["error"])


async def test_a_shortcut_tells_the_message_and_is_answered_by_its_url(
    app: AsyncApp, workspace: Workspace, channel: Channel
) -> None:
    heard: list[Any] = []

    @app.shortcut("show")
    async def show(ack: Any, body: Any, respond: Any) -> None:
        await ack()
        heard.append(body)
        await respond(text="only for you")

    async with over_http(app, workspace):
        message = workspace.person_posts("U2", channel, "about ticket 7")
        assert (await workspace.shortcut("U1", message, "show")).ok
        await workspace.wait_for(lambda: workspace.ephemerals)
    [body] = heard
    assert (body["type"], body["callback_id"]) == ("message_action", "show")
    assert (body["message"]["text"], body["message_ts"]) == ("about ticket 7", message.ts)
    assert (body["user"]["id"], body["channel"]["id"]) == ("U1", "C1")
    assert [(one.user, one.text) for one in workspace.ephemerals] == [("U1", "only for you")]


async def test_a_shared_link_is_told_and_unfurled(
    app: AsyncApp, workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    workspace.unfurl_domains = {"gitlab.example"}
    heard: list[Any] = []

    @app.event("link_shared")
    async def shared(event: Any) -> None:
        heard.append(event)

    async with over_http(app, workspace):
        message, outcome = await workspace.share_link("U1", channel, f"see {URL} and https://x.yz/")
        assert outcome is not None
        assert outcome.ok
        await workspace.wait_for(lambda: heard)
        _, silence = await workspace.share_link("U1", channel, "https://x.yz/")
        assert silence is None
    [event] = heard
    assert event["links"] == [{"domain": "gitlab.example", "url": URL}]
    assert event["source"] == "conversations_history"
    blocks = {"blocks": [section("a small card")]}
    await client.chat_unfurl(channel="C1", ts=event["message_ts"], unfurls={URL: blocks})
    assert message.unfurls[URL][0]["text"]["text"] == "a small card"
    assert workspace.refusals == []


async def test_without_the_scope_nothing_is_told_nor_unfurled(
    workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    workspace.unfurl_domains = {"gitlab.example"}
    workspace.scopes -= {"links:read", "links:write"}
    message, outcome = await workspace.share_link("U1", channel, URL)
    assert outcome is None
    unfurls: Any = {URL: {"blocks": [section("x")]}}
    call = client.chat_unfurl(channel="C1", ts=message.ts, unfurls=unfurls)
    assert await refused(workspace, call) == "missing_scope"


async def test_what_slack_would_not_unfurl_is_refused(
    workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    message = workspace.person_posts("U1", channel, URL)
    card: Any = {"blocks": [section("x")]}
    too_much: Any = {"blocks": [section("x" * 3001)]}

    async def code(ts: str, unfurls: Any, channel_id: str = "C1") -> str:
        call = client.chat_unfurl(channel=channel_id, ts=ts, unfurls=unfurls)
        return await refused(workspace, call)

    assert await code(message.ts, {}) == "missing_unfurls"
    assert await code(message.ts, {URL: card}, "C9") == "cannot_find_channel"
    assert await code(message.ts, {"https://gitlab.example/other": card}) == "cannot_unfurl_url"
    assert await code(message.ts, {URL: too_much}) == "invalid_blocks"
    # A message that was deleted meanwhile is nobody's fault.
    workspace.delete_message(channel, message.ts)
    with pytest.raises(SlackApiError, match="cannot_unfurl_message"):
        await client.chat_unfurl(channel="C1", ts=message.ts, unfurls={URL: card})


async def test_a_home_that_is_too_large_or_switched_off_is_refused(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    large = {"type": "home", "blocks": [section("x" * 3000) for _ in range(90)]}
    call = client.views_publish(user_id="U1", view=large)
    assert await refused(workspace, call) == "view_too_large"
    workspace.has_home = False
    call = client.views_publish(user_id="U1", view={"type": "home", "blocks": [section("x")]})
    assert await refused(workspace, call) == "not_enabled"
