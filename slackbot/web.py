"""The bot's one port: Slack's events, GitLab's hooks, health and metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog
from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier

from slackbot import metrics
from slackbot.health import DATABASE, SOCKET, Health
from slackbot.platforms.hooks import (
    HookSecrets,
    Malformed,
    NotAuthentic,
    delivery_id,
    issue_to_look_at,
    verify,
)
from slackbot.store import facts, jobs
from slackbot.store.database import Record
from slackbot.store.jobs import IssueQueue, PeriodicQueue

log = structlog.get_logger()

PING_SECONDS = 3
BODY_LIMIT = 10 * 1024 * 1024
"""The largest body accepted, bytes: room for an issue's description thrice, GitLab's largest."""
BODY_SECONDS = 10.0
"""How long a body may take to arrive; Slack and GitLab have given up by then."""
POSTS_AT_ONCE = 200
"""How many posts may be under way; what the poll finds makes up for hooks that are sent away."""
LINGER_SECONDS = 1.0
"""How long who is sent away may go on sending: a client that is cut off hears no answer."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Doorkeeper:
    """Reads what is posted before a receiver sees it: a body counts only once it is signed.

    So a stranger can keep neither memory nor connections for long, whatever they send.
    """

    def __init__(self, seconds: float = BODY_SECONDS) -> None:
        self._seconds = seconds
        self._under_way = 0

    def admit(self, receive: Handler) -> Handler:
        """Wrap a receiver: 503 when too many posts are under way, 408 and 413 for bad bodies."""

        async def watch(request: web.Request) -> web.StreamResponse:
            if self._under_way >= POSTS_AT_ONCE:
                return _sent_away(503, "too many requests at once\n", {"Retry-After": "1"})
            self._under_way += 1
            try:
                refusal = await self._read(request)
                return refusal if refusal is not None else await receive(request)
            finally:
                self._under_way -= 1

        return watch

    async def _read(self, request: web.Request) -> web.Response | None:
        """Read the body, which the request then keeps; return the answer if it cannot be."""
        if (request.content_length or 0) > BODY_LIMIT:
            return _sent_away(413, "the body is too large\n")
        try:
            async with asyncio.timeout(self._seconds):
                await request.read()
        except TimeoutError:
            return _sent_away(408, "the body took too long\n")
        except web.HTTPRequestEntityTooLarge:
            return _sent_away(413, "the body is too large\n")
        except (web.RequestPayloadError, ConnectionError):  # or nobody is there any more
            return _sent_away(400, "the body is broken\n")
        return None


def _sent_away(status: int, words: str, headers: Mapping[str, str] | None = None) -> web.Response:
    metrics.SENT_AWAY.labels(str(status)).inc()
    response = web.Response(status=status, text=words, headers=headers)
    response.force_close()
    return response


class HookReceiver:
    """``POST /gitlab/webhook``: answers at once, and leaves "look at issue N" behind, committed.

    Args:
        link_issue: The number of the issue on which people leave their codes, where there is one.
    """

    def __init__(
        self,
        record: Record,
        secrets: HookSecrets,
        project: str,
        *,
        link_issue: int | None = None,
    ) -> None:
        self._record, self._secrets, self._project = record, secrets, project
        self._link_issue = link_issue

    async def receive(self, request: web.Request) -> web.Response:
        """Answer a delivery: 200 for all that is authentic, for errors disable GitLab's hook."""
        body = await request.read()
        try:
            verify(request.headers, body, self._secrets, self._record.now())
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
        async with self._record.transaction() as tx:
            delivery = delivery_id(request.headers)
            if delivery is None or await facts.first_sight(tx, delivery, self._record.now()):
                await jobs.enqueue(tx, IssueQueue.SYNC, [key], self._record.now())
                if key.iid == self._link_issue:
                    await jobs.enqueue_periodic(tx, PeriodicQueue.LINKS, self._record.now())
        metrics.HOOKS.labels("accepted").inc()
        return web.Response()


class SlackReceiver:
    """``POST /slack/events``: hands to Bolt what Slack has signed.

    Bolt's own check comes after it has read the body, and strangers' bodies would break it.
    """

    def __init__(self, bolt: AsyncApp, signing_secret: str) -> None:
        self._bolt, self._verifier = bolt, SignatureVerifier(signing_secret)

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Answer 401 to what is not signed, 400 to what cannot be read, else as Bolt does."""
        if not self._is_authentic(await request.read(), request):
            log.warning("slack_request_not_authentic", remote=request.remote)
            return web.Response(status=401, text="the signature is missing, wrong or stale\n")
        try:
            answer = await self._bolt.async_dispatch(await to_bolt_request(request))
        except Exception as error:
            # Bolt could not even begin, or has stumbled again on its way to `bolt.error`.
            log.error("slack_request_not_understood", exc_info=error)
            answer = BoltResponse(status=400, body="the request could not be read\n")
        return await to_aiohttp_response(answer)

    def _is_authentic(self, body: bytes, request: web.Request) -> bool:
        try:
            return self._verifier.is_valid_request(body, dict(request.headers))
        except (TypeError, ValueError):  # a timestamp that is no number, bytes that are no text
            return False


class Readiness:
    """``GET /readyz``: whether everything that the bot depends on works, and what does not.

    Args:
        record: Its database is asked every time.
        health: What the workers last saw of Slack and GitLab.
        is_connected: Tells in Socket Mode whether the websocket stands; ``None`` in HTTP mode.
    """

    def __init__(
        self,
        record: Record,
        health: Health,
        is_connected: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._record, self._health, self._is_connected = record, health, is_connected

    async def tell(self, _: web.Request) -> web.Response:
        """Answer 200 when ready, else 503; either with the state of every part."""
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self._record.database.ping()
        except Exception as error:
            self._health.report(DATABASE, type(error).__name__)
        else:
            self._health.report(DATABASE, None)
        if self._is_connected is not None:
            stands = await self._is_connected()
            self._health.report(SOCKET, None if stands else "the websocket is not connected")
        return web.json_response(self._health.words, status=200 if self._health.is_ready else 503)


def web_application(
    slack: SlackReceiver | None, hooks: HookReceiver | None, readiness: Readiness
) -> web.Application:
    """Assemble the routes.

    Args:
        slack: In HTTP mode; ``None`` in Socket Mode: then the route answers 404.
        hooks: ``None`` where no secret is set: then the route answers 404 and the poll serves.
        readiness: Answers ``/readyz``.
    """
    app = web.Application(client_max_size=BODY_LIMIT, middlewares=[_say_little])
    app.on_response_prepare.append(_hide_versions)
    door = Doorkeeper()
    if slack is not None:
        app.router.add_post("/slack/events", door.admit(slack.receive))
    if hooks is not None:
        app.router.add_post("/gitlab/webhook", door.admit(hooks.receive))
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/readyz", readiness.tell)
    app.router.add_get("/metrics", _metrics)
    return app


@web.middleware
async def _say_little(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer for what fails unforeseen: the log has the story, and a stranger needs none."""
    try:
        return await handler(request)
    except web.HTTPException:
        raise
    except Exception:
        log.exception("request_failed", path=request.path)
        return web.Response(status=500, text="something went wrong\n")


async def _hide_versions(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop(hdrs.SERVER, None)


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _metrics(_: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
