"""A damaged SQLite file: what of it can be read is kept, and the rest stands elsewhere anyway."""

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import pytest

from slackbot.rules.decision import Action, Channel, Claim, Decision, Kudos, MarkContacted
from slackbot.rules.profile import Profile
from slackbot.rules.request import IssueKey, Person, Request
from slackbot.rules.timing.reminders import Snooze
from slackbot.store import decisions, requests
from slackbot.store.decisions import DecisionRecord, Status
from slackbot.store.engine.database import Database, DatabaseError, InUseError, Transaction
from slackbot.store.engine.salvage import Salvage, replace_if_damaged
from slackbot.store.grants import SealedGrant, list_grants, save_grant
from slackbot.store.messages import cards
from slackbot.store.messages.kudos import add_kudos, begin_comment, list_kudos
from slackbot.store.people import Redeemed, list_links, redeem_code, save_code
from slackbot.store.profiles import load_profile, save_profile
from slackbot.store.requests import load_snooze, save_snooze
from slackbot.store.schema import Code, Grant

T = TypeVar("T")

NOW = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
AVERY = Person(name="Avery Example", slack_team="T1", slack_user="U1", gitlab="avery")
CONTACT = MarkContacted(channel=Channel.EMAIL, text="Dear Sam", at=NOW)


def _decided(iid: int, action: Action) -> Decision:
    return Decision(id=uuid4(), key=IssueKey(7, iid), by=AVERY, at=NOW, action=action)


SNOOZE = Snooze(
    by=AVERY,
    at=NOW,
    until=NOW + timedelta(hours=1),
    reason="They call back.",
    asked_at=NOW,
    interaction="1.2",
)
WAITING, DELIVERED = _decided(1, CONTACT), _decided(2, Claim())
REFUSED, BEGUN = _decided(3, Claim()), _decided(4, Claim())
THANKED = _decided(5, Kudos(thanks=(AVERY,), text="Well done."))
ASIDE = "ssat-bot.db.damaged-20260202T093000Z"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A database with a few choices, and many pages of what stands in GitLab, too."""
    path = tmp_path / "ssat-bot.db"
    asyncio.run(_fill(path))
    return path


GRANT = SealedGrant(
    grant=Grant(
        id=uuid4(),
        slack_user="U2",
        name="Somebody",
        gitlab="Account.U2",
        account=2,
        at=NOW,
        expires_at=NOW + timedelta(hours=2),
    ),
    sealed="what only the key opens",
)
PROFILE = Profile(role="Regional Manager", booking_link="https://calendar.example.com/avery")


async def _fill(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    await database.open()
    async with database.transaction() as tx:
        for decision in (WAITING, DELIVERED, REFUSED, BEGUN):
            await decisions.add_decision(tx, decision, f"interaction {decision.id}")
        await decisions.finish_decision(tx, DELIVERED, Status.DELIVERED, NOW)
        await decisions.finish_decision(tx, REFUSED, Status.REFUSED, NOW, "GitLab answered 403")
        await decisions.begin_decision(tx, BEGUN.id, NOW)
        for iid in range(1, 200):
            await requests.save_request(tx, _request(iid))
            await cards.make_stale(tx, IssueKey(7, iid))
        for user in ("U2", "U3"):
            await link(tx, user)
        await save_snooze(tx, IssueKey(7, 5), SNOOZE)
        await save_profile(tx, "U2", PROFILE)
        await save_grant(tx, GRANT.grant, GRANT.sealed)
        await add_kudos(tx, THANKED)
        await begin_comment(tx, THANKED.id, IssueKey(9, 4))
    await database.close()


async def link(tx: Transaction, user: str) -> None:
    code = Code(
        slack_user=user,
        name="Somebody",
        gitlab=f"Account.{user}",
        digest="",
        issued_at=NOW,
        expires_at=NOW,
    )
    await save_code(tx, code)
    assert await redeem_code(tx, code, NOW) is Redeemed.LINKED


def _request(iid: int) -> Request:
    return Request(
        key=IssueKey(7, iid),
        url=f"https://gitlab.example/-/issues/{iid}",
        title=f"Negative feedback for ticket {iid}",
        comment="Nobody answered. " * 20,
        asked_at=NOW,
        due_at=NOW + timedelta(days=2),
    )


def mended(file: Path) -> Salvage | None:
    async def mend() -> Salvage | None:
        database = Database(f"sqlite:///{file}")
        try:
            return await replace_if_damaged(database, NOW)
        finally:
            await database.close()

    return asyncio.run(mend())


def read(file: Path, query: Callable[[Transaction], Awaitable[T]]) -> T:
    """Ask the database as a bot that has opened it does."""

    async def ask() -> T:
        database = Database(f"sqlite:///{file}")
        try:
            await database.open()
            async with database.transaction() as tx:
                return await query(tx)
        finally:
            await database.close()

    return asyncio.run(ask())


def choices(file: Path) -> list[DecisionRecord]:
    """What GitLab does not have."""
    return read(file, decisions.list_undelivered)


def statuses(found: list[DecisionRecord]) -> dict[UUID, Status]:
    return {each.decision.id: each.status for each in found}


def page_of(file: Path, table: str) -> tuple[int, int]:
    """The first byte of a table's root page, and the size of a page."""
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
        number = connection.execute(query, (table,)).fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    return (number - 1) * size, size


def overwrite(file: Path, start: int, data: bytes) -> None:
    with file.open("r+b") as opened:
        opened.seek(start)
        opened.write(data)


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size * 2 // 3)


def noise_in_requests(file: Path) -> None:
    start, size = page_of(file, "requests")
    overwrite(file, start, random.Random(1).randbytes(size))


def zeros_at_the_end(file: Path) -> None:
    size = file.stat().st_size
    overwrite(file, size * 2 // 3, bytes(size // 3))


def text_that_is_none(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE requests SET document = CAST(x'ff00fe' AS TEXT) WHERE iid = 5")


@pytest.mark.parametrize("damage", [cut, noise_in_requests, zeros_at_the_end, text_that_is_none])
def test_choices_that_gitlab_does_not_have_are_taken_into_a_new_file(
    file: Path, damage: Callable[[Path], None]
) -> None:
    before = {each.decision.id: each for each in choices(file)}
    linked = read(file, list_links)
    damage(file)
    damaged = file.read_bytes()

    salvage = mended(file)

    assert salvage == Salvage(aside=file.with_name(ASIDE), saved=3, unreadable=0)
    assert salvage.aside.read_bytes() == damaged  # kept as it was
    found = choices(file)
    assert {each.decision.id: each for each in found} == before
    assert [each.decision for each in found] == [WAITING, REFUSED, BEGUN]
    assert read(file, list_links) == linked
    assert [each.gitlab for each in linked] == ["Account.U2", "Account.U3"]
    assert read(file, lambda tx: load_snooze(tx, IssueKey(7, 5))) == SNOOZE
    assert read(file, lambda tx: load_profile(tx, "U2")) == PROFILE
    assert read(file, list_grants) == [GRANT]
    [kept] = read(file, list_kudos)
    assert (kept.decision, kept.week, kept.is_in_week) == (THANKED, IssueKey(9, 4), False)
    assert mended(file) is None


def test_the_same_interaction_has_no_second_effect_afterwards(file: Path) -> None:
    cut(file)
    mended(file)
    interaction = f"interaction {WAITING.id}"
    found = read(file, lambda tx: decisions.load_by_interaction(tx, interaction))
    assert found is not None
    assert found.decision == WAITING


def no_database(file: Path) -> None:
    file.write_bytes(b"This is not a database. " * 400)


def noise_in_decisions(file: Path) -> None:
    start, size = page_of(file, "decisions")
    overwrite(file, start, random.Random(2).randbytes(size))


@pytest.mark.parametrize(
    ("damage", "unreadable"),
    [
        (no_database, 0),  # nobody can even tell whether there was anything
        (noise_in_decisions, 4),
    ],
)
def test_what_cannot_be_read_is_lost_and_said_to_be(
    file: Path, damage: Callable[[Path], None], unreadable: int
) -> None:
    damage(file)
    salvage = mended(file)
    assert salvage is not None
    assert (salvage.saved, salvage.unreadable) == (0, unreadable)
    assert choices(file) == []


def test_a_damaged_count_of_choices_keeps_nobody_for_ever(file: Path) -> None:
    cut(file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE sqlite_sequence SET seq = 'many'")
    salvage = mended(file)
    assert salvage is not None
    assert salvage.saved == 3


def test_one_choice_that_cannot_be_read_costs_no_other(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        query = "UPDATE decisions SET document = CAST(x'ff00fe' AS TEXT) WHERE id = ?"
        connection.execute(query, (str(REFUSED.id),))
    salvage = mended(file)
    assert salvage is not None
    assert (salvage.saved, salvage.unreadable) == (2, 1)
    assert statuses(choices(file)) == {
        WAITING.id: Status.PENDING,
        BEGUN.id: Status.PENDING,
    }


def test_a_row_that_contradicts_itself_is_not_believed(file: Path) -> None:
    cut(file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("UPDATE decisions SET iid = 4711 WHERE id = ?", (str(WAITING.id),))
    salvage = mended(file)
    assert salvage is not None
    assert (salvage.saved, salvage.unreadable) == (2, 1)


@pytest.mark.parametrize(
    "change",
    [
        "slack_user = 'U9'",  # the document names another
        "gitlab = 'avery'",
        "document = CAST(x'ff00fe' AS TEXT)",
        "document = '{}'",
    ],
)
def test_a_link_that_does_not_hold_good_links_nobody_and_costs_no_other(
    file: Path, change: str
) -> None:
    cut(file)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(f"UPDATE links SET {change} WHERE slack_user = 'U2'")
    salvage = mended(file)
    assert salvage is not None
    assert salvage.is_partial
    assert [each.slack_user for each in read(file, list_links)] == ["U3"]


def test_links_that_cannot_be_read_at_all_are_said_to_be_lost(file: Path) -> None:
    start, size = page_of(file, "links")
    overwrite(file, start, random.Random(3).randbytes(size))
    salvage = mended(file)
    assert salvage is not None
    assert (salvage.saved, salvage.is_partial) == (3, True)
    assert read(file, list_links) == []


@pytest.mark.parametrize("empty", [True, False], ids=["an empty file", "no file"])
def test_what_is_not_there_is_not_damaged(tmp_path: Path, empty: bool) -> None:
    file = tmp_path / "ssat-bot.db"
    if empty:
        file.touch()
    assert mended(file) is None


def test_a_sound_file_is_left_alone(file: Path) -> None:
    before = file.read_bytes()
    assert mended(file) is None
    assert file.read_bytes() == before


KILLED = """
import asyncio, os, signal, sys
from dataclasses import replace
from uuid import UUID
from slackbot.store import decisions
from slackbot.store.engine.database import Database
from tests.store.test_salvage import WAITING
async def main():
    database = Database(f"sqlite:///{sys.argv[1]}")
    await database.open()
    async with database.transaction() as tx:
        last = replace(WAITING, id=UUID(sys.argv[2]))
        await decisions.add_decision(tx, last, "the last one")
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""


def test_what_a_killed_process_left_in_the_log_counts_too(file: Path) -> None:
    last = uuid4()
    command = [sys.executable, "-c", KILLED, str(file), str(last)]
    killed = subprocess.run(command, cwd=Path(__file__).parents[2], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert Path(f"{file}-wal").stat().st_size > 0
    noise_at = file.stat().st_size * 2 // 3
    overwrite(file, noise_at, random.Random(3).randbytes(file.stat().st_size - noise_at))

    salvage = mended(file)

    assert salvage is not None
    assert last in statuses(choices(file))
    assert Path(f"{salvage.aside}-wal").exists()


def test_a_replacement_that_was_stopped_in_the_middle_is_ended(file: Path) -> None:
    """Killed when the damaged file had been set aside, and the new one was not in its place."""
    cut(file)
    mended(file)
    file.rename(f"{file}.new")
    Path(f"{file}-wal").write_bytes(b"of the damaged one")

    assert mended(file) is None

    assert b"damaged" not in Path(f"{file}-wal").read_bytes()

    assert [each.decision for each in choices(file)] == [WAITING, REFUSED, BEGUN]
    assert not Path(f"{file}.new").exists()


def test_what_an_earlier_try_left_half_done_is_done_again(file: Path) -> None:
    cut(file)
    Path(f"{file}.new").write_bytes(b"half")
    Path(f"{file}.new-wal").write_bytes(b"half")
    salvage = mended(file)
    assert salvage is not None
    assert salvage.saved == 3
    assert len(choices(file)) == 3


def test_a_file_that_another_process_has_is_not_touched(file: Path) -> None:
    cut(file)
    other = Database(f"sqlite:///{file}")
    other.own()
    with pytest.raises(InUseError):
        mended(file)
    asyncio.run(other.close())
    assert not file.with_name(ASIDE).exists()


def test_a_folder_in_the_place_of_the_file_is_not_taken_for_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "ssat-bot.db"
    folder.mkdir()
    with pytest.raises(DatabaseError, match="DATABASE_URL cannot be used: disk I/O error"):
        mended(folder)
    assert folder.is_dir()
