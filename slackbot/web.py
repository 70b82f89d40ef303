"""The bot's one port: Slack's events, GitLab's hooks, health and metrics."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

from slackbot import metrics
from slackbot.clock import Clock
from slackbot.delivery.worker import Bells
from slackbot.health import DATABASE, SOCKET, Health
from slackbot.store import errands, facts
from slackbot.store.database import Database
from slackbot.store.errands import Lane
from slackbot.tracker.hooks import (
    HookSecrets,
    Malformed,
    NotAuthentic,
    delivery_id,
    issue_to_look_at,
    verify,
)

log = structlog.get_logger()

PING_SECONDS = 3
BODY_LIMIT = 10 * 1024 * 1024
"""The largest body accepted, bytes: room for an issue's description thrice, GitLab's largest."""


class HookReceiver:
    """``POST /gitlab/webhook``: answers at once, and leaves "look at issue N" behind, committed."""

    def __init__(
        self,
        database: Database,
        secrets: HookSecrets,
        project: str,
        *,
        bells: Bells,
        clock: Clock,
    ) -> None:
        self._database, self._secrets, self._project = database, secrets, project
        self._bells, self._clock = bells, clock

    async def receive(self, request: web.Request) -> web.Response:
        """Answer a delivery: 200 for all that is authentic, for errors disable GitLab's hook."""
        body = await request.read()
        try:
            verify(request.headers, body, self._secrets, self._clock())
        except NotAuthentic as problem:
            metrics.HOOKS.labels("not_authentic").inc()
            log.warning("hook_not_authentic", problem=str(problem), remote=request.remote)
            return web.Response(status=401, text=f"{problem}\n")
        try:
            key = issue_to_look_at(body, self._project)
        except Malformed as problem:
            metrics.HOOKS.labels("malformed").inc()
            log.warning("hook_malformed", problem=str(problem))
            return web.Response(status=400, text=f"{problem}\n")
        if key is None:
            metrics.HOOKS.labels("ignored").inc()
            return web.Response()
        async with self._database.transaction() as tx:
            delivery = delivery_id(request.headers)
            if delivery is None or await facts.first_sight(tx, delivery, self._clock()):
                await errands.ask(tx, Lane.SYNC, [key], self._clock())
        self._bells.ring(Lane.SYNC)
        metrics.HOOKS.labels("accepted").inc()
        return web.Response()


class SlackReceiver:
    """``POST /slack/events``: hands to Bolt what Slack has signed.

    Bolt's own check comes after it has read the body, and strangers' bodies would break it.
    """

    def __init__(self, bolt: AsyncApp, signing_secret: str) -> None:
        self._bolt, self._verifier = bolt, SignatureVerifier(signing_secret)
        bolt.error(_not_understood)

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Answer 401 to what is not signed, 400 to what cannot be read, else as Bolt does."""
        if not self._is_authentic(await request.read(), request):
            log.warning("slack_request_not_authentic", remote=request.remote)
            return web.Response(status=401, text="the signature is missing, wrong or stale\n")
        try:
            answer = await self._bolt.async_dispatch(await to_bolt_request(request))
        except Exception as error:
            # Also where Bolt stumbles once more over the same body, on its way to `bolt.error`.
            answer = await _not_understood(error)
        return await to_aiohttp_response(answer)

    def _is_authentic(self, body: bytes, request: web.Request) -> bool:
        try:
            return self._verifier.is_valid_request(body, dict(request.headers))
        except (TypeError, ValueError):  # a timestamp that is no number, bytes that are no text
            return False


async def _not_understood(error: Exception) -> BoltResponse:
    """Answer for Bolt where it stumbles over a body; listeners see to their errors themselves."""
    log.error("slack_request_not_understood", exc_info=error)
    return BoltResponse(status=400, body="the request could not be read\n")


class Readiness:
    """``GET /readyz``: whether everything that the bot depends on works, and what does not.

    Args:
        database: Is asked every time.
        health: What the workers last saw of Slack and GitLab.
        is_connected: Tells in Socket Mode whether the websocket stands; ``None`` in HTTP mode.
    """

    def __init__(
        self,
        database: Database,
        health: Health,
        is_connected: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._database, self._health, self._is_connected = database, health, is_connected

    async def tell(self, _: web.Request) -> web.Response:
        """Answer 200 when ready, else 503; either with the state of every part."""
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._database.ping()
        except Exception as error:
            self._health.report(DATABASE, type(error).__name__)
        else:
            self._health.report(DATABASE, None)
        if self._is_connected is not None:
            stands = await self._is_connected()
            self._health.report(SOCKET, None if stands else "the websocket is not connected")
        state = {part: problem or "ok" for part, problem in self._health.problems.items()}
        return web.json_response(state, status=200 if self._health.is_ready else 503)


def web_application(
    slack: SlackReceiver | None, hooks: HookReceiver | None, readiness: Readiness
) -> web.Application:
    """Assemble the routes.

    Args:
        slack: In HTTP mode; ``None`` in Socket Mode: then the route answers 404.
        hooks: ``None`` where no secret is set: then the route answers 404 and the poll serves.
        readiness: Answers ``/readyz``.
    """
    app = web.Application(client_max_size=BODY_LIMIT)
    if slack is not None:
        app.router.add_post("/slack/events", slack.receive)
    if hooks is not None:
        app.router.add_post("/gitlab/webhook", hooks.receive)
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/readyz", readiness.tell)
    app.router.add_get("/metrics", _metrics)
    return app


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
