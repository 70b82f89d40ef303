"""The composition root: starts what `parts` is made of, and lets it end in order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from functools import partial

import structlog
from aiohttp import web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from sqlalchemy.exc import SQLAlchemyError

from slackbot.channel.adoption import Founding
from slackbot.clock import Clock, system_clock
from slackbot.handlers import register_all
from slackbot.handlers.desk import Desk
from slackbot.handlers.linking import link_verb
from slackbot.health import WORKER, Health
from slackbot.parts import (
    hook_receiver,
    make_account_search,
    make_bolt,
    make_kit,
    make_linking,
    make_watch,
    make_workers,
    rules_of,
    slack_receiver,
    socket_handler,
)
from slackbot.platforms.clients import Outside
from slackbot.platforms.shared_pace import SharedPace
from slackbot.rebuild import Rebuild
from slackbot.report import Report
from slackbot.settings import Settings
from slackbot.store import jobs, record
from slackbot.store.database import Database, DatabaseError
from slackbot.store.jobs import Lane
from slackbot.store.listen import listen
from slackbot.store.salvage import replace_if_damaged
from slackbot.web import (
    LINGER_SECONDS,
    Readiness,
    web_application,
)
from slackbot.worker import Bells, Worker

log = structlog.get_logger()


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
        if not database.is_sqlite:  # the platforms count the calls of all replicas together
            outside.workspace.paces.share(partial(SharedPace, database))
            outside.tracker.paces.share(partial(SharedPace, database))
        async with database.transaction() as tx:
            if database.is_sqlite:
                await jobs.take_over_all(tx)
            # Settings may have changed, and with them every deadline.
            deadlines = sorted(await record.open_deadlines(tx))
            for lane in (Lane.SYNC, Lane.REMIND):
                for key, due_at in deadlines:
                    await jobs.ask(tx, lane, [key], clock(), rank=due_at)
            await jobs.ask(tx, Lane.POLL, [jobs.EVERY_ISSUE], clock())
            await jobs.ask(tx, Lane.DUTY, [jobs.EVERY_ISSUE], clock())
            await jobs.ask(tx, Lane.RHYTHM, [jobs.EVERY_ISSUE], clock())
        async with _at_work(settings, outside, database, clock) as url:
            yield url
    finally:
        await database.close()


async def rebuild_record(
    settings: Settings,
    outside: Outside,
    progress: Callable[[int, int], None],
    *,
    clock: Clock = system_clock,
) -> Report:
    """Restore the record from GitLab and Slack, over an empty database or a damaged one.

    Raises:
        DatabaseError: It cannot be used, or another process uses it.
        OSError: A damaged file cannot be replaced.
        SlackError: The channel cannot be read.
        TrackerError: GitLab cannot be read.
    """
    database = Database(settings.database_url)
    try:
        salvage = await replace_if_damaged(database, clock())
        await database.open()
        founding = Founding(
            database, outside.workspace, channel=settings.ssat_channel, bells=Bells(), clock=clock
        )
        rebuild = Rebuild(
            database,
            founding,
            outside.tracker,
            rules_of(settings),
            progress=progress,
            clock=clock,
        )
        return await rebuild.run(salvage)
    except SQLAlchemyError as error:
        raise DatabaseError(f"the database does not answer: {type(error).__name__}") from error
    finally:
        await database.close()


@contextlib.asynccontextmanager
async def _at_work(
    settings: Settings, outside: Outside, database: Database, clock: Clock
) -> AsyncIterator[str]:
    kit = make_kit(settings, outside, database, clock)
    bolt = make_bolt(kit.workspace)
    accounts = make_account_search(kit)
    desk = Desk(database, kit.people, kit.viewer, seek=accounts.seek, bells=kit.bells, clock=clock)
    linking = make_linking(kit)
    register_all(bolt, desk, kit.workspace, settings.ssat_channel, link_verb(linking))
    socket_mode = socket_handler(bolt, settings)
    readiness = Readiness(
        database, kit.health, socket_mode.client.is_connected if socket_mode else None
    )
    application = web_application(slack_receiver(bolt, settings), hook_receiver(kit), readiness)
    async with (
        _serving(application, settings) as url,
        _hearing(database, kit.bells),
        _working(make_workers(kit, linking, accounts), kit.health),
        _in_background(accounts.run()),
        _in_background(make_watch(kit).run_every(settings.ssat_poll_seconds)),
        _connected(socket_mode),
    ):
        yield url


@contextlib.asynccontextmanager
async def _serving(application: web.Application, settings: Settings) -> AsyncIterator[str]:
    runner = web.AppRunner(
        application, access_log=None, shutdown_timeout=5, lingering_time=LINGER_SECONDS
    )
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
