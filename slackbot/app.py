"""The composition root: the one place that knows every part."""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import structlog
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from slackbot.blocks.text import without_markup
from slackbot.blocks.words import refusal_words
from slackbot.clock import Clock, system_clock
from slackbot.delivery.reconcile import Reconciler
from slackbot.delivery.show import Exhibitor
from slackbot.delivery.sync import Synchroniser
from slackbot.delivery.watch import Watch
from slackbot.delivery.worker import Bells, Worker
from slackbot.handlers import register_all
from slackbot.handlers.desk import Desk
from slackbot.health import WORKER, Health
from slackbot.people import People, PeopleFile
from slackbot.settings import Settings
from slackbot.store import errands, record
from slackbot.store.database import Database
from slackbot.store.errands import Lane
from slackbot.store.listen import listen
from slackbot.store.picture import Vocabulary
from slackbot.tracker.client import Tracker
from slackbot.tracker.hooks import HookSecrets
from slackbot.tracker.observe import Rules
from slackbot.views import Viewer
from slackbot.web import HookReceiver, Readiness, SlackReceiver, web_application
from slackbot.workspace import PACES, TIMEOUT_SECONDS, Workspace

log = structlog.get_logger()

SYNC_CONCURRENCY = 4
SHOW_CONCURRENCY = 4


@dataclass(frozen=True, kw_only=True)
class Outside:
    """The clients of the two platforms, and the HTTP session that Slack's calls share."""

    workspace: Workspace
    tracker: Tracker


@contextlib.asynccontextmanager
async def connect(
    settings: Settings, paces: Mapping[str, tuple[float, int]] = PACES
) -> AsyncIterator[Outside]:
    """Make the clients of Slack and GitLab; nothing is called yet."""
    # One session for all calls: without it, every call would open a connection of its own.
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(
            token=settings.slack_bot_token.get_secret_value(),
            base_url=settings.slack_api_url,
            timeout=TIMEOUT_SECONDS,
            session=session,
            retry_handlers=[],  # the default one would post twice after a dropped connection
        )
        tracker = Tracker(
            settings.gitlab_url, settings.gitlab_token.get_secret_value(), settings.gitlab_project
        )
        try:
            yield Outside(workspace=Workspace(client, paces), tracker=tracker)
        finally:
            await tracker.close()


def rules_of(settings: Settings) -> Rules:
    """Return the settings that decide what a request for contact is."""
    return Rules(
        contact_label=settings.ssat_contact_label,
        contacted_label=settings.ssat_contacted_label,
        scope=settings.ssat_label_scope,
        hours=settings.business_hours,
        deadline=settings.deadline,
    )


@contextlib.asynccontextmanager
async def run_bot(
    settings: Settings,
    outside: Outside,
    *,
    clock: Clock = system_clock,
) -> AsyncIterator[str]:
    """Run the bot until the context is left, then shut it down cleanly; yields its URL."""
    database = Database(settings.database_url)
    try:
        await database.open()
        async with database.transaction() as tx:
            if database.is_sqlite:
                await errands.take_over_all(tx)
            # Settings may have changed, and with them every deadline.
            known = [request.key for request in await record.open_requests(tx)]
            await errands.ask(tx, Lane.SYNC, known, clock())
            await errands.ask(tx, Lane.POLL, [errands.EVERY_ISSUE], clock())
        async with _parts(settings, outside, database, clock) as url:
            yield url
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def _parts(
    settings: Settings, outside: Outside, database: Database, clock: Clock
) -> AsyncIterator[str]:
    workspace, tracker = outside.workspace, outside.tracker
    bells, health, rules = Bells(), Health(), rules_of(settings)
    people = People(
        workspace, tracker, PeopleFile(settings.ssat_people_file), settings.ssat_managers
    )
    words = Vocabulary(scope=rules.scope, contacted_label=rules.contacted_label)
    viewer = Viewer(words, rules.hours, clock)
    synchroniser = Synchroniser(
        database,
        tracker,
        rules,
        account=people.account,
        explain=lambda refusal: without_markup(refusal_words(refusal)),
        bells=bells,
        health=health,
        clock=clock,
    )
    exhibitor = Exhibitor(
        database,
        workspace,
        people,
        viewer,
        channel=settings.ssat_channel,
        health=health,
        clock=clock,
    )
    reconciler = Reconciler(
        database,
        tracker,
        rules,
        project=settings.gitlab_project,
        every=timedelta(seconds=settings.ssat_poll_seconds),
        bells=bells,
        health=health,
        clock=clock,
    )
    owner = f"{socket.gethostname()[:32]}-{os.getpid()}-{secrets.token_hex(4)}"
    workers = [
        Worker(
            lane,
            run,
            database=database,
            bells=bells,
            clock=clock,
            owner=owner,
            concurrency=concurrency,
        )
        for lane, run, concurrency in (
            (Lane.SYNC, synchroniser.run, SYNC_CONCURRENCY),
            (Lane.SHOW, exhibitor.run, SHOW_CONCURRENCY),
            (Lane.POLL, reconciler.run, 1),
        )
    ]
    watch = Watch(
        database,
        workspace,
        tracker,
        channel=settings.ssat_channel,
        bells=bells,
        health=health,
        clock=clock,
    )
    bolt = _bolt(workspace)
    register_all(bolt, Desk(database, people, viewer, bells=bells, clock=clock), workspace)
    hooks = _hooks(settings, database, bells, clock)
    socket_mode = _socket_handler(bolt, settings)
    is_connected = socket_mode.client.is_connected if socket_mode else None
    readiness = Readiness(database, health, is_connected)
    application = web_application(_slack(bolt, settings), hooks, readiness)
    async with (
        _serving(application, settings) as url,
        _hearing(database, bells),
        _working(workers, health),
        _in_background(watch.run_every(settings.ssat_poll_seconds)),
        _connected(socket_mode),
    ):
        yield url


def _bolt(workspace: Workspace) -> AsyncApp:
    # The receiver verifies requests before Bolt reads them; a websocket is authentic as such.
    return AsyncApp(client=workspace.client, request_verification_enabled=False)


def _slack(bolt: AsyncApp, settings: Settings) -> SlackReceiver | None:
    secret = settings.slack_signing_secret
    if settings.uses_socket_mode or secret is None:
        return None
    return SlackReceiver(bolt, secret.get_secret_value())


def _hooks(
    settings: Settings, database: Database, bells: Bells, clock: Clock
) -> HookReceiver | None:
    def reveal(name: str) -> str | None:
        secret = getattr(settings, name)
        return secret.get_secret_value() if secret else None

    held = HookSecrets(
        secret=reveal("gitlab_webhook_secret"),
        signing_token=reveal("gitlab_webhook_signing_token"),
    )
    if not held:
        return None
    return HookReceiver(database, held, settings.gitlab_project, bells=bells, clock=clock)


@contextlib.asynccontextmanager
async def _serving(application: web.Application, settings: Settings) -> AsyncIterator[str]:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
        port = runner.addresses[0][1]
        yield f"http://{settings.host}:{port}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def _working(workers: list[Worker], health: Health) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(worker.work()) for worker in workers]
    health.report(WORKER, None)
    for task in tasks:
        task.add_done_callback(lambda ended: _report_death(ended, health))
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _in_background(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def _hearing(database: Database, bells: Bells) -> AsyncIterator[None]:
    """Be woken by other replicas, where the database can be shared."""
    if database.conninfo is None:
        yield
        return
    async with _in_background(listen(database.conninfo, bells.ring)):
        yield


def _report_death(task: asyncio.Task[None], health: Health) -> None:
    if task.cancelled() or task.exception() is None:
        return
    log.error("worker_died", exc_info=task.exception())
    health.report(WORKER, "a worker died; restart the bot and see the log")


def _socket_handler(bolt: AsyncApp, settings: Settings) -> AsyncSocketModeHandler | None:
    if settings.slack_app_token is None:
        return None
    token = settings.slack_app_token.get_secret_value()
    # With another base URL, the handler's own client needs the app token itself.
    client = AsyncWebClient(token=token, base_url=settings.slack_api_url, timeout=TIMEOUT_SECONDS)
    return AsyncSocketModeHandler(bolt, token, web_client=client)


@contextlib.asynccontextmanager
async def _connected(handler: AsyncSocketModeHandler | None) -> AsyncIterator[None]:
    """Keep a websocket to Slack open, in Socket Mode; it connects, and reconnects, by itself."""
    if handler is None:
        yield
        return
    connecting = asyncio.create_task(handler.connect_async())  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await handler.close_async()  # type: ignore[no-untyped-call]
