"""What the record forgets: people's words no longer needed, but nothing pending or unfinished."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Table, and_, delete, exists, select, tuple_

from slackbot.rules.request import UNFINISHED, IssueKey, State
from slackbot.store.decisions import Status, finish_decision, load_decision
from slackbot.store.engine.database import Transaction
from slackbot.store.schema import (
    cards,
    decisions,
    feedbacks,
    kudos,
    messages,
    posts,
    reminder_plans,
    requests,
    snoozes,
)

BATCH = 500
"""Rows of a kind per call: on SQLite clicks wait meanwhile."""


async def forget_requests(tx: Transaction, before: datetime) -> int:
    """Forget ended requests unchanged since then (UTC), with all about them. Return how many."""
    key = (requests.c.project, requests.c.iid)
    ended = await tx.execute(
        select(*key)
        .where(
            requests.c.state.not_in((*UNFINISHED, State.OPEN)),
            requests.c.gitlab_updated_at < before,
        )
        .order_by(requests.c.gitlab_updated_at)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    # After the lock nobody can decide about them.
    is_pending = exists().where(
        decisions.c.project == requests.c.project,
        decisions.c.iid == requests.c.iid,
        decisions.c.status == Status.PENDING,
    )
    forgotten = await tx.execute(
        delete(requests).where(tuple_(*key).in_(ended.all()), ~is_pending).returning(*key)
    )
    keys = forgotten.all()
    for table in (cards, messages, decisions, kudos, posts, reminder_plans, snoozes):
        await tx.execute(delete(table).where(tuple_(table.c.project, table.c.iid).in_(keys)))
    return len(keys)


async def forget_decisions(tx: Transaction, before: datetime) -> int:
    has_ended = decisions.c.status.in_((Status.DELIVERED, Status.DROPPED))
    return await _forget(tx, decisions, and_(has_ended, decisions.c.finished_at < before))


async def forget_messages(tx: Transaction, before: datetime) -> int:
    return await _forget(tx, messages, messages.c.sent_at < before)


async def forget_posts(tx: Transaction, before: datetime) -> None:
    is_old = and_(posts.c.project == 0, posts.c.ended_at < before)
    await tx.execute(delete(posts).where(is_old))


async def forget_feedbacks(tx: Transaction, before: datetime) -> None:
    """Forget what the release before has left in its table."""
    await tx.execute(delete(feedbacks).where(feedbacks.c.created_at < before))


async def _forget(tx: Transaction, table: Table, is_old: ColumnElement[bool]) -> int:
    oldest = select(table.c.seq).where(is_old).order_by(table.c.seq).limit(BATCH)
    return (await tx.execute(delete(table).where(table.c.seq.in_(oldest)))).rowcount


async def drop_refused(tx: Transaction, before: datetime, now: datetime) -> list[IssueKey]:
    """Forget their text. Return the issues whose cards still offer to try again."""
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
