"""What SQLite waits for, which must not keep the event loop waiting."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError

from slackbot.store.engine.away import RecordAway
from slackbot.store.engine.database import Database, Transaction
from slackbot.store.engine.sqlite import SqliteEngine
from slackbot.store.facts import SLACK_TEAM, Fact
from slackbot.store.schema import facts
from tests.faults.disk import NAME as POWER_CUT
from tests.faults.disk import Disk


async def test_while_another_process_writes_to_the_file_the_loop_goes_on(sqlite: str) -> None:
    database = Database(sqlite)

    async def save() -> None:
        async with database.transaction() as tx:
            await SLACK_TEAM.save(tx, "T0EXAMPLE")

    await save()
    with closing(sqlite3.connect(make_url(sqlite).database or "", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        saving = asyncio.create_task(save())
        for _ in range(20):
            await asyncio.sleep(0)
        other.execute("COMMIT")  # which the loop would never come to
        await saving
    await database.close()


# --- Transactions that share a commit ------------------------------------------------------------


class Fault(Exception):
    """Of ours, in the middle of a transaction."""


async def keep(database: Database, name: str, fault: Exception | None = None) -> None:
    async with database.transaction() as tx:
        await Fact(name, str).save(tx, "kept")
        if fault is not None:
            raise fault


async def kept(database: Database) -> set[str]:
    async with database.transaction() as tx:
        return set(await tx.scalars(select(facts.c.name)))


async def test_a_fault_in_one_of_the_transactions_that_share_a_commit_undoes_only_that_one(
    sqlite: str,
) -> None:
    database = Database(sqlite)
    faults = {"third": Fault(), "fifth": Fault()}
    names = ["first", "second", "third", "fourth", "fifth", "sixth"]
    try:
        ended = await asyncio.gather(
            *(keep(database, name, faults.get(name)) for name in names), return_exceptions=True
        )
        assert [each for each in ended if each] == list(faults.values())
        assert await kept(database) == set(names) - faults.keys()
    finally:
        await database.close()


async def test_what_is_said_to_be_committed_is_on_the_disk_for_others_to_read(
    sqlite: str,
) -> None:
    database = Database(sqlite)
    file = make_url(sqlite).database or ""

    async def keep_and_look(name: str) -> bool:
        await keep(database, name)
        with closing(sqlite3.connect(file)) as other:
            return name in {each for (each,) in other.execute("SELECT name FROM facts")}

    try:
        names = [f"fact {number}" for number in range(40)]
        assert all(await asyncio.gather(*map(keep_and_look, names)))
    finally:
        await database.close()


async def test_what_sqlite_rolls_back_of_several_is_said_to_be_committed_to_none(
    sqlite: str,
) -> None:
    """It rolls back all that share a commit, for example when the disk is full."""
    database = Database(sqlite)
    repeated = facts.insert().prefix_with("OR ROLLBACK").values(name="first", value="again")

    async def repeat() -> None:
        async with database.transaction() as tx:
            await tx.execute(repeated)

    try:
        acts = [keep(database, name) for name in ("first", "second", "third")]
        *ended, fault = await asyncio.gather(*acts, repeat(), return_exceptions=True)
        assert isinstance(fault, IntegrityError)
        told = {
            name
            for name, error in zip(("first", "second", "third"), ended, strict=True)
            if error is None
        }
        assert await kept(database) == told
        assert any(isinstance(error, RecordAway) for error in ended)
        await keep(database, "fourth")  # it goes on
        assert "fourth" in await kept(database)
    finally:
        await database.close()


async def test_who_is_cancelled_while_it_waits_for_its_turn_holds_up_no_commit(
    sqlite: str,
) -> None:
    database = Database(sqlite)
    try:
        first = asyncio.create_task(keep(database, "first"))
        others = [asyncio.create_task(keep(database, f"other {each}")) for each in range(5)]
        await asyncio.sleep(0)
        for each in others:
            each.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await first
        assert "first" in await kept(database)
    finally:
        await database.close()


# --- What a power cut may take -------------------------------------------------------------------


@dataclass
class Cellar:
    """A database whose disk keeps what was synced."""

    disk: Disk
    file: Path
    engine: SqliteEngine

    async def write(self, row: str, *, may_be_lost: bool = False) -> None:
        tx = Transaction(self.engine, may_be_lost=may_be_lost)
        await tx.begin()
        await tx.execute(text("INSERT INTO rows VALUES (:row)"), row=row)
        await tx.commit()

    def left(self) -> list[str]:
        """Cut the power, and return what the disk has."""
        self.disk.cut_power(self.file)
        with closing(sqlite3.connect(self.file)) as survivor:
            return [row for (row,) in survivor.execute("SELECT text FROM rows ORDER BY rowid")]


@pytest.fixture
async def cellar(tmp_path: Path) -> AsyncIterator[Cellar]:
    disk, file = Disk(tmp_path / "synced"), tmp_path / "record.db"
    disk.install(for_all=False)
    engine = SqliteEngine(make_url(f"sqlite:///file:{file}?vfs={POWER_CUT}&uri=true"))
    tx = Transaction(engine)
    await tx.begin()
    await tx.execute(text("CREATE TABLE rows (text)"))
    await tx.commit()
    yield Cellar(disk, file, engine)
    await engine.dispose()


async def test_a_power_cut_takes_only_what_may_be_lost(cellar: Cellar) -> None:
    await cellar.write("kept")
    await cellar.write("lost", may_be_lost=True)
    assert cellar.left() == ["kept"]


async def test_what_is_synced_takes_along_what_came_before(cellar: Cellar) -> None:
    await cellar.write("may be lost", may_be_lost=True)
    await cellar.write("kept")
    assert cellar.left() == ["may be lost", "kept"]


async def test_what_must_not_be_lost_shares_no_commit_that_syncs_nothing(cellar: Cellar) -> None:
    rows = [("one", True), ("two", True), ("three", False), ("four", True), ("five", False)]
    await asyncio.gather(*(cellar.write(row, may_be_lost=lost) for row, lost in rows))
    assert cellar.left() == [row for row, _ in rows]
