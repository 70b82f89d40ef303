import asyncio
from typing import Any

import aiohttp
import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncConnectionErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.local.slack import Channel, Workspace
from slackbot.local.slack.rates import Rates
from tests.local.slack.builders import actions, button, client_of


async def test_posting_too_fast_is_limited_per_channel(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    workspace.add_channel("other", id="C2")
    for _ in range(5):
        await client.chat_postMessage(channel="C1", text="x")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="#support_escalations", text="x")
    response: Any = caught.value.response
    assert (response.status_code, response["error"]) == (429, "ratelimited")
    assert response.headers["Retry-After"] == "1"
    await client.chat_postMessage(channel="C2", text="x")
    assert workspace.refusals == ["chat.postMessage: ratelimited (Retry-After: 1)"]
    workspace.rates.enforce(False)
    await client.chat_postMessage(channel="C1", text="x")


def test_a_bucket_fills_with_time_and_scale() -> None:
    now = 0.0
    rates = Rates(now=lambda: now)
    taken = [rates.wait("chat.update", 3) for _ in range(51)]
    assert taken == [0] * 50 + [2]  # 50 a minute: one every 1.2 s, in whole seconds
    now = 1.3
    assert rates.wait("chat.update", 3) == 0
    assert rates.wait("chat.update", 3) > 0
    rates.scale = 10
    now = 1.5
    assert rates.wait("chat.update", 3) == 0


async def test_a_dropped_answer_after_the_effect_posts_twice_with_a_retrying_client(
    workspace: Workspace, session: aiohttp.ClientSession, channel: Channel
) -> None:
    fault = workspace.faults.add("chat.postMessage", drop=True, when="after")
    client = client_of(workspace, session)
    client.retry_handlers = [AsyncConnectionErrorRetryHandler()]
    await client.chat_postMessage(channel="C1", text="one card")
    assert fault.hits == 1
    assert [one.text for one in channel.messages] == ["one card", "one card"]
    assert [one.status for one in workspace.requests] == [None, 200]


async def test_trouble_before_the_effect_leaves_nothing_behind(
    workspace: Workspace, client: AsyncWebClient, channel: Channel
) -> None:
    workspace.faults.add("chat.postMessage", status=500, body="oops", times=2)
    workspace.faults.add("chat.postMessage", error="fatal_error")
    workspace.faults.add(status=429, headers={"Retry-After": "7"}, error="ratelimited")
    for _ in range(2):
        with pytest.raises(Exception, match=r"oops|500"):
            await client.chat_postMessage(channel="C1", text="x")
    with pytest.raises(SlackApiError, match="fatal_error"):
        await client.chat_postMessage(channel="C1", text="x")
    with pytest.raises(SlackApiError) as caught:
        await client.auth_test()
    response: Any = caught.value.response
    assert response.headers["Retry-After"] == "7"
    assert channel.messages == []
    await client.chat_postMessage(channel="C1", text="x")
    assert len(channel.messages) == 1
    assert workspace.refusals == []


async def test_trouble_can_last_until_it_is_called_off(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    lasting = workspace.faults.add("auth.test", error="fatal_error", times=None)
    other = workspace.faults.add("auth.test", error="fatal_error", times=None)
    workspace.faults.call_off(other)
    assert [each is lasting for each in workspace.faults.pending] == [True]
    for _ in range(3):
        with pytest.raises(SlackApiError, match="fatal_error"):
            await client.auth_test()
    assert (len(workspace.faults.pending), lasting.hits) == (1, 3)
    workspace.faults.call_off(lasting)
    workspace.faults.call_off(other)  # which is over
    assert (await client.auth_test())["ok"]


async def test_a_call_can_hang(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.faults.add("auth.test", hang=60)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.auth_test(), 0.05)


async def test_slack_can_be_down_and_up_again(workspace: Workspace, client: AsyncWebClient) -> None:
    workspace.down()
    with pytest.raises(aiohttp.ClientError):
        await client.auth_test()
    workspace.down(status=503)
    with pytest.raises(Exception, match="503"):
        await client.auth_test()
    workspace.up()
    assert (await client.auth_test())["ok"]


async def test_socket_mode_carries_clicks_commands_and_events(
    app: AsyncApp,
    workspace: Workspace,
    client: AsyncWebClient,
    session: aiohttp.ClientSession,
    channel: Channel,
) -> None:
    heard: list[Any] = []

    @app.action("claim")
    async def claim(ack: Any, body: Any) -> None:
        await ack()
        heard.append(body)

    @app.command("/ssat")
    async def ssat(ack: Any) -> None:
        await ack(text="your queue is empty")

    @app.event("app_home_opened")
    async def home(body: Any) -> None:
        heard.append(body)

    handler = AsyncSocketModeHandler(
        app, workspace.app_token, web_client=client_of(workspace, session, workspace.app_token)
    )
    await handler.connect_async()  # type: ignore[no-untyped-call]
    try:
        await workspace.wait_for(lambda: workspace.sockets.connections)
        await client.chat_postMessage(
            channel="C1", text="x", blocks=[actions(button("Claim", "claim"))]
        )
        assert (await workspace.click("U1", channel.messages[0], "Claim")).ok
        await workspace.command("U1", "/ssat", "mine", channel)
        assert workspace.ephemerals[0].text == "your queue is empty"
        await workspace.open_home("U1")
        await workspace.wait_for(lambda: len(heard) == 2)
        first = handler.client.current_session
        await workspace.sockets.disconnect()
        await workspace.wait_for(lambda: workspace.sockets.connections)
        assert handler.client.current_session is not first
        assert (await workspace.click("U1", channel.messages[0], "Claim")).ok
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call]
    assert workspace.refusals == []


async def test_a_bot_that_dies_with_a_click_in_hand_leaves_it_undelivered(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession, channel: Channel
) -> None:
    app_client = client_of(workspace, session, workspace.app_token)
    url = (await app_client.apps_connections_open(app_token=workspace.app_token))["url"]
    socket = await session.ws_connect(url)
    await socket.receive_json()  # hello
    await client.chat_postMessage(
        channel="C1", text="x", blocks=[actions(button("Claim", "claim"))]
    )
    click = asyncio.create_task(workspace.click("U1", channel.messages[0], "Claim"))
    envelope = await socket.receive_json()
    assert (envelope["type"], envelope["payload"]["type"]) == ("interactive", "block_actions")
    await socket.close()
    outcome = await click
    assert outcome.error == "not delivered: the websocket closed"
    assert workspace.refusals == []


async def test_a_websocket_needs_a_ticket_and_the_app_token(
    workspace: Workspace, client: AsyncWebClient, session: aiohttp.ClientSession
) -> None:
    with pytest.raises(SlackApiError, match="not_allowed_token_type"):
        await client.api_call("apps.connections.open")
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await session.ws_connect(f"{workspace.base_url}/socket?ticket=made-up")


async def test_an_eleventh_websocket_is_turned_away(
    workspace: Workspace, session: aiohttp.ClientSession
) -> None:
    client = client_of(workspace, session, workspace.app_token)
    workspace.rates.enforce(False)
    sockets = []
    for _ in range(11):
        url = (await client.apps_connections_open(app_token=workspace.app_token))["url"]
        sockets.append(await session.ws_connect(url))
    greetings = [(await one.receive_json())["type"] for one in sockets]
    assert greetings == ["hello"] * 10 + ["disconnect"]
    for one in sockets:
        await one.close()


async def test_trouble_may_be_for_messages_of_one_kind_only(
    workspace: Workspace, client: AsyncWebClient
) -> None:
    fault = workspace.faults.add("chat.postMessage", about="ssat_reminder", error="fatal_error")
    await client.chat_postMessage(channel="C1", text="x")
    other = {"event_type": "ssat_card", "event_payload": {"key": "7/1"}}
    await client.chat_postMessage(channel="C1", text="x", metadata=other)
    assert fault.hits == 0
    with pytest.raises(SlackApiError):
        await client.chat_postMessage(
            channel="C1", text="x", metadata={**other, "event_type": "ssat_reminder"}
        )
