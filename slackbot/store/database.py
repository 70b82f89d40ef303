"""The connection to the record's database: SQLite by default, PostgreSQL when asked for."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.schema import Table

Transaction = AsyncConnection
"""A connection inside a transaction, as ``Database.transaction`` hands it out."""

POSTGRES_CONNECTIONS = 10


def async_url(database_url: str) -> URL:
    """Name the driver for a ``sqlite:///`` or ``postgresql://`` URL."""
    url = make_url(database_url)
    backend = url.get_backend_name().replace("postgres", "postgresql", 1)
    is_sqlite = backend == "sqlite"
    return url.set(drivername="sqlite+aiosqlite" if is_sqlite else "postgresql+psycopg")


def _sqlite_engine(url: URL) -> AsyncEngine:
    # One connection: SQLite has one writer anyway, and several fell to a third of the throughput.
    engine = create_async_engine(url, pool_size=1, max_overflow=0, pool_timeout=60)

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _postgres_engine(url: URL) -> AsyncEngine:
    return create_async_engine(
        url, pool_size=POSTGRES_CONNECTIONS, pool_pre_ping=True, pool_timeout=60
    )


class Database:
    """The engine and its transactions."""

    def __init__(self, database_url: str) -> None:
        self._url = async_url(database_url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = (_sqlite_engine if self.is_sqlite else _postgres_engine)(self._url)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Open a transaction; it is committed at the end, rolled back on an exception."""
        async with self._engine.begin() as connection:
            yield connection

    async def ping(self) -> None:
        """Raise SQLAlchemy's error when the database does not answer."""
        async with self.transaction() as tx:
            await tx.execute(text("SELECT 1"))

    async def migrate(self) -> None:
        """Bring the schema up to this release; safe to call at every start."""
        async with self.transaction() as tx:
            if not self.is_sqlite:  # replicas that start together take turns
                await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('ssat-bot schema'))"))
            await tx.run_sync(_upgrade)

    async def close(self) -> None:
        """Close every connection."""
        # A cancelled caller must not leave the driver's thread running.
        await asyncio.shield(self._engine.dispose())


def _upgrade(connection: Any) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def upsert(tx: Transaction, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """Start an INSERT that may say ``on_conflict_do_update``, which both databases know."""
    return (sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert)(table)
