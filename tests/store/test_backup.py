"""A backup of SQLite's file: complete or not there, beside whoever writes, and known as one."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from slackbot.store.engine.backup import back_up, dump_advice, put_back
from slackbot.store.engine.database import Database, DatabaseError, InUseError
from slackbot.store.facts import BACKUP_OF, Fact

KEPT = Fact("kept", str)
NOW = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)


@pytest.fixture
async def running(sqlite: str) -> AsyncIterator[Database]:
    """A database that a bot has open."""
    opened = Database(sqlite)
    await opened.open()
    yield opened
    await opened.close()


def file_of(database: Database) -> Path:
    assert database.file
    return database.file


async def save(database: Database, value: str) -> None:
    async with database.transaction() as tx:
        await KEPT.save(tx, value)


def kept_in(file: Path) -> dict[str, str]:
    with closing(sqlite3.connect(file)) as connection:
        return dict(connection.execute("SELECT name, value FROM facts"))


def left_in(folder: Path) -> set[str]:
    return {each.name for each in folder.iterdir() if not each.name.startswith("ssat-bot.db")}


async def test_it_has_what_was_committed_and_nothing_that_was_not(
    running: Database, tmp_path: Path
) -> None:
    await save(running, "committed")  # which is in SQLite's log only
    async with running.transaction() as tx:
        await KEPT.save(tx, "under way")
        said = back_up(file_of(running), tmp_path / "copy", NOW)
    kept = kept_in(tmp_path / "copy")
    assert kept[KEPT._name] == "committed"
    assert kept["backup_of"] == "2026-01-30T15:00:00+00:00"
    assert "backup_of" not in kept_in(file_of(running))
    assert (tmp_path / "copy").stat().st_mode & 0o777 == 0o600
    assert str(tmp_path / "copy") in said
    assert left_in(tmp_path) == {"copy"}


async def test_a_file_that_exists_is_replaced_only_if_that_is_asked_for(
    running: Database, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    copy.write_text("somebody's")
    with pytest.raises(DatabaseError, match="exists: name another file, or add --replace"):
        back_up(file_of(running), copy, NOW)
    assert copy.read_text() == "somebody's"
    back_up(file_of(running), copy, NOW, replaces=True)
    assert "backup_of" in kept_in(copy)
    assert left_in(tmp_path) == {"copy"}


async def test_the_database_itself_is_never_replaced(running: Database) -> None:
    with pytest.raises(DatabaseError, match="is the database itself"):
        back_up(file_of(running), file_of(running), NOW, replaces=True)


async def test_a_folder_keeps_the_newest_and_what_others_put_there(
    running: Database, tmp_path: Path
) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "notes.db").touch()
    for day in range(4):
        back_up(file_of(running), folder, NOW + timedelta(days=day), keep=2)
    assert left_in(folder) | {each.name for each in folder.glob("ssat-bot*")} == {
        "ssat-bot-20260201T150000Z.db",
        "ssat-bot-20260202T150000Z.db",
        "notes.db",
    }


def test_how_many_to_keep_needs_a_folder(sqlite: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="--keep needs a folder"):
        back_up(file_of(Database(sqlite)), tmp_path / "copy", NOW, keep=2)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "cannot be backed up"),
        (b"no database", "is damaged: run `ssat-bot rebuild`"),
        (b"SQLite format 3\0" + b"x" * 5000, "is damaged: run `ssat-bot rebuild`"),
    ],
)
def test_what_is_no_sound_database_is_not_backed_up(
    content: bytes, words: str, tmp_path: Path
) -> None:
    source = tmp_path / "ssat-bot.db"
    source.write_bytes(content)
    with pytest.raises(DatabaseError, match=rf"ssat-bot\.db {words}"):
        back_up(source, tmp_path / "copy", NOW)
    assert left_in(tmp_path) == set()


def test_damage_that_can_be_copied_is_found_before_the_backup_is_there(
    sqlite: str, tmp_path: Path
) -> None:
    source = file_of(Database(sqlite))
    with closing(sqlite3.connect(source)) as connection, connection:
        # Text that is not UTF-8, as a flipped bit makes it.
        connection.execute("INSERT INTO facts VALUES ('x', CAST(x'ff' AS TEXT))")
    with pytest.raises(DatabaseError, match="is damaged: run `ssat-bot rebuild`"):
        back_up(source, tmp_path / "copy", NOW)
    assert left_in(tmp_path) == set()


def test_a_database_or_a_folder_that_is_missing_is_named(sqlite: str, tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="there is no file"):
        back_up(tmp_path / "missing.db", tmp_path / "copy", NOW)
    with pytest.raises(DatabaseError, match=r"there is no folder .*missing: create it"):
        back_up(file_of(Database(sqlite)), tmp_path / "missing" / "copy", NOW)


async def test_a_backup_that_is_missing_or_a_folder_is_named_with_what_to_do(
    sqlite: str, tmp_path: Path
) -> None:
    database = Database(sqlite)
    with pytest.raises(DatabaseError, match=r"there is no file .*nope.db: name one that"):
        put_back(database, tmp_path / "nope.db", NOW)
    with pytest.raises(DatabaseError, match="is a folder: name the backup in it"):
        put_back(database, tmp_path, NOW)
    await database.close()


async def test_a_backup_that_is_put_back_takes_no_part_of_the_file_before(
    sqlite: str, tmp_path: Path
) -> None:
    database = Database(sqlite)
    file = file_of(database)
    await save(database, "old")
    back_up(file, tmp_path / "copy", NOW)
    await save(database, "new")
    log = file.with_name(f"{file.name}-wal")
    unfinished = log.read_bytes()
    await database.close()
    log.write_bytes(unfinished)  # as a process that was killed leaves it

    database = Database(sqlite)
    aside = put_back(database, tmp_path / "copy", NOW)
    await database.open()
    async with database.transaction() as tx:
        assert await KEPT.load(tx) == "old"
        assert await BACKUP_OF.load(tx) == NOW.isoformat()
    await database.close()
    assert file.stat().st_mode & 0o777 == 0o600
    assert aside
    assert kept_in(aside)["kept"] == "new"


async def test_a_copy_that_others_have_made_is_known_as_a_backup_once_it_is_put_back(
    sqlite: str, tmp_path: Path
) -> None:
    database = Database(sqlite)
    (tmp_path / "copy").write_bytes(file_of(database).read_bytes())
    put_back(database, tmp_path / "copy", NOW)
    assert "backup_of" in kept_in(file_of(database))
    await database.close()


async def test_nothing_is_put_back_under_a_running_bot(running: Database, tmp_path: Path) -> None:
    back_up(file_of(running), tmp_path / "copy", NOW)
    other = Database(f"sqlite:///{file_of(running)}")
    with pytest.raises(InUseError):
        put_back(other, tmp_path / "copy", NOW)
    await other.close()


@pytest.mark.parametrize("content", [None, b"", b"no database"])
async def test_what_is_no_backup_leaves_the_database_as_it_is(
    content: bytes | None, sqlite: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "copy").write_bytes(content)
    database = Database(sqlite)
    before = file_of(database).read_bytes()
    with pytest.raises((DatabaseError, OSError), match="copy"):
        put_back(database, tmp_path / "copy", NOW)
    await database.close()
    assert file_of(database).read_bytes() == before
    assert left_in(tmp_path) <= {"copy"}
    assert not (tmp_path / "ssat-bot.db.new").exists()


def test_the_command_for_postgresql_has_no_password() -> None:
    url = (
        "postgresql+psycopg://ssat:geheim@db.example.com:5433/ssat?sslmode=require&password=geheim"
    )
    said = dump_advice(url, Path("/var/backups/my ssat.dump"))
    assert said.splitlines()[-1].strip() == (
        "pg_dump --format=custom --file='/var/backups/my ssat.dump' "
        "'postgresql://ssat@db.example.com:5433/ssat?sslmode=require'"
    )
    assert "geheim" not in said
