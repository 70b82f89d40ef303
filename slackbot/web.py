"""The bot's one port: Slack's events, GitLab's hooks, health and metrics."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextvars import Context
from dataclasses import dataclass

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncApp
from slack_bolt.response import BoltResponse
from slack_sdk.signature import SignatureVerifier
from structlog.contextvars import bound_contextvars

from slackbot import metrics, tracing
from slackbot.clock import Clock
from slackbot.door import BODY_LIMIT, Doorkeeper
from slackbot.health import DATABASE, SOCKET, STARTING, Health
from slackbot.people.cache import Cache
from slackbot.platforms.gitlab import hooks
from slackbot.platforms.gitlab.hooks import (
    HookSecrets,
    IsOurs,
    Malformed,
    NotAuthentic,
    delivery_id,
    issue_to_look_at,
)
from slackbot.rules.request import IssueKey
from slackbot.store import facts, jobs
from slackbot.store.engine.away import RecordAway
from slackbot.store.engine.database import Record
from slackbot.store.jobs import IssueQueue, PeriodicQueue

log = structlog.get_logger()

PROOF_SECONDS = 3
BELIEVED_SECONDS = 1.0
"""Whoever asks often does not make the disk busy."""
NOTED_TOGETHER = 200
"""A click waits for one such transaction."""
SIGNED_WITHIN = 300
"""Seconds since signing."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """The issue to look at, and the delivery's own id."""

    key: IssueKey
    delivery: str | None


class HookNotes:
    """Notes all waiting deliveries in one transaction; people's codes are on ``link_issue``."""

    def __init__(self, record: Record, *, link_issue: int | None) -> None:
        self._record, self._link_issue = record, link_issue
        self._waiting: list[tuple[Look, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def note(self, look: Look) -> None:
        """Return once committed; raises the transaction's errors."""
        noted = asyncio.get_running_loop().create_future()
        self._waiting.append((look, noted))
        if self._writing is None or self._writing.done():
            # Not in the context of this delivery: it writes those of others, too.
            self._writing = asyncio.create_task(self._write(), context=Context())
        await noted

    async def _write(self) -> None:
        while self._waiting:
            batch = self._waiting[:NOTED_TOGETHER]
            del self._waiting[:NOTED_TOGETHER]
            failure = await self._try_to_write([look for look, _ in batch])
            for _, noted in batch:
                if noted.done():  # the sender has left
                    continue
                if failure is None:
                    noted.set_result(None)
                else:
                    noted.set_exception(failure)

    async def _try_to_write(self, looks: Collection[Look]) -> Exception | None:
        try:
            # The poll finds it, too, and codes are looked for from time to time.
            async with self._record.transaction(may_be_lost=True) as tx:
                now = self._record.now()
                ids = {look.delivery for look in looks if look.delivery is not None}
                new = await facts.remember_deliveries(tx, ids, now)
                keys = {each.key for each in looks if each.delivery is None or each.delivery in new}
                jobs.enqueue(tx, IssueQueue.SYNC, keys, now)
                if any(key.iid == self._link_issue for key in keys):
                    jobs.enqueue_periodic(tx, PeriodicQueue.LINKS, now)
        except Exception as error:
            return error
        return None


class HookReceiver:
    """``POST /gitlab/webhook``: commits "look at issue N", and answers at once."""

    def __init__(
        self, notes: HookNotes, secrets: HookSecrets, is_ours: IsOurs, *, clock: Clock
    ) -> None:
        self._notes, self._secrets, self._is_ours = notes, secrets, is_ours
        self._clock = clock

    def is_proven(self, headers: Mapping[str, str]) -> bool:
        """Check the token; a signature needs the body."""
        return hooks.is_proven(headers, self._secrets, self._clock())

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        hooks.verify(headers, body, self._secrets, self._clock())

    def turn_away(self, problem: NotAuthentic, remote: str | None) -> None:
        metrics.WEBHOOKS.labels("not_authentic").inc()
        log.warning("hook_not_authentic", problem=str(problem), remote=remote)

    async def receive(self, request: web.Request) -> web.Response:
        """Answer 200 to all that is readable: errors disable GitLab's hook."""
        metrics.WEBHOOK_AT.set(self._clock().timestamp())
        with tracing.span("gitlab webhook", "SERVER") as span:
            outcome, answer = await self._take(request)
            span.note(outcome=outcome)
        metrics.WEBHOOKS.labels(outcome).inc()
        return answer

    async def _take(self, request: web.Request) -> tuple[str, web.Response]:
        try:
            key = issue_to_look_at(await request.read(), self._is_ours)
        except Malformed as problem:
            log.warning("hook_malformed", problem=str(problem))
            return "malformed", web.Response(status=400, text=f"{problem}\n")
        if key is None:
            return "ignored", web.Response()
        tracing.note(issue=str(key))
        metrics.way_to_card.arrived(key)
        with bound_contextvars(issue=str(key)):
            try:
                await self._notes.note(Look(key=key, delivery=delivery_id(request.headers)))
            except RecordAway:
                words = "the record is away: the poll will find it\n"
                return "not_recorded", web.Response(status=503, text=words)
        return "accepted", web.Response()


class SlackReceiver:
    """``POST /slack/events``: checks signatures before Bolt, which strangers' bodies break."""

    def __init__(self, bolt: AsyncApp, signing_secret: str) -> None:
        self._bolt, self._verifier = bolt, SignatureVerifier(signing_secret)

    def is_proven(self, headers: Mapping[str, str]) -> bool:
        """Never: Slack signs the body."""
        age = time.time() - int(headers.get("X-Slack-Request-Timestamp", 0))
        if abs(age) > SIGNED_WITHIN or "X-Slack-Signature" not in headers:
            raise NotAuthentic("the signature is missing or stale")
        return False

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        if not self._verifier.is_valid_request(body, dict(headers)):
            raise NotAuthentic("the signature is wrong")

    def turn_away(self, problem: NotAuthentic, remote: str | None) -> None:
        log.warning("slack_request_not_authentic", problem=str(problem), remote=remote)

    async def receive(self, request: web.Request) -> web.StreamResponse:
        try:
            answer = await self._bolt.async_dispatch(await to_bolt_request(request))
        except Exception as error:
            # Bolt could not begin, or stumbled again before `bolt.error`.
            log.error("slack_request_not_understood", exc_info=error)
            answer = BoltResponse(status=400, body="the request could not be read\n")
        return await to_aiohttp_response(answer)


class Readiness:
    """``GET /readyz``; ``is_connected`` is for Socket Mode."""

    def __init__(
        self,
        record: Record,
        health: Health,
        is_connected: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._record, self._health, self._is_connected = record, health, is_connected
        self._lately, self._looking = Cache(BELIEVED_SECONDS), asyncio.Lock()

    async def tell(self, _: web.Request) -> web.Response:
        async with self._looking:  # one for all who ask at once
            problem = await self._lately.get(DATABASE, self._try_to_write)
        self._health.report(DATABASE, problem)
        await self._look_at_socket()
        return web.json_response(self._health.words, status=200 if self._health.is_ready else 503)

    async def measure(self, _: web.Request) -> web.Response:
        """Answer ``GET /metrics`` with what is known: it waits for nothing."""
        await self._look_at_socket()
        for part, problem in self._health.problems.items():
            is_away = part == DATABASE and self._record.outage.is_on
            is_opened = part == DATABASE and problem == STARTING  # nobody has asked yet
            works = not is_away and (problem is None or is_opened)
            metrics.PART_READY.labels(part).set(works)
        body = generate_latest()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _look_at_socket(self) -> None:
        if self._is_connected is None:
            return
        stands = await self._is_connected()
        metrics.SOCKET_CONNECTED.set(stands)
        self._health.report(SOCKET, None if stands else "the websocket is not connected")

    async def _try_to_write(self) -> str | None:
        try:
            async with asyncio.timeout(PROOF_SECONDS):
                await facts.prove_writable(self._record)
        except RecordAway as away:
            return str(away)
        except TimeoutError:
            return f"the database did not answer within {PROOF_SECONDS} seconds"
        except Exception as error:
            return type(error).__name__
        return None


def web_application(
    slack: SlackReceiver | None, gitlab: HookReceiver | None, readiness: Readiness
) -> web.Application:
    """Without ``slack`` or ``gitlab``, its route answers 404."""
    app = web.Application(client_max_size=BODY_LIMIT)
    door = Doorkeeper()
    if slack is not None:
        app.router.add_post("/slack/events", door.admit(slack))
    if gitlab is not None:
        app.router.add_post("/gitlab/webhook", door.admit(gitlab))
    app.router.add_get("/healthz", _alive)
    app.router.add_get("/readyz", readiness.tell)
    app.router.add_get("/metrics", readiness.measure)
    return app


async def _alive(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")
