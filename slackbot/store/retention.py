"""What the record forgets, and when: it keeps people's words only as long as they are needed.

Only what has ended is forgotten, a limited number of rows at a time; the next call goes on. Pending
decisions and unfinished requests stay, however old they are.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Table, and_, delete, exists, select, tuple_

from slackbot.rules.request import UNFINISHED, IssueKey
from slackbot.rules.untriaged import Triage
from slackbot.store.database import Transaction
from slackbot.store.decisions import Status, finish_decision, load_decision
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
"""How many rows of a kind are forgotten at once: on SQLite clicks wait meanwhile."""


async def forget_requests(tx: Transaction, before: datetime) -> int:
    """Forget requests that have ended, with all about them. Return how many.

    Args:
        tx: A transaction.
        before: Requests whose issues have changed in GitLab since this moment, UTC, stay.
    """
    key = (requests.c.project, requests.c.iid)
    ended = await tx.execute(
        select(*key)
        .where(requests.c.state.not_in(UNFINISHED), requests.c.gitlab_updated_at < before)
        .order_by(requests.c.gitlab_updated_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    # Checked after the rows are locked: from then on nobody can decide about them.
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
    """Forget decisions that were delivered or dropped before then. Return how many."""
    has_ended = decisions.c.status.in_((Status.DELIVERED, Status.DROPPED))
    return await _forget(tx, decisions, and_(has_ended, decisions.c.finished_at < before))


async def forget_messages(tx: Transaction, before: datetime) -> int:
    """Forget the steps that were posted before then. Return how many."""
    return await _forget(tx, messages, messages.c.sent_at < before)


async def forget_posts(tx: Transaction, before: datetime) -> None:
    """Forget the messages posted before then that are not about a single issue."""
    is_old = and_(posts.c.project == 0, posts.c.ended_at < before)
    await tx.execute(delete(posts).where(is_old))


async def forget_closed_feedbacks(tx: Transaction, before: datetime) -> None:
    """Forget the closed feedback without a contact request that was triaged before then."""
    is_closed = feedbacks.c.triage == Triage.CLOSED
    await tx.execute(delete(feedbacks).where(is_closed, feedbacks.c.triaged_at < before))


async def _forget(tx: Transaction, table: Table, is_old: ColumnElement[bool]) -> int:
    oldest = select(table.c.seq).where(is_old).order_by(table.c.seq).limit(BATCH)
    return (await tx.execute(delete(table).where(table.c.seq.in_(oldest)))).rowcount


async def drop_refused(tx: Transaction, before: datetime, now: datetime) -> list[IssueKey]:
    """Drop the decisions that were refused before then, and forget their text.

    Returns:
        The issues whose cards still offer to try them again.
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
        found = await load_decision(tx, key, UUID(row.id))
        if found is not None:
            await finish_decision(tx, found.decision, Status.DROPPED, now)
            keys.append(key)
    return keys
