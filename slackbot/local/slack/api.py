"""The Web API over HTTP: reads a call, checks the caller's rights, answers and keeps a record."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from slackbot.local.json_type import Json

# The modules of methods register theirs when they are imported.
from slackbot.local.slack import chat, conversations, directory, files, validation, views
from slackbot.local.slack.calls import METHODS, Method, structured
from slackbot.local.slack.conversations import missing_scope
from slackbot.local.slack.faults import Fault
from slackbot.local.slack.models import ApiRequest, SlackError
from slackbot.local.slack.state import State
from slackbot.local.traffic import Begun

METHOD_MODULES = (chat, conversations, directory, files, validation, views)


@dataclass
class _Answer:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    problem: str | None = None
    """What the bot did wrong, in words."""
    is_ordered: bool = False


@dataclass(frozen=True)
class _Asked:
    """One call as it came."""

    request: web.Request
    name: str
    args: Json
    token: str | None
    begun: Begun | None


class Api:
    """Serves `/api/<method>` from the state of a workspace."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._late: set[asyncio.Task[None]] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one call, or lose it as ordered by `faults`."""
        name = request.match_info["method"]
        with self._state.crowds.one_more(name):
            return await self._answer(request, name)

    async def _answer(self, request: web.Request, name: str) -> web.StreamResponse:
        begun = self._state.traffic.begin() if self._state.traffic else None
        args, token = await read_arguments(request)
        asked = _Asked(request, name, args, token, begun)
        if self._state.is_down:
            status = self._state.down_status
            return self._spoilt(asked, Fault(method=name, status=status or 200, drop=not status))
        fault = self._state.faults.take(name, _event_type(args))
        if fault is not None and fault.when == "late":
            late = asyncio.create_task(self._call_late(fault, name, args, token))
            self._late.add(late)
            late.add_done_callback(self._late.discard)
            return self._spoilt(asked, fault)
        if fault is not None and fault.hang:
            await self._state.faults.wait(fault)
        if fault is not None and fault.when == "before" and (fault.drop or fault.answers):
            return self._spoilt(asked, fault)
        answer = self._call(name, args, token)
        if fault is not None and (fault.drop or fault.answers):
            return self._spoilt(asked, fault, answer.problem)
        self._record(asked, answer)
        return _response(answer)

    async def _call_late(self, fault: Fault, name: str, args: Json, token: str | None) -> None:
        await self._state.faults.wait(fault)
        self._call(name, args, token)

    def _call(self, name: str, args: Json, token: str | None) -> _Answer:
        so_far = len(self._state.refusals)
        answer = self._carried_out(name, args, token)
        answer.problem = self._state.refused_since(so_far)
        return answer

    def _carried_out(self, name: str, args: Json, token: str | None) -> _Answer:
        method = METHODS.get(name)
        try:
            if method is None:
                raise SlackError("unknown_method", mistake=True, req_method=name)
            self._authorise(method, token)
            if wait := self._limited(name, method, args):
                self._state.refuse(f"{name}: ratelimited (Retry-After: {wait})")
                body = {"ok": False, "error": "ratelimited"}
                return _Answer(429, body, {"Retry-After": str(wait)}, "ratelimited")
            result = method.call(self._state, structured(args))
        except SlackError as error:
            return self._failed(name, error)
        return _Answer(body={"ok": True, **result}, headers=self._scopes())

    def _scopes(self) -> dict[str, str]:
        if self._state.behind_proxy:
            return {}
        return {"x-oauth-scopes": ",".join(sorted(self._state.scopes))}

    def _authorise(self, method: Method, token: str | None) -> None:
        if method.bearer == "none":
            return
        if not token:
            raise SlackError("not_authed", mistake=True)
        if token in self._state.revoked:
            raise SlackError("token_revoked")
        right = {
            "bot": self._state.bot_token,
            "app": self._state.app_token,
            "configuration": self._state.configuration_token,
        }
        if token not in right.values():
            raise SlackError("invalid_auth", mistake=True)
        if token != right[method.bearer]:
            raise SlackError("not_allowed_token_type", mistake=True)
        if method.scope is not None and method.scope not in self._state.scopes:
            raise missing_scope(self._state, method.scope)

    def _limited(self, name: str, method: Method, args: Json) -> int:
        channel = str(args.get("channel", "")).lstrip("#")
        known = [c.id for c in self._state.channels.values() if channel in (c.id, c.name)]
        return self._state.rates.wait(name, method.tier, known[0] if known else channel)

    def _failed(self, name: str, error: SlackError) -> _Answer:
        body: Json = {"ok": False, "error": error.code, **error.extra}
        if error.messages:
            body["response_metadata"] = {"messages": error.messages}
        if error.mistake:
            self._state.refuse(f"{name}: {error.code} {' '.join(error.messages)}".rstrip())
        return _Answer(body=body, headers=self._scopes(), error=error.code)

    def _spoilt(
        self, asked: _Asked, fault: Fault, problem: str | None = None
    ) -> web.StreamResponse:
        """Answer with the trouble that was ordered, or close the connection."""
        body = fault.body
        if body is None and fault.error is not None:
            body = {"ok": False, "error": fault.error}
        error = fault.error or f"fault {fault.status}"
        answer = _Answer(fault.status, body, dict(fault.headers), error, problem, is_ordered=True)
        if not fault.drop:
            self._record(asked, answer)
            return _response(answer)
        self._record(asked, None, problem)
        if asked.request.transport is not None:
            asked.request.transport.close()
        return web.Response()

    def _record(self, asked: _Asked, answer: _Answer | None, problem: str | None = None) -> None:
        self._state.requests.append(
            ApiRequest(
                method=asked.name,
                args=asked.args,
                token=asked.token,
                status=answer.status if answer else None,
                ok=answer is not None and answer.error is None,
                error=answer.error if answer else "dropped",
                at=time.monotonic(),
            )
        )
        if self._state.traffic is not None and asked.begun is not None:
            self._state.traffic.add(
                asked.begun,
                sender="bot",
                receiver="Slack",
                title=asked.name,
                status=answer.status if answer else None,
                ok=answer is not None and answer.error is None,
                request=_shown(asked.args),
                response=answer.body if answer else "The connection was lost without an answer.",
                problem=answer.problem if answer else problem,
                is_ordered=answer is None or answer.is_ordered,
            )
        self._state.changed()


def _shown(args: Json) -> Json:
    """Return the arguments as JSON, also those that came as JSON inside a form."""
    try:
        return structured(args)
    except SlackError:
        return args


def _response(answer: _Answer) -> web.Response:
    if answer.body is None or isinstance(answer.body, str):
        return web.Response(text=answer.body, status=answer.status, headers=answer.headers)
    return web.json_response(answer.body, status=answer.status, headers=answer.headers)


def _event_type(args: Json) -> str | None:
    """Return the event type in a message's metadata."""
    try:
        metadata = structured(args).get("metadata")
    except SlackError:
        return None  # the call itself will fail for it
    return metadata.get("event_type") if isinstance(metadata, dict) else None


async def read_arguments(request: web.Request) -> tuple[Json, str | None]:
    """Return a call's arguments and token, from wherever a client may put them."""
    args: Json = dict(request.query)
    if request.content_type == "application/json":
        try:
            decoded = json.loads(await request.text() or "{}")
        except ValueError:
            decoded = {}
        args |= decoded if isinstance(decoded, dict) else {}
    elif request.can_read_body:
        args |= dict(await request.post())
    in_body = args.pop("token", None)
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer" and token:
        return args, token.strip()
    return args, str(in_body) if in_body else None
