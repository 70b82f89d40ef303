"""Socket Mode: websockets over which payloads go out and acknowledgements come back.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import json
import uuid
from typing import Any

from aiohttp import WSMsgType, web

from slackbot.local.json_type import Json
from slackbot.local.slack.state import State

MAX_CONNECTIONS = 10
PING_SECONDS = 10.0
APPROXIMATE_SECONDS = 18060


class SocketMode:
    """The connections of one app; each payload goes to one of them, in turn."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._open: list[web.WebSocketResponse] = []
        self._leaving: list[web.WebSocketResponse] = []
        self._acks: dict[str, tuple[web.WebSocketResponse, asyncio.Future[Any]]] = {}
        self._turn = 0

    @property
    def connections(self) -> int:
        """How many websockets are open."""
        return len(self._open)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one websocket until it closes."""
        ticket = request.query.get("ticket", "")
        if self._state.is_down or not self._state.leases.use_ticket(ticket):
            return web.Response(status=503 if self._state.is_down else 403)
        socket = web.WebSocketResponse(heartbeat=PING_SECONDS)
        await socket.prepare(request)
        if self.connections >= MAX_CONNECTIONS:
            self._state.refuse(f"Socket Mode: more than {MAX_CONNECTIONS} connections")
            await self._say_goodbye(socket, "too_many_websockets")
            await socket.close()
            return socket
        self._open.append(socket)
        try:
            await socket.send_json(self._hello())
            self._state.changed()
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._acknowledged(message.data)
        finally:
            self._lost(socket)
        return socket

    def _lost(self, socket: web.WebSocketResponse) -> None:
        """Forget a connection; what went out over it is no longer acknowledged.

        After a refresh it still may be: the client acks over its new connection.
        """
        if socket in self._leaving:
            self._leaving.remove(socket)
        if socket not in self._open:
            return
        self._open.remove(socket)
        for carrier, ack in self._acks.values():
            if carrier is socket and not ack.done():
                ack.set_exception(ConnectionResetError("the websocket closed"))
        self._state.changed()

    def _hello(self) -> Json:
        host = {"host": "applink-local", "build_number": 1}
        return {
            "type": "hello",
            "num_connections": self.connections,
            "debug_info": {**host, "approximate_connection_time": APPROXIMATE_SECONDS},
            "connection_info": {"app_id": self._state.app_id},
        }

    def _acknowledged(self, data: str) -> None:
        answer = json.loads(data)
        _, ack = self._acks.get(answer.get("envelope_id", ""), (None, None))
        if ack is not None and not ack.done():
            ack.set_result(answer.get("payload"))

    async def send(self, kind: str, payload: Json, **more: Any) -> Any:
        """Send an envelope and return the payload of its ack, however late it comes."""
        envelope_id = str(uuid.uuid4())
        envelope = {
            "envelope_id": envelope_id,
            "payload": payload,
            "type": kind,
            "accepts_response_payload": kind != "events_api",
            **more,
        }
        self._turn += 1
        socket = self._open[self._turn % len(self._open)]
        ack: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._acks[envelope_id] = socket, ack
        try:
            await socket.send_json(envelope)
            return await ack
        finally:
            self._acks.pop(envelope_id, None)

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask every client to come back: what Slack does every few hours.

        The old connections carry nothing more and stay open until the clients close them, as
        Slack's do for a while; slack_sdk reconnects twice where they are closed at once.
        """
        for socket in list(self._open):
            self._open.remove(socket)
            self._leaving.append(socket)
            await self._say_goodbye(socket, reason)
        self._state.changed()

    async def drop(self) -> None:
        """Lose every connection without a word."""
        for socket in [*self._open, *self._leaving]:
            self._lost(socket)
            await socket.close()

    async def _say_goodbye(self, socket: web.WebSocketResponse, reason: str) -> None:
        debug_info = {"host": "applink-local"}
        await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": debug_info})
