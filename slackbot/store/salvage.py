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

from slackbot.rules.request import IssueKey
from slackbot.store.database import Database, is_damaged, upsert
from slackbot.store.integrity import open_to_read
from slackbot.store.schema import (
    UnreadableError,
    decisions,
    document_of,
    kudos,
    links,
    profiles,
    snoozes,
)

Row = dict[str, Any]

_PARTS = ("", "-wal", "-shm")
_MOST_NUMBERS = 10_000_000
"""A damaged row number must not keep the bot busy for ever."""
_CONTRADICTION = "the row and its document contradict each other"
_UNREADABLE = (sqlite3.DatabaseError, UnreadableError, ValueError, TypeError)
_MOMENTS = ("decided_at", "begun_at", "finished_at")


@dataclass(frozen=True, kw_only=True)
class Salvage:
    aside: Path
    saved: int
    unreadable: int
    """At most so many decisions are lost; GitLab may have some."""
    is_partial: bool = False
    """Some links, snoozes, profiles or kudos may be lost."""


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
    new = file.with_name(f"{file.name}.new")
    _end_replacement(file, new)
    if not is_damaged(file):
        return None
    rows, unreadable, is_partial = _read(file)
    await _write(new, rows)
    aside = file.with_name(f"{file.name}.damaged-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}")
    _rename(file, aside)
    _rename(new, file)
    return Salvage(
        aside=aside, saved=len(rows[decisions]), unreadable=unreadable, is_partial=is_partial
    )


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
    """Go row by row: a bad row costs no other."""
    rows: dict[Table, list[Row]] = {decisions: []}
    unreadable, is_partial = 0, False
    with closing(open_to_read(file)) as connection:
        connection.execute("PRAGMA writable_schema = ON")  # else no row of a cut file is read
        for number in range(1, _last_number(connection) + 1):
            try:
                rows[decisions] += _choice(connection, number)
            except _UNREADABLE:
                unreadable += 1
        checks = {
            links: _checked_link,
            snoozes: _checked_snooze,
            profiles: _checked_profile,
            kudos: _checked_kudos,
        }
        for table, check in checks.items():
            rows[table], has_read_all = _read_table(connection, table, check)
            is_partial = is_partial or not has_read_all
    return rows, unreadable, is_partial


def _read_table(
    connection: sqlite3.Connection, table: Table, check: Callable[[Row], Row]
) -> tuple[list[Row], bool]:
    """Return the sound rows, and whether these are all."""
    rows, has_read_all = [], True
    try:
        query = f"SELECT max(rowid) FROM {table.name}"  # noqa: S608 - a name of our own
        (last,) = connection.execute(query).fetchone()
    except sqlite3.DatabaseError:
        return [], False
    query = f"SELECT * FROM {table.name} WHERE rowid = ?"  # noqa: S608
    for number in range(1, min(last or 0, _MOST_NUMBERS) + 1):
        try:
            rows += [check(dict(row)) for row in connection.execute(query, (number,))]
        except _UNREADABLE:
            has_read_all = False
    return rows, has_read_all


def _checked_link(row: Row) -> Row:
    link = document_of(links).loads(row["document"])
    if (link.slack_user, link.gitlab.casefold()) != (row["slack_user"], row["gitlab"]):
        raise ValueError(_CONTRADICTION)
    return row


def _checked_snooze(row: Row) -> Row:
    until = datetime.fromisoformat(row["until"]).replace(tzinfo=UTC)
    if document_of(snoozes).loads(row["document"]).until != until:
        raise ValueError(_CONTRADICTION)
    return row | {"until": until}


def _checked_profile(row: Row) -> Row:
    document_of(profiles).loads(row["document"])
    return row


def _checked_kudos(row: Row) -> Row:
    decision = document_of(kudos).loads(row["document"])
    if (str(decision.id), decision.key) != (row["id"], IssueKey(row["project"], row["iid"])):
        raise ValueError(_CONTRADICTION)
    return row | {name: _moment(row[name]) for name in ("given_at", "week_at")}


def _moment(written: str | None) -> datetime | None:
    return datetime.fromisoformat(written).replace(tzinfo=UTC) if written else None


def _last_number(connection: sqlite3.Connection) -> int:
    return min(max(_numbers(connection), default=0), _MOST_NUMBERS)


def _numbers(connection: sqlite3.Connection) -> Iterator[int]:
    for query in (
        "SELECT seq FROM sqlite_sequence WHERE name = 'decisions'",
        "SELECT max(seq) FROM decisions",
    ):
        with suppress(sqlite3.DatabaseError):
            for (number,) in connection.execute(query):
                yield number if isinstance(number, int) else 0


def _choice(connection: sqlite3.Connection, number: int) -> list[dict[str, Any]]:
    query = "SELECT * FROM decisions WHERE seq = ? AND status IN ('pending', 'refused')"
    return [_checked(row) for row in connection.execute(query, (number,))]


def _checked(row: sqlite3.Row) -> dict[str, Any]:
    values = {name: row[name] for name in decisions.c.keys() if name in row.keys()}  # noqa: SIM118
    del values["seq"]
    decision = document_of(decisions).loads(values["document"])
    said = (str(decision.id), decision.key.project, decision.key.iid)
    if said != (values["id"], values["project"], values["iid"]):
        raise ValueError(_CONTRADICTION)
    for name in _MOMENTS:
        if values[name] is not None:
            values[name] = datetime.fromisoformat(values[name]).replace(tzinfo=UTC)
    return values


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
