"""Serves an account over HTTP, as far as the official client needs it to tell who is on call.

https://developer.pagerduty.com/api-reference/
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from aiohttp import web

from slackbot.local.pagerduty.account import PagerDuty, Schedule, User

Json = dict[str, Any]
VERSION = "application/vnd.pagerduty+json;version=2"
_KNOWN = {
    "/oncalls": {"schedule_ids[]", "include[]", "earliest", "limit", "offset", "total"},
    "/users": {"since", "until"},
}


class Api:
    """The routes of one account."""

    def __init__(self, account: PagerDuty) -> None:
        self._account = account

    def app(self) -> web.Application:
        """Return the application."""

        @web.middleware
        async def guard(request: web.Request, handler: Any) -> web.StreamResponse:
            return await self._refusal(request) or await handler(request)

        app = web.Application(middlewares=[guard])
        app.add_routes(
            [
                web.get("/oncalls", self._on_calls),
                web.get("/schedules/{id}/users", self._schedule_users),
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
        known = next(names for end, names in _KNOWN.items() if request.path.endswith(end))
        if strange := sorted(set(request.query) - known):
            account.violations.append(f"{request.path}: unknown parameters {strange}")
        return None

    async def _on_calls(self, request: web.Request) -> web.Response:
        wanted = request.query.getall("schedule_ids[]", [])
        full = "users" in request.query.getall("include[]", [])
        schedules = [
            self._account.schedules[one] for one in wanted if one in self._account.schedules
        ]
        entries = [entry for schedule in schedules for entry in _entries(schedule, full=full)]
        offset, limit = int(request.query.get("offset", 0)), int(request.query.get("limit", 25))
        return web.json_response(
            {
                "oncalls": entries[offset : offset + limit],
                "limit": limit,
                "offset": offset,
                "more": offset + limit < len(entries),
                "total": None,
            }
        )

    async def _schedule_users(self, request: web.Request) -> web.Response:
        schedule = self._account.schedules.get(request.match_info["id"])
        if schedule is None:
            return _error(404, "Not Found")
        for name in ("since", "until"):
            datetime.fromisoformat(request.query[name])
        return web.json_response({"users": [_user(one, full=True) for one in schedule.on_call]})


def _entries(schedule: Schedule, *, full: bool) -> Iterable[Json]:
    for policy in range(schedule.policies):
        for user in schedule.on_call:
            yield {
                "user": _user(user, full=full),
                "schedule": {"id": schedule.id, "type": "schedule_reference"},
                "escalation_policy": {
                    "id": f"PPOLICY{policy}",
                    "type": "escalation_policy_reference",
                },
                "escalation_level": 1,
                "start": "2026-01-01T00:00:00Z",
                "end": f"{schedule.until:%Y-%m-%dT%H:%M:%SZ}" if schedule.until else None,
            }


def _user(user: User, *, full: bool) -> Json:
    known: Json = {"id": user.id, "summary": user.name, "type": "user_reference"}
    return known | {"type": "user", "name": user.name, "email": user.email} if full else known


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
