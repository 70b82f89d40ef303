"""The bot as ``ssat-bot run`` runs it, on platforms that may be called more often.

python -m bench.bot SPEED
"""

import asyncio
import signal
import sqlite3.dbapi2
import sys
import time
from collections import Counter
from typing import Any

import structlog

from slackbot.app import connect, run_bot
from slackbot.commands import stop_on_signals
from slackbot.logs import configure_logs
from slackbot.settings import load_settings

log = structlog.get_logger()


async def main(speed: float) -> None:
    settings = load_settings()
    configure_logs(settings.secrets)
    stopped = stop_on_signals()
    async with connect(settings, speed) as clients, run_bot(settings, clients) as url:
        log.info("running", url=url)
        await stopped.wait()


def count() -> None:
    """At each SIGUSR1 log what SQLite was told so far, and the CPU time."""
    told: Counter[str] = Counter()

    def trace(statement: str) -> None:
        told[statement.split(None, 1)[0].upper()] += 1

    def connect_traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect_to_file(*arguments, **options)
        connection.set_trace_callback(trace)
        return connection

    connect_to_file = sqlite3.dbapi2.connect
    sqlite3.dbapi2.connect = connect_traced  # type: ignore[assignment]  # SQLAlchemy's
    signal.signal(
        signal.SIGUSR1, lambda *_: log.info("counted", told=told, cpu=time.process_time())
    )


if __name__ == "__main__":
    if "--count" in sys.argv:
        count()
    asyncio.run(main(float(sys.argv[1])))
