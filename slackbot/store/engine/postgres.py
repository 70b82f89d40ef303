"""PostgreSQL: its connections and its notices. A record on SQLite doesn't import this."""

import asyncio
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import event
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from slackbot.logs import OutageLog
from slackbot.store.engine.away import is_dead, pause, words_of_driver
from slackbot.store.engine.database import WAKE_UP_CHANNEL, WakeUps

CONNECTIONS = 5
SESSION = {
    "statement_timeout": 10_000,  # milliseconds, as all of these
    "lock_timeout": 5_000,
    "idle_in_transaction_session_timeout": 10_000,
}
"""A process that stands still in a transaction must not keep the others from their rows."""
_LIMITS = ", ".join(f"('{name}', '{limit}')" for name, limit in SESSION.items())
_SET_LIMITS = f"""
SELECT set_config(name, ours, false)
FROM pg_settings JOIN (VALUES {_LIMITS}) AS limits (name, ours) USING (name)
WHERE source NOT IN ('client', 'user', 'database user')
"""  # noqa: S608 - of the names above
"""But for what the URL's options or the database user set, in whatever spelling."""


def postgres_engine(url: URL, pids: set[int]) -> AsyncEngine:
    """``pids`` gets those of PostgreSQL's processes that serve this one."""
    engine = create_async_engine(
        url,
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_timeout=60,
        hide_parameters=True,  # keeps people's text out of the log
    )

    @event.listens_for(engine.sync_engine, "connect")
    def limit(connection: Any, _entry: ConnectionPoolEntry) -> None:
        # Not as start-up options: poolers refuse them, and the URL may have its own.
        cursor = connection.cursor()
        cursor.execute(_SET_LIMITS)
        cursor.close()
        connection.commit()

    @event.listens_for(engine.sync_engine, "connect")
    def note(connection: Any, entry: ConnectionPoolEntry) -> None:
        entry.info["pid"] = connection.driver_connection.info.backend_pid
        pids.add(entry.info["pid"])

    @event.listens_for(engine.sync_engine, "close")
    def forget(_connection: Any, entry: ConnectionPoolEntry) -> None:
        pids.discard(entry.info["pid"])

    @event.listens_for(engine.sync_engine, "handle_error")
    def drop(context: ExceptionContext) -> None:
        # After a failover it answers, but not as the server that writes.
        context.is_disconnect = context.is_disconnect or is_dead(context.original_exception)

    return engine


async def hear_others(engine: AsyncEngine, wake_ups: WakeUps, own_pids: set[int]) -> None:
    """Wake workers for what other processes enqueue, until cancelled.

    Workers look now and then all the same: what is said while nobody listens is lost.
    https://www.postgresql.org/docs/current/sql-notify.html
    """
    silence = OutageLog("not_listening", "listening")
    while True:
        try:
            await _hear_others(engine, wake_ups, own_pids, silence.end)
        except psycopg.Error as error:
            silence.meet(words_of_driver(error))
        await asyncio.sleep(pause(1))


async def _hear_others(
    engine: AsyncEngine, wake_ups: WakeUps, own_pids: set[int], listens: Callable[[], None]
) -> None:
    # As the engine connects: a rendered URL would spell some values in another way.
    _, arguments = engine.dialect.create_connect_args(engine.url)
    async with await psycopg.AsyncConnection.connect(**arguments, autocommit=True) as connection:
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(WAKE_UP_CHANNEL)))
        listens()
        wake_ups.look_out()  # for what was said while nobody listened
        async for notice in connection.notifies():
            if notice.pid not in own_pids:
                wake_ups.wake([notice.payload])
