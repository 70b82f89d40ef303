"""How a payload reaches the bot and how its answer comes back: signed HTTP or Socket Mode."""

import hashlib
import hmac
import json
import time
from typing import Any
from urllib.parse import urlencode

import aiohttp

from slackbot.local.json_type import Json
from slackbot.local.patience import within
from slackbot.local.slack.models import Outcome
from slackbot.local.slack.socket_mode import SocketMode
from slackbot.local.slack.state import State
from slackbot.local.traffic import Begun

ACK_SECONDS = 3.0


class Transport:
    """Sends payloads and waits for their acknowledgement, at most `ack_seconds` of fair time."""

    def __init__(self, state: State, sockets: SocketMode) -> None:
        self._state = state
        self._sockets = sockets
        self.request_url: str | None = None
        self.ack_seconds = ACK_SECONDS
        self.session: aiohttp.ClientSession | None = None

    async def send(
        self, payload: Json, *, retry_num: int | None = None, retry_reason: str = "http_timeout"
    ) -> Outcome:
        """Send a payload of any kind; the outcome says what came back."""
        outcome = Outcome(kind=_kind(payload), payload=payload)
        begun = self._state.traffic.begin() if self._state.traffic else None
        problem = None
        try:
            by = self._by_socket if self._sockets.connections else self._by_http
            await within(self.ack_seconds, by(outcome, retry_num, retry_reason))
        except TimeoutError:
            outcome.error = f"no ack within {self.ack_seconds:g} s"
            problem = f"{_what(payload)}: {outcome.error}"
        except (aiohttp.ClientError, ConnectionError) as error:
            # The bot is not there: its process may be down as part of the story.
            outcome.error = f"not delivered: {error}"
        if outcome.status not in (None, 200):
            outcome.error = f"answered {outcome.status}"
            problem = f"{_what(payload)}: {outcome.error}"
        if begun is not None:
            self._record(begun, outcome, problem)
        if problem is not None:
            self._state.refuse(problem)
        self._state.changed()
        return outcome

    def _record(self, begun: Begun, outcome: Outcome, problem: str | None) -> None:
        if self._state.traffic is None:
            return
        self._state.traffic.add(
            begun,
            sender="Slack",
            receiver="bot",
            title=_title(outcome.payload),
            status=outcome.status,
            ok=outcome.ok,
            request=outcome.payload,
            response=outcome.body if outcome.status is not None else _sentence(outcome.error),
            problem=problem,
            is_ordered=outcome.status is None,
        )

    async def _by_socket(self, outcome: Outcome, retry_num: int | None, reason: str) -> None:
        kinds = {"event_callback": "events_api", "slash_command": "slash_commands"}
        kind = kinds.get(outcome.kind, "interactive")
        retry: Json = {}
        if kind == "events_api":
            retry = {"retry_attempt": retry_num or 0, "retry_reason": reason if retry_num else ""}
        outcome.body = await self._sockets.send(kind, outcome.payload, **retry)
        outcome.status = 200

    async def _by_http(self, outcome: Outcome, retry_num: int | None, reason: str) -> None:
        if self.request_url is None:
            outcome.error = "not delivered: no request_url is set and no websocket is connected"
            return
        if self.session is None:
            raise AssertionError("the workspace is not being served: use serve(workspace)")
        body, content_type = encode(outcome.payload)
        headers = {"Content-Type": content_type, **self.signature(body)}
        if retry_num is not None:
            headers |= {"X-Slack-Retry-Num": str(retry_num), "X-Slack-Retry-Reason": reason}
        outcome.url = self.request_url
        async with self.session.post(outcome.url, data=body.encode(), headers=headers) as answer:
            text = await answer.text()
            outcome.body = json.loads(text) if "json" in answer.content_type and text else text
            outcome.status = answer.status

    def signature(self, body: str) -> dict[str, str]:
        """Return the headers that prove a request to be Slack's.

        https://docs.slack.dev/authentication/verifying-requests-from-slack
        """
        timestamp = str(int(time.time()))
        key = self._state.signing_secret.encode()
        digest = hmac.new(key, f"v0:{timestamp}:{body}".encode(), hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": timestamp, "X-Slack-Signature": f"v0={digest}"}


def encode(payload: Json) -> tuple[str, str]:
    """Return the body and content type with which Slack sends a payload over HTTP."""
    kind = _kind(payload)
    if kind == "event_callback":
        return json.dumps(payload), "application/json"
    form: Any = payload if kind == "slash_command" else {"payload": json.dumps(payload)}
    return urlencode(form), "application/x-www-form-urlencoded"


def _kind(payload: Json) -> str:
    return "slash_command" if "command" in payload else str(payload["type"])


def _title(payload: Json) -> str:
    """Return what a payload is called in the record of the traffic."""
    match payload:
        case {"type": "view_submission" | "view_closed" as kind, "view": {"callback_id": view}}:
            return f"{kind} {view}".strip()
        case {"type": "message_action" as kind, "callback_id": shortcut}:
            return f"{kind} {shortcut}"
        case {"type": "block_suggestion" as kind, "action_id": action}:
            return f"{kind} {action}"
        case _:
            return _what(payload).strip()


def _sentence(error: str | None) -> str:
    words = error or "no answer"
    return f"{words[0].upper()}{words[1:].removesuffix('.')}."


def _what(payload: Json) -> str:
    match payload:
        case {"command": command, "text": text}:
            return f"{command} {text}"
        case {"type": "event_callback", "event": {"type": kind}}:
            return f"event {kind}"
        case {"type": "block_actions", "actions": [{"action_id": action}]}:
            return f"block_actions {action}"
        case _:
            return str(payload["type"])
