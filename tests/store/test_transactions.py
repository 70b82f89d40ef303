"""What a transaction does by itself: it wakes who is to do its jobs, and keeps out who lost one."""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest
from sqlalchemy import delete, select, text, update
from sqlalchemy.engine import make_url

from slackbot.rules.request import IssueKey
from slackbot.store import facts, jobs
from slackbot.store import schema as tables
from slackbot.store.engine.database import (
    LOOKOUT,
    Database,
    LeaseLost,
    RightOfWay,
    Transaction,
    fenced_by,
)
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.messages import cards
from tests.conftest import Postgres
from tests.elapse import elapse
from tests.sleepers import PATIENCE_SECONDS, Sleepers

NOW = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
LEASE = timedelta(seconds=20)
KEY, OTHER = IssueKey(7, 12), IssueKey(7, 13)


@pytest.fixture
async def sleepers(database: Database) -> AsyncIterator[Sleepers]:
    made = Sleepers(database)
    async with made.asleep():
        yield made


# --- Waking ------------------------------------------------------------------------------------


async def enqueue_and_fail(tx: Transaction) -> None:
    jobs.enqueue(tx, IssueQueue.REMINDERS, [KEY], NOW)
    raise RuntimeError("a fault of ours")


async def test_a_transaction_wakes_the_queues_in_which_it_enqueued_once_it_is_committed(
    database: Database, sleepers: Sleepers
) -> None:
    async with database.transaction() as tx:
        jobs.enqueue(tx, IssueQueue.SYNC, [KEY, OTHER], NOW)
        jobs.enqueue(tx, IssueQueue.CARD, [], NOW)
        jobs.enqueue_periodic(tx, PeriodicQueue.DIGEST, NOW)
        assert await sleepers.now() == {}
    assert await sleepers.now() == {IssueQueue.SYNC: 1, PeriodicQueue.DIGEST: 1}


async def test_a_transaction_that_is_rolled_back_wakes_nobody(
    database: Database, sleepers: Sleepers
) -> None:
    with pytest.raises(RuntimeError):
        async with database.transaction() as tx:
            await enqueue_and_fail(tx)
    async with database.transaction() as tx:
        await jobs.count(tx, IssueQueue.SYNC)
    assert await sleepers.now() == {}


async def finish_what_is_wanted_again(tx: Transaction, job: jobs.Job) -> None:
    jobs.enqueue(tx, IssueQueue.SYNC, [job.key], NOW)
    await tx.end()
    tx.queues.clear()  # whoever enqueued it while it was under way has woken the workers before
    await jobs.finish(tx, job)


async def put_off(tx: Transaction, job: jobs.Job) -> None:
    await jobs.put_off(tx, job, NOW, "GitLab is failing")


async def hurry(tx: Transaction, job: jobs.Job) -> None:
    await jobs.put_off(tx, job, NOW + timedelta(minutes=5), "GitLab is failing")
    tx.queues.clear()
    await jobs.hurry(tx, IssueQueue.SYNC, NOW)


async def enqueue_again(tx: Transaction, job: jobs.Job) -> None:
    jobs.enqueue_again(tx, job, NOW)


@pytest.mark.parametrize(
    ("act", "woken"),
    [
        (finish_what_is_wanted_again, IssueQueue.SYNC),
        (put_off, LOOKOUT),
        (hurry, IssueQueue.SYNC),
        (enqueue_again, IssueQueue.SYNC),
    ],
)
async def test_who_makes_a_job_ready_again_has_it_seen(
    database: Database,
    sleepers: Sleepers,
    act: Callable[[Transaction, jobs.Job], Awaitable[None]],
    woken: str,
) -> None:
    job = await leased(database)
    before = Counter(await sleepers.now())
    async with database.transaction() as tx:
        await act(tx, job)
    assert await sleepers.now() - before == {woken: 1}


@pytest.mark.parametrize(
    ("seconds", "woken"), [(0, {PeriodicQueue.HOMES: 1}), (0.5, {LOOKOUT: 1}), (3, {})]
)
async def test_a_job_for_later_wakes_nobody_but_the_lookout_if_it_would_look_too_late(
    database: Database, sleepers: Sleepers, seconds: float, woken: dict[str, int]
) -> None:
    async with database.transaction() as tx:
        jobs.enqueue_periodic(tx, PeriodicQueue.HOMES, NOW, after=timedelta(seconds=seconds))
    assert await sleepers.now() == woken


async def test_where_nothing_can_be_hurried_nobody_is_woken(
    database: Database, sleepers: Sleepers
) -> None:
    async with database.transaction() as tx:
        await jobs.hurry(tx, IssueQueue.SYNC, NOW)
    assert await sleepers.now() == {}


async def test_a_transaction_wakes_the_workers_of_other_processes_too(postgres: Postgres) -> None:
    url = postgres.new_database()
    here, there = Database(url), Database(url)
    await here.open()
    sleepers, listening = Sleepers(there), None
    try:
        async with sleepers.asleep():
            listening = asyncio.create_task(there.hear_others())
            # For what was said before it listened: from now on it does.
            await sleepers.until(LOOKOUT, 1)
            async with here.transaction() as tx:
                jobs.enqueue(tx, IssueQueue.SYNC, [KEY, OTHER], NOW)
                jobs.enqueue(tx, IssueQueue.CARD, [KEY], NOW)
            await sleepers.until(IssueQueue.SYNC, 1)
            await sleepers.until(IssueQueue.CARD, 1)
            assert await sleepers.now() == {LOOKOUT: 1, IssueQueue.SYNC: 1, IssueQueue.CARD: 1}
    finally:
        if listening:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        await here.close()
        await there.close()


async def test_other_processes_are_told_once_of_each_queue_and_only_of_what_is_committed(
    postgres: Postgres,
) -> None:
    url = postgres.new_database()
    database = Database(url)
    await database.open()
    heard = []
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    try:
        await connection.execute("LISTEN ssat_bot_errands")
        with pytest.raises(RuntimeError):
            async with database.transaction() as tx:
                await enqueue_and_fail(tx)
        async with database.transaction() as tx:
            jobs.enqueue(tx, IssueQueue.SYNC, [KEY, OTHER], NOW)
            jobs.enqueue(tx, IssueQueue.SYNC, [KEY], NOW)
            jobs.enqueue(tx, IssueQueue.CARD, [KEY], NOW)
        async with database.transaction() as tx:
            jobs.enqueue_periodic(tx, PeriodicQueue.HOMES, NOW)
        async for notice in connection.notifies(timeout=PATIENCE_SECONDS):
            heard.append(notice.payload)
            if notice.payload == PeriodicQueue.HOMES:
                break
    finally:
        await connection.close()
        await database.close()
    assert heard == [IssueQueue.CARD, IssueQueue.SYNC, PeriodicQueue.HOMES]


# --- Fencing -----------------------------------------------------------------------------------


async def leased(database: Database) -> jobs.Job:
    async with database.transaction() as tx:
        jobs.enqueue(tx, IssueQueue.SYNC, [KEY], NOW)
        await tx.end()
        [job] = await jobs.lease(tx, IssueQueue.SYNC, "A", NOW, LEASE)
    return job


async def taken_over(database: Database) -> jobs.Job:
    await elapse(database, LEASE)
    async with database.transaction() as tx:
        [job] = await jobs.lease(tx, IssueQueue.SYNC, "B", NOW, LEASE)
    return job


THIS = facts.Fact("this", str)


def inside(job: jobs.Job) -> contextlib.AbstractContextManager[None]:
    return fenced_by(partial(jobs.confirm, job=job))


async def fact(database: Database) -> str | None:
    async with database.transaction() as tx:
        return await THIS.load(tx)


async def insert(tx: Transaction) -> None:
    await THIS.save(tx, "new")


async def insert_and_enqueue(tx: Transaction) -> None:
    await insert(tx)
    jobs.enqueue(tx, IssueQueue.CARD, [KEY], NOW)


async def change(tx: Transaction) -> None:
    await tx.execute(update(tables.facts).where(tables.facts.c.name == "this").values(value="new"))


async def forget(tx: Transaction) -> None:
    await tx.execute(delete(tables.facts))


async def insert_and_read_what_was(tx: Transaction) -> None:
    await cards.save_found(tx, KEY, "C1", "1.0")


async def forget_and_read_what_was(tx: Transaction) -> None:
    await tx.scalars(delete(tables.facts).returning(tables.facts.c.value))


WRITES = (insert, change, forget, insert_and_read_what_was, forget_and_read_what_was)


@pytest.mark.parametrize("write", WRITES)
async def test_who_has_lost_the_job_commits_nothing(
    database: Database, write: Callable[[Transaction], Awaitable[None]]
) -> None:
    async with database.transaction() as tx:
        await THIS.save(tx, "old")
    job = await leased(database)
    await taken_over(database)
    with inside(job), pytest.raises(LeaseLost):
        async with database.transaction() as tx:
            await write(tx)
    assert await fact(database) == "old"
    async with database.transaction() as tx:
        assert await cards.load_card(tx, KEY) is None


async def test_who_has_lost_the_job_wakes_nobody(database: Database, sleepers: Sleepers) -> None:
    job = await leased(database)
    await taken_over(database)
    before = Counter(await sleepers.now())
    with inside(job), pytest.raises(LeaseLost):
        async with database.transaction() as tx:
            jobs.enqueue(tx, IssueQueue.CARD, [KEY], NOW)
    assert await sleepers.now() == before


async def test_who_has_lost_the_job_may_read(database: Database) -> None:
    job = await leased(database)
    await taken_over(database)
    with inside(job):
        async with database.transaction() as tx:
            await THIS.load(tx)
            await tx.scalars(select(tables.facts.c.name))
            await jobs.count(tx, IssueQueue.SYNC)


async def test_what_has_happened_outside_is_noted_in_any_case_and_then_the_job_ends(
    database: Database, sleepers: Sleepers
) -> None:
    job = await leased(database)
    await taken_over(database)
    before = Counter(await sleepers.now())
    with inside(job), pytest.raises(LeaseLost):
        async with database.transaction(in_any_case=True) as tx:
            await insert_and_enqueue(tx)
    assert await fact(database) == "new"
    assert await sleepers.now() - before == {IssueQueue.CARD: 1}


@pytest.mark.parametrize("in_any_case", [True, False])
async def test_who_has_the_job_commits(database: Database, in_any_case: bool) -> None:
    job = await leased(database)
    with inside(job):
        async with database.transaction(in_any_case=in_any_case) as tx:
            await insert(tx)
    assert await fact(database) == "new"


async def test_who_has_finished_the_job_has_it_no_more(database: Database) -> None:
    job = await leased(database)
    async with database.transaction() as tx:
        assert await jobs.finish(tx, job)
    with inside(job), pytest.raises(LeaseLost):
        async with database.transaction() as tx:
            await insert(tx)


async def test_a_fence_holds_for_its_own_task_and_no_longer_than_the_job(
    database: Database,
) -> None:
    """A click and another job go on beside one whose lease is lost."""
    job = await leased(database)
    await taken_over(database)
    is_inside, go_on = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        with inside(job):
            is_inside.set()
            await go_on.wait()

    working = asyncio.create_task(work())
    await is_inside.wait()
    async with database.transaction() as tx:
        await insert(tx)
    go_on.set()
    await working
    with inside(job):
        pass
    async with database.transaction() as tx:
        await change(tx)


# --- Who goes first ----------------------------------------------------------------------------


async def test_what_a_person_waits_for_is_committed_before_what_workers_wait_to_begin(
    database: Database,
) -> None:
    called, order = asyncio.Event(), []
    # On a busy machine the commit may take longer than workers wait.
    database.right_of_way = RightOfWay(PATIENCE_SECONDS)

    async def work() -> None:
        await called.wait()
        async with database.transaction():
            order.append("worker")

    working = asyncio.create_task(work())
    with database.right_of_way.first():
        called.set()
        await asyncio.sleep(0)  # the worker comes first, and steps aside
        async with database.transaction() as tx:
            await insert(tx)
            order.append("person")
    await working
    assert order == ["person", "worker"]


async def test_workers_go_on_however_long_people_wait(database: Database) -> None:
    called = asyncio.Event()

    async def work() -> None:
        await called.wait()
        for _ in range(3):
            async with database.transaction() as tx:
                await insert(tx)

    working = asyncio.create_task(work())
    with database.right_of_way.first():
        called.set()
        await working
    assert await fact(database) == "new"


# --- A process that stands still ---------------------------------------------------------------


async def test_postgresql_frees_what_a_process_that_stands_still_has_locked(
    postgresql: str,
) -> None:
    """Stopped in the middle of a transaction, it must not keep the others from their rows."""
    database = Database(postgresql)
    async with database.transaction() as tx:
        limit = await tx.scalar(text("SHOW idle_in_transaction_session_timeout"))
    await database.close()
    assert limit == "10s"


WAITS_FOR_LONG = """
SELECT pid FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
AND clock_timestamp() - query_start > interval '100 milliseconds'
"""


async def test_who_is_to_start_waits_for_a_process_that_stands_still(postgresql: str) -> None:
    hasty = make_url(postgresql).update_query_dict({"options": "-c lock_timeout=1"})
    database = Database(hasty.render_as_string(hide_password=False))

    async def start() -> None:
        async with database.transaction() as tx:
            await tx.be_patient()
            await THIS.save(tx, "new")

    with (
        closing(psycopg.connect(postgresql)) as other,
        closing(psycopg.connect(postgresql, autocommit=True)) as watch,
    ):
        other.execute("INSERT INTO facts (name, value) VALUES ('this', 'locked')")
        starting = asyncio.create_task(start())
        # No event tells of PostgreSQL's locks.
        while not (starting.done() or watch.execute(WAITS_FOR_LONG).fetchall()):  # noqa: ASYNC110
            await asyncio.sleep(0)
        other.rollback()
        await starting
    await database.close()


# --- Cut off -----------------------------------------------------------------------------------

MOMENTS = 120
"""More turns of the event loop than a transaction takes."""


async def save_this_and_that(database: Database) -> None:
    async with database.transaction() as tx:
        await THIS.save(tx, "new")
        await facts.Fact("that", str).save(tx, "new")


async def strike(act: Coroutine[Any, Any, None], moment: int) -> None:
    """Cancel it after so many turns of the loop, as a time limit does."""
    acting = asyncio.create_task(act)
    for turn in range(moment):
        await asyncio.sleep(0.0002 if turn % 8 == 7 else 0)  # the driver has threads and sockets
    acting.cancel()
    await asyncio.gather(acting, return_exceptions=True)


async def test_a_time_limit_may_strike_at_any_moment_and_leaves_neither_a_lock_nor_half_of_it(
    database: Database,
) -> None:
    for moment in range(MOMENTS):
        await strike(save_this_and_that(database), moment)
        async with database.transaction() as tx:
            stored = set(await tx.scalars(select(tables.facts.c.name)))
            assert stored in (set(), {"this", "that"}), moment
            await tx.execute(delete(tables.facts))


async def test_a_time_limit_that_strikes_costs_no_connection(database: Database) -> None:
    seen = set()
    for moment in range(MOMENTS):
        await strike(save_this_and_that(database), moment)
        seen |= await connections(database)
    assert await connections(database) == seen


async def connections(database: Database) -> set[int | None]:
    """SQLite's have a thread each, PostgreSQL's a process."""
    query = text("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    async with database.transaction() as tx:
        if tx.is_sqlite:
            return {thread.ident for thread in threading.enumerate()}
        return set(await tx.scalars(query))


async def test_who_is_cancelled_while_it_commits_still_wakes_whom_it_committed_for(
    database: Database, sleepers: Sleepers
) -> None:
    async def enqueue() -> None:
        async with database.transaction() as tx:
            jobs.enqueue(tx, IssueQueue.SYNC, [KEY], NOW)

    for moment in range(MOMENTS):
        before = Counter(await sleepers.now())
        await strike(enqueue(), moment)
        async with database.transaction() as tx:
            # The same job waits for a commit that is still under way.
            jobs.enqueue(tx, IssueQueue.SYNC, [KEY], NOW)
            await tx.end()
            found = await tx.scalar(select(tables.errands.c.wanted)) > 1
            await tx.execute(delete(tables.errands))
            tx.queues.clear()
        woken = Counter(await sleepers.now()) - before
        assert woken == ({IssueQueue.SYNC: 1} if found else {}), moment
