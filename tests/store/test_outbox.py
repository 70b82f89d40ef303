"""Messages that are posted once: what has ended, be it that they stand or never will."""

from datetime import UTC, datetime, timedelta

import pytest

from slackbot.rules.request import IssueKey
from slackbot.store.engine.database import Database
from slackbot.store.messages import outbox

KEY, ABOUT = "reminder:7/1:deadline", IssueKey(7, 1)
THEN = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
LATER = THEN + timedelta(hours=1)


@pytest.mark.parametrize("is_begun", [False, True])
async def test_what_is_left_out_has_ended_be_it_begun_or_not(
    database: Database, is_begun: bool
) -> None:
    async with database.transaction() as tx:
        if is_begun:
            await outbox.begin(tx, KEY, ABOUT, THEN)
        await outbox.leave_out(tx, [KEY], ABOUT, LATER)
        assert await outbox.ended_keys(tx, ABOUT) == {KEY}


async def test_what_stands_is_not_left_out_any_more(database: Database) -> None:
    async with database.transaction() as tx:
        await outbox.begin(tx, KEY, ABOUT, THEN)
        await outbox.end(tx, KEY, THEN, "1.0")
        await outbox.leave_out(tx, [KEY], ABOUT, LATER)
        known = await outbox.load_entry(tx, KEY)
    assert known is not None
    assert (known.ended_at, known.ts) == (THEN, "1.0")


async def test_the_latest_key_of_a_prefix_is_none_of_a_longer_prefix(database: Database) -> None:
    """Digests of several teams and times; a team may be called after a number."""
    kept = ("digest:2026-01-30", "digest:1:09:00:2026-01-31", "digest::15:00:2026-01-31")
    async with database.transaction() as tx:
        await outbox.leave_out(tx, kept, None, THEN)
        for key in kept:
            prefix = key.removesuffix(key[-10:])
            before = f"{prefix}2026-02-02"
            assert await outbox.load_latest_key(tx, prefix, before=before) == key
        assert await outbox.load_latest_key(tx, "digest:2:", before="digest:2:2026-02-02") is None
