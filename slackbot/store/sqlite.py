"""The connection to a SQLite file."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Executable, create_engine, event
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

T = TypeVar("T")

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",  # forgotten text is gone from the file, too
    "busy_timeout=0",  # the loop waits for nobody
)
TURN_SECONDS = 60
BUSY_SECONDS = 10
"""How long another process may keep the file."""


class SqliteEngine:
    """Has one connection: SQLite has one writer, and several had a third of the throughput.

    A statement takes microseconds, and to hand it to a thread ten times as many. So only what
    waits for the disk or for another process runs in a thread.
    """

    def __init__(self, url: URL) -> None:
        self._engine = create_engine(
            url,
            poolclass=StaticPool,
            hide_parameters=True,
            connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        )
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin_immediately)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._turn = asyncio.Lock()

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    def connect(self) -> "SqliteConnection":
        return SqliteConnection(self)

    async def take_turn(self) -> Connection:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turn.acquire()
        except TimeoutError as error:
            raise PoolExhausted("the connection is not free") from error
        try:
            return self._engine.connect()
        except BaseException:
            self._turn.release()
            raise

    def end_turn(self) -> None:
        self._turn.release()

    async def in_thread(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    async def tidy(self) -> None:
        """Empty the log, which else keeps for weeks what has been forgotten."""
        connection = await self.take_turn()
        try:
            # Past SQLAlchemy: its transaction would keep the log from being emptied.
            await self.in_thread(partial(_patiently, connection, _empty_log))
        finally:
            connection.close()
            self.end_turn()

    async def dispose(self) -> None:
        self._engine.dispose()
        self._thread.shutdown(wait=False)


class SqliteConnection:
    """What SQLAlchemy's ``AsyncConnection`` is for other databases."""

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self.sync_connection: Connection | None = None

    @property
    def _connection(self) -> Connection:
        if self.sync_connection is None:
            raise RuntimeError("the transaction has ended")
        return self.sync_connection

    async def start(self) -> None:
        self.sync_connection = await self._engine.take_turn()

    async def begin(self) -> None:
        try:
            self._connection.begin()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            await self._engine.in_thread(partial(_patiently, self._connection, Connection.begin))

    async def execute(self, statement: Executable, values: Any) -> CursorResult[Any]:
        return self._connection.execute(statement, values)

    async def run_sync(self, act: Callable[..., T], *arguments: object) -> T:
        return act(self._connection, *arguments)

    async def commit(self) -> None:
        await self._engine.in_thread(self._connection.commit)

    async def close(self) -> None:
        """Roll back what was not committed, which waits for nothing."""
        try:
            self._connection.close()
        finally:
            self.sync_connection = None
            self._engine.end_turn()


def _configure(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # begun below, not by the driver
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediately(connection: Connection) -> None:
    _driver_of(connection).execute("BEGIN IMMEDIATE")


def _empty_log(connection: Connection) -> None:
    _driver_of(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _patiently(connection: Connection, act: Callable[[Connection], object]) -> None:
    """Wait for another process that keeps the file."""
    driver = _driver_of(connection)
    driver.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
    try:
        act(connection)
    finally:
        driver.execute("PRAGMA busy_timeout=0")


def _driver_of(connection: Connection) -> sqlite3.Connection:
    driver: Any = connection.connection.driver_connection
    return driver  # type: ignore[no-any-return]
