"""What is posted into Slack once, and how far it has come."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, func, select, update

from slackbot.rules.request import IssueKey
from slackbot.store.engine.database import Transaction, add_row
from slackbot.store.schema import posts

_NO_ISSUE = IssueKey(0, 0)
_ENTRY = select(posts).where(posts.c.key == bindparam("key"))
_ENDED_KEYS = (
    select(posts.c.key)
    .filter_by(project=bindparam("project"), iid=bindparam("iid"))
    .where(posts.c.ended_at.is_not(None))
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """How far a message has come; ``key`` says what it is, for ever."""

    key: str
    begun_at: datetime
    """Since when it may be in Slack without our knowing."""
    ended_at: datetime | None
    ts: str | None
    """``None`` if left out on purpose, or rejected by Slack."""


async def load_entry(tx: Transaction, key: str) -> Entry | None:
    row = (await tx.execute(_ENTRY, key=key)).one_or_none()
    if row is None:
        return None
    return Entry(key=row.key, begun_at=row.begun_at, ended_at=row.ended_at, ts=row.ts)


async def load_latest_key(tx: Transaction, prefix: str, before: str) -> str | None:
    """Return the last in alphabetical order of those that stand in Slack, or never will."""
    key: str | None = await tx.scalar(
        select(func.max(posts.c.key)).where(
            posts.c.key.startswith(prefix, autoescape=True),
            func.length(posts.c.key) == len(before),  # another prefix may go on after this one
            posts.c.key < before,
            posts.c.ended_at.is_not(None),
        )
    )
    return key


async def ended_keys(tx: Transaction, about: IssueKey) -> set[str]:
    """List those that stand in Slack, or never will."""
    rows = await tx.execute(_ENDED_KEYS, project=about.project, iid=about.iid)
    return set(rows.scalars())


async def begin(tx: Transaction, key: str, about: IssueKey | None, now: datetime) -> None:
    """Keep the first moment."""
    about = about or _NO_ISSUE
    await add_row(tx, posts, key=key, project=about.project, iid=about.iid, begun_at=now)


async def abandon(tx: Transaction, key: str) -> None:
    """Slack has not taken it: it may be sent without a look."""
    await tx.execute(delete(posts).where(posts.c.key == key, posts.c.ended_at.is_(None)))


async def end(tx: Transaction, key: str, now: datetime, ts: str | None) -> None:
    """``ts`` is ``None`` if it never will be in Slack."""
    await tx.execute(update(posts).where(posts.c.key == key).values(ended_at=now, ts=ts))


async def leave_out(
    tx: Transaction, keys: Iterable[str], about: IssueKey | None, now: datetime
) -> None:
    """Do not send these any more, even if begun: their moment has passed."""
    for key in keys:
        await begin(tx, key, about, now)
        is_it = (posts.c.key == key) & posts.c.ended_at.is_(None)
        await tx.execute(update(posts).where(is_it).values(ended_at=now))
