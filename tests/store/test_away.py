"""When the record is away, and how often the log says so."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import lookup
from sqlalchemy.exc import DBAPIError, ProgrammingError
from structlog.testing import capture_logs

from slackbot import logs
from slackbot.logs import OutageLog
from slackbot.store.engine.away import RecordAway, is_dead, why_away
from slackbot.store.engine.database import Database, DatabaseError

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


REFUSED = "connection refused at 127.0.0.1:1: does PostgreSQL run there, and is DATABASE_URL right?"


def test_a_server_that_cannot_be_reached_is_away() -> None:
    with pytest.raises(psycopg.Error) as refused:
        psycopg.connect("host=127.0.0.1 port=1 connect_timeout=5 password=secret-word")
    assert why_away(refused.value) == REFUSED


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            'connection to server on socket "/run/.s.PGSQL.5432" failed: No such file or directory'
            "\n\tIs the server running locally and accepting connections on that socket?",
            "no such file or directory at /run/.s.PGSQL.5432: does PostgreSQL run there, and is "
            "DATABASE_URL right?",
        ),
        (
            'connection to server at "db.example.com" (192.0.2.1), port 5432 failed: FATAL:  '
            'password authentication failed for user "ssat"',
            'password authentication failed for user "ssat" at db.example.com:5432: does '
            "PostgreSQL run there, and is DATABASE_URL right?",
        ),
        ("failed to resolve host 'db':\n [Errno -2]", "failed to resolve host 'db': [Errno -2]"),
        ("", "OperationalError"),
    ],
)
def test_a_driver_is_quoted_in_a_line(said: str, told: str) -> None:
    assert why_away(psycopg.OperationalError(said)) == told


async def test_a_record_that_cannot_be_reached_is_told_of_with_its_address_and_no_password() -> (
    None
):
    database = Database("postgresql://ssat:secret-word@127.0.0.1:1/ssat")
    with capture_logs() as lines:
        with pytest.raises(RecordAway) as away:
            async with database.transaction():
                raise AssertionError("there is no server")
        listening = asyncio.create_task(database.hear_others())
        async with asyncio.timeout(30):
            while len(lines) < 2:  # noqa: ASYNC110 - its log is all that it shows
                await asyncio.sleep(0)
        listening.cancel()
    with pytest.raises(DatabaseError) as unusable:
        await database.open()
    await database.close()
    assert str(away.value) == REFUSED
    assert {(each["event"], each["problem"]) for each in lines} == {
        ("record_away", REFUSED),
        ("not_listening", REFUSED),
    }
    assert str(unusable.value) == f"DATABASE_URL cannot be used: {REFUSED}"


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
    outage = OutageLog("record_away", "record_back")
    with capture_logs() as lines:
        for _ in range(50):
            outage.meet("DiskFull")
        monkeypatch.setattr(logs, "TOLD_EVERY_SECONDS", 0.0)
        outage.meet("DiskFull")
        outage.end()
        outage.end()
    assert [(line["event"], line["times"]) for line in lines] == [
        ("record_away", 1),
        ("record_away", 50),
        ("record_back", 51),
    ]


def test_what_comes_and_goes_within_a_minute_is_told_once() -> None:
    outage = OutageLog("record_away", "record_back")
    with capture_logs() as lines:
        for _ in range(5):
            outage.meet("DiskFull")
            outage.end()
    assert [line["event"] for line in lines] == ["record_away", "record_back"]
