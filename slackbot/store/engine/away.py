"""While the record is away: who waits for it, and a line a minute about it."""

import asyncio
import random
import re
import sqlite3

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolExhausted

from slackbot.logs import OutageLog

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 4.0
"""A record that is back is found within ten seconds, to connect included."""

READ_ONLY = "25006"
"""The server became a replica, or has no room left to write."""
_AWAY = (READ_ONLY, "08", "25P03", "53", "57P", "58")
"""How SQLSTATEs begin: connections, resources, a server that stops or starts, its disk."""
_AWAY_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}
_PRIMARY_CODE = 0xFF
"""Of SQLite's extended error codes."""
_NO_WAY = re.compile(
    r'connection to server (?:at|on socket) "(?P<host>[^"]+)"(?: \([^)]*\))?'
    r"(?:, port (?P<port>\d+))? failed: (?:FATAL:\s+)?(?P<reason>[^\n]+)"
)
"""How libpq says that a server cannot be reached: once for each address of a host."""


class RecordAway(SQLAlchemyError):
    """The record cannot be reached, or not be written to, just now; the message says why.

    It is logged already, once a minute. Nobody knows whether a commit under way has succeeded.
    """

    def __init__(self, problem: str, cause: Exception | None = None) -> None:
        super().__init__(problem)
        self.orig = getattr(cause, "orig", None)


def why_away(error: BaseException) -> str | None:
    """Return the reason, never with a password; ``None`` if the fault is ours."""
    match error:
        case PoolExhausted():
            return "no connection is free"
        case DBAPIError(orig=Exception() as cause):
            is_lost = error.connection_invalidated
            return why_away(cause) or (type(cause).__name__ if is_lost else None)
        case sqlite3.Error():
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
            return error.sqlite_errorname if code & _PRIMARY_CODE in _AWAY_SQLITE else None
        # PostgreSQL's: a record on SQLite doesn't import the driver, so its class is not asked for.
        case Exception() if hasattr(error, "sqlstate"):
            state = error.sqlstate
            is_away = _is_operational(error) if state is None else state.startswith(_AWAY)
            return words_of_driver(error) if is_away else None
        case _:
            return None


def words_of_driver(error: BaseException) -> str:
    """Say in a line why a server or a file cannot be used, and with no server, what to do."""
    cause = getattr(error, "orig", None) or error
    if found := [*_NO_WAY.finditer(str(cause))]:
        said = dict.fromkeys(map(_no_way, found))
        return f"{'; '.join(said)}: does PostgreSQL run there, and is DATABASE_URL right?"
    # What a server answers: its details may quote a row.
    primary = getattr(getattr(cause, "diag", None), "message_primary", None)
    return " ".join((primary or str(cause)).split()) or type(cause).__name__


def _no_way(found: re.Match[str]) -> str:
    reason, port = found["reason"].strip(), found["port"]
    return f"{reason[:1].lower()}{reason[1:]} at {found['host']}" + (f":{port}" if port else "")


def _is_operational(error: Exception) -> bool:
    """Each driver has a class of this name (PEP 249): no server, rather than a fault of ours."""
    return any(each.__name__ == "OperationalError" for each in type(error).__mro__)


def is_dead(error: BaseException | None) -> bool:
    """Return whether the connection is of no more use, though it answers."""
    state = getattr(error, "sqlstate", None)
    return state is not None and state.startswith((READ_ONLY, "57P"))


def pause(failures: int) -> float:
    """Return seconds until the next try; what failed together is not retried together."""
    doubled = FIRST_PAUSE_SECONDS * float(2 ** min(failures, 16))
    return min(doubled, LONGEST_PAUSE_SECONDS) * random.uniform(0.5, 1.5)  # noqa: S311 - no secret


class Outage:
    """Begins with what the record did not do, and ends with a write that it did."""

    def __init__(self) -> None:
        self._is_over = asyncio.Event()
        self._is_over.set()
        self._log = OutageLog("record_away", "record_back")

    @property
    def is_on(self) -> bool:
        return not self._is_over.is_set()

    def meet(self, problem: str) -> None:
        self._is_over.clear()
        self._log.meet(problem)

    def end(self) -> None:
        self._is_over.set()
        self._log.end()

    async def over(self) -> None:
        """Wait for the end; return at once where there is no outage."""
        await self._is_over.wait()
