"""Whether a SQLite file is whole. It is only read."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_sound(file: Path) -> bool:
    """Tell whether everything in a file can be read; one that is not there yet is sound.

    Raises:
        sqlite3.DatabaseError: It cannot be opened, which says nothing about what is in it.
    """
    if not file.exists():
        return True
    try:
        with closing(open_to_read(file)) as connection:
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            return verdict == "ok" and _is_readable(connection)
    except sqlite3.DatabaseError as error:
        if _is_damage(error):
            return False
        raise


def open_to_read(file: Path) -> sqlite3.Connection:
    """Open a file with its log, without any effect on either."""
    connection = sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    return connection


def _is_readable(connection: sqlite3.Connection) -> bool:
    # The check does not look at the texts: reading them all does.
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    for (name,) in names:
        for _ in connection.execute(f'SELECT * FROM "{name}"'):  # noqa: S608 - of the file itself
            pass
    return True


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    # A text that is no UTF-8 comes without a code; what the disk or the rights do, with another.
    code = getattr(error, "sqlite_errorcode", None)
    return code is None or code & 0xFF in _DAMAGE
