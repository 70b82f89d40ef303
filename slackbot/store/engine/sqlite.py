"""The connection to a SQLite file."""

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, CursorResult, Executable, create_engine, event
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from slackbot.store.engine.away import RecordAway

T = TypeVar("T")

PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",  # forgotten text is gone from the file, too
    "busy_timeout=0",  # the loop waits for nobody
)
TURN_SECONDS = 60
TOGETHER = 16
"""The first waits until the last has ended."""
BUSY_SECONDS = 10
"""How long another process may keep the file."""


class SqliteEngine:
    """Has one connection: SQLite has one writer, and several had a third of the throughput.

    A statement takes microseconds, and to hand it to a thread ten times as many. So only what
    waits for the disk or for another process runs in a thread. Transactions that wait for their
    turn share one commit, each behind a savepoint, and each ends once it is on the disk, or, if all
    that share it may be lost, once it is on its way there.
    """

    def __init__(self, url: URL, *, reads_only: bool = False) -> None:
        pragmas, begin = ((), "BEGIN") if reads_only else (PRAGMAS, "BEGIN IMMEDIATE")
        if reads_only:  # beside the writer
            query = {"mode": "ro", "uri": "true"}
            if not Path(f"{url.database}-wal").exists():
                query["immutable"] = "1"  # without a writer, SQLite would leave files beside it
            url = url.set(database=f"file:{quote(str(url.database))}", query=query)
        self._engine = create_engine(
            url,
            poolclass=StaticPool,
            hide_parameters=True,
            connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        )
        event.listen(self._engine, "connect", partial(_configure, pragmas))
        event.listen(self._engine, "begin", partial(_execute, begin))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._turn, self._waiting = asyncio.Lock(), 0
        self._ended: list[asyncio.Future[None]] = []
        """Those that share the next commit."""
        self._committing: asyncio.Task[None] | None = None
        self._is_synced = True

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    @cached_property
    def connection(self) -> Connection:
        return self._engine.connect()

    @property
    def driver(self) -> sqlite3.Connection:
        return _driver_of(self.connection)

    @property
    def is_shared(self) -> bool:
        return bool(self._ended)

    def connect(self, *, may_be_lost: bool = False) -> "SqliteConnection":
        return SqliteConnection(self, may_be_lost=may_be_lost)

    async def prepare(self, *, is_synced: bool) -> None:
        """Before a transaction begins; it may share a commit that does more than it needs."""
        if self.is_shared and is_synced and not self._is_synced:
            await self._commit_shared()
        if not self.is_shared and is_synced != self._is_synced:
            level = "FULL" if is_synced else "NORMAL"
            self.driver.execute(f"PRAGMA synchronous={level}")
            self._is_synced = is_synced

    async def take_turn(self) -> Connection:
        self._waiting += 1
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._turn.acquire()
        except TimeoutError as error:
            raise PoolExhausted("the connection is not free") from error
        finally:
            self._waiting -= 1
        try:
            return self.connection  # the first time, this opens the file
        except BaseException:
            self._turn.release()
            raise

    def end_turn(self) -> None:
        if not self.driver.in_transaction:
            # A full disk rolls back all that is not committed.
            self._tell(RecordAway("rolled back with another transaction"))
        self._turn.release()

    async def commit(self) -> None:
        """End the turn, and return when what shares the commit is committed."""
        own = asyncio.get_running_loop().create_future()
        self._ended.append(own)
        if self._waiting and len(self._ended) < TOGETHER:
            if self._committing is None:
                self._committing = asyncio.create_task(self._commit_in_turn())
            self.end_turn()
        else:
            await self._commit()
        await own

    async def _commit_in_turn(self) -> None:
        """Commit after those that wait already, whatever becomes of them."""
        await self._turn.acquire()
        self._committing = None
        if self.is_shared:
            await self._commit()
        else:  # one that must not be lost has seen to it
            self._turn.release()

    async def _commit(self) -> None:
        try:
            await self._commit_shared()
        finally:
            self._turn.release()

    async def _commit_shared(self) -> None:
        problem: Exception | None = RecordAway("the commit was cut off")
        try:
            await self.in_thread(self.connection.commit)
            problem = None
        except Exception as error:
            problem = error
            self.connection.rollback()
        finally:
            self._tell(problem)

    def _tell(self, problem: Exception | None) -> None:
        """Tell those that share a commit how it went."""
        for each in self._ended:
            if problem is None:
                each.set_result(None)
            else:
                each.set_exception(problem)
        self._ended.clear()

    async def in_thread(self, act: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    async def tidy(self) -> None:
        """Empty the log, which else keeps for weeks what has been forgotten."""
        await self.take_turn()
        try:
            if not self.is_shared:  # else another time
                empty = partial(_execute, "PRAGMA wal_checkpoint(TRUNCATE)")
                await self.in_thread(partial(_patiently, self.connection, empty))
        finally:
            self.end_turn()

    async def dispose(self) -> None:
        if "connection" in self.__dict__:
            self.connection.close()
        self._engine.dispose()
        self._thread.shutdown(wait=False)


class SqliteConnection:
    """What SQLAlchemy's ``AsyncConnection`` is for other databases."""

    def __init__(self, engine: SqliteEngine, *, may_be_lost: bool) -> None:
        self._engine, self._may_be_lost = engine, may_be_lost
        self.sync_connection: Connection | None = None
        self._is_shared, self._changes = False, 0

    @property
    def _connection(self) -> Connection:
        if self.sync_connection is None:
            raise RuntimeError("the transaction has ended")
        return self.sync_connection

    async def start(self) -> None:
        self.sync_connection = await self._engine.take_turn()

    async def begin(self) -> None:
        await self._engine.prepare(is_synced=not self._may_be_lost)
        self._changes = self._engine.driver.total_changes
        if self._engine.is_shared:
            self._engine.driver.execute("SAVEPOINT shared")
            self._is_shared = True
            return
        try:
            self._connection.begin()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            act = partial(_patiently, self._connection, Connection.begin)
            await self._engine.in_thread(act)

    async def execute(self, statement: Executable, values: Any) -> CursorResult[Any]:
        return self._connection.execute(statement, values)

    async def run_sync(self, act: Callable[..., T], *arguments: object) -> T:
        return act(self._connection, *arguments)

    async def commit(self) -> None:
        driver = self._engine.driver
        if self._connection.in_transaction() and not driver.in_transaction:
            raise RecordAway("rolled back by SQLite")  # as it does when the disk is full
        if self._is_shared:
            driver.execute("RELEASE shared")
        elif driver.total_changes == self._changes:  # nothing for the disk
            self._connection.commit()
            return
        self.sync_connection = None
        await self._engine.commit()

    async def close(self) -> None:
        """Roll back what was not committed, which waits for nothing."""
        connection, self.sync_connection = self.sync_connection, None
        if connection is None:
            return
        driver = self._engine.driver
        try:
            if self._is_shared and driver.in_transaction:
                driver.execute("ROLLBACK TO shared")
                driver.execute("RELEASE shared")
            else:
                connection.rollback()
        finally:
            self._engine.end_turn()


def _configure(
    pragmas: Iterable[str], connection: sqlite3.Connection, _entry: ConnectionPoolEntry
) -> None:
    connection.isolation_level = None  # begun below, not by the driver
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _execute(statement: str, connection: Connection) -> None:
    _driver_of(connection).execute(statement)


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
