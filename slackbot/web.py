"""The bot's one port: Slack's events, GitLab's hooks, health and metrics."""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp

from slackbot import metrics
from slackbot.clock import Clock
from slackbot.delivery.worker import Bells
from slackbot.health import DATABASE, Health
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

BODY_LIMIT = 10 * 1024 * 1024
"""The largest body accepted, bytes: room for an issue's description thrice, GitLab's largest."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


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


def web_application(
    slack: AsyncApp | None, hooks: HookReceiver | None, health: Health, database: Database
) -> web.Application:
    """Assemble the routes.

    Args:
        slack: Bolt, in HTTP mode; ``None`` in Socket Mode.
        hooks: ``None`` where no secret is set: then the route answers 404 and the poll serves.
        health: What ``/readyz`` tells.
        database: Asked by ``/readyz``.
    """
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=[_no_surprises])
    if slack is not None:
        app.router.add_post("/slack/events", _bolt(slack))
    if hooks is not None:
        app.router.add_post("/gitlab/webhook", hooks.receive)
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/readyz", _ready(health, database))
    app.router.add_get("/metrics", _metrics)
    return app


@web.middleware
async def _no_surprises(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except (ValueError, LookupError) as error:
        # A body that only claims to be a form or JSON: the sender's mistake, not a fault of ours.
        log.warning("request_malformed", path=request.path, problem=type(error).__name__)
        return web.Response(status=400, text="The request could not be read.\n")


def _bolt(slack: AsyncApp) -> Handler:
    async def dispatch(request: web.Request) -> web.StreamResponse:
        bolt_request = await to_bolt_request(request)
        return await to_aiohttp_response(await slack.async_dispatch(bolt_request))

    return dispatch


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _ready(health: Health, database: Database) -> Handler:
    async def ready(_: web.Request) -> web.Response:
        try:
            await database.ping()
        except Exception as error:
            health.report(DATABASE, type(error).__name__)
        else:
            health.report(DATABASE, None)
        state = {part: problem or "ok" for part, problem in health.problems.items()}
        return web.json_response(state, status=200 if health.is_ready else 503)

    return ready


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
