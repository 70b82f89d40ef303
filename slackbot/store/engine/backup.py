"""Backups: of a SQLite file beside the process that works on it, and how PostgreSQL has its own."""

import os
import re
import shlex
import shutil
import sqlite3
import tempfile
from contextlib import closing
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from slackbot.store.engine.database import Database, DatabaseError
from slackbot.store.engine.integrity import damaged, is_damage, is_sound, open_to_read
from slackbot.store.engine.salvage import new_beside, take_the_place
from slackbot.store.facts import BACKUP

_NAMED_FOR_ITS_TIME = re.compile(r"ssat-bot-\d{8}T\d{6}Z\.db")


def back_up(
    source: Path, place: Path, now: datetime, *, replaces: bool = False, keep: int | None = None
) -> str:
    """Copy a SQLite file to another, or into a folder under a name of its own; say what was done.

    The copy is complete or not there, and says that it is one: only a rebuild may start on it.
    Of a folder's, the newest are kept, if ``keep`` says how many.

    Raises:
        DatabaseError: It cannot be read or is damaged, or there is such a file already.
        OSError: The copy cannot be written.
    """
    if not source.is_file():
        raise DatabaseError(f"there is no file {source} to back up; `ssat-bot run` creates it")
    if keep is not None and not place.is_dir():
        raise DatabaseError(f"--keep needs a folder that exists, and {place} is none")
    target = place / f"ssat-bot-{now:%Y%m%dT%H%M%SZ}.db" if place.is_dir() else place
    if not target.parent.is_dir():
        raise DatabaseError(f"there is no folder {target.parent}: create it, or name another place")
    if target.exists() and target.samefile(source):
        raise DatabaseError(f"{target} is the database itself: name another file")
    if target.exists() and not replaces:
        raise DatabaseError(f"{target} exists: name another file, or add --replace")
    _copy(source, target, now)
    said = f"The backup is {target} ({target.stat().st_size / 1e6:.1f} MB)."
    if keep is not None:
        said += f" Older ones that were deleted: {_forget_older(place, keep)}."
    return said


def _copy(source: Path, target: Path, now: datetime) -> None:
    try:
        # Owner-only.
        opened, name = tempfile.mkstemp(prefix=".ssat-bot-backup-", dir=target.parent)
    except OSError as error:
        problem = f"no file can be created in {target.parent} ({error.strerror})"
        raise DatabaseError(
            f"{problem}: name another place, or let this account write there"
        ) from error
    os.close(opened)
    copy = Path(name)
    try:
        with closing(open_to_read(source)) as connection:
            connection.execute("VACUUM INTO ?", (name,))
        _mark(copy, now)
        if not is_sound(copy):
            raise DatabaseError(damaged(source))
        _sync(copy)
        copy.replace(target)
        _sync(target.parent)
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            raise DatabaseError(damaged(source)) from error
        raise DatabaseError(f"{source} cannot be backed up: {error}") from error
    finally:
        copy.unlink(missing_ok=True)


def _mark(copy: Path, now: datetime) -> None:
    """Have it say that it is a backup, if it does not say so yet."""
    with closing(sqlite3.connect(copy)) as connection, connection:
        mark = "INSERT OR IGNORE INTO facts (name, value) VALUES (?, ?)"
        connection.execute(mark, (BACKUP, now.isoformat(timespec="seconds")))


def _sync(path: Path) -> None:
    """Have it on the disk before anything is deleted for it."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _forget_older(folder: Path, keep: int) -> int:
    """Delete only what was named for its time."""
    backups = sorted(each for each in folder.iterdir() if _NAMED_FOR_ITS_TIME.fullmatch(each.name))
    for each in backups[:-keep]:
        each.unlink()
    return len(backups[:-keep])


def put_back(database: Database, backup: Path, now: datetime) -> Path | None:
    """Put a backup in the place of the database; return under which name that is kept.

    Not by copying alone: SQLite would take the log of the file before for the backup's.

    Raises:
        DatabaseError: Another process uses the database, or the backup is damaged.
        OSError: The backup cannot be read, or the file not be replaced.
    """
    if (file := database.file) is None:
        raise DatabaseError(
            "a backup of PostgreSQL is put back by pg_restore; then run `ssat-bot rebuild` alone"
        )
    if backup.is_dir():
        raise DatabaseError(f"{backup} is a folder: name the backup in it")
    if not backup.exists():
        raise DatabaseError(f"there is no file {backup}: name one that `ssat-bot backup` has made")
    database.own()
    new = new_beside(file)
    try:
        new.touch(mode=0o600)
        shutil.copyfile(backup, new)
        if not is_sound(new):
            raise DatabaseError(f"{backup} is damaged: take another one, or rebuild without")
        _mark(new, now)
        _sync(new)
    except sqlite3.DatabaseError as error:
        new.unlink()
        raise DatabaseError(f"{backup} is no backup of ssat-bot: {error}") from error
    except BaseException:
        new.unlink()
        raise
    is_there = file.exists()
    aside = take_the_place(new, file, "replaced", now)
    return aside if is_there else None


def dump_advice(database_url: str, place: Path) -> str:
    """Say how PostgreSQL is backed up; without the password."""
    url = make_url(database_url)
    secrets = [name for name in url.query if "password" in name]
    without = url.difference_update_query(secrets)._replace(password=None)
    shown = without.set(drivername="postgresql")
    file = place / "ssat-bot.dump" if place.is_dir() else place
    command = f"pg_dump --format=custom --file={shlex.quote(str(file))} "
    return (
        "PostgreSQL has its own program for backups. It asks for the password, or takes it from "
        f"PGPASSWORD or ~/.pgpass:\n  {command}{shlex.quote(str(shown))}"
    )
