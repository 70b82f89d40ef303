"""The connection to the record's database: SQLite by default, PostgreSQL when asked for."""

import asyncio
import fcntl
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import structlog
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    ColumnElement,
    Connection,
    DateTime,
    Interval,
    event,
    func,
    literal,
    text,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import Table

from slackbot.store.integrity import is_sound
from slackbot.store.schema import Instant

log = structlog.get_logger()

Transaction = AsyncConnection
"""A connection inside a transaction, as ``Database.transaction`` hands it out."""

POSTGRES_CONNECTIONS = 10
POSTGRES_LIMITS = {
    "connect_timeout": 5,  # seconds
    "tcp_user_timeout": 10_000,  # milliseconds, as below
    "options": "-c statement_timeout=10000 -c lock_timeout=5000",
}
"""A silent server must not keep a click, a webhook or the readiness waiting for ever."""
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=10000",
    "secure_delete=ON",  # people's text that has been forgotten is gone from the file, too
)


def async_url(database_url: str) -> URL:
    """Name the driver for a ``sqlite:///`` or ``postgresql://`` URL."""
    url = make_url(database_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    return url.set(drivername="sqlite+aiosqlite" if is_sqlite else "postgresql+psycopg")


def _sqlite_engine(url: URL) -> AsyncEngine:
    # One connection: SQLite has one writer anyway, and several fell to a third of the throughput.
    engine = create_async_engine(
        url, pool_size=1, max_overflow=0, pool_timeout=60, hide_parameters=True
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgres_engine(url: URL) -> AsyncEngine:
    return create_async_engine(
        url,
        pool_size=POSTGRES_CONNECTIONS,
        pool_pre_ping=True,
        pool_timeout=60,
        connect_args=POSTGRES_LIMITS,
        hide_parameters=True,  # an error's message must not carry people's text into the log
    )


class DatabaseError(Exception):
    """The database cannot be used; the message says why, without the password."""


class InUseError(DatabaseError):
    """Another process works on the same SQLite file; two would do everything twice."""


class DamagedError(DatabaseError):
    """The SQLite file is not what was written; the choices that it holds can often be saved."""


def is_damaged(file: Path) -> bool:
    """Tell whether a SQLite file is damaged; one that is not there is not.

    Raises:
        DatabaseError: It cannot be opened, which says nothing about what is in it.
    """
    try:
        return not is_sound(file)
    except sqlite3.DatabaseError as error:
        raise DatabaseError(f"DATABASE_URL cannot be used: {error}") from error


class Database:
    """The engine and its transactions."""

    def __init__(self, database_url: str) -> None:
        self._url = async_url(database_url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = (_sqlite_engine if self.is_sqlite else _postgres_engine)(self._url)
        self._lock: IO[bytes] | None = None

    @property
    def file(self) -> Path | None:
        """The SQLite file; ``None`` for PostgreSQL, and for what is in memory only."""
        name = self._url.database
        return Path(name) if self.is_sqlite and name not in (None, "", ":memory:") else None

    def own(self) -> None:
        """Claim a SQLite file for this process, once; PostgreSQL may be shared.

        Raises:
            InUseError: Another process has it.
        """
        if self.file is None or self._lock is not None:
            return
        # The system gives this lock back even when the process is killed.
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
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction; it is committed at the end, rolled back on an exception."""
        async with self._engine.begin() as connection:
            yield connection

    async def open(self) -> None:
        """Claim the database and bring its schema up to this release.

        Raises:
            DatabaseError: It cannot be reached, opened or changed, another process has it, or it is
                damaged.
        """
        try:
            self.own()
            if self.file and is_damaged(self.file):
                raise DamagedError(f"{self.file} is damaged: run `ssat-bot rebuild`")
            await self.migrate()
        except (SQLAlchemyError, OSError) as error:
            reason = getattr(error, "orig", None) or error
            raise DatabaseError(f"DATABASE_URL cannot be used: {reason}") from error

    async def ping(self) -> None:
        """Raise SQLAlchemy's error when the database does not answer."""
        async with self.transaction() as tx:
            await tx.execute(text("SELECT 1"))

    async def migrate(self) -> None:
        """Bring the schema up to this release; safe to call at every start.

        What a newer release has made of it is left as it is.
        """
        if self.file is not None:
            self.file.touch(mode=0o600)  # a new one is for this account only: it has people's words
        async with self.transaction() as tx:
            if not self.is_sqlite:  # replicas that start together take turns, however long it is
                await tx.execute(text("SET LOCAL statement_timeout = 0"))
                await tx.execute(text("SET LOCAL lock_timeout = 0"))
                await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('ssat-bot schema'))"))
            await tx.run_sync(_upgrade)

    async def tidy(self) -> None:
        """Empty SQLite's log, which else keeps for weeks what has been forgotten."""
        if not self.is_sqlite:
            return
        async with self._engine.connect() as connection:
            # Past SQLAlchemy, which would begin a transaction: the log cannot be emptied in one.
            driver = (await connection.get_raw_connection()).driver_connection
            if driver is not None:
                await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    @property
    def conninfo(self) -> str | None:
        """How psycopg connects to the same PostgreSQL; ``None`` for SQLite."""
        if self.is_sqlite:
            return None
        return self._url.set(drivername="postgresql").render_as_string(hide_password=False)

    async def close(self) -> None:
        """Close every connection."""
        # A cancelled caller must not leave the driver's thread running.
        await asyncio.shield(self._engine.dispose())
        if self._lock is not None:
            self._lock.close()


def migrations(connection: Connection) -> Config:
    """Return Alembic's configuration for the migrations of this release, on a connection."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    config = migrations(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    revisions = set(MigrationContext.configure(connection).get_current_heads())
    if revisions <= known:
        command.upgrade(config, "head")
        return
    # Migrations only expand, so an older replica that starts again goes on working beside it.
    log.warning("database_of_a_newer_release", revisions=sorted(revisions))


def database_now(tx: Transaction, ahead: timedelta = timedelta(0)) -> ColumnElement[datetime]:
    """Tell the time by the clock that all replicas share, UTC; SQLite's is this machine's.

    Args:
        tx: The transaction in which it is asked for; others may have kept it waiting.
        ahead: A moment so much later is wanted.
    """
    if tx.dialect.name == "sqlite":
        return literal(datetime.now(UTC) + ahead, Instant)
    now = func.clock_timestamp(type_=DateTime(timezone=True))
    return type_coerce(now + literal(ahead, Interval), Instant)


def upsert(tx: Transaction, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """Start an INSERT that may say ``on_conflict_do_update``, which both databases know."""
    return (sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert)(table)
