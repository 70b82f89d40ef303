"""Serves an account over HTTP, as far as the bot needs it to tell who is on call when.

https://developer.pagerduty.com/api-reference/
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from slackbot.local.control import PREFIX, Control, control_routes
from slackbot.local.json_type import Json
from slackbot.local.pagerduty.account import PagerDuty, Schedule, Turn, User

VERSION = "application/vnd.pagerduty+json;version=2"
SITE = "https://example.pagerduty.com"
_KNOWN = {
    "schedule": {"since", "until", "time_zone", "overflow"},
    "users": {"since", "until"},
}
"""The parameters of each route; PagerDuty ignores others without a word."""
_LONGEST = timedelta(days=90)
_MISTAKES = frozenset({400, 401, 403, 429})


class Api:
    """The routes of one account."""

    def __init__(self, account: PagerDuty) -> None:
        self._account = account

    def app(self) -> web.Application:
        """Return the application."""
        account = self._account

        @web.middleware
        async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(f"{PREFIX}/"):
                return await handler(request)
            traffic = account.traffic
            if traffic is None:
                return await self._refusal(request) or await handler(request)
            begun, so_far = traffic.begin(), len(account.violations)
            is_ordered = account.status is not None
            response = await self._refusal(request) or await handler(request)
            problem = " · ".join(account.violations[so_far:]) or None
            if problem is None and not is_ordered and response.status in _MISTAKES:
                problem = f"{response.status}: {_words(response)}"
            traffic.add(
                begun,
                sender="bot",
                receiver="PagerDuty",
                title=f"{request.method} {request.path}",
                status=response.status,
                ok=response.status < 400,
                request=dict(request.query),
                response=_body(response),
                problem=problem,
                is_ordered=is_ordered,
            )
            return response

        app = web.Application(middlewares=[guard])
        app.add_routes(
            [
                web.get("/schedules/{id}", self._schedule, name="schedule"),
                web.get("/schedules/{id}/users", self._schedule_users, name="users"),
                *control_routes(_control(account)),
            ]
        )
        return app

    async def _refusal(self, request: web.Request) -> web.Response | None:
        account = self._account
        account.requests.append(request.path)
        if account.hang:
            await asyncio.sleep(account.hang)
        if account.status is not None:
            return _error(account.status, "ordered by the story", account.headers)
        if request.headers.get("Authorization") != f"Token token={account.token}":
            return _error(401, "Unauthorized")
        if request.headers.get("Accept") != VERSION:
            account.violations.append(f"{request.path}: without the API's version in Accept")
        known = _KNOWN.get(request.match_info.route.name or "", set())
        if strange := sorted(set(request.query) - known):
            account.violations.append(f"{request.path}: unknown parameters {strange}")
        return None

    async def _schedule(self, request: web.Request) -> web.Response:
        schedule = self._account.schedules.get(request.match_info["id"])
        if schedule is None:
            return _error(404, "Not Found")
        if schedule.status is not None:
            return _error(schedule.status, "ordered by the story")
        if "since" not in request.query:  # then no entries are rendered
            return web.json_response({"schedule": _schedule(schedule, [])})
        period = _period(request)
        if period is None:
            return _error(400, "Invalid Input Provided")
        return web.json_response({"schedule": _schedule(schedule, schedule.turns(*period))})

    async def _schedule_users(self, request: web.Request) -> web.Response:
        schedule = self._account.schedules.get(request.match_info["id"])
        if schedule is None:
            return _error(404, "Not Found")
        if (period := _period(request)) is None:
            return _error(400, "Invalid Input Provided")
        named = dict.fromkeys(turn.user for turn in schedule.turns(*period))
        return web.json_response({"users": [_user(one, full=True) for one in named]})


def _control(account: PagerDuty) -> Control:
    return Control(
        clock=account.clock,
        reset=account.reset,
        requests=lambda: account.requests,
        refusals=lambda: account.violations,
        add_fault=account.faults.add,
        faults=lambda: account.faults.pending,
        clear_faults=account.faults.clear,
        changed=lambda: account.changed(),
    )


def _period(request: web.Request) -> tuple[datetime, datetime] | None:
    """Read it as PagerDuty does, which takes no longer one than three months."""
    try:
        since, until = (datetime.fromisoformat(request.query[name]) for name in ("since", "until"))
    except (KeyError, ValueError):
        return None
    if since.tzinfo is None or until.tzinfo is None or not since < until <= since + _LONGEST:
        return None
    return since, until


def _schedule(schedule: Schedule, turns: Iterable[Turn]) -> Json:
    return {
        "id": schedule.id,
        "type": "schedule",
        "summary": schedule.name,
        "self": f"https://api.pagerduty.com/schedules/{schedule.id}",
        "html_url": f"{SITE}/schedules/{schedule.id}",
        "name": schedule.name,
        "time_zone": "Etc/UTC",
        "final_schedule": {
            "name": "Final Schedule",
            "rendered_schedule_entries": [
                {
                    "start": _written(turn.start),
                    "end": _written(turn.end),
                    "user": _user(turn.user, full=False),
                }
                for turn in turns
            ],
        },
    }


def _written(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _user(user: User, *, full: bool) -> Json:
    known: Json = {"id": user.id, "summary": user.name, "type": "user_reference"}
    return known | {"type": "user", "name": user.name, "email": user.email} if full else known


def _body(response: web.StreamResponse) -> Any:
    return json.loads(response.text or "null") if isinstance(response, web.Response) else None


def _words(response: web.StreamResponse) -> str:
    return str(_body(response)["error"]["message"])


def _error(status: int, message: str, headers: Json | None = None) -> web.Response:
    body = {"error": {"message": message, "code": 2000 + status}}
    return web.json_response(body, status=status, headers=headers)


@asynccontextmanager
async def serve(
    account: PagerDuty, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncIterator[str]:
    """Serve the account; yields the base URL."""
    runner = web.AppRunner(Api(account).app(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield f"http://{host}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
