"""Queries on the outbox: what is posted into Slack once, and how far it has come."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

from slackbot.rules.request import IssueKey
from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import posts

_NO_ISSUE = IssueKey(0, 0)
"""Stands in the columns for the issue's key where a message is about no single one."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """How far a message has come; ``key`` says what it is, for ever."""

    key: str
    begun_at: datetime
    """Since when it may have reached Slack without our knowing."""
    ended_at: datetime | None
    ts: str | None
    """Where it stands; ``None`` for one that was left out on purpose, or that Slack rejected."""


async def load_entry(tx: Transaction, key: str) -> Entry | None:
    """Return what is known of a message, ``None`` if it was never begun."""
    row = (await tx.execute(select(posts).where(posts.c.key == key))).one_or_none()
    if row is None:
        return None
    return Entry(key=row.key, begun_at=row.begun_at, ended_at=row.ended_at, ts=row.ts)


async def ended_keys(tx: Transaction, about: IssueKey) -> set[str]:
    """List the messages about an issue that stand in Slack, or never will."""
    rows = await tx.scalars(
        select(posts.c.key).where(
            posts.c.project == about.project,
            posts.c.iid == about.iid,
            posts.c.ended_at.is_not(None),
        )
    )
    return set(rows)


async def begin(tx: Transaction, key: str, about: IssueKey | None, now: datetime) -> None:
    """Note that a message may leave from now on; the first such moment is kept."""
    about = about or _NO_ISSUE
    await tx.execute(
        upsert(tx, posts)
        .values(key=key, project=about.project, iid=about.iid, begun_at=now)
        .on_conflict_do_nothing(index_elements=["key"])
    )


async def abandon(tx: Transaction, key: str) -> None:
    """Note that Slack has certainly not taken a message, so that it may be sent without a look."""
    await tx.execute(delete(posts).where(posts.c.key == key, posts.c.ended_at.is_(None)))


async def end(tx: Transaction, key: str, now: datetime, ts: str | None) -> None:
    """Note where a message stands in Slack; ``None`` if it never will."""
    await tx.execute(update(posts).where(posts.c.key == key).values(ended_at=now, ts=ts))


async def leave_out(
    tx: Transaction, keys: Iterable[str], about: IssueKey | None, now: datetime
) -> None:
    """Note that messages are not to be sent any more: their moment has passed.

    Nor is one that was begun and did not come through.
    """
    about = about or _NO_ISSUE
    for key in keys:
        await tx.execute(
            upsert(tx, posts)
            .values(key=key, project=about.project, iid=about.iid, begun_at=now, ended_at=now)
            .on_conflict_do_update(
                index_elements=["key"], set_={"ended_at": now}, where=posts.c.ended_at.is_(None)
            )
        )
