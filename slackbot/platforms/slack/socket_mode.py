"""The websocket of Socket Mode."""

import asyncio
import logging
import sys
from collections.abc import Callable

import aiohttp
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.logs import OutageLog, is_of_network, words_of
from slackbot.platforms.errors import Throttled
from slackbot.platforms.network import proxy_towards
from slackbot.platforms.slack.api import SlackApi, time_limit

LOGGER = logging.getLogger("slack_sdk.socket_mode")


class _Counting(logging.Filter):
    """Counts what the official client says while the network is gone; faults go on to the log."""

    def __init__(self, count: Callable[[str], None]) -> None:
        super().__init__()
        self._count = count

    def filter(self, record: logging.LogRecord) -> bool:
        error = sys.exc_info()[1]
        if record.levelno < logging.WARNING or error is None or not is_of_network(error):
            return True
        self._count(words_of(error))
        return False


class SocketClient(SocketModeClient):
    def __init__(self, web_client: AsyncWebClient) -> None:
        self._outage = OutageLog("socket_away", "socket_back")
        logger = LOGGER.getChild(str(id(self)))
        logger.addFilter(_Counting(self._count))
        token = web_client.token or ""
        super().__init__(token, logger, web_client=web_client, ping_interval=10)
        self.on_message_listeners.append(self._hear)
        # Its own session waits five minutes for a websocket.
        self.aiohttp_client_session.detach()
        self.aiohttp_client_session = aiohttp.ClientSession(timeout=time_limit())
        self._api = SlackApi(web_client)

    def _count(self, problem: str) -> None:
        self._outage.meet(problem)
        self.wss_uri = None  # good for one try: the official client would try no other

    async def _hear(self, _: aiohttp.WSMessage) -> None:
        self._outage.end()  # the websocket is open: Slack says hello

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
