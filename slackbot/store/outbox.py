"""Queries on messages that are posted once and never changed: reminders, digests, hand-overs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

from slackbot.rules.request import IssueKey
from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import posts


@dataclass(frozen=True, kw_only=True)
class Post:
    """How far a message has come; ``key`` says what it is, and is in its metadata in Slack."""

    key: str
    begun_at: datetime
    """Since when it may have reached Slack without our knowing."""
    ended_at: datetime | None
    ts: str | None
    """Where it stands; ``None`` for one that was left out on purpose, or that Slack refused."""


async def load_post(tx: Transaction, key: str) -> Post | None:
    """Return what is known of a message, ``None`` if it was never begun."""
    row = (await tx.execute(select(posts).where(posts.c.key == key))).one_or_none()
    if row is None:
        return None
    return Post(key=row.key, begun_at=row.begun_at, ended_at=row.ended_at, ts=row.ts)


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


async def under_way(tx: Transaction, prefix: str) -> list[Post]:
    """List the messages that were begun and have not ended, of those whose key begins so."""
    rows = await tx.execute(
        select(posts).where(
            posts.c.key.startswith(prefix, autoescape=True), posts.c.ended_at.is_(None)
        )
    )
    return [Post(key=row.key, begun_at=row.begun_at, ended_at=None, ts=row.ts) for row in rows]


async def begin_post(tx: Transaction, key: str, about: IssueKey, now: datetime) -> None:
    """Note that a message may leave from now on; the first such moment is kept."""
    await tx.execute(
        upsert(tx, posts)
        .values(key=key, project=about.project, iid=about.iid, begun_at=now)
        .on_conflict_do_nothing(index_elements=["key"])
    )


async def plan_post(tx: Transaction, key: str, about: IssueKey, at: datetime) -> None:
    """Note in ``begun_at`` when a message is to leave, in the place of an earlier plan.

    The key is the plan's own, for a message that may have left already is looked for.
    """
    await tx.execute(
        upsert(tx, posts)
        .values(key=key, project=about.project, iid=about.iid, begun_at=at)
        .on_conflict_do_update(index_elements=["key"], set_={"begun_at": at})
    )


async def abandon_post(tx: Transaction, key: str) -> None:
    """Note that Slack has certainly not taken a message, so that it may be sent without a look."""
    await tx.execute(delete(posts).where(posts.c.key == key, posts.c.ended_at.is_(None)))


async def end_post(tx: Transaction, key: str, now: datetime, ts: str | None) -> None:
    """Note where a message stands in Slack; ``None`` if it never will."""
    await tx.execute(update(posts).where(posts.c.key == key).values(ended_at=now, ts=ts))


async def leave_out(tx: Transaction, keys: Iterable[str], about: IssueKey, now: datetime) -> None:
    """Note that messages are not to be sent any more: their moment has passed.

    Nor is one that was begun and did not come through.
    """
    for key in keys:
        await tx.execute(
            upsert(tx, posts)
            .values(key=key, project=about.project, iid=about.iid, begun_at=now, ended_at=now)
            .on_conflict_do_update(
                index_elements=["key"], set_={"ended_at": now}, where=posts.c.ended_at.is_(None)
            )
        )
