"""The record's database: SQLite by default, PostgreSQL when asked for."""

import asyncio
import contextlib
import fcntl
import sqlite3
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    DateTime,
    Executable,
    Interval,
    ScalarResult,
    UpdateBase,
    bindparam,
    func,
    inspect,
    literal,
    text,
    type_coerce,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.schema import Table

from slackbot import metrics, tracing
from slackbot.clock import Clock
from slackbot.store.engine.away import Outage, RecordAway, why_away, words_of_driver
from slackbot.store.engine.integrity import damaged, is_sound, look_at
from slackbot.store.engine.sqlite import SqliteConnection, SqliteEngine
from slackbot.store.schema import Instant, UnreadableError

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")


class LeaseLost(Exception):
    """Another process has the job; this one must not write for it any more."""


Fence = Callable[["Transaction"], Awaitable[None]]
"""Raises ``LeaseLost`` when another process has the job."""

_fence: ContextVar[Fence | None] = ContextVar("fence", default=None)


_goes_first: ContextVar[bool] = ContextVar("goes_first", default=False)

GIVE_WAY_SECONDS = 0.02


WAKE_UP_CHANNEL = "ssat_bot_errands"
_NOTIFY = text(
    "SELECT pg_notify(:channel, queue) FROM unnest(CAST(:queues AS text[])) AS queue"
).bindparams(channel=WAKE_UP_CHANNEL)

POSTGRES_PORT = 5432
POSTGRES_LIMITS = {
    "connect_timeout": "5",  # seconds
    "tcp_user_timeout": "10000",  # milliseconds
}
"""A silent server must not keep a click or the readiness waiting for ever."""
_MIGRATIONS = Path(__file__).parent.parent / "migrations" / "versions"


class Transaction:
    """Runs statements, each to its end.

    A caller who is cancelled leaves at once, but cuts nothing off: what was begun ends by itself,
    and is then rolled back. Cut off in the driver, it would keep its locks.
    """

    def __init__(self, engine: "AsyncEngine | SqliteEngine", *, may_be_lost: bool = False) -> None:
        self._engine, self._may_be_lost = engine, may_be_lost
        self._connection = self._connect()
        self._is_used = False
        self._step: asyncio.Future[Any] | None = None
        self.dialect = engine.dialect
        self.queues: set[str] = set()
        self.has_written = False
        self._last: list[tuple[tuple[Any, ...], Executable, dict[str, object]]] = []

    @property
    def is_sqlite(self) -> bool:
        return self.dialect.name == "sqlite"

    def _connect(self) -> "AsyncConnection | SqliteConnection":
        if isinstance(self._engine, SqliteEngine):
            return self._engine.connect(may_be_lost=self._may_be_lost)
        return self._engine.connect()

    async def begin(self) -> None:
        """Begin; again, on another connection."""

        async def connect_and_begin() -> None:
            if self._connection.sync_connection is not None:
                await self._connection.close()
                self._connection = self._connect()
            await self._connection.start()
            await self._connection.begin()

        await self.to_its_end(connect_and_begin())

    async def to_its_end(self, step: Coroutine[Any, Any, T]) -> T:
        self._step = running = asyncio.ensure_future(step)
        return await asyncio.shield(running)

    async def commit(self) -> None:
        await self._connection.commit()
        await self._connection.close()

    async def leave(self) -> None:
        """Roll back, once the step under way has ended."""
        if self._step is not None:
            await asyncio.gather(self._step, return_exceptions=True)
        if self._connection.sync_connection is not None:
            await self._connection.close()

    async def be_patient(self) -> None:
        """Wait for what others have locked, however long it takes: who is to start tries once."""
        if not self.is_sqlite:
            await self.execute(text("SET LOCAL statement_timeout = 0"))
            await self.execute(text("SET LOCAL lock_timeout = 0"))

    async def run_sync(self, act: Callable[..., T], *arguments: object) -> T:
        """``act`` gets SQLAlchemy's connection first."""
        self._is_used = True
        return await self.to_its_end(self._connection.run_sync(act, *arguments))

    async def execute(self, statement: Executable, **values: object) -> CursorResult[Any]:
        """``values`` are those of a statement that was built once, with ``bindparam``."""
        return await self._execute(statement, values)

    async def execute_many(
        self, statement: Executable, rows: list[dict[str, object]]
    ) -> CursorResult[Any]:
        """Run a statement for many rows at once."""
        return await self._execute(statement, rows)

    async def _execute(
        self, statement: Executable, values: dict[str, object] | list[dict[str, object]]
    ) -> CursorResult[Any]:
        self.has_written = self.has_written or isinstance(statement, UpdateBase)
        if self.is_sqlite:  # in this loop, without a wait: nothing can strike meanwhile
            return await self._connection.execute(statement, values)
        try:
            result = await self.to_its_end(self._connection.execute(statement, values))
        except DBAPIError as error:
            if self._is_used or not error.connection_invalidated:
                raise
            # It was cut off while it lay in the pool: nothing has been done on it.
            await self.begin()
            result = await self.to_its_end(self._connection.execute(statement, values))
        self._is_used = True
        return result

    async def scalar(self, statement: Executable, **values: object) -> Any:
        return (await self.execute(statement, **values)).scalar()

    async def scalars(self, statement: Executable) -> ScalarResult[Any]:
        return (await self.execute(statement)).scalars()

    def execute_last(self, place: tuple[Any, ...], statement: Executable, **values: object) -> None:
        """Run it after all others, in the order of ``place``.

        What many transactions write is locked late and in one order, so that no two wait for each
        other.
        """
        self._last.append((place, statement, values))

    async def end(self) -> None:
        last = sorted(self._last, key=itemgetter(0))
        self._last.clear()
        for statement, alike in groupby(last, key=itemgetter(1)):
            await self.execute_many(statement, [values for *_, values in alike])

    def wake(self, queue: str) -> None:
        """Wake its workers after the commit, in every process."""
        self.queues.add(queue)


class RightOfWay:
    """What a person waits for goes first; the rest goes on, but one at a time and not soon.

    A person's click must not wait until the workers have done what the click before has begun.
    """

    def __init__(self, give_way_seconds: float = GIVE_WAY_SECONDS) -> None:
        self._give_way_seconds = give_way_seconds
        self._ahead, self._is_free = 0, asyncio.Event()
        self._is_free.set()
        self._next = asyncio.Lock()

    @contextlib.contextmanager
    def first(self) -> Iterator[None]:
        """Go before others; so does what this task begins."""
        token = _goes_first.set(True)
        self._ahead += 1
        self._is_free.clear()
        try:
            yield
        finally:
            _goes_first.reset(token)
            self._ahead -= 1
            if not self._ahead:
                self._is_free.set()

    async def give_way(self) -> None:
        if not self._ahead or _goes_first.get():
            return
        async with self._next:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._give_way_seconds):
                    await self._is_free.wait()


LOOKOUT = "lookout"
"""Who looks at all queues at once."""


class WakeUps:
    def __init__(self) -> None:
        self._events: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def wake(self, queues: Iterable[str]) -> None:
        for queue in queues:
            self._events[queue].set()

    def look_out(self) -> None:
        """Wake whoever has something to do by now."""
        self.wake([LOOKOUT])

    def start_look(self, queue: str) -> None:
        """Count what was said so far as heard: the look that starts now sees it."""
        self._events[queue].clear()

    async def wait(self, queue: str, seconds: float) -> None:
        """Return at once for what was said since the last look started."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._events[queue].wait()


@contextlib.contextmanager
def fenced_by(fence: Fence) -> Iterator[None]:
    """Commit what this task writes only while the fence holds."""
    token = _fence.set(fence)
    try:
        yield
    finally:
        _fence.reset(token)


async def _meet_fence(tx: Transaction, *, in_any_case: bool) -> LeaseLost | None:
    fence = _fence.get()
    try:
        if fence is not None:
            await fence(tx)
    except LeaseLost as error:
        if not in_any_case:
            raise
        return error
    return None


def async_url(database_url: str) -> URL:
    """Return it for the drivers, with limits for all connections where it sets no others."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return url.set(drivername="sqlite")
    return url.set(drivername="postgresql+psycopg", query={**POSTGRES_LIMITS, **url.query})


class DatabaseError(Exception):
    """The message says why, without the password."""


@asynccontextmanager
async def at_hand(url: str, *, reads_only: bool = False) -> AsyncIterator["Database"]:
    """Yield it for a command, which opens it; close it in the end.

    Raises:
        DatabaseError: It does not answer, or has a row that cannot be read.
    """
    database = Database(url, reads_only=reads_only)
    try:
        yield database
    except SQLAlchemyError as error:
        raise DatabaseError(f"the database does not answer: {words_of_driver(error)}") from error
    except UnreadableError as error:
        raise DatabaseError(str(error)) from error
    finally:
        await database.close()


class InUseError(DatabaseError):
    """Two processes on one SQLite file would do everything twice."""


class DamagedError(DatabaseError):
    """The SQLite file is damaged; its choices can often be saved."""


def is_damaged(file: Path) -> bool:
    """Count a missing file as sound.

    Raises:
        DatabaseError: It cannot be opened: its content is unknown.
    """
    try:
        return not is_sound(file)
    except sqlite3.DatabaseError as error:
        raise DatabaseError(f"DATABASE_URL cannot be used: {error}") from error


def _unusable(error: Exception) -> DatabaseError:
    return DatabaseError(f"DATABASE_URL cannot be used: {words_of_driver(error)}")


class Database:
    """One that ``reads_only`` may be opened beside a process that works on it."""

    def __init__(
        self, database_url: str, wake_ups: WakeUps | None = None, *, reads_only: bool = False
    ) -> None:
        self._url, self._reads_only = async_url(database_url), reads_only
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._own_pids: set[int] = set()
        """Of PostgreSQL's processes that serve this one."""
        self._engine = self._make_engine()
        self._lock: IO[bytes] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self.wake_ups = wake_ups or WakeUps()
        self.right_of_way = RightOfWay()
        self.outage = Outage()

    def _make_engine(self) -> "AsyncEngine | SqliteEngine":
        if self.is_sqlite:
            return SqliteEngine(self._url, reads_only=self._reads_only)
        # It takes 50 ms and 10 MB to import.
        from slackbot.store.engine.postgres import postgres_engine

        engine = postgres_engine(self._url, self._own_pids)
        return engine.execution_options(postgresql_readonly=True) if self._reads_only else engine

    @property
    def file(self) -> Path | None:
        """``None`` for PostgreSQL and in memory."""
        name = self._url.database
        return Path(name) if self.is_sqlite and name not in (None, "", ":memory:") else None

    def own(self) -> None:
        """Claim a SQLite file, once; PostgreSQL may be shared.

        Raises:
            InUseError: Another process has it.
        """
        if self.file is None or self._lock is not None:
            return
        # Released even when the process is killed.
        lock = open(f"{self.file}.lock", "wb")  # noqa: SIM115 - held until close()
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.close()
            raise InUseError(
                f"another ssat-bot works on {self.file}: stop it, or set DATABASE_URL to "
                "a PostgreSQL that several may share"
            ) from error
        self._lock = lock

    @asynccontextmanager
    async def transaction(
        self, *, in_any_case: bool = False, may_be_lost: bool = False
    ) -> AsyncIterator[Transaction]:
        """Commit at the end, then wake workers for new jobs; roll back on an exception.

        Inside a job, commit writes only while its lease holds; ``in_any_case`` commits first, then
        raises. A power cut may take what ``may_be_lost``: SQLite's commits sync the disk for the
        rest.

        Raises:
            LeaseLost: Another process has the job now.
            RecordAway: The record cannot be reached, or not be written to.
        """
        await self.right_of_way.give_way()
        tx = Transaction(self._engine, may_be_lost=may_be_lost)
        started = time.monotonic()
        try:
            with tracing.inner_span("transaction"):
                await tx.begin()
                yield tx
                await tx.end()
                lost = await _meet_fence(tx, in_any_case=in_any_case)
                if tx.queues and not self.is_sqlite:
                    await tx.execute(_NOTIFY, queues=sorted(tx.queues))
                await tx.to_its_end(self._commit(tx))
            metrics.TRANSACTION_SECONDS.observe(time.monotonic() - started)
        except Exception as error:
            await asyncio.shield(self._let_end(tx.leave()))
            if (problem := why_away(error)) is None:
                if isinstance(error, SQLAlchemyError):
                    metrics.DATABASE_ERRORS.labels("fault").inc()
                raise
            metrics.DATABASE_ERRORS.labels("away").inc()
            self.outage.meet(problem)
            raise RecordAway(problem, error) from error
        except BaseException:
            self._let_end(tx.leave())
            raise
        if lost is not None:
            raise lost

    async def _commit(self, tx: Transaction) -> None:
        await tx.commit()
        self.wake_ups.wake(tx.queues)

    def _let_end(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Whoever waits for it may be cancelled; ``close`` waits, too."""
        ending = asyncio.create_task(work)
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        return ending

    async def hear_others(self) -> None:
        """Wake workers for what other processes enqueue, until cancelled."""
        if not isinstance(self._engine, SqliteEngine):
            from slackbot.store.engine import postgres

            await postgres.hear_others(self._engine, self.wake_ups, self._own_pids)

    async def open(self) -> None:
        """Claim the database and migrate it, unless it is only to be read.

        Raises:
            DatabaseError: It cannot be used, another process has it, or it is damaged.
        """
        try:
            if not self._reads_only:
                self.own()
            elif self.file and not self.file.exists():
                raise OSError(f"there is no file {self.file}; `ssat-bot run` creates it")
            if self.file and is_damaged(self.file):
                raise DamagedError(damaged(self.file))
            await self.migrate()
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(error) from error

    async def try_out(self) -> str:
        """Return which it is; change nothing, and take nothing from a process that works on it.

        Raises:
            DatabaseError: It cannot be used.
        """
        try:
            if self.file is not None:
                look_at(self.file)
                return f"SQLite: {self.file.absolute()}"
            async with self.transaction() as tx:
                is_read_only = text("SELECT current_setting('transaction_read_only') = 'on'")
                if await tx.scalar(is_read_only):
                    raise OSError("it is read-only")
                return f"PostgreSQL, {await tx.run_sync(_whereabouts)}"
        except (SQLAlchemyError, OSError) as error:
            raise _unusable(error) from error

    async def revisions(self) -> set[str]:
        """Return where the schema is; nowhere if it has never been made."""
        async with self.transaction() as tx:
            return await tx.run_sync(_revisions)

    async def migrate(self) -> None:
        """Safe at every start; what a newer release has made of the schema stays."""
        if self.file is not None and not self._reads_only:
            self.file.touch(mode=0o600)  # it has people's words: for this account only
        async with self.transaction() as tx:
            await tx.be_patient()
            if not self.is_sqlite:  # replicas take turns
                await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('ssat-bot schema'))"))
            await tx.run_sync(_bring_up_to_date, self._reads_only)

    async def tidy(self) -> None:
        """Empty SQLite's log."""
        if isinstance(self._engine, SqliteEngine):
            await asyncio.shield(self._let_end(self._engine.tidy()))

    async def close(self) -> None:
        # A cancelled caller must not leave a connection open.
        await asyncio.shield(self._close())

    async def _close(self) -> None:
        await asyncio.gather(*self._ending, return_exceptions=True)
        await self._engine.dispose()
        if self._lock is not None:
            self._lock.close()


@dataclass(frozen=True)
class Record:
    database: Database
    now: Clock

    def transaction(
        self, *, in_any_case: bool = False, may_be_lost: bool = False
    ) -> AbstractAsyncContextManager[Transaction]:
        return self.database.transaction(in_any_case=in_any_case, may_be_lost=may_be_lost)

    @property
    def wake_ups(self) -> WakeUps:
        return self.database.wake_ups

    @property
    def outage(self) -> Outage:
        return self.database.outage


def _whereabouts(connection: Connection) -> str:
    """Ask the server: much of it may be a default, or come from libpq's own variables."""
    name, schema = connection.execute(text("SELECT current_database(), current_schema()")).one()
    if schema is None:
        raise OSError("no schema of its search_path exists: create it")
    driver: Any = connection.connection.driver_connection
    host, port = driver.info.host, driver.info.port
    has_port = port != POSTGRES_PORT and not host.startswith("/")
    at = f"{host}:{port}" if has_port else host
    return f"database {name} at {at}, schema {schema}"


def _bring_up_to_date(connection: Connection, reads_only: bool) -> None:
    revisions = _revisions(connection)
    if reads_only:
        if max(revisions, default="") < newest_revision():
            raise OSError("it is empty or of an earlier release; `ssat-bot run` upgrades it")
    elif revisions != {newest_revision()}:
        from slackbot.store.engine.upgrade import upgrade  # takes 100 ms and 10 MB to import

        upgrade(connection, revisions)


def _revisions(connection: Connection) -> set[str]:
    """Return where Alembic says the schema is; nowhere if it has never been there."""
    if not inspect(connection).has_table("alembic_version"):
        return set()
    return set(connection.scalars(text("SELECT version_num FROM alembic_version")))


def newest_revision() -> str:
    """Return what this release makes of a schema: the files are named for their revisions."""
    return max(file.name.partition("_")[0] for file in _MIGRATIONS.glob("*.py"))


def database_now(*, is_sqlite: bool, ahead: timedelta = timedelta(0)) -> ColumnElement[datetime]:
    """Tell the time by the clock that all replicas share, UTC; SQLite's is this machine's.

    At the moment of execution: the transaction may have waited since it began.
    """
    if is_sqlite:
        return bindparam(None, callable_=lambda: datetime.now(UTC) + ahead, type_=Instant)
    now = func.clock_timestamp(type_=DateTime(timezone=True))
    return type_coerce(now + literal(ahead, Interval), Instant)


async def add_row(tx: Transaction, table: Table, **values: object) -> None:
    """Insert a row, unless it is there."""
    await tx.execute(_adding(table, tx.is_sqlite), **values)


async def save_row(tx: Transaction, table: Table, **values: object) -> None:
    """Insert a row, or replace the one with its key; ``values`` are those of all columns."""
    await tx.execute(_saving(table, tx.is_sqlite), **values)


@cache
def _adding(table: Table, is_sqlite: bool) -> Executable:
    return insert_into(table, is_sqlite=is_sqlite).on_conflict_do_nothing()


@cache
def _saving(table: Table, is_sqlite: bool) -> Executable:
    new = insert_into(table, is_sqlite=is_sqlite)
    kept = {column.name: new.excluded[column.name] for column in table.c if not column.primary_key}
    return new.on_conflict_do_update(index_elements=table.primary_key.columns, set_=kept)


def upsert(tx: Transaction, table: Table) -> "sqlite.Insert | postgresql.Insert":
    return insert_into(table, is_sqlite=tx.is_sqlite)


def insert_into(table: Table, *, is_sqlite: bool) -> "sqlite.Insert | postgresql.Insert":
    if is_sqlite:
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)
