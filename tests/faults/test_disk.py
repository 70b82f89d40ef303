"""What the power cut of the faults takes and leaves: if it took nothing, it would prove nothing."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.faults.disk import NAME, Disk


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    disk = Disk(tmp_path / "synced")
    disk.install(for_all=False)
    return disk


def connect(file: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{file}?vfs={NAME}", uri=True, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA synchronous={synchronous}")
    return connection


@pytest.mark.parametrize(
    ("synchronous", "left"),
    [
        ("FULL", ["committed", "after it"]),
        # Only a checkpoint syncs: what was committed since then is gone.
        ("NORMAL", ["committed"]),
    ],
)
def test_a_power_cut_leaves_what_was_synced(
    disk: Disk, tmp_path: Path, synchronous: str, left: list[str]
) -> None:
    file = tmp_path / "record.db"
    with closing(connect(file, synchronous)) as connection:
        connection.execute("CREATE TABLE rows (text)")
        connection.execute("INSERT INTO rows VALUES ('committed')")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("INSERT INTO rows VALUES ('after it')")
        connection.execute("BEGIN")
        connection.execute("INSERT INTO rows VALUES ('not committed')")
        disk.cut_power(file)
        with closing(sqlite3.connect(file)) as survivor:
            assert survivor.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert survivor.execute("SELECT text FROM rows").fetchall() == [(row,) for row in left]
