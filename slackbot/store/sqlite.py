"""The connection to a SQLite file."""

import sqlite3
from collections.abc import Callable
from typing import Any

import aiosqlite

_QUICK = ("SELECT", "INSERT", "UPDATE", "DELETE")


class SqliteConnection(aiosqlite.Connection):
    """Leaves to the driver's thread only what waits for the disk or for another process.

    A statement takes microseconds, and to hand it to a thread ten times as many.
    """

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if self._running and self._connection and _is_quick(fn, args):
            return fn(*args, **kwargs)
        return await super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]


def _is_quick(fn: Callable[..., Any], args: tuple[Any, ...]) -> bool:
    """``BEGIN`` and ``COMMIT`` wait, and a ``PRAGMA`` may."""
    is_statement = fn.__name__ in ("execute", "executemany")
    if isinstance(getattr(fn, "__self__", None), sqlite3.Cursor):
        return not is_statement or args[0].startswith(_QUICK)
    return fn.__name__ == "cursor"


def connect_to_sqlite(file: str, **arguments: Any) -> SqliteConnection:
    """As ``aiosqlite.connect`` does."""
    arguments["check_same_thread"] = False
    connection = SqliteConnection(lambda: sqlite3.connect(file, **arguments), iter_chunk_size=64)
    connection._thread.daemon = True
    return connection
