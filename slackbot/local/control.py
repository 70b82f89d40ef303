"""The control of a stand-in over HTTP: what it was asked, its reset, its clock, its faults.

The same for Slack, GitLab and PagerDuty, under `/_local/`. Only this machine may use it: a change
needs the content type of JSON, which no other site's page can send without being asked first.
"""

import dataclasses
import inspect
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import ValidationError, validate_call

from slackbot.local.traffic import clean

PREFIX = "/_local"
Json = dict[str, Any]
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_SAFE = frozenset({"GET", "HEAD"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, kw_only=True)
class Control:
    """What a stand-in lets others do from outside."""

    clock: Callable[[], datetime]
    reset: Callable[[], None]
    requests: Callable[[], Iterable[Any]]
    """What it was asked, oldest first: dataclasses, or texts."""
    refusals: Callable[[], Iterable[str]]
    """What the client did wrong, in words."""
    add_fault: Callable[..., Any]
    faults: Callable[[], Iterable[Any]]
    clear_faults: Callable[[], None]
    changed: Callable[[], None] = lambda: None
    """Tell those who wait that something is different."""
    targets: frozenset[str] | None = None
    """What a fault's `method` may name, if that is known."""


class Wrong(Exception):
    """The request cannot be carried out."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def control_routes(control: Control) -> list[web.RouteDef]:
    """Return the routes under `/_local/`."""
    of = _Routes(control)
    return [
        web.get(f"{PREFIX}/requests", _guarded(of.requests), allow_head=False),
        web.post(f"{PREFIX}/reset", _guarded(of.reset)),
        web.get(f"{PREFIX}/clock", _guarded(of.clock), allow_head=False),
        web.put(f"{PREFIX}/clock", _guarded(of.set_clock)),
        web.get(f"{PREFIX}/faults", _guarded(of.faults), allow_head=False),
        web.post(f"{PREFIX}/faults", _guarded(of.add_fault)),
        web.delete(f"{PREFIX}/faults", _guarded(of.clear_faults)),
    ]


class _Routes:
    def __init__(self, control: Control) -> None:
        self._control = control

    async def requests(self, _: web.Request) -> web.Response:
        shown = [clean(_shown(each)) for each in self._control.requests()]
        return web.json_response(
            {"requests": shown, "refusals": clean(list(self._control.refusals()))}
        )

    async def reset(self, _: web.Request) -> web.Response:
        self._control.reset()
        self._control.changed()
        return web.json_response({})

    async def clock(self, _: web.Request) -> web.Response:
        return web.json_response({"at": self._control.clock().isoformat()})

    async def set_clock(self, request: web.Request) -> web.Response:
        moment = _moment(await _body(request))
        move_to = getattr(self._control.clock, "move_to", None)
        if move_to is None:
            raise Wrong(409, "This clock can't be moved: it has no move_to.")
        if moment < self._control.clock():
            raise Wrong(409, "The time goes forward only.")
        moved = move_to(moment)
        if inspect.isawaitable(moved):
            await moved
        self._control.changed()
        return await self.clock(request)

    async def faults(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": [_shown(each) for each in self._control.faults()]})

    async def add_fault(self, request: web.Request) -> web.Response:
        wanted = await _body(request)
        known = self._control.targets
        if known is not None and wanted.get("method", "*") not in known:
            raise Wrong(400, f"method: {wanted['method']!r} is not known here.")
        add = validate_call(self._control.add_fault)
        try:
            fault = add(**wanted)
        except ValidationError as error:
            found = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            raise Wrong(400, "; ".join(found)) from None
        except re.error as error:
            raise Wrong(400, f"path: no regular expression ({error})") from None
        except ValueError as error:
            raise Wrong(400, str(error)) from None
        return web.json_response(_shown(fault), status=201)

    async def clear_faults(self, _: web.Request) -> web.Response:
        self._control.clear_faults()
        self._control.changed()
        return web.json_response({})


def _guarded(handler: Handler) -> Handler:
    """Answer to this machine only, and say in words what is wrong."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if re.sub(r":\d+$", "", request.host) not in _LOOPBACK:
            return _refusal(421, "Only this machine may use this, under its own name.")
        if request.method not in _SAFE and request.content_type != "application/json":
            return _refusal(415, "A change needs the header Content-Type: application/json.")
        try:
            return await handler(request)
        except Wrong as wrong:
            return _refusal(wrong.status, str(wrong))

    return guarded


def _refusal(status: int, words: str) -> web.Response:
    return web.json_response({"problem": words}, status=status)


async def _body(request: web.Request) -> Json:
    try:
        body = json.loads(await request.text() or "{}")
    except ValueError:
        raise Wrong(400, "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Wrong(400, "The body must be a JSON object.")
    return body


def _moment(body: Json) -> datetime:
    """Return the time asked for."""
    try:
        moment = datetime.fromisoformat(body["at"])
    except (KeyError, TypeError, ValueError):
        raise Wrong(400, 'at: an ISO time is needed, as in {"at": "2026-01-30T15:00Z"}') from None
    if moment.tzinfo is None:
        raise Wrong(400, "at: a time zone is needed, as Z or +01:00")
    return moment


def _shown(value: Any) -> Any:
    """Return one thing of a record as JSON."""
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}


def _plain(value: Any) -> Any:
    if isinstance(value, re.Pattern):
        return value.pattern
    if isinstance(value, datetime):
        return value.isoformat()
    return value
