"""What the record forgets, and when: it is a working memory, and keeps people's words for a while.

Only what has ended is forgotten, a bounded number of rows at a time; the rest waits for the next
call. What is pending stays, and so does every customer who waits, however long ago they asked.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Table, and_, delete, exists, select, tuple_

from slackbot.rules.request import UNFINISHED, IssueKey
from slackbot.rules.untriaged import Triage
from slackbot.store import record
from slackbot.store.database import Transaction
from slackbot.store.record import Status
from slackbot.store.schema import (
    cards,
    decisions,
    feedbacks,
    messages,
    posts,
    reminder_plans,
    requests,
    snoozes,
)

BATCH = 500
"""How many rows of a kind are forgotten at once, for clicks wait where there is one writer."""


async def forget_requests(tx: Transaction, before: datetime) -> int:
    """Forget requests that have ended, with all about them; tell how many.

    Args:
        tx: A transaction.
        before: Their issues have not changed in GitLab since this moment, UTC.
    """
    key = (requests.c.project, requests.c.iid)
    ended = await tx.execute(
        select(*key)
        .where(requests.c.state.not_in(UNFINISHED), requests.c.gitlab_updated_at < before)
        .order_by(requests.c.gitlab_updated_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    # Looked at once the rows are locked: from then on nobody decides about them any more.
    is_pending = exists().where(
        decisions.c.project == requests.c.project,
        decisions.c.iid == requests.c.iid,
        decisions.c.status == Status.PENDING,
    )
    forgotten = await tx.execute(
        delete(requests).where(tuple_(*key).in_(ended.all()), ~is_pending).returning(*key)
    )
    keys = forgotten.all()
    for table in (cards, messages, decisions, posts, reminder_plans, snoozes):
        await tx.execute(delete(table).where(tuple_(table.c.project, table.c.iid).in_(keys)))
    return len(keys)


async def forget_decisions(tx: Transaction, before: datetime) -> int:
    """Forget decisions that GitLab has, or that were dropped, since before then; tell how many."""
    has_ended = decisions.c.status.in_((Status.DELIVERED, Status.DROPPED))
    return await _forget(tx, decisions, and_(has_ended, decisions.c.finished_at < before))


async def forget_messages(tx: Transaction, before: datetime) -> int:
    """Forget the steps that were told before then; tell how many."""
    return await _forget(tx, messages, messages.c.sent_at < before)


async def forget_posts(tx: Transaction, before: datetime) -> None:
    """Forget the messages about no single issue that were posted before then."""
    is_old = and_(posts.c.project == 0, posts.c.ended_at < before)
    await tx.execute(delete(posts).where(is_old))


async def forget_closed_feedbacks(tx: Transaction, before: datetime) -> None:
    """Forget feedbacks that asked for no contact and were triaged before then, and closed."""
    is_closed = feedbacks.c.triage == Triage.CLOSED
    await tx.execute(delete(feedbacks).where(is_closed, feedbacks.c.triaged_at < before))


async def _forget(tx: Transaction, table: Table, is_old: ColumnElement[bool]) -> int:
    oldest = select(table.c.seq).where(is_old).order_by(table.c.seq).limit(BATCH)
    return (await tx.execute(delete(table).where(table.c.seq.in_(oldest)))).rowcount


async def drop_refused(tx: Transaction, before: datetime, now: datetime) -> list[IssueKey]:
    """End decisions that were refused before then and that nobody has put right: forget their text.

    Returns:
        The issues whose cards offer to try them again.
    """
    refused = await tx.execute(
        select(decisions.c.project, decisions.c.iid, decisions.c.id)
        .where(decisions.c.status == Status.REFUSED, decisions.c.finished_at < before)
        .order_by(decisions.c.seq)
        .limit(BATCH)
    )
    keys = []
    for row in refused.all():
        key = IssueKey(row.project, row.iid)
        found = await record.find_decision(tx, key, UUID(row.id))
        if found is not None:
            await record.finish_decision(tx, found.decision, Status.DROPPED, now)
            keys.append(key)
    return keys
