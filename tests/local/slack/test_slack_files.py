"""Files go to Slack in three steps, and nowhere if one is left out."""

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.local.slack import Channel, Workspace
from tests.local.slack.builders import section


async def begun(
    client: AsyncWebClient, content: bytes, name: str = "a.csv", alt: str | None = None
) -> tuple[str, str]:
    """Begin an upload; return its URL and the file's id."""
    answer = await client.files_getUploadURLExternal(
        filename=name, length=len(content), alt_txt=alt
    )
    return str(answer["upload_url"]), str(answer["file_id"])


async def sent(session: aiohttp.ClientSession, url: str, content: bytes) -> int:
    async with session.post(url, data=content) as answer:
        return answer.status


async def test_a_file_is_shared_in_a_thread(
    workspace: Workspace,
    client: AsyncWebClient,
    channel: Channel,
    session: aiohttp.ClientSession,
) -> None:
    top = await client.chat_postMessage(channel="C1", text="figures")
    url, file = await begun(client, b"png", "chart.png", "A chart")
    assert await sent(session, url, b"png") == 200
    await client.files_completeUploadExternal(
        files=[{"id": file, "title": "Chart"}], channel_id="C1", thread_ts=top["ts"]
    )
    [message] = channel.messages[0].thread
    [shared] = message.files
    assert (shared.content, shared.title, shared.alt) == (b"png", "Chart", "A chart")
    thread = await client.conversations_replies(channel="C1", ts=top["ts"])
    [told] = thread["messages"][1]["files"]
    assert (told["mimetype"], told["alt_txt"]) == ("image/png", "A chart")
    assert workspace.refusals == []


async def test_the_sdk_uploads_as_a_form(
    workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    await client.files_upload_v2(filename="a.csv", content="a,b", channel="C1")
    [shared] = channel.messages[0].files
    assert (shared.name, shared.content) == ("a.csv", b"a,b")
    assert workspace.refusals == []


async def test_bytes_that_were_not_announced_are_refused(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    url, file = await begun(client, b"abc")
    assert await sent(session, url, b"abcd") == 400
    with pytest.raises(SlackApiError, match="file_not_found"):
        await client.files_completeUploadExternal(files=[{"id": file}], channel_id="C1")
    assert len(workspace.refusals) == 2


async def test_a_file_is_shared_once(
    client: AsyncWebClient, channel: Channel, session: aiohttp.ClientSession
) -> None:
    url, file = await begun(client, b"abc")
    await sent(session, url, b"abc")
    await client.files_completeUploadExternal(files=[{"id": file}], channel_id="C1")
    with pytest.raises(SlackApiError, match="file_not_found"):
        await client.files_completeUploadExternal(files=[{"id": file}], channel_id="C1")
    assert len(channel.messages) == 1


async def test_an_upload_needs_its_scope_a_length_and_a_short_description(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    with pytest.raises(SlackApiError, match="missing_argument"):
        await begun(client, b"")
    with pytest.raises(SlackApiError, match="alt_txt_too_large"):
        await begun(client, b"abc", alt="x" * 1001)
    workspace.scopes.discard("files:write")
    with pytest.raises(SlackApiError, match="missing_scope"):
        await begun(client, b"abc")


async def test_a_channel_that_the_bot_is_not_in_gets_no_file(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    workspace.add_channel("elsewhere", id="C2", bot_is_member=False)
    url, file = await begun(client, b"abc")
    await sent(session, url, b"abc")
    with pytest.raises(SlackApiError, match="not_in_channel"):
        await client.files_completeUploadExternal(files=[{"id": file}], channel_id="C2")


CHART = {
    "type": "data_visualization",
    "title": "A chart",
    "chart": {"type": "pie", "segments": [{"label": "a", "value": 1}]},
}


async def test_a_workspace_may_refuse_charts_and_that_is_nobodys_mistake(
    workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    await client.chat_postMessage(channel="C1", text="figures", blocks=[CHART])
    workspace.takes_data_blocks = False
    with pytest.raises(SlackApiError, match="invalid_blocks"):
        await client.chat_postMessage(channel="C1", text="figures", blocks=[CHART])
    await client.chat_postMessage(channel="C1", text="figures", blocks=[section("a")])
    assert len(channel.messages) == 2
    assert workspace.refusals == []
