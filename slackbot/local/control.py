"""The control of a stand-in over HTTP: what it was asked, its reset, its clock, its faults.

The same for Slack, GitLab and PagerDuty, under `/_local/`. Only this machine may use it: a change
needs the content type of JSON, which no other site's page can send without being asked first.
"""

import dataclasses
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, NoReturn

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError, validate_call

from slackbot.local.json_type import Json
from slackbot.local.traffic import clean

PREFIX = "/_local"
FURTHEST = timedelta(days=366)
"""How far the clock goes at once: it can't be moved back."""
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
_SAFE = frozenset({"GET", "HEAD"})

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Name = Annotated[str, Field(pattern=r"\A[!#$%&'*+.^_`|~0-9A-Za-z-]+\z")]
_Value = Annotated[str, Field(pattern=r"\A[\t\x20-\x7e]*\z")]
"""What a header of HTTP may be called and hold."""


@dataclass(frozen=True, kw_only=True)
class Control:
    """What a stand-in lets others do from outside."""

    clock: Callable[[], datetime]
    reset: Callable[[], None]
    requests: Callable[[], Iterable[object]]
    """What it was asked, oldest first: dataclasses, or texts."""
    refusals: Callable[[], Iterable[str]]
    """What the client did wrong, in words."""
    add_fault: Callable[..., object]
    """Its `faults.add`: the arguments differ, and are checked by their annotations."""
    faults: Callable[[], Iterable[object]]
    """The faults that are still to strike: dataclasses."""
    clear_faults: Callable[[], None]
    changed: Callable[[], None] = lambda: None
    """Wake the tasks that wait for a change, such as the page's."""
    targets: frozenset[str] | None = None
    """What a fault's `method` may name, if that is known."""


class _Limits(BaseModel):
    """The arguments of a fault that any platform's server could not carry out as they are."""

    status: Annotated[int, Field(ge=200, le=599)] | None = None
    headers: dict[_Name, _Value] | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    hang: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


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
        now = self._control.clock()
        if moment < now:
            raise Wrong(409, "The time goes forward only.")
        if moment - now > FURTHEST:
            raise Wrong(400, "at: the time goes forward by a year at most.")
        move_to(moment)
        self._control.changed()
        return await self.clock(request)

    async def faults(self, _: web.Request) -> web.Response:
        return web.json_response({"faults": [_shown(each) for each in self._control.faults()]})

    async def add_fault(self, request: web.Request) -> web.Response:
        wanted = await _body(request)
        known, method = self._control.targets, wanted.get("method")
        if known is not None and isinstance(method, str) and method not in known:
            raise Wrong(400, f"method: {method!r} is not known here.")
        add = validate_call(self._control.add_fault)
        try:
            _Limits.model_validate(wanted)
            fault = add(**wanted)
        except ValidationError as error:
            found = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            raise Wrong(400, "; ".join(found)) from None
        except re.error as error:
            raise Wrong(400, f"path: no regular expression ({error})") from None
        except ValueError as error:
            raise Wrong(400, str(error)) from None
        self._control.changed()
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
        body = json.loads(await request.text() or "{}", parse_constant=_refuse)
    except (LookupError, RecursionError, ValueError):  # an unknown charset; nested without end
        raise Wrong(400, "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Wrong(400, "The body must be a JSON object.")
    return body


def _refuse(constant: str) -> NoReturn:
    """Refuse what Python takes for JSON and no other reader does: NaN and Infinity."""
    raise ValueError(constant)


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
