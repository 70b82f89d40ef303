"""The engine of errands, over a real database: in order, side by side, again, and to the end."""

import asyncio
import contextlib
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select, text
from structlog.testing import capture_logs

from slackbot.rules.request import IssueKey
from slackbot.store import jobs
from slackbot.store.database import Database
from slackbot.store.jobs import IssueQueue
from slackbot.store.schema import errands as errands_table
from slackbot.worker import Bells, Postponed, Worker, backoff
from tests.conftest import MovableClock
from tests.elapse import elapse

A, B, C = (IssueKey(7, iid) for iid in (1, 2, 3))
PATIENCE_SECONDS = 5
LEASE = timedelta(seconds=0.2)
"""Short, so that a test sees one run out."""


class Errands:
    """Runs errands as the test has it: held at a gate, failing, or asking to be run again."""

    def __init__(self) -> None:
        self.runs: Counter[IssueKey] = Counter()
        self.under_way: Counter[IssueKey] = Counter()
        self.most_at_once = 0
        self.most_for_one = 0
        self.cancelled: list[IssueKey] = []
        self.gates: dict[IssueKey, asyncio.Event] = {}
        self.outcomes: dict[IssueKey, deque[Exception | datetime | None]] = defaultdict(deque)
        self._changed = asyncio.Event()

    async def run(self, key: IssueKey) -> datetime | None:
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
    """A database of errands, what runs them, and the bells between."""

    def __init__(self, database: Database, clock: MovableClock) -> None:
        self.database, self.clock = database, clock
        self.errands, self.bells = Errands(), Bells()

    def worker(self, *, concurrency: int = 4, owner: str = "this", **more: Any) -> Worker:
        return Worker(
            IssueQueue.SYNC,
            self.errands.run,
            database=self.database,
            bells=self.bells,
            clock=self.clock,
            owner=owner,
            concurrency=concurrency,
            **more,
        )

    @contextlib.asynccontextmanager
    async def working(self, **more: Any) -> AsyncIterator[Worker]:
        worker = self.worker(**more)
        work = asyncio.create_task(worker.work())
        try:
            yield worker
        finally:
            for key in list(self.errands.gates):
                self.errands.let_go(key)
            worker.stop()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await work

    async def ask(self, *keys: IssueKey, lane: Lane = IssueQueue.SYNC) -> None:
        async with self.database.transaction() as tx:
            await jobs.enqueue(tx, lane, keys, self.clock())
        self.bells.ring(lane)

    async def later(self, **by: float) -> None:
        self.clock.forward(**by)
        self.bells.ring(IssueQueue.SYNC)

    async def row(self, key: IssueKey, lane: Lane = IssueQueue.SYNC) -> Row[Any] | None:
        query = select(errands_table).where(
            errands_table.c.lane == lane,
            errands_table.c.project == key.project,
            errands_table.c.iid == key.iid,
        )
        async with self.database.transaction() as tx:
            return (await tx.execute(query)).one_or_none()

    async def row_where(
        self,
        key: IssueKey,
        is_so: Callable[[Row[Any]], bool] = lambda row: row.attempts and not row.leased_by,
    ) -> Row[Any]:
        """Wait until the row of an errand is as wanted: put off, unless told otherwise."""
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
        while not await is_so():  # noqa: ASYNC110 - nobody rings for a committed row
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
async def office(tmp_path: Path, clock: MovableClock) -> AsyncIterator[Office]:
    async with office_at(f"sqlite:///{tmp_path / 'errands.db'}", clock) as office:
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


async def test_an_errand_is_run_and_then_gone(office: Office) -> None:
    async with office.working():
        await office.ask(A)
        await office.gone(A)
    assert office.errands.runs == {A: 1}


async def test_what_was_asked_for_before_the_start_is_run(office: Office) -> None:
    await office.ask(A, B)
    async with office.working():
        await office.gone(A)
        await office.gone(B)
    assert office.errands.runs == {A: 1, B: 1}


async def test_one_issue_has_one_errand_at_a_time_and_what_was_asked_meanwhile_runs_once_more(
    office: Office,
) -> None:
    office.errands.hold(A)
    async with office.working():
        await office.ask(A)
        await office.errands.until(lambda: office.errands.runs[A] == 1)
        for _ in range(3):
            await office.ask(A)
        await office.ask(B)
        await office.gone(B)
        assert office.errands.runs[A] == 1
        office.errands.let_go(A)
        await office.gone(A)
    assert office.errands.runs == {A: 2, B: 1}
    assert office.errands.most_for_one == 1


async def test_a_lease_that_ends_early_does_not_make_an_errand_run_twice_at_once(
    office: Office,
) -> None:
    office.errands.hold(A)
    async with office.working():
        await office.ask(A)
        await office.errands.until(lambda: office.errands.runs[A] == 1)
        until = (await office.row_where(A, lambda row: row.leased_until)).leased_until
        await elapse(office.database, timedelta(hours=1))  # the computer slept
        office.bells.ring(IssueQueue.SYNC)
        await office.row_where(A, lambda row: row.leased_until > until)
        await office.ask(B)
        await office.gone(B)
        assert office.errands.runs[A] == 1
        office.errands.let_go(A)
        await office.gone(A)
    assert office.errands.most_for_one == 1


async def test_errands_of_several_issues_run_side_by_side_as_many_as_allowed(
    office: Office,
) -> None:
    office.errands.hold(A, B, C)
    async with office.working(concurrency=2):
        await office.ask(A, B, C)
        await office.errands.until(lambda: office.errands.under_way.total() == 2)
        for _ in range(20):  # time enough for a third one to be taken
            await office.database.ping()
        office.errands.let_go(A, B, C)
        for key in (A, B, C):
            await office.gone(key)
    assert office.errands.runs == {A: 1, B: 1, C: 1}
    assert office.errands.most_at_once == 2


async def test_a_failing_errand_ends_neither_the_lane_nor_itself(office: Office) -> None:
    office.errands.outcomes[A].append(ZeroDivisionError("a fault of ours"))
    with capture_logs() as logs:
        async with office.working():
            await office.ask(A)
            failed_at = office.clock()
            row = await office.row_where(A)
            await office.ask(B)
            await office.gone(B)
            assert (row.problem, row.attempts, row.leased_by) == ("ZeroDivisionError", 1, None)
            assert timedelta(seconds=0.9) <= row.ready_at - failed_at
            await office.later(seconds=2)
            await office.gone(A)
    assert office.errands.runs[A] == 2
    assert [line["issue"] for line in logs if line["event"] == "errand_failed"] == [str(A)]


async def test_an_errand_that_fails_again_waits_longer(office: Office) -> None:
    office.errands.outcomes[A].extend([Postponed("GitLab is away")] * 2)
    async with office.working():
        await office.ask(A)
        await office.row_where(A)
        await office.later(seconds=2)
        failed_at = office.clock()
        row = await office.row_where(A, lambda row: row.attempts == 2 and row.leased_by is None)
        assert row.problem == "GitLab is away"
        assert timedelta(seconds=1.8) <= row.ready_at - failed_at <= timedelta(seconds=7)


async def test_a_success_makes_the_next_failure_the_first_again(office: Office) -> None:
    office.errands.outcomes[A].extend([Postponed("first"), None, Postponed("another")])
    async with office.working():
        await office.ask(A)
        await office.row_where(A)
        await office.later(seconds=2)
        await office.gone(A)
        await office.ask(A)
        assert (await office.row_where(A)).attempts == 1


async def test_the_wait_that_a_platform_asks_for_is_kept(office: Office) -> None:
    office.errands.outcomes[A].append(Postponed("429", timedelta(hours=1)))
    async with office.working():
        await office.ask(A)
        asked_at = office.clock()
        row = await office.row_where(A)
        assert timedelta(hours=1) <= row.ready_at - asked_at < timedelta(hours=1, seconds=10)
        await office.later(minutes=59)
        await office.ask(B)
        await office.gone(B)
        assert office.errands.runs[A] == 1
        await office.later(minutes=2)
        await office.gone(A)
    assert office.errands.runs[A] == 2


async def test_what_is_asked_for_during_a_failing_run_does_not_wait_for_the_back_off(
    office: Office,
) -> None:
    office.errands.hold(A)
    office.errands.outcomes[A].append(Postponed("429", timedelta(hours=1)))
    async with office.working():
        await office.ask(A)
        await office.errands.until(lambda: office.errands.runs[A] == 1)
        await office.ask(A)
        office.errands.let_go(A)
        await office.gone(A)
    assert office.errands.runs[A] == 2


async def test_what_is_asked_for_while_a_platform_may_still_be_at_it_waits_until_it_is_settled(
    office: Office,
) -> None:
    office.errands.outcomes[A].append(Postponed("?", timedelta(hours=1), is_unsettled=True))
    async with office.working():
        await office.ask(A)
        await office.row_where(A)
        await office.ask(A)
        await office.ask(B)
        await office.gone(B)
        await office.later(minutes=61)  # whatever the clock of this process says
        await office.ask(C)
        await office.gone(C)
        assert office.errands.runs[A] == 1
        await elapse(office.database, timedelta(hours=1))
        office.bells.ring(IssueQueue.SYNC)
        await office.gone(A)
    assert office.errands.runs[A] == 2


async def test_an_errand_that_says_when_to_run_again_runs_then_and_not_before(
    office: Office,
) -> None:
    at = office.clock() + timedelta(minutes=10)
    office.errands.outcomes[A].append(at)
    async with office.working():
        await office.ask(A)
        row = await office.row_where(A, lambda row: row.leased_by is None and row.ready_at == at)
        assert row.attempts == 0
        await office.later(minutes=9)
        await office.ask(B)
        await office.gone(B)
        assert office.errands.runs[A] == 1
        await office.later(minutes=2)
        await office.gone(A)
    assert office.errands.runs[A] == 2


async def test_the_errands_of_another_lane_are_left_alone(office: Office) -> None:
    await office.ask(A, lane=IssueQueue.CARD)
    async with office.working():
        await office.ask(A)
        await office.gone(A)
    row = await office.row(A, IssueQueue.CARD)
    assert row is not None
    assert (row.wanted, row.attempts, row.leased_by) == (1, 0, None)
    assert office.errands.runs == {A: 1}


async def test_another_process_keeps_its_errand_until_its_lease_runs_out(office: Office) -> None:
    await office.ask(A)
    async with office.database.transaction() as tx:
        now = office.clock()
        assert await jobs.lease(tx, IssueQueue.SYNC, "another", now, timedelta(seconds=20))
    async with office.working():
        await office.ask(B)
        await office.gone(B)
        assert office.errands.runs[A] == 0
        await elapse(office.database, timedelta(seconds=20))
        office.bells.ring(IssueQueue.SYNC)
        await office.gone(A)
    assert office.errands.runs[A] == 1


@pytest.mark.parametrize(
    "concurrency",
    [
        1,  # a full lane, which waits for a place,
        2,  # and one that waits for something to do
    ],
)
async def test_stopping_finishes_what_is_under_way_and_takes_nothing_new(
    office: Office, concurrency: int
) -> None:
    office.errands.hold(A)
    worker = office.worker(concurrency=concurrency)
    work = asyncio.create_task(worker.work())
    await office.ask(A)
    await office.errands.until(lambda: office.errands.runs[A] == 1)
    worker.stop()
    await office.ask(B)
    office.errands.let_go(A)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await work
    assert await office.row(A) is None
    assert await office.row(B) is not None
    assert office.errands.runs == {A: 1}
    assert office.errands.cancelled == []


@pytest.mark.parametrize(
    "concurrency",
    [
        1,  # a full lane, which waits for a place,
        2,  # and one that waits for something to do
    ],
)
async def test_stopping_hands_back_what_does_not_end_in_time(
    office: Office, concurrency: int
) -> None:
    office.errands.hold(A)
    worker = office.worker(concurrency=concurrency, shutdown_seconds=0)
    work = asyncio.create_task(worker.work())
    await office.ask(A)
    await office.errands.until(lambda: office.errands.runs[A] == 1)
    worker.stop()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await work
    row = await office.row(A)
    assert row is not None
    assert (row.leased_by, row.leased_until, row.attempts) == (None, None, 0)
    assert row.ready_at <= office.clock()
    assert office.errands.cancelled == [A]


async def test_a_database_that_is_away_stops_nothing_for_good(office: Office) -> None:
    with capture_logs() as logs:
        async with office.working():
            await office.ask(A)
            await office.gone(A)
            await office.execute("ALTER TABLE errands RENAME TO away")
            office.bells.ring(IssueQueue.SYNC)
            await logged(logs, "lease_failed")
            await office.execute("ALTER TABLE away RENAME TO errands")
            await office.ask(B)
            await office.gone(B)


async def test_the_lease_of_an_errand_under_way_is_renewed_before_it_runs_out(
    database_url: str, clock: MovableClock
) -> None:
    async with office_at(database_url, clock) as office:
        office.errands.hold(A)
        async with office.working(lease=timedelta(seconds=2)):
            await office.ask(A)
            until = (await office.row_where(A, lambda row: row.leased_until)).leased_until
            row = await office.row_where(A, lambda row: row.leased_until > until)
            assert row.attempts == 1, "it has run out, and was taken a second time"


async def test_an_errand_whose_end_could_not_be_recorded_is_taken_again_the_running_are_not(
    database_url: str, clock: MovableClock
) -> None:
    async with office_at(database_url, clock) as office:
        office.errands.hold(A, B)
        with capture_logs() as logs:
            async with office.working(lease=LEASE):
                await office.ask(A, B)
                await office.errands.until(lambda: office.errands.under_way.total() == 2)
                await office.execute("ALTER TABLE errands RENAME TO away")
                office.errands.let_go(A)
                failure = await logged(logs, "errand_left_to_its_lease")
                await office.execute("ALTER TABLE away RENAME TO errands")
                until = (await office.row_where(B, lambda row: row.leased_until)).leased_until
                await office.gone(A)
                await office.row_where(B, lambda row: row.leased_until > until)
    assert (failure["issue"], failure["exc_info"]) == (str(A), True)
    assert office.errands.runs == {A: 2, B: 1}


async def test_a_put_off_that_could_not_be_recorded_is_logged_and_taken_again(
    office: Office,
) -> None:
    office.errands.hold(A)
    office.errands.outcomes[A].append(Postponed("GitLab is away"))
    with capture_logs() as logs:
        async with office.working(lease=LEASE):
            await office.ask(A)
            await office.errands.until(lambda: office.errands.runs[A] == 1)
            await office.execute("ALTER TABLE errands RENAME TO away")
            office.errands.let_go(A)
            await logged(logs, "errand_left_to_its_lease")
            await office.execute("ALTER TABLE away RENAME TO errands")
            await office.gone(A)
    assert office.errands.runs[A] == 2
