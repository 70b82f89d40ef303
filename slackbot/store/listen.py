"""Hear from other replicas: PostgreSQL tells every process that an errand was asked for.

https://www.postgresql.org/docs/current/sql-notify.html: sent at the commit, lost when nobody
listens. So it only saves waiting; a worker looks for errands now and then all the same.
"""

import asyncio
import contextlib
from collections.abc import Callable

import psycopg
import structlog
from psycopg import sql

from slackbot.store.jobs import CHANNEL, Lane

log = structlog.get_logger()

RECONNECT_SECONDS = 2.0


async def listen(conninfo: str, ring: Callable[[Lane], None]) -> None:
    """Ring for every lane that an errand was asked for in, in any process, until cancelled.

    Args:
        conninfo: How psycopg connects; the connection is this function's own.
        ring: Wakes a lane of this process.
    """
    while True:
        try:
            await _listen_once(conninfo, ring)
        except psycopg.OperationalError as error:
            log.warning("not_listening", problem=type(error).__name__)
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen_once(conninfo: str, ring: Callable[[Lane], None]) -> None:
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(CHANNEL)))
        for lane in Lane:  # what was said while nobody listened
            ring(lane)
        async for notice in connection.notifies():
            with contextlib.suppress(ValueError):  # a newer release may know more lanes
                ring(Lane(notice.payload))
