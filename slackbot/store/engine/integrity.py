"""Check whether a SQLite file is damaged, without changing it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


_BEGINNING = b"SQLite format 3\0"


def look_at(file: Path) -> None:
    """Check whether a start could open or create it; leave nothing behind, not even its log.

    Raises:
        OSError: It could not.
    """
    if not file.parent.is_dir():
        raise OSError(f"there is no folder {file.parent}")
    if file.exists():
        if not file.is_file():
            raise OSError(f"{file} is no file")
        with file.open("rb") as opened:
            if opened.read(len(_BEGINNING)) not in (_BEGINNING, b""):
                raise OSError(
                    f"{file} is no SQLite database: name another file, or run `ssat-bot rebuild` "
                    "if this one is the bot's"
                )
    for each in (file.parent, file):
        if each.exists() and not os.access(each, os.W_OK):
            raise OSError(f"{each} may not be written to")


def is_sound(file: Path) -> bool:
    """Count a missing file as sound.

    Raises:
        sqlite3.DatabaseError: It cannot be opened: its content is unknown.
    """
    if not file.exists():
        return True
    try:
        with closing(open_to_read(file)) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            return verdict == "ok" and _is_readable(connection)
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            return False
        raise


def damaged(file: Path) -> str:
    """Say what to do about it."""
    return f"{file} is damaged: run `ssat-bot rebuild`"


def open_to_read(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    return connection


def _is_readable(connection: sqlite3.Connection) -> bool:
    # The check skips texts, so read them all.
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        for _ in connection.execute(f'SELECT * FROM "{name}"'):  # noqa: S608 - of the file itself
            pass
    return True


def is_damage(error: sqlite3.DatabaseError) -> bool:
    # No code: text that is not UTF-8. A disk or permission error has another code.
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _DAMAGE
