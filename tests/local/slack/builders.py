"""What the tests of the stand-in build: clients, bots, blocks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.local.slack import Workspace


def client_of(
    workspace: Workspace, session: aiohttp.ClientSession, token: str | None = None
) -> AsyncWebClient:
    return AsyncWebClient(
        token=token or workspace.bot_token,
        base_url=f"{workspace.base_url}/api/",
        session=session,
        retry_handlers=[],
    )


@asynccontextmanager
async def over_http(app: AsyncApp, workspace: Workspace) -> AsyncIterator[None]:
    """Let the bot listen on a port of its own."""
    runner = web.AppRunner(app.web_app("/slack/events"), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    workspace.request_url = f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    try:
        yield
    finally:
        await runner.cleanup()


def button(text: str, action_id: str, **more: Any) -> dict[str, Any]:
    shown = {"type": "plain_text", "text": text}
    return {"type": "button", "text": shown, "action_id": action_id, **more}


def actions(*elements: dict[str, Any], block_id: str = "actions") -> dict[str, Any]:
    return {"type": "actions", "block_id": block_id, "elements": list(elements)}


def section(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **more}


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def option(text: str, value: str) -> dict[str, Any]:
    return {"text": plain(text), "value": value}


def modal(*blocks: dict[str, Any], title: str = "Contact", **more: Any) -> dict[str, Any]:
    view = {"type": "modal", "title": plain(title), "submit": plain("Save")}
    return {**view, "callback_id": "contact", "blocks": list(blocks), **more}


def text_input(label: str, block_id: str, **more: Any) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": "text", **more}
    return {"type": "input", "block_id": block_id, "label": plain(label), "element": element}
