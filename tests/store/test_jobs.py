"""Jobs: asked for, leased, finished, retried; each issue's by one worker at a time."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)
from sqlalchemy import Connection, select

from slackbot.rules.request import IssueKey
from slackbot.store import jobs, schema
from slackbot.store.engine.database import Database, LeaseLost, Transaction
from slackbot.store.jobs import Ahead, IssueQueue, Job, PeriodicQueue, Queue
from tests.elapse import age, elapse

T = TypeVar("T")

NOW = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LEASE = timedelta(seconds=20)
KEY, OTHER = IssueKey(7, 12), IssueKey(7, 13)


async def ask(
    database: Database, *keys: IssueKey, at: datetime = NOW, urgent: bool = False
) -> None:
    async with database.transaction() as tx:
        jobs.enqueue(tx, IssueQueue.SYNC, keys, at, urgent=urgent)


async def lease(
    database: Database, owner: str = "A", now: datetime = NOW, queue: Queue = IssueQueue.SYNC
) -> Job | None:
    async with database.transaction() as tx:
        return next(iter(await jobs.lease(tx, queue, owner, now, LEASE)), None)


async def leased(database: Database, owner: str = "A", now: datetime = NOW) -> Job:
    job = await lease(database, owner, now)
    assert job is not None
    return job


async def finish(database: Database, job: Job) -> bool:
    async with database.transaction() as tx:
        return await jobs.finish(tx, job)


async def put_off(
    database: Database, job: Job, at: datetime, problem: str | None = "GitLab is failing"
) -> None:
    async with database.transaction() as tx:
        await jobs.put_off(tx, job, at, problem)


async def count(database: Database) -> int:
    async with database.transaction() as tx:
        return await jobs.count(tx, IssueQueue.SYNC)


async def next_ready(database: Database) -> datetime | None:
    async with database.transaction() as tx:
        return await jobs.next_ready(tx, IssueQueue.SYNC)


# --- Asked for ---------------------------------------------------------------------------------


async def test_a_job_asked_for_is_done_once(database: Database) -> None:
    await ask(database, KEY)
    job = await leased(database)
    assert (job.key, job.attempts, job.owner) == (KEY, 1, "A")
    assert await finish(database, job)
    assert await lease(database) is None
    assert await count(database) == 0


async def test_asked_for_many_times_it_is_done_once(database: Database) -> None:
    for _ in range(5):
        await ask(database, KEY)
    assert await finish(database, await leased(database))
    assert await lease(database) is None


async def test_asked_for_while_it_is_under_way_it_is_done_once_more(database: Database) -> None:
    await ask(database, KEY)
    job = await leased(database)
    await ask(database, KEY)
    await ask(database, KEY)
    assert await lease(database, "B") is None  # but not at the same time
    assert not await finish(database, job)
    again = await leased(database)
    assert again.attempts == 1
    assert await finish(database, again)
    assert await lease(database) is None


async def test_queues_and_projects_are_apart(database: Database) -> None:
    await ask(database, KEY, IssueKey(8, 12))
    assert await lease(database, queue=IssueQueue.CARD) is None
    assert {(await leased(database)).key, (await leased(database)).key} == {KEY, IssueKey(8, 12)}


async def test_asked_for_nothing_nothing_is_to_be_done(database: Database) -> None:
    await ask(database)
    assert await count(database) == 0


async def test_nothing_is_done_before_its_time(database: Database) -> None:
    await ask(database, KEY, at=NOW + MINUTE)
    assert await lease(database) is None
    assert await lease(database, now=NOW + MINUTE) is not None


@pytest.mark.parametrize(
    ("first", "second", "ready"),
    [
        # The sooner of two moments counts, whichever was said first.
        (NOW + MINUTE, NOW, NOW),
        (NOW, NOW + MINUTE, NOW),
    ],
)
async def test_whoever_wants_it_sooner_gets_it_sooner(
    database: Database, first: datetime, second: datetime, ready: datetime
) -> None:
    await ask(database, KEY, at=first)
    await ask(database, KEY, at=second)
    assert await next_ready(database) == ready


async def test_jobs_are_asked_for_with_what_they_are_about_or_not_at_all(
    database: Database,
) -> None:
    async def killed(tx: Transaction) -> None:
        jobs.enqueue(tx, IssueQueue.SYNC, [KEY], NOW)
        raise RuntimeError("the process is killed here")

    with pytest.raises(RuntimeError):
        async with database.transaction() as tx:
            await killed(tx)
    assert await count(database) == 0


# --- In which order ----------------------------------------------------------------------------


async def test_what_a_person_waits_for_goes_first_then_what_has_waited_longest(
    database: Database,
) -> None:
    await ask(database, IssueKey(7, 1), at=NOW - SECOND)
    await ask(database, IssueKey(7, 2), at=NOW - MINUTE)
    await ask(database, IssueKey(7, 3), at=NOW, urgent=True)
    await ask(database, IssueKey(7, 4), at=NOW - SECOND, urgent=True)
    order = [(await leased(database)).key.iid for _ in range(4)]
    assert order == [4, 3, 2, 1]


async def test_what_waits_goes_by_rank_where_it_has_one(database: Database) -> None:
    """The customer whose deadline is the next goes first, however late it was found."""
    keys = [IssueKey(7, number) for number in range(1, 6)]
    ranks = [NOW + MINUTE, None, NOW - MINUTE, NOW, None]
    async with database.transaction() as tx:
        for key, rank in zip(keys, ranks, strict=True):
            jobs.enqueue(tx, IssueQueue.SYNC, [key], NOW, rank=rank)
        jobs.enqueue(tx, IssueQueue.SYNC, [keys[4]], NOW, urgent=True)  # a person's click
        jobs.enqueue(tx, IssueQueue.SYNC, [keys[2]], NOW)  # asked for again, it keeps its rank
    assert [(await leased(database)).key.iid for _ in keys] == [5, 3, 4, 1, 2]


async def test_what_is_urgent_once_stays_so_until_it_is_done(database: Database) -> None:
    await ask(database, KEY, urgent=True)
    await ask(database, KEY)
    await ask(database, OTHER, at=NOW - MINUTE)
    assert (await leased(database)).key == KEY


async def test_bulk_becomes_urgent_when_a_person_asks_for_it(database: Database) -> None:
    await ask(database, OTHER, at=NOW - MINUTE)
    await ask(database, KEY)
    await ask(database, KEY, urgent=True)
    assert (await leased(database)).key == KEY


# --- Leases ------------------------------------------------------------------------------------


async def test_what_is_leased_is_nobody_elses_until_the_lease_runs_out(database: Database) -> None:
    await ask(database, KEY)
    await leased(database)
    assert await lease(database, "B") is None
    await elapse(database, LEASE)
    taken = await leased(database, "B")
    assert (taken.owner, taken.attempts) == ("B", 2)


async def test_a_lease_does_not_depend_on_the_clocks_of_those_who_want_it(
    database: Database,
) -> None:
    """A replica's clock that is an hour ahead must not make it take what another is at."""
    await ask(database, KEY)
    await leased(database)
    assert await lease(database, "B", NOW + timedelta(hours=1)) is None


async def test_a_renewed_lease_runs_on(database: Database) -> None:
    await ask(database, KEY, OTHER)
    await leased(database)
    await leased(database)
    async with database.transaction() as tx:
        await jobs.renew(tx, IssueQueue.SYNC, [KEY], "A", MINUTE)
        await jobs.renew(tx, IssueQueue.SYNC, [OTHER], "B", MINUTE)  # which is not B's
        await jobs.renew(tx, IssueQueue.CARD, [OTHER], "A", MINUTE)
    await elapse(database, LEASE)
    assert (await leased(database, "B")).key == OTHER
    assert await lease(database, "B") is None
    await elapse(database, MINUTE - LEASE)
    assert (await leased(database, "B")).key == KEY


@pytest.mark.parametrize("how", ["finish", "put_off", "hand_back", "renew"])
async def test_who_has_lost_the_lease_changes_nothing(database: Database, how: str) -> None:
    await ask(database, KEY)
    slow = await leased(database, "A")
    await elapse(database, LEASE)
    taken = await leased(database, "B")
    before = await _row(database)
    async with database.transaction() as tx:
        match how:
            case "finish":
                assert not await jobs.finish(tx, slow)
            case "put_off":
                await jobs.put_off(tx, slow, NOW + MINUTE, "too late")
            case "hand_back":
                await jobs.hand_back(tx, slow)
            case "renew":
                await jobs.renew(tx, IssueQueue.SYNC, [KEY], "A", MINUTE)
    assert await _row(database) == before
    assert await finish(database, taken)


async def _row(database: Database) -> tuple[Any, ...]:
    async with database.transaction() as tx:
        return tuple((await tx.execute(select(schema.errands))).one())


async def test_who_has_lost_the_lease_gets_to_know_before_it_writes(database: Database) -> None:
    await ask(database, KEY)
    slow = await leased(database, "A")
    async with database.transaction() as tx:
        jobs.enqueue(tx, IssueQueue.CARD, [OTHER], NOW)
        await tx.end()
        await jobs.confirm(tx, job=slow)  # nobody else has it
    await elapse(database, LEASE)
    await leased(database, "B")
    async with database.transaction() as tx:
        await jobs.confirm(tx, job=slow)  # nothing is written
        jobs.enqueue(tx, IssueQueue.CARD, [OTHER], NOW)
        await tx.end()
        with pytest.raises(LeaseLost):
            await jobs.confirm(tx, job=slow)


async def test_a_process_that_starts_frees_what_its_predecessor_held(database: Database) -> None:
    await ask(database, KEY, OTHER)
    held = await leased(database, "dead")
    async with database.transaction() as tx:
        await jobs.take_over_all(tx)
    assert (await leased(database, "new")).key != held.key
    # Whatever the dead one has asked of a platform may still be on its way.
    assert await lease(database, "new") is None
    await elapse(database, jobs.SETTLING)
    assert (await leased(database, "new")).key == held.key


async def test_what_was_tried_rests_though_a_power_cut_took_the_lease_of_its_last_try(
    database: Database,
) -> None:
    await ask(database, KEY, OTHER)
    tried = await leased(database, "dead")
    async with database.transaction() as tx:
        await jobs.put_off(tx, tried, NOW, "no answer")
    async with database.transaction() as tx:
        await jobs.take_over_all(tx)
    assert (await leased(database, "new")).key == OTHER
    assert await lease(database, "new") is None
    await elapse(database, jobs.SETTLING)
    assert (await leased(database, "new")).key == KEY


async def test_what_rests_is_left_alone_by_everybody_whoever_asks(database: Database) -> None:
    await ask(database, KEY)
    job = await leased(database)
    async with database.transaction() as tx:
        await jobs.put_off(tx, job, NOW, None, rest=MINUTE)
    await ask(database, KEY, urgent=True)
    assert await lease(database, "B", NOW + timedelta(hours=1)) is None
    assert await next_ready(database) is None
    await elapse(database, MINUTE)
    assert (await leased(database, "B")).key == KEY


async def test_many_workers_at_once_never_get_the_same_job(database: Database) -> None:
    keys = [IssueKey(7, number) for number in range(1, 31)]
    await ask(database, *keys)
    taken: list[Job] = []

    async def work(owner: str) -> None:
        while (job := await lease(database, owner)) is not None:
            taken.append(job)

    await asyncio.gather(*(work(f"worker {number}") for number in range(8)))
    # A worker may see nothing while others hold all that is left; what is left, somebody takes.
    await work("straggler")
    assert sorted(job.key for job in taken) == keys
    assert all(job.attempts == 1 for job in taken)


async def test_many_who_ask_at_once_make_one_job(database: Database) -> None:
    await asyncio.gather(*(ask(database, KEY, OTHER) for _ in range(8)))
    assert await count(database) == 2
    job = await leased(database)
    assert job.wanted == 8


# --- Retried -----------------------------------------------------------------------------------


async def test_put_off_it_is_tried_again_at_its_time(database: Database) -> None:
    await ask(database, KEY)
    await put_off(database, await leased(database), NOW + MINUTE)
    assert await next_ready(database) == NOW + MINUTE
    assert await lease(database, now=NOW + MINUTE - SECOND) is None
    again = await leased(database, now=NOW + MINUTE)
    assert again.attempts == 2


async def test_asked_for_while_it_waits_it_is_tried_at_once(database: Database) -> None:
    await ask(database, KEY)
    await put_off(database, await leased(database), NOW + MINUTE)
    await ask(database, KEY, at=NOW + SECOND)
    again = await leased(database, now=NOW + SECOND)
    assert again.attempts == 2  # the next waiting time is longer all the same


async def test_asked_for_while_it_failed_it_does_not_wait(database: Database) -> None:
    await ask(database, KEY)
    job = await leased(database)
    await ask(database, KEY, at=NOW + SECOND)
    await put_off(database, job, NOW + MINUTE)
    assert await lease(database, now=NOW + SECOND) is not None


async def test_handed_back_it_is_as_if_it_had_not_been_tried(database: Database) -> None:
    await ask(database, KEY)
    job = await leased(database)
    async with database.transaction() as tx:
        await jobs.hand_back(tx, job)
    assert await lease(database, "B") is None  # its last call may still be on its way
    await elapse(database, jobs.SETTLING)
    assert await leased(database, "B") == replace(job, owner="B")


async def test_what_failed_can_be_hurried_but_not_what_a_platform_has_put_off(
    database: Database,
) -> None:
    failed, throttled, planned, running = (IssueKey(7, number) for number in range(1, 5))
    await ask(database, failed, throttled, running)
    await put_off(database, await leased(database), NOW + MINUTE)
    await put_off(database, await leased(database), NOW + MINUTE, None)
    await leased(database)
    await ask(database, planned, at=NOW + MINUTE)
    async with database.transaction() as tx:
        await jobs.hurry(tx, IssueQueue.CARD, NOW)
        assert not await jobs.lease(tx, IssueQueue.SYNC, "A", NOW, LEASE)
        await jobs.hurry(tx, IssueQueue.SYNC, NOW)
    assert (await leased(database)).key == failed
    assert await lease(database) is None


async def test_one_look_takes_as_many_jobs_as_there_is_room_for_the_first_of_them_first(
    database: Database,
) -> None:
    third = IssueKey(7, 14)
    await ask(database, KEY, OTHER)
    await ask(database, third, urgent=True)
    async with database.transaction() as tx:
        found = await jobs.lease(tx, IssueQueue.SYNC, "A", NOW, LEASE, most=2)
    assert [(job.key, job.attempts) for job in found] == [(third, 1), (KEY, 1)]
    assert (await leased(database, "B")).key == OTHER


async def test_the_lookout_sees_when_the_next_job_of_each_queue_becomes_ready(
    database: Database,
) -> None:
    await ask(database, KEY)
    await ask(database, OTHER, at=NOW + MINUTE)
    await ask(database, IssueKey(7, 14), at=NOW + 2 * MINUTE)
    async with database.transaction() as tx:
        ahead = await jobs.look_ahead(tx, NOW)
    assert ahead == {IssueQueue.SYNC: Ahead(first=NOW, next=NOW + MINUTE, last=NOW + 2 * MINUTE)}


async def test_the_next_moment_is_of_what_nobody_works_on(database: Database) -> None:
    assert await next_ready(database) is None
    await ask(database, KEY)
    await ask(database, OTHER, at=NOW + MINUTE)
    assert await next_ready(database) == NOW
    await leased(database)
    assert await next_ready(database) == NOW + MINUTE


# --- By a clock that was wrong -----------------------------------------------------------------


async def test_what_was_put_off_by_a_clock_a_day_fast_is_ready(database: Database) -> None:
    await ask(database, KEY)
    await put_off(database, await leased(database), NOW + timedelta(days=1))
    assert (await leased(database)).key == KEY


async def test_a_job_may_be_as_far_ahead_as_its_queue_may_wait(database: Database) -> None:
    poll = PeriodicQueue.POLL
    async with database.transaction() as tx:
        jobs.enqueue_periodic(tx, poll, NOW + timedelta(minutes=30))
        await tx.end()
        assert not await jobs.lease(tx, poll, "A", NOW, LEASE, timedelta(hours=1))
        assert await jobs.lease(tx, poll, "A", NOW, LEASE, timedelta(minutes=10))


@pytest.mark.parametrize("left", ["leased", "at rest"])
async def test_nobody_waits_for_a_day_for_a_lease_or_a_rest(database: Database, left: str) -> None:
    await ask(database, KEY)
    errand = await leased(database)
    if left == "at rest":
        async with database.transaction() as tx:
            await jobs.put_off(tx, errand, NOW, None, rest=MINUTE)
    assert await lease(database, "B") is None
    await elapse(database, timedelta(days=-1))  # it was counted by a clock a day fast
    assert await next_ready(database) == (NOW if left == "at rest" else None)
    assert (await leased(database, "B")).key == KEY


async def test_everything_that_waits_is_brought_forward(database: Database) -> None:
    await ask(database, KEY, at=NOW + MINUTE)
    await ask(database, OTHER, at=NOW - MINUTE)
    async with database.transaction() as tx:
        jobs.enqueue_periodic(tx, PeriodicQueue.POLL, NOW + 2 * MINUTE)
        await tx.end()
        await jobs.bring_forward(tx, NOW)
    assert (await leased(database)).key == OTHER
    assert (await leased(database)).key == KEY
    assert await lease(database, queue=PeriodicQueue.POLL) is not None


# --- Whatever happens in whichever order -------------------------------------------------------


@dataclass
class Row:
    """What a job is, in a few words of Python."""

    ready_at: datetime
    urgent: bool
    wanted: int = 1
    attempts: int = 0
    problem: str | None = None
    leased_by: str | None = None
    lease_left: timedelta = timedelta(0)
    rest: timedelta = timedelta(0)

    @property
    def is_free(self) -> bool:
        return (not self.leased_by or self.lease_left <= timedelta(0)) and not self.rest

    def free(self, **changes: Any) -> None:
        self.leased_by = None
        for name, value in changes.items():
            setattr(self, name, value)


_keys = st.builds(IssueKey, st.just(7), st.integers(1, 3))
_owners = st.sampled_from(["A", "B"])
_waits = st.integers(-5, 40).map(lambda seconds: timedelta(seconds=seconds))


class JobsMachine(RuleBasedStateMachine):
    """The table does what the model does."""

    under_way: Bundle[Job] = Bundle("under_way")

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.rows: dict[IssueKey, Row] = {}
        self.folder = TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.database = Database(f"sqlite:///{Path(self.folder.name) / 'jobs.db'}")
        # One transaction for all, never committed: what is tested here is not the disk.
        self.transaction = self.database.transaction()
        self.tx = self.run(self.transaction.__aenter__())
        self.run(self.tx.run_sync(schema.metadata.create_all))

    def teardown(self) -> None:
        self.run(self.tx.run_sync(Connection.rollback))
        self.run(self.transaction.__aexit__(None, None, None))
        self.run(self.database.close())
        self.runner.close()
        self.folder.cleanup()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def held(self, job: Job) -> Row | None:
        row = self.rows.get(job.key)
        return row if row and row.leased_by == job.owner else None

    @rule(by=_waits)
    def time_passes(self, by: timedelta) -> None:
        self.now += max(by, timedelta(0))

    @rule(by=st.sampled_from([SECOND, LEASE, MINUTE]))
    def time_passes_for_the_database(self, by: timedelta) -> None:
        self.run(self.tx.run_sync(age, by))
        for row in self.rows.values():
            row.lease_left, row.rest = row.lease_left - by, max(row.rest - by, timedelta(0))

    @rule(key=_keys, wait=_waits, urgent=st.booleans())
    def ask(self, key: IssueKey, wait: timedelta, urgent: bool) -> None:
        at = self.now + wait
        jobs.enqueue(self.tx, IssueQueue.SYNC, [key], at, urgent=urgent)
        self.run(self.tx.end())
        row = self.rows.get(key)
        if row is None:
            self.rows[key] = Row(ready_at=at, urgent=urgent)
        else:
            row.wanted += 1
            row.ready_at, row.urgent = min(row.ready_at, at), row.urgent or urgent

    @rule(target=under_way, owner=_owners)
    def lease(self, owner: str) -> Any:
        leased = self.run(jobs.lease(self.tx, IssueQueue.SYNC, owner, self.now, LEASE))
        found = next(iter(leased), None)
        ready = [
            (not row.urgent, row.ready_at, key)
            for key, row in self.rows.items()
            if row.ready_at <= self.now and row.is_free
        ]
        if not ready:
            assert found is None
            return multiple()
        key = min(ready)[2]
        row = self.rows[key]
        row.attempts += 1
        row.leased_by, row.lease_left = owner, LEASE
        assert found == Job(
            queue=IssueQueue.SYNC, key=key, wanted=row.wanted, attempts=row.attempts, owner=owner
        )
        return found

    @rule(job=under_way)  # a job may be ended twice, by a worker that was thought dead
    def finish(self, job: Job) -> None:
        has_ended = self.run(jobs.finish(self.tx, job))
        row = self.held(job)
        assert has_ended == (row is not None and row.wanted == job.wanted)
        if has_ended:
            del self.rows[job.key]
        elif row:
            row.free(attempts=0, problem=None)

    @rule(
        job=consumes(under_way),
        wait=_waits,
        problem=st.sampled_from([None, "failed"]),
        rest=st.sampled_from([None, MINUTE]),
    )
    def put_off(
        self, job: Job, wait: timedelta, problem: str | None, rest: timedelta | None
    ) -> None:
        at = self.now + wait
        self.run(jobs.put_off(self.tx, job, at, problem, rest=rest))
        if row := self.held(job):
            ready_at = at if row.wanted == job.wanted else row.ready_at
            row.free(
                attempts=job.attempts,
                ready_at=ready_at,
                problem=problem,
                rest=rest or timedelta(0),
            )

    @rule(job=consumes(under_way))
    def hand_back(self, job: Job) -> None:
        self.run(jobs.hand_back(self.tx, job))
        if row := self.held(job):
            row.free(attempts=job.attempts - 1, problem=None, rest=jobs.SETTLING)

    @rule(keys=st.sets(_keys), owner=_owners)
    def renew(self, keys: set[IssueKey], owner: str) -> None:
        self.run(jobs.renew(self.tx, IssueQueue.SYNC, keys, owner, LEASE))
        for key in keys & self.rows.keys():
            if self.rows[key].leased_by == owner:
                self.rows[key].lease_left = LEASE

    @rule()
    def hurry(self) -> None:
        self.run(jobs.hurry(self.tx, IssueQueue.SYNC, self.now))
        for row in self.rows.values():
            if row.problem and not row.leased_by and row.ready_at > self.now:
                row.ready_at, row.problem = self.now, None

    @invariant()
    def nothing_is_lost_and_the_next_moment_is_known(self) -> None:
        assert self.run(jobs.count(self.tx, IssueQueue.SYNC)) == len(self.rows)
        free = [row.ready_at for row in self.rows.values() if not row.leased_by and not row.rest]
        assert self.run(jobs.next_ready(self.tx, IssueQueue.SYNC)) == min(free, default=None)


TestJobsMachine = JobsMachine.TestCase
TestJobsMachine.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
