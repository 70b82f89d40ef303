"""The worker, over a real database: in order, side by side, again, and to the end."""

import asyncio
import contextlib
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Row, select, text
from structlog.testing import capture_logs

from slackbot.health import SLACK, STARTING, Health
from slackbot.platforms.errors import (
    PLATFORM_TIMEOUT,
    Denied,
    Platform,
    Rejected,
    Throttled,
    Unreachable,
    Unsettled,
)
from slackbot.rules.request import IssueKey
from slackbot.store import facts, jobs
from slackbot.store.engine.database import Database, LeaseLost, Record
from slackbot.store.jobs import LONGEST_WAIT, IssueQueue, Job, Postponed, Queue
from slackbot.store.schema import errands
from slackbot.worker import Lookout, Reconcile, Work, Worker, backoff
from tests.conftest import MovableClock
from tests.elapse import elapse

A, B, C = (IssueKey(7, iid) for iid in (1, 2, 3))
PATIENCE_SECONDS = 5
LEASE = timedelta(seconds=0.2)
"""Short, so that a test sees one run out."""


class Reconciler:
    """Does jobs as the test has it: held at a gate, failing, or asking to be run again."""

    def __init__(self) -> None:
        self.runs: Counter[IssueKey] = Counter()
        self.under_way: Counter[IssueKey] = Counter()
        self.most_at_once = 0
        self.most_for_one = 0
        self.cancelled: list[IssueKey] = []
        self.gates: dict[IssueKey, asyncio.Event] = {}
        self.outcomes: dict[IssueKey, deque[Exception | datetime | None]] = defaultdict(deque)
        self._changed = asyncio.Event()

    async def reconcile(self, job: Job) -> datetime | None:
        key = job.key
        self.runs[key] += 1
        self.under_way[key] += 1
        self.most_at_once = max(self.most_at_once, self.under_way.total())
        self.most_for_one = max(self.most_for_one, self.under_way[key])
        self._tell()
        try:
            if key in self.gates:
                await self.gates[key].wait()
        except asyncio.CancelledError:
            self.cancelled.append(key)
            raise
        finally:
            self.under_way[key] -= 1
            self._tell()
        outcome = self.outcomes[key].popleft() if self.outcomes[key] else None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def hold(self, *keys: IssueKey) -> None:
        for key in keys:
            self.gates[key] = asyncio.Event()

    def let_go(self, *keys: IssueKey) -> None:
        for key in keys:
            self.gates.pop(key).set()

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not is_so():
                await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


class Office:
    """A database of jobs, and what does them."""

    def __init__(self, database: Database, clock: MovableClock) -> None:
        self.database, self.clock = database, clock
        self.health, self.reconciler = Health(), Reconciler()

    def worker(
        self,
        *,
        reconcile: Reconcile | None = None,
        concurrency: int = 4,
        longest_wait: timedelta = LONGEST_WAIT,
        owner: str = "this",
        **more: Any,
    ) -> Worker:
        work = Work(
            queue=IssueQueue.SYNC,
            reconcile=reconcile or self.reconciler.reconcile,
            concurrency=concurrency,
            longest_wait=longest_wait,
        )
        return Worker(
            work,
            record=Record(self.database, self.clock),
            health=self.health,
            owner=owner,
            **more,
        )

    @contextlib.asynccontextmanager
    async def working(self, **more: Any) -> AsyncIterator[Worker]:
        worker = self.worker(**more)
        work = asyncio.create_task(worker.work())
        lookout = asyncio.create_task(Lookout([worker], Record(self.database, self.clock)).run())
        try:
            yield worker
        finally:
            lookout.cancel()
            await asyncio.gather(lookout, return_exceptions=True)
            for key in list(self.reconciler.gates):
                self.reconciler.let_go(key)
            worker.stop()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await work

    async def enqueue(self, *keys: IssueKey, queue: IssueQueue = IssueQueue.SYNC) -> None:
        async with self.database.transaction() as tx:
            jobs.enqueue(tx, queue, keys, self.clock())

    async def later(self, **by: float) -> None:
        self.clock.forward(**by)
        self.wake()

    def wake(self) -> None:
        """Have the worker look at once: the clock that was moved wakes nobody."""
        self.database.wake_ups.wake([IssueQueue.SYNC])

    async def row(self, key: IssueKey, queue: Queue = IssueQueue.SYNC) -> Row[Any] | None:
        query = select(errands).where(
            errands.c.lane == queue,
            errands.c.project == key.project,
            errands.c.iid == key.iid,
        )
        async with self.database.transaction() as tx:
            return (await tx.execute(query)).one_or_none()

    async def row_where(
        self,
        key: IssueKey,
        is_so: Callable[[Row[Any]], bool] = lambda row: row.attempts and not row.leased_by,
    ) -> Row[Any]:
        """Wait until the row of a job is as wanted: put off, unless told otherwise."""
        found: list[Row[Any]] = []

        async def is_found() -> bool:
            row = await self.row(key)
            if row is not None and is_so(row):
                found.append(row)
            return bool(found)

        await eventually(is_found)
        return found[0]

    async def gone(self, key: IssueKey) -> None:
        async def is_gone() -> bool:
            return await self.row(key) is None

        await eventually(is_gone)

    async def execute(self, sql: str) -> None:
        async with self.database.transaction() as tx:
            await tx.execute(text(sql))


async def eventually(is_so: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what only the database or the log can tell."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_so():  # noqa: ASYNC110 - nothing wakes for a committed row
            await asyncio.sleep(0.005)


async def logged(logs: list[Any], event: str) -> Any:
    async def is_there() -> bool:
        return any(line["event"] == event for line in logs)

    await eventually(is_there)
    return next(line for line in logs if line["event"] == event)


@contextlib.asynccontextmanager
async def office_at(database_url: str, clock: MovableClock) -> AsyncIterator[Office]:
    database = Database(database_url)
    try:
        await database.open()
        yield Office(database, clock)
    finally:
        await database.close()


@pytest.fixture
async def office(sqlite: str, clock: MovableClock) -> AsyncIterator[Office]:
    async with office_at(sqlite, clock) as office:
        yield office


@pytest.mark.parametrize(
    ("attempts", "least", "most"),
    [
        (1, 0.9, 1.1),  # it starts at a second,
        (2, 1.8, 2.2),  # doubles,
        (5, 14.4, 17.6),
        (9, 230.4, 281.6),
        (10, 270, 330),  # and is never more than five minutes, give or take a tenth,
        (100_000, 270, 330),  # though GitLab be away for a year
    ],
)
def test_the_back_off_starts_at_a_second_doubles_and_ends_at_minutes(
    attempts: int, least: float, most: float
) -> None:
    waits = [backoff(attempts).total_seconds() for _ in range(50)]
    assert all(least <= wait <= most for wait in waits)
    assert len(set(waits)) > 1, "what failed together must not be tried together"


async def test_a_job_is_run_and_then_gone(office: Office) -> None:
    async with office.working():
        await office.enqueue(A)
        await office.gone(A)
    assert office.reconciler.runs == {A: 1}


async def test_a_run_that_has_lost_its_job_does_not_take_the_next_lease_for_its_own(
    office: Office,
) -> None:
    """Another process did the job meanwhile, and it was asked for again."""
    office.reconciler.hold(A)
    has_written: dict[IssueKey, list[bool]] = {A: [], B: []}

    async def write(job: Job) -> None:
        await office.reconciler.reconcile(job)
        try:
            async with office.database.transaction() as tx:
                await facts.CARDS_ADOPTED.save(tx, str(has_written))
        except LeaseLost:
            has_written[job.key].append(False)
            raise
        has_written[job.key].append(True)

    async with office.working(reconcile=write, lease=timedelta(minutes=1)):
        await office.enqueue(A)
        await office.reconciler.until(lambda: office.reconciler.runs[A] == 1)
        await office.execute("DELETE FROM errands")
        await office.enqueue(A, B)
        await office.reconciler.until(lambda: office.reconciler.runs[B] == 1)  # it has looked
        office.reconciler.let_go(A)
        await office.reconciler.until(lambda: office.reconciler.runs[A] >= 2)
        await office.gone(A)
    former, *later = has_written[A]
    assert not former
    assert later == [True] * (office.reconciler.runs[A] - 1)


async def test_a_job_that_is_asked_for_at_the_end_of_its_run_waits_for_no_lease(
    office: Office,
) -> None:
    """Its end is on record, and wakes the worker, before the worker has heard of it."""
    times = 50

    async def ask_again(job: Job) -> None:
        await office.reconciler.reconcile(job)
        if office.reconciler.runs[A] < times:
            await office.enqueue(A)

    async def wake_all_the_time() -> None:
        while True:
            office.wake()
            await asyncio.sleep(0)

    async with office.working(reconcile=ask_again, lease=timedelta(minutes=1)):
        waking = asyncio.create_task(wake_all_the_time())
        await office.enqueue(A)
        await office.reconciler.until(lambda: office.reconciler.runs[A] == times)
        waking.cancel()
    assert office.reconciler.most_for_one == 1


async def test_what_was_asked_for_before_the_start_is_run(office: Office) -> None:
    await office.enqueue(A, B)
    async with office.working():
        await office.gone(A)
        await office.gone(B)
    assert office.reconciler.runs == {A: 1, B: 1}


async def test_one_issue_has_one_job_at_a_time_and_what_was_asked_meanwhile_runs_once_more(
    office: Office,
) -> None:
    office.reconciler.hold(A)
    async with office.working():
        await office.enqueue(A)
        await office.reconciler.until(lambda: office.reconciler.runs[A] == 1)
        for _ in range(3):
            await office.enqueue(A)
        await office.enqueue(B)
        await office.gone(B)
        assert office.reconciler.runs[A] == 1
        office.reconciler.let_go(A)
        await office.gone(A)
    assert office.reconciler.runs == {A: 2, B: 1}
    assert office.reconciler.most_for_one == 1


async def test_a_lease_that_ends_early_does_not_make_a_job_run_twice_at_once(
    office: Office,
) -> None:
    office.reconciler.hold(A)
    async with office.working():
        await office.enqueue(A)
        await office.reconciler.until(lambda: office.reconciler.runs[A] == 1)
        until = (await office.row_where(A, lambda row: row.leased_until)).leased_until
        await elapse(office.database, timedelta(hours=1))  # the computer slept
        office.wake()
        await office.row_where(A, lambda row: row.leased_until > until)
        await office.enqueue(B)
        await office.gone(B)
        assert office.reconciler.runs[A] == 1
        office.reconciler.let_go(A)
        await office.gone(A)
    assert office.reconciler.most_for_one == 1


async def test_jobs_of_several_issues_run_side_by_side_as_many_as_allowed(
    office: Office,
) -> None:
    office.reconciler.hold(A, B, C)
    async with office.working(concurrency=2):
        await office.enqueue(A, B, C)
        await office.reconciler.until(lambda: office.reconciler.under_way.total() == 2)
        for _ in range(20):  # time enough for a third one to be taken
            await office.row(A)
        office.reconciler.let_go(A, B, C)
        for key in (A, B, C):
            await office.gone(key)
    assert office.reconciler.runs == {A: 1, B: 1, C: 1}
    assert office.reconciler.most_at_once == 2


async def test_what_a_full_house_leaves_waits_for_no_lookout(office: Office) -> None:
    await office.enqueue(*(IssueKey(7, iid) for iid in range(1, 8)))
    worker = office.worker(concurrency=2)
    work = asyncio.create_task(worker.work())
    await office.reconciler.until(lambda: office.reconciler.runs.total() == 7)
    worker.stop()
    await work


async def test_a_failing_job_ends_neither_the_worker_nor_itself(office: Office) -> None:
    office.reconciler.outcomes[A].append(ZeroDivisionError("a fault of ours"))
    with capture_logs() as logs:
        async with office.working():
            await office.enqueue(A)
            failed_at = office.clock()
            row = await office.row_where(A)
            await office.enqueue(B)
            await office.gone(B)
            assert (row.problem, row.attempts, row.leased_by) == ("ZeroDivisionError", 1, None)
            assert timedelta(seconds=0.9) <= row.ready_at - failed_at
            await office.later(seconds=2)
            await office.gone(A)
    assert office.reconciler.runs[A] == 2
    assert [line["issue"] for line in logs if line["event"] == "job_failed"] == [str(A)]


async def test_a_job_that_fails_again_waits_longer(office: Office) -> None:
    office.reconciler.outcomes[A].extend([Postponed("GitLab is away")] * 2)
    async with office.working():
        await office.enqueue(A)
        await office.row_where(A)
        await office.later(seconds=2)
        failed_at = office.clock()
        row = await office.row_where(A, lambda row: row.attempts == 2 and row.leased_by is None)
        assert row.problem == "GitLab is away"
        assert timedelta(seconds=1.8) <= row.ready_at - failed_at <= timedelta(seconds=7)


async def test_a_success_makes_the_next_failure_the_first_again(office: Office) -> None:
    office.reconciler.outcomes[A].extend([Postponed("first"), None, Postponed("another")])
    async with office.working():
        await office.enqueue(A)
        await office.row_where(A)
        await office.later(seconds=2)
        await office.gone(A)
        await office.enqueue(A)
        assert (await office.row_where(A)).attempts == 1


async def test_the_wait_that_a_platform_asks_for_is_kept(office: Office) -> None:
    office.reconciler.outcomes[A].append(Postponed("429", timedelta(hours=1)))
    async with office.working():
        await office.enqueue(A)
        asked_at = office.clock()
        row = await office.row_where(A)
        assert timedelta(hours=1) <= row.ready_at - asked_at < timedelta(hours=1, seconds=10)
        await office.later(minutes=59)
        await office.enqueue(B)
        await office.gone(B)
        assert office.reconciler.runs[A] == 1
        await office.later(minutes=2)
        await office.gone(A)
    assert office.reconciler.runs[A] == 2


async def test_the_wait_for_which_a_platform_that_throttles_asks_is_no_failure(
    office: Office,
) -> None:
    office.reconciler.outcomes[A].append(Throttled(Platform.SLACK, 3600))
    async with office.working():
        await office.enqueue(A)
        asked_at = office.clock()
        row = await office.row_where(A)
    assert timedelta(hours=1) <= row.ready_at - asked_at < timedelta(hours=1, seconds=10)
    assert row.problem is None, "Watch would hurry it"
    assert office.health.problems[SLACK] == STARTING, "nothing is wrong with Slack"


async def test_what_an_administrator_has_to_mend_is_said_in_the_readiness(office: Office) -> None:
    remedy = "set SLACK_BOT_TOKEN"
    office.reconciler.outcomes[A].append(Denied(Platform.SLACK, "invalid_auth", remedy))
    async with office.working():
        await office.enqueue(A)
        row = await office.row_where(A)
    assert row.problem == f"Slack answered invalid_auth: {remedy}"
    assert remedy in str(office.health.problems[SLACK])


NO_ANSWER = "no answer from GitLab"


async def test_each_issue_that_a_platform_refuses_is_named_each_time(office: Office) -> None:
    def refused() -> Rejected:
        return Rejected(Platform.GITLAB, "403", "Forbidden")

    def put_off(logs: list[Any]) -> list[str]:
        return sorted(line["issue"] for line in logs if line["event"] == "job_put_off")

    postponed = Postponed("SSAT_BAD_CHANNEL #bad")
    postponed.__cause__ = Denied(Platform.SLACK, "not_in_channel", "/invite it there")
    office.reconciler.outcomes[A] += [refused(), refused()]
    office.reconciler.outcomes[B] += [refused(), postponed]
    office.reconciler.outcomes[C] += [refused(), postponed]
    office.clock.stop()
    with capture_logs() as logs:
        async with office.working():
            await office.enqueue(A, B, C)
            for key in (A, B, C):
                await office.row_where(key, lambda row: row.attempts == 1 and not row.leased_by)
            assert put_off(logs) == [str(A), str(B), str(C)]
            await office.later(seconds=2)
            for key in (A, B, C):
                await office.row_where(key, lambda row: row.attempts == 2 and not row.leased_by)
            assert put_off(logs) == sorted([str(A), str(B), str(C)] * 2)
            await office.later(seconds=10)
            for key in (A, B, C):
                await office.gone(key)
    assert not [line for line in logs if line["event"] == "jobs_go_on"]


async def test_an_outage_is_over_when_a_job_that_has_met_it_goes_on(office: Office) -> None:
    away = [Unreachable(Platform.GITLAB, NO_ANSWER)] * 2
    office.reconciler.outcomes[A] += away
    office.reconciler.outcomes[B].append(Rejected(Platform.GITLAB, "403", "Forbidden"))
    office.reconciler.outcomes[C].append(Unreachable(Platform.GITLAB, "GitLab is failing (502)"))
    office.clock.stop()
    with capture_logs() as logs:
        async with office.working():
            await office.enqueue(A, B, C)
            for key in (A, B, C):
                await office.row_where(key, lambda row: row.attempts == 1 and not row.leased_by)
            await office.later(seconds=2)
            await office.gone(B)  # which was refused, and tells nothing of outages
            await office.gone(C)
            await office.row_where(A, lambda row: row.attempts == 2 and not row.leased_by)
            ended = [line for line in logs if line["event"] == "jobs_go_on"]
            assert [line["times"] for line in ended] == [1], "only that of C"
            await office.later(seconds=10)
            await office.gone(A)
    ended = [line for line in logs if line["event"] == "jobs_go_on"]
    assert [line["times"] for line in ended] == [1, 2]
    told = [line["problem"] for line in logs if line["event"] == "job_put_off"]
    assert Counter(told) == {
        NO_ANSWER: 1,
        "GitLab is failing (502)": 1,
        "GitLab answered 403: Forbidden": 1,
    }


async def test_what_no_job_gets_past_is_one_line_a_minute(office: Office) -> None:
    for key in (A, B):
        denied = Denied(Platform.GITLAB, "401", "GITLAB_TOKEN is not valid")
        office.reconciler.outcomes[key].append(denied)
    office.reconciler.outcomes[C].append(Throttled(Platform.GITLAB, 1))
    office.clock.stop()
    with capture_logs() as logs:
        async with office.working():
            await office.enqueue(A, B, C)
            for key in (A, B, C):
                await office.row_where(key, lambda row: row.attempts == 1 and not row.leased_by)
    assert len([line for line in logs if line["event"] == "job_put_off"]) == 2


async def test_a_job_that_lost_its_lease_writes_nothing_more_and_runs_again_after_who_has_it_now(
    office: Office,
) -> None:
    runs, go_on = 0, asyncio.Event()
    written = facts.Fact("written by", str)

    async def reconcile(_job: Job) -> None:
        nonlocal runs
        runs += 1
        await go_on.wait()
        async with office.database.transaction() as tx:
            await written.save(tx, f"run {runs}")

    async def written_by() -> str | None:
        async with office.database.transaction() as tx:
            return await written.load(tx)

    with capture_logs() as logs:
        async with office.working(reconcile=reconcile):
            await office.enqueue(A)
            await office.row_where(A, lambda row: bool(runs and row.leased_by))
            await elapse(office.database, timedelta(hours=1))  # it stood still
            async with office.database.transaction() as tx:
                [taken] = await jobs.lease(
                    tx, IssueQueue.SYNC, "another", office.clock(), timedelta(hours=1)
                )
            go_on.set()
            row = await office.row_where(A, lambda row: row.wanted > taken.wanted)
            assert (row.leased_by, await written_by()) == ("another", None)
            async with office.database.transaction() as tx:
                assert not await jobs.finish(tx, taken)
            await office.gone(A)
    assert await written_by() == "run 2"
    assert [line["issue"] for line in logs if line["event"] == "lease_lost"] == [str(A)]


async def test_what_is_asked_for_during_a_failing_run_does_not_wait_for_the_back_off(
    office: Office,
) -> None:
    office.reconciler.hold(A)
    office.reconciler.outcomes[A].append(Postponed("429", timedelta(hours=1)))
    async with office.working():
        await office.enqueue(A)
        await office.reconciler.until(lambda: office.reconciler.runs[A] == 1)
        await office.enqueue(A)
        office.reconciler.let_go(A)
        await office.gone(A)
    assert office.reconciler.runs[A] == 2


async def test_what_is_asked_for_while_a_platform_may_still_be_at_it_waits_until_it_is_settled(
    office: Office,
) -> None:
    office.reconciler.outcomes[A].append(Unsettled(Platform.GITLAB, "?"))
    async with office.working():
        await office.enqueue(A)
        await office.row_where(A)
        await office.enqueue(A)
        await office.enqueue(B)
        await office.gone(B)
        await office.later(minutes=2)  # whatever the clock of this process says
        await office.enqueue(C)
        await office.gone(C)
        assert office.reconciler.runs[A] == 1
        await elapse(office.database, PLATFORM_TIMEOUT)
        office.wake()
        await office.gone(A)
    assert office.reconciler.runs[A] == 2


async def test_a_job_that_says_when_to_run_again_runs_then_and_not_before(
    office: Office,
) -> None:
    at = office.clock() + timedelta(minutes=10)
    office.reconciler.outcomes[A].append(at)
    async with office.working():
        await office.enqueue(A)
        row = await office.row_where(A, lambda row: row.leased_by is None and row.ready_at == at)
        assert row.attempts == 0
        await office.later(minutes=9)
        await office.enqueue(B)
        await office.gone(B)
        assert office.reconciler.runs[A] == 1
        await office.later(minutes=2)
        await office.gone(A)
    assert office.reconciler.runs[A] == 2


async def test_a_job_is_looked_at_again_in_time_whatever_it_waits_for(office: Office) -> None:
    office.reconciler.outcomes[A] += [office.clock() + timedelta(days=3)]
    office.reconciler.outcomes[B] += [Postponed("asked to wait", timedelta(days=3))]
    async with office.working(longest_wait=timedelta(minutes=10)):
        await office.enqueue(A, B)
        for key in (A, B):
            row = await office.row_where(key, lambda row: row.ready_at > office.clock())
            assert row.ready_at <= office.clock() + timedelta(minutes=10)
        await office.later(minutes=11)
        await office.gone(A)
        await office.gone(B)


async def test_a_job_during_which_the_clock_is_set_back_is_looked_at_again_at_once(
    office: Office,
) -> None:
    office.clock.forward(minutes=5)
    office.reconciler.outcomes[A].append(office.clock() + timedelta(minutes=1))
    office.reconciler.hold(A)
    async with office.working():
        await office.enqueue(A)
        await office.reconciler.until(lambda: office.reconciler.runs[A] == 1)
        office.clock.forward(minutes=-5)
        office.reconciler.let_go(A)
        await office.gone(A)
    assert office.reconciler.runs[A] == 2


async def test_the_jobs_of_another_queue_are_left_alone(office: Office) -> None:
    await office.enqueue(A, queue=IssueQueue.CARD)
    async with office.working():
        await office.enqueue(A)
        await office.gone(A)
    row = await office.row(A, IssueQueue.CARD)
    assert row is not None
    assert (row.wanted, row.attempts, row.leased_by) == (1, 0, None)
    assert office.reconciler.runs == {A: 1}


async def test_another_process_keeps_its_job_until_its_lease_runs_out(office: Office) -> None:
    await office.enqueue(A)
    async with office.database.transaction() as tx:
        now = office.clock()
        assert await jobs.lease(tx, IssueQueue.SYNC, "another", now, timedelta(seconds=20))
    async with office.working():
        await office.enqueue(B)
        await office.gone(B)
        assert office.reconciler.runs[A] == 0
        await elapse(office.database, timedelta(seconds=20))
        office.wake()
        await office.gone(A)
    assert office.reconciler.runs[A] == 1


FULL_OR_NOT = pytest.mark.parametrize(
    "concurrency",
    [
        1,  # a full worker, which waits for a place,
        2,  # and one that waits for something to do
    ],
)


async def stopped_at_work(office: Office, **more: Any) -> asyncio.Task[None]:
    """Stop a worker that is in the middle of a job."""
    office.reconciler.hold(A)
    worker = office.worker(**more)
    work = asyncio.create_task(worker.work())
    await office.enqueue(A)
    await office.reconciler.until(lambda: office.reconciler.runs[A] == 1)
    worker.stop()
    return work


@FULL_OR_NOT
async def test_stopping_finishes_what_is_under_way_and_takes_nothing_new(
    office: Office, concurrency: int
) -> None:
    work = await stopped_at_work(office, concurrency=concurrency)
    await office.enqueue(B)
    office.reconciler.let_go(A)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await work
    assert await office.row(A) is None
    assert await office.row(B) is not None
    assert office.reconciler.runs == {A: 1}
    assert office.reconciler.cancelled == []


@FULL_OR_NOT
async def test_stopping_hands_back_what_does_not_end_in_time(
    office: Office, concurrency: int
) -> None:
    work = await stopped_at_work(office, concurrency=concurrency, shutdown_seconds=0)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await work
    row = await office.row(A)
    assert row is not None
    assert (row.leased_by, row.leased_until, row.attempts) == (None, None, 0)
    assert row.ready_at <= office.clock()
    assert office.reconciler.cancelled == [A]


async def test_a_database_that_is_away_stops_nothing_for_good(office: Office) -> None:
    with capture_logs() as logs:
        async with office.working():
            await office.enqueue(A)
            await office.gone(A)
            await office.execute("ALTER TABLE errands RENAME TO away")
            office.wake()
            await logged(logs, "lease_failed")
            await office.execute("ALTER TABLE away RENAME TO errands")
            await office.enqueue(B)
            await office.gone(B)


async def test_the_lease_of_a_job_under_way_is_renewed_before_it_runs_out(
    database_url: str, clock: MovableClock
) -> None:
    async with office_at(database_url, clock) as office:
        office.reconciler.hold(A)
        async with office.working(lease=timedelta(seconds=2)):
            await office.enqueue(A)
            until = (await office.row_where(A, lambda row: row.leased_until)).leased_until
            row = await office.row_where(A, lambda row: row.leased_until > until)
            assert row.attempts == 1, "it has run out, and was taken a second time"


async def test_a_job_whose_end_could_not_be_recorded_is_taken_again_the_running_are_not(
    database_url: str, clock: MovableClock
) -> None:
    async with office_at(database_url, clock) as office:
        office.reconciler.hold(A, B)
        with capture_logs() as logs:
            async with office.working(lease=LEASE):
                await office.enqueue(A, B)
                await office.reconciler.until(lambda: office.reconciler.under_way.total() == 2)
                await office.execute("ALTER TABLE errands RENAME TO away")
                office.reconciler.let_go(A)
                failure = await logged(logs, "job_left_to_its_lease")
                await office.execute("ALTER TABLE away RENAME TO errands")
                until = (await office.row_where(B, lambda row: row.leased_until)).leased_until
                await office.gone(A)
                await office.row_where(B, lambda row: row.leased_until > until)
    assert (failure["issue"], failure["exc_info"]) == (str(A), True)
    assert office.reconciler.runs == {A: 2, B: 1}


async def test_a_put_off_that_could_not_be_recorded_is_logged_and_taken_again(
    office: Office,
) -> None:
    office.reconciler.hold(A)
    office.reconciler.outcomes[A].append(Postponed("GitLab is away"))
    with capture_logs() as logs:
        async with office.working(lease=LEASE):
            await office.enqueue(A)
            await office.reconciler.until(lambda: office.reconciler.runs[A] == 1)
            await office.execute("ALTER TABLE errands RENAME TO away")
            office.reconciler.let_go(A)
            await logged(logs, "job_left_to_its_lease")
            await office.execute("ALTER TABLE away RENAME TO errands")
            await office.gone(A)
    assert office.reconciler.runs[A] == 2
