"""What is written beside a click never makes the click fail: nobody waits for each other."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from slackbot.rules.request import IssueKey
from slackbot.store import jobs
from slackbot.store.changes import announce, announce_all
from slackbot.store.engine.database import Database, Transaction
from slackbot.store.jobs import IssueQueue
from slackbot.store.schema import errands as rows

NOW = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
LEASE = timedelta(seconds=20)
KEYS = [IssueKey(7, number) for number in range(1, 13)]
QUEUES = (IssueQueue.SYNC, IssueQueue.CARD, IssueQueue.REMINDERS)


@pytest.fixture
async def shared(postgresql: str) -> AsyncIterator[Database]:
    """A PostgreSQL that several may write to at once; a SQLite has one writer."""
    opened = Database(postgresql)
    yield opened
    await opened.close()


async def click(tx: Transaction, key: IssueKey) -> None:
    jobs.enqueue(tx, IssueQueue.SYNC, [key], NOW, urgent=True)
    await announce(tx, key, NOW, urgent=True)


async def announce_every_one(tx: Transaction) -> None:
    by_deadline = random.sample(KEYS, len(KEYS))
    await announce_all(tx, {key: NOW + n * LEASE for n, key in enumerate(by_deadline)}, NOW)


async def hurry(tx: Transaction) -> None:
    for queue in random.sample(QUEUES, len(QUEUES)):
        await jobs.hurry(tx, queue, NOW)


async def renew(tx: Transaction) -> None:
    for queue in random.sample(QUEUES, len(QUEUES)):
        await jobs.renew(tx, queue, random.sample(KEYS, len(KEYS)), "A", LEASE)


async def test_clicks_and_bulk_and_all_that_looks_after_jobs_get_through_at_once(
    shared: Database,
) -> None:
    async def in_a_transaction(change: Callable[[Transaction], Awaitable[None]]) -> None:
        async with shared.transaction() as tx:
            await change(tx)

    def click_on(key: IssueKey) -> Callable[[Transaction], Awaitable[None]]:
        return lambda tx: click(tx, key)

    for _ in range(15):
        changes = [*map(click_on, KEYS), *[announce_every_one, hurry, renew] * 3]
        random.shuffle(changes)
        ended = await asyncio.gather(*map(in_a_transaction, changes), return_exceptions=True)
        assert [str(error) for error in ended if error is not None] == []
        async with shared.transaction() as tx:
            values = {"problem": "GitLab is failing (502)", "ready_at": NOW + LEASE}
            await tx.execute(update(rows).where(rows.c.iid % 2 == 0).values(values))
            await tx.execute(update(rows).where(rows.c.iid % 2 == 1).values(leased_by="A"))


async def test_who_enqueues_the_same_jobs_in_another_order_waits_for_nobody(
    shared: Database,
) -> None:
    first, second = KEYS[:2]
    async with asyncio.timeout(3), shared.transaction() as one, shared.transaction() as other:
        jobs.enqueue(one, IssueQueue.SYNC, [first], NOW)
        jobs.enqueue(other, IssueQueue.REMINDERS, [second], NOW)
        jobs.enqueue(other, IssueQueue.SYNC, [first], NOW)
        jobs.enqueue(one, IssueQueue.REMINDERS, [second], NOW)


async def test_what_somebody_is_writing_is_left_to_them_and_the_rest_is_not(
    shared: Database,
) -> None:
    first, second = KEYS[:2]
    async with shared.transaction() as tx:
        jobs.enqueue(tx, IssueQueue.SYNC, [first, second], NOW)
        await tx.end()
        await tx.execute(update(rows).values(problem="GitLab is failing", ready_at=NOW + LEASE))
    async with shared.transaction() as tx, asyncio.timeout(3):
        jobs.enqueue(tx, IssueQueue.SYNC, [first], NOW + LEASE)
        await tx.end()
        async with shared.transaction() as other:
            await jobs.hurry(other, IssueQueue.SYNC, NOW)
    async with shared.transaction() as tx:
        found = await tx.execute(select(rows.c.iid, rows.c.ready_at))
        ready_at = {row.iid: row.ready_at for row in found}
    assert ready_at == {first.iid: NOW + LEASE, second.iid: NOW}
