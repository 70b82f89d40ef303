"""When the record is away, and how often the log says so."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import lookup
from sqlalchemy.exc import DBAPIError, ProgrammingError
from structlog.testing import capture_logs

from slackbot import logs
from slackbot.logs import Trouble
from slackbot.store.away import is_dead, why_away

AWAY = ("08006", "25006", "25P03", "53100", "53300", "57P01", "57P02", "57P03", "58030")
OURS = ("22P02", "23505", "40P01", "42P01", "55P03", "57014")
DEAD = {"25006", "57P01", "57P02", "57P03"}


@pytest.mark.parametrize("state", AWAY)
def test_a_server_that_is_gone_full_or_read_only_is_away(state: str) -> None:
    error = lookup(state)()
    assert why_away(DBAPIError("SELECT 1", {}, error)) == type(error).__name__
    assert is_dead(error) == (state in DEAD)


@pytest.mark.parametrize("state", OURS)
def test_what_a_server_that_works_objects_to_is_a_fault_of_ours(state: str) -> None:
    error = lookup(state)()
    assert why_away(DBAPIError("SELECT 1", {}, error)) is None
    assert not is_dead(error)


def test_a_server_that_cannot_be_reached_is_away() -> None:
    with pytest.raises(psycopg.Error) as refused:
        psycopg.connect("host=127.0.0.1 port=1 connect_timeout=5")
    assert why_away(refused.value) == "OperationalError"


def test_a_file_that_cannot_be_written_is_away_and_a_missing_table_is_not(tmp_path: Path) -> None:
    file = tmp_path / "record.db"
    with closing(sqlite3.connect(file)) as writer:
        writer.execute("CREATE TABLE facts (name TEXT)")
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as reader:
        with pytest.raises(sqlite3.Error) as read_only:
            reader.execute("INSERT INTO facts VALUES ('this')")
        with pytest.raises(sqlite3.Error) as missing:
            reader.execute("SELECT * FROM nothing")
    assert why_away(DBAPIError("INSERT", {}, read_only.value)) == "SQLITE_READONLY"
    assert why_away(ProgrammingError("SELECT", {}, missing.value)) is None


def test_what_fails_again_and_again_is_told_once_a_minute_with_the_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trouble = Trouble("record_away", "record_back")
    with capture_logs() as lines:
        for _ in range(50):
            trouble.meet("DiskFull")
        monkeypatch.setattr(logs, "TOLD_EVERY_SECONDS", 0.0)
        trouble.meet("DiskFull")
        trouble.end()
        trouble.end()
    assert [(line["event"], line["times"]) for line in lines] == [
        ("record_away", 1),
        ("record_away", 50),
        ("record_back", 51),
    ]


def test_what_comes_and_goes_within_a_minute_is_told_once() -> None:
    trouble = Trouble("record_away", "record_back")
    with capture_logs() as lines:
        for _ in range(5):
            trouble.meet("DiskFull")
            trouble.end()
    assert [line["event"] for line in lines] == ["record_away", "record_back"]
