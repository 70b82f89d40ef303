"""The same bot over Socket Mode: clicks come by websocket, and the port has no route for Slack."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from slackbot.app import connect, make_bolt, socket_handler
from slackbot.handlers.queue import COMMAND
from slackbot.local.patience import within
from slackbot.platforms import pace
from slackbot.platforms.slack import api as workspace
from slackbot.store.engine.database import RightOfWay
from tests.conftest import MovableClock
from tests.port import FIXTURES, Port
from tests.town import CONTACTED, Town, as_seen, menu_of, text_of
from tests.town import town as build_town

RECONNECT_SECONDS = 15


@pytest.fixture
async def town(clock: MovableClock, tmp_path: Path, sqlite: str) -> AsyncIterator[Town]:
    """A town with the bot running in Socket Mode, its websocket open."""
    async with build_town(clock, tmp_path, sqlite) as built:
        in_socket_mode = {"slack_app_token": built.slack.app_token, "slack_signing_secret": None}
        async with built.bot_running(**in_socket_mode):
            built.slack.request_url = None  # nothing could come by HTTP
            await connected(built)
            yield built
        built.check()


@pytest.fixture
async def port(town: Town) -> AsyncIterator[Port]:
    async with aiohttp.ClientSession() as session:
        yield Port(town=town, session=session)


async def connected(town: Town) -> None:
    await town.slack.wait_for(lambda: town.slack.sockets.connections, RECONNECT_SECONDS)


async def test_a_request_is_claimed_and_contacted_over_a_websocket_that_slack_renews(
    town: Town,
) -> None:
    issue = town.feedback()
    card = await town.card(issue, "🟠 Unclaimed", "ticket 412345")
    unclaimed = as_seen(card)
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    card = await town.claimed(issue, "Avery Example")
    assert issue.assigned_to == ["avery"]

    # Slack does this every few hours.
    await town.slack.sockets.disconnect("refresh_requested")
    assert town.slack.sockets.connections == 0
    await connected(town)

    assert (await town.slack.click(town.blake, unclaimed, "Claim")).ok
    await town.told(town.blake, "Avery Example owns this request")
    empty = await town.mark_contacted(town.avery, card, **{"What you sent": ""})
    assert "text" in empty.errors  # an answer to a modal goes back over the websocket, too
    sent = await town.slack.submit(town.avery, {"What you sent": "Dear Sam"})
    assert (sent.ok, sent.errors) == (True, {})
    card = await town.card(issue, "Contacted", delivered=True)
    assert menu_of(card)[-3:] == ["Open issue", "Open ticket", "More…"]
    assert issue.state == "closed"
    assert CONTACTED in issue.labels
    assert "> Dear Sam" in issue.comments[-1].body
    await town.settled()
    assert len(issue.comments) == 2


async def test_the_same_envelope_again_is_one_claim(town: Town) -> None:
    issue = town.feedback()
    outcome = await town.slack.click(town.avery, await town.card(issue, "🟠 Unclaimed"), "Claim")
    await town.claimed(issue, "Avery Example")
    assert (await town.slack.replay(outcome)).ok
    await town.settled()
    assert len(issue.comments) == 1
    assert [one for one in town.slack.ephemerals if "already" in one.text] == []


async def test_the_command_is_answered_over_the_websocket(town: Town) -> None:
    await town.card(town.feedback(), "🟠 Unclaimed")
    assert (await town.slack.command(town.avery, COMMAND, "", town.channel)).ok
    told = await town.told(town.avery, "412345")
    assert "🟠 Unclaimed" in text_of(told) or "hours left" in text_of(told)


async def test_a_captured_envelope_of_a_stranger_is_answered_with_words(town: Town) -> None:
    envelope: dict[str, Any] = json.loads(
        (FIXTURES / "slack" / "socket_envelope_slash_command.json").read_text()
    )
    payload = envelope["payload"] | {"command": COMMAND}
    answer = await within(3, town.slack.sockets.send(envelope["type"], payload))
    assert answer["response_type"] == "ephemeral"
    assert "workspace" in answer["text"]


async def test_the_port_has_no_route_for_slack(town: Town, port: Port) -> None:
    for body in ("", "payload={}", '{"type": "url_verification", "challenge": "abc"}'):
        assert (await port.unsigned(body, "application/json")).status == 404
        assert (await port.signed(body, "application/json")).status == 404
    assert (await port.get("/healthz")).status == 200
    assert (await port.hook(b"{}")).status == 200


async def test_a_websocket_that_is_not_opened_is_given_up_and_an_open_one_outlives_the_limit(
    clock: MovableClock, tmp_path: Path, sqlite: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workspace, "TIMEOUT_SECONDS", 0.3)

    async def says_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the bot has given up
        writer.close()

    silent = await asyncio.start_server(says_nothing, "127.0.0.1")
    host, port = silent.sockets[0].getsockname()
    async with build_town(clock, tmp_path, sqlite) as town:
        settings = town.set_up(slack_app_token=town.slack.app_token, slack_signing_secret=None)
        async with connect(settings) as clients:
            handler = socket_handler(make_bolt(clients.slack, RightOfWay()), settings)
            assert handler is not None
            session = handler.client.aiohttp_client_session
            try:
                begun = time.monotonic()
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(session.ws_connect(f"ws://{host}:{port}"), 5)
                assert time.monotonic() - begun < 5
                address = await handler.client.issue_new_wss_url()
                opened = await session.ws_connect(address)
                await asyncio.sleep(0.6)
                assert not opened.closed
            finally:
                await handler.close_async()  # type: ignore[no-untyped-call]
    silent.close()


@pytest.mark.parametrize("told", ["soon", "1795892217", "-1", None])
async def test_a_slack_that_asks_for_patience_in_odd_words_is_asked_again_for_the_websocket(
    clock: MovableClock,
    tmp_path: Path,
    sqlite: str,
    monkeypatch: pytest.MonkeyPatch,
    told: str | None,
) -> None:
    monkeypatch.setattr(pace, "LONGEST_HOLD_SECONDS", 1.0)
    async with build_town(clock, tmp_path, sqlite) as town:
        settings = town.set_up(slack_app_token=town.slack.app_token, slack_signing_secret=None)
        headers = {"Retry-After": told} if told else {}
        town.slack.faults.add("apps.connections.open", status=429, headers=headers)
        async with connect(settings) as clients:
            handler = socket_handler(make_bolt(clients.slack, RightOfWay()), settings)
            assert handler is not None
            try:
                assert await within(8, handler.client.issue_new_wss_url())
            finally:
                await handler.close_async()  # type: ignore[no-untyped-call]
        assert [one.status for one in town.slack.requests] == [429, 200]


async def test_readiness_tells_of_the_websocket(town: Town, port: Port) -> None:
    said = await port.ready(200)
    assert said["socket"] == "ok"
    town.slack.down()  # so that it cannot come back at once
    await town.slack.sockets.drop()
    said = await port.ready(503, "the websocket is not connected")
    town.slack.up()
    await connected(town)
    await port.ready(200)
