"""The websocket of Socket Mode."""

import asyncio

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.platforms.errors import Throttled
from slackbot.platforms.network import proxy_towards
from slackbot.platforms.slack_api import SlackApi, time_limit


class SocketClient(SocketModeClient):
    def __init__(self, web_client: AsyncWebClient) -> None:
        super().__init__(web_client.token or "", web_client=web_client, ping_interval=10)
        # Its own session waits five minutes for a websocket.
        self.aiohttp_client_session.detach()
        self.aiohttp_client_session = aiohttp.ClientSession(timeout=time_limit())
        self._api = SlackApi(web_client)

    async def issue_new_wss_url(self) -> str:
        """Wait no longer for it than a platform's window is, and find the way to it.

        Raises:
            PlatformError: The caller tries again.
        """
        while True:
            try:
                opened = await self._api.call_now("apps.connections.open")
            except Throttled as error:
                await asyncio.sleep(error.retry_after)
            else:
                self.proxy = proxy_towards(opened["url"])
                return str(opened["url"])


class SocketHandler(AsyncSocketModeHandler):
    """As the official one, with a client of ours."""

    client: SocketClient

    def __init__(self, bolt: AsyncApp, web_client: AsyncWebClient) -> None:
        self.app, self.app_token = bolt, web_client.token or ""
        self.client = SocketClient(web_client)
        self.client.socket_mode_request_listeners.append(self.handle)  # type: ignore[arg-type]
