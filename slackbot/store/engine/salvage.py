"""Save from a damaged SQLite file what is nowhere else, such as undelivered decisions and links."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Table, Text, literal
from sqlalchemy.engine import URL

from slackbot.rules.decision import Decision
from slackbot.rules.request import IssueKey
from slackbot.store.engine.database import Database, is_damaged, upsert
from slackbot.store.engine.integrity import open_to_read
from slackbot.store.schema import (
    Instant,
    Link,
    UnreadableError,
    decisions,
    document_of,
    grants,
    kudos,
    links,
    profiles,
    snoozes,
)

Row = dict[str, Any]

_PARTS = ("", "-wal", "-shm")
_MOST_NUMBERS = 10_000_000
"""A damaged row number must not keep the bot busy for ever."""
_UNREADABLE = (sqlite3.DatabaseError, UnreadableError, ValueError, TypeError)


@dataclass(frozen=True, kw_only=True)
class Salvage:
    aside: Path
    saved: int
    unreadable: int
    """At most so many decisions are lost; GitLab may have some."""
    is_partial: bool = False
    """Some links, grants, snoozes, profiles or kudos may be lost."""


async def replace_if_damaged(database: Database, now: datetime) -> Salvage | None:
    """Replace a damaged database by a new one with all that can be saved.

    After a stop at any point, the next call completes it.

    Raises:
        DatabaseError: Another process uses the file, or it cannot be read at all.
        OSError: The file cannot be replaced.
    """
    file = database.file
    if file is None:
        return None
    database.own()
    new = new_beside(file)
    _end_replacement(file, new)
    if not is_damaged(file):
        return None
    rows, unreadable, is_partial = _read(file)
    await _write(new, rows)
    aside = take_the_place(new, file, "damaged", now)
    return Salvage(
        aside=aside, saved=len(rows[decisions]), unreadable=unreadable, is_partial=is_partial
    )


def new_beside(file: Path) -> Path:
    """Say where a new file is made; once it is complete, it takes the place of the other."""
    return file.with_name(f"{file.name}.new")


def take_the_place(new: Path, file: Path, reason: str, now: datetime) -> Path:
    """Replace a file; return under which name it is kept. A rebuild completes what was stopped."""
    aside = file.with_name(f"{file.name}.{reason}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    _rename(file, aside)
    _rename(new, file)
    return aside


def _end_replacement(file: Path, new: Path) -> None:
    """Complete a call that stopped after renaming the damaged file."""
    if new.exists() and not file.exists():
        _remove(file)  # SQLite would take the damaged file's log for the new one's
        _rename(new, file)
    _remove(new)


def _remove(file: Path) -> None:
    for part in _PARTS:
        Path(f"{file}{part}").unlink(missing_ok=True)


def _rename(file: Path, name: Path) -> None:
    for part in _PARTS:
        with suppress(FileNotFoundError):
            Path(f"{file}{part}").rename(f"{name}{part}")


def _read(file: Path) -> tuple[dict[Table, list[Row]], int, bool]:
    """Return the rows of each table, how many decisions are lost, and whether other rows are."""
    rows: dict[Table, list[Row]] = {}
    lost: dict[Table, int | None] = {}
    with closing(open_to_read(file)) as connection:
        connection.execute("PRAGMA writable_schema = ON")  # else no row of a cut file is read
        for table in _AGREE:
            rows[table], lost[table] = _read_table(connection, table)
    unreadable = lost.pop(decisions) or 0
    return rows, unreadable, any(each != 0 for each in lost.values())


def _read_table(connection: sqlite3.Connection, table: Table) -> tuple[list[Row], int | None]:
    """Return the sound rows, and how many others there are; ``None``: nobody can tell.

    Go row by row: a bad row costs no other.
    """
    last = max(_numbers(connection, table), default=None)
    if last is None:
        return [], None
    rows: list[Row] = []
    unreadable = 0
    wanted = " AND status IN ('pending', 'refused')" if table is decisions else ""
    query = f"SELECT * FROM {table.name} WHERE rowid = ?{wanted}"  # noqa: S608 - our own names
    for number in range(1, min(last, _MOST_NUMBERS) + 1):
        try:
            rows += [_checked(table, row) for row in connection.execute(query, (number,))]
        except _UNREADABLE:
            unreadable += 1
    return rows, unreadable


def _numbers(connection: sqlite3.Connection, table: Table) -> Iterator[int]:
    """Say how far the rows go, by each that knows."""
    for query in (
        f"SELECT seq FROM sqlite_sequence WHERE name = '{table.name}'",  # noqa: S608
        f"SELECT max(rowid) FROM {table.name}",  # noqa: S608
    ):
        with suppress(sqlite3.DatabaseError):
            for (number,) in connection.execute(query):
                yield number if isinstance(number, int) else 0


def _checked(table: Table, row: sqlite3.Row) -> Row:
    """Read what this release knows of a row; it gets a new number."""
    there = {column.name: column for column in table.c if column.name in row.keys()}  # noqa: SIM118
    values = {
        name: _moment(row[name]) if isinstance(column.type, Instant) else row[name]
        for name, column in there.items()
        if name != "seq"
    }
    if not _AGREE[table](document_of(table).loads(row["document"]), values):
        raise ValueError("the row and its document contradict each other")
    return values


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written).replace(tzinfo=UTC) if written else None


def _is_row_of_decision(decision: Decision, row: Row) -> bool:
    return (str(decision.id), decision.key) == (row["id"], IssueKey(row["project"], row["iid"]))


def _is_row_of_link(link: Link, row: Row) -> bool:
    return (link.slack_user, link.gitlab.casefold()) == (row["slack_user"], row["gitlab"])


_AGREE: dict[Table, Callable[[Any, Row], bool]] = {
    decisions: _is_row_of_decision,
    links: _is_row_of_link,
    snoozes: lambda snooze, row: snooze.until == row["until"],
    profiles: lambda *_: True,
    grants: lambda grant, row: grant.slack_user == row["slack_user"],
    kudos: _is_row_of_decision,
}
"""What is saved, and whether a row and its document agree."""


async def _write(file: Path, rows: Mapping[Table, Sequence[Row]]) -> None:
    url = URL.create("sqlite", database=str(file))
    database = Database(url.render_as_string(hide_password=False))
    try:
        await database.migrate()
        async with database.transaction() as tx:
            for table, values in rows.items():
                for row in values:
                    # As it was: a newer release may have written more.
                    as_it_is = row | {"document": literal(row["document"], Text)}
                    # A damaged file may link an account to two people: the first counts.
                    await tx.execute(upsert(tx, table).values(as_it_is).on_conflict_do_nothing())
    finally:
        await database.close()
