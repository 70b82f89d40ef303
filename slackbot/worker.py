"""The worker: takes the jobs of a queue, runs them, retries them."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from slackbot import metrics, tracing
from slackbot.clock import Jumps
from slackbot.health import Health
from slackbot.logs import OutageLog
from slackbot.platforms.errors import Denied, PlatformError, Throttled, Unreachable
from slackbot.rules.request import IssueKey
from slackbot.store import facts, jobs
from slackbot.store.engine.away import RecordAway, pause
from slackbot.store.engine.database import LOOKOUT, LeaseLost, Record, Transaction, fenced_by
from slackbot.store.jobs import (
    LONGEST_WAIT,
    LOOKOUT_EVERY,
    Ahead,
    IssueQueue,
    Job,
    PeriodicQueue,
    Postponed,
    Queue,
)

log = structlog.get_logger()

LOOKOUT_SECONDS = LOOKOUT_EVERY.total_seconds()
FIRST_RETRY = timedelta(seconds=1)
LAST_RETRY = timedelta(minutes=5)
LEASE = timedelta(seconds=20)
LONGEST_IDLE_SECONDS = 3600.0
SHORTEST_IDLE_SECONDS = 0.02
SHUTDOWN_SECONDS = 10.0
MOST_OUTAGES = 50
"""Of a queue, told apart by their words."""


Reconcile = Callable[[Job], Awaitable[datetime | None]]
"""Returns when to look again, if ever; ``Postponed`` or ``PlatformError`` have the job retried."""


def backoff(attempts: int, first: timedelta = FIRST_RETRY) -> timedelta:
    doubled = first * 2 ** min(attempts - 1, 16)
    # Spread: what failed together is not retried together.
    spread = random.uniform(0.9, 1.1)  # noqa: S311 - not for secrets
    return timedelta(seconds=min(doubled, LAST_RETRY).total_seconds() * spread)


@dataclass(frozen=True, kw_only=True)
class Work:
    """Jobs of a queue, several at a time but one per issue."""

    queue: Queue
    reconcile: Reconcile
    concurrency: int = 1
    longest_wait: timedelta = LONGEST_WAIT
    """Then a job is looked at anyway."""


def about_issues(
    queue: IssueQueue,
    reconcile: Callable[[IssueKey], Awaitable[datetime | None]],
    *,
    concurrency: int,
) -> Work:
    return Work(queue=queue, reconcile=lambda job: reconcile(job.key), concurrency=concurrency)


def periodic(
    queue: PeriodicQueue,
    reconcile: Callable[[], Awaitable[datetime | None]],
    *,
    longest_wait: timedelta = LONGEST_WAIT,
) -> Work:
    return Work(queue=queue, reconcile=lambda _: reconcile(), longest_wait=longest_wait)


@dataclass(frozen=True)
class _Outage:
    log: OutageLog
    met_by: set[IssueKey] = field(default_factory=set)


def _is_met_by_all(error: BaseException | None) -> bool:
    """Return whether it is an outage, and says nothing of one issue.

    Without a valid token, too, no job gets any further.
    """
    if isinstance(error, Denied):
        return not error.is_about_channel
    return isinstance(error, Unreachable | Throttled)


class Worker:
    """Runs a queue's jobs.

    A silent process keeps one for ``lease``; after ``stop`` they have ``shutdown_seconds``.
    """

    def __init__(
        self,
        work: Work,
        *,
        record: Record,
        health: Health,
        owner: str,
        lease: timedelta = LEASE,
        first_retry: timedelta = FIRST_RETRY,
        shutdown_seconds: float = SHUTDOWN_SECONDS,
    ) -> None:
        self.queue, self._work = work.queue, work
        self.longest_wait = work.longest_wait
        self._record, self._health = record, health
        self._owner = owner
        self._lease_time, self._shutdown_seconds = lease, shutdown_seconds
        self._first_retry = first_retry
        self._under_way: dict[asyncio.Task[None], IssueKey] = {}
        self._has_passed_over = False
        """The last look may have left out jobs: for what is under way, or for lack of room."""
        self._stopping = False
        self._outages: dict[str, _Outage] = {}
        """By what is said of them."""

    async def work(self) -> None:
        """After ``stop``, finish what is under way, or hand it back."""
        keeper = asyncio.create_task(self._keep_leases())
        try:
            while not self._stopping:
                seconds = await self._start_ready()
                await self._record.wake_ups.wait(self.queue, seconds)
        finally:
            await self._drain()
            keeper.cancel()
            # It may be in a transaction, and the database is closed next.
            await asyncio.gather(keeper, return_exceptions=True)

    def stop(self) -> None:
        self._stopping = True
        self._record.wake_ups.wake([self.queue])

    async def _drain(self) -> None:
        if not self._under_way:
            return
        _, late = await asyncio.wait(list(self._under_way), timeout=self._shutdown_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _start_ready(self) -> float:
        """Start as many jobs as there is room for; return the seconds to sleep if nobody wakes."""
        self._record.wake_ups.start_look(self.queue)
        if self._stopping:
            return 0.0
        self._has_passed_over = bool(self._under_way)
        room = self._work.concurrency - len(self._under_way)
        if room <= 0:
            return LONGEST_IDLE_SECONDS  # the first to end wakes
        try:
            async with self._record.transaction(may_be_lost=True) as tx:
                found = await jobs.lease(
                    tx,
                    self.queue,
                    self._owner,
                    self._record.now(),
                    self._lease_time,
                    self.longest_wait,
                    most=room,
                    but=set(self._under_way.values()),
                )
        except RecordAway:
            return LONGEST_IDLE_SECONDS  # the lookout tries for all, and wakes
        except Exception:
            log.exception("lease_failed", queue=self.queue.word)
            return LOOKOUT_SECONDS
        self._has_passed_over |= len(found) == room
        for job in found:
            task = asyncio.create_task(self._do(job))
            self._under_way[task] = job.key
            task.add_done_callback(self._ended)
        return LONGEST_IDLE_SECONDS

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        if self._has_passed_over:
            self._record.wake_ups.wake([self.queue])

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._lease_time.total_seconds() / 4)
            keys = set(self._under_way.values())
            if not keys:
                continue
            try:
                async with self._record.transaction(may_be_lost=True) as tx:
                    await jobs.renew(tx, self.queue, keys, self._owner, self._lease_time)
            except RecordAway:
                continue  # as soon as it is back, each job's end is recorded
            except Exception:
                log.exception("renewal_failed", queue=self.queue.word)

    async def _do(self, job: Job) -> None:
        # The task is the job's own: what it says and starts is about the same issue.
        structlog.contextvars.bind_contextvars(**_named(job))
        try:
            await self._run_once(job)
        except Exception:
            # Once the lease runs out, the job is taken again.
            log.exception("job_left_to_its_lease", **_named(job))

    async def _reconcile(self, job: Job) -> datetime | None:
        started, outcome, queue = time.monotonic(), "done", job.queue.word
        attributes = _named(job) | {"attempts": job.attempts}
        with tracing.span(f"job {queue}", "CONSUMER", **attributes) as span:
            try:
                with fenced_by(partial(jobs.confirm, job=job)):
                    return await self._work.reconcile(job)
            except BaseException as error:
                outcome = _outcome_of(error)
                raise
            finally:
                seconds = time.monotonic() - started
                metrics.JOBS.labels(queue, outcome).inc()
                metrics.JOB_SECONDS.labels(queue).observe(seconds)
                span.note(outcome=outcome)
                log.debug("job_ended", outcome=outcome, milliseconds=round(seconds * 1000, 1))

    async def _run_once(self, job: Job) -> None:
        jumps = Jumps(self._record.now)
        try:
            again_at = await self._reconcile(job)
        except asyncio.CancelledError:
            await asyncio.shield(self._hand_back(job))
            raise
        except LeaseLost:
            await self._look_again(job)
        except RecordAway as away:
            await self._put_off(job, f"the record is away: {away}", is_outage=True)
        except Postponed as postponed:
            problem, after = postponed.problem, postponed.after
            is_outage = _is_met_by_all(postponed.__cause__)
            await self._put_off(job, problem, after, is_outage=is_outage)
        except PlatformError as error:
            if error.needs_administrator:
                self._health.report_error_of_job(error)
            after, is_unsettled, is_outage = error.after, error.is_unsettled, _is_met_by_all(error)
            await self._put_off(
                job, str(error), after, is_unsettled=is_unsettled, is_outage=is_outage
            )
        except Exception as error:
            # A fault of ours must not end the worker, nor lose the job.
            log.exception("job_failed", **_named(job))
            await self._put_off(job, type(error).__name__)
        else:
            # If the clock was set back, the planned moment may be far away.
            is_set_back = jumps.look() < timedelta(0)
            await self._finish(job, self._record.now() if again_at and is_set_back else again_at)

    async def _look_again(self, job: Job) -> None:
        """Have the new lease holder repair what we wrote late."""
        log.warning("lease_lost", **_named(job))

        async def enqueue_again(tx: Transaction) -> None:
            jobs.enqueue_again(tx, job, self._record.now())

        await self._note(enqueue_again)

    async def _finish(self, job: Job, again_at: datetime | None) -> None:
        self._go_on(job)

        async def finish(tx: Transaction) -> None:
            await jobs.finish(tx, job)
            if again_at is not None:
                now = self._record.now()
                jobs.enqueue_again(tx, job, now, min(again_at - now, self.longest_wait))

        await self._note(finish, may_be_lost=True)  # then it runs once more

    async def _put_off(
        self,
        job: Job,
        problem: str,
        after: timedelta | None = None,
        *,
        is_unsettled: bool = False,
        is_outage: bool = False,
    ) -> None:
        """While a platform may still be at it, retry no sooner than ``after``.

        Of an outage, which all jobs meet, there is one line a minute; else each issue is named.
        """
        wait = after or backoff(job.attempts, self._first_retry)
        wait = min(wait, self.longest_wait)
        details = _named(job) | {
            "attempts": job.attempts,
            "seconds": round(wait.total_seconds(), 1),
        }
        if is_outage:
            self._meet(job, problem, **details)
        else:
            log.warning("job_put_off", problem=problem, **details)

        async def put_off(tx: Transaction) -> None:
            await jobs.put_off(
                tx,
                job,
                self._record.now() + wait,
                None if after else problem,
                rest=after if is_unsettled else None,
            )

        await self._note(put_off)

    def _meet(self, job: Job, problem: str, **details: object) -> None:
        if len(self._outages) > MOST_OUTAGES:
            self._outages.clear()
        if (outage := self._outages.get(problem)) is None:
            log = OutageLog("job_put_off", "jobs_go_on", level="warning", queue=self.queue.word)
            outage = self._outages[problem] = _Outage(log)
        outage.met_by.add(job.key)
        outage.log.meet(problem, **details)

    def _go_on(self, job: Job) -> None:
        """End the outages that this job has met: others may be on."""
        for outage in self._outages.values():
            if job.key in outage.met_by:
                outage.met_by.clear()
                outage.log.end()

    async def _note(
        self, end: Callable[[Transaction], Awaitable[None]], *, may_be_lost: bool = False
    ) -> None:
        """Record how a job ended, when the record is back at the latest: only this worker knows."""
        while True:
            try:
                async with self._record.transaction(may_be_lost=may_be_lost) as tx:
                    await end(tx)
            except RecordAway:
                await self._record.outage.over()
            else:
                return

    async def _hand_back(self, job: Job) -> None:
        async with self._record.transaction() as tx:
            await jobs.hand_back(tx, job)


def _named(job: Job) -> dict[str, Any]:
    """Return the fields that lines and spans about a job have."""
    issue = {"issue": job.about} if job.about else {}
    return {"queue": job.queue.word} | issue


def _outcome_of(error: BaseException) -> str:
    match error:
        case PlatformError() | Postponed() | RecordAway():
            return "put_off"
        case LeaseLost():
            return "lease_lost"
        case asyncio.CancelledError():
            return "handed_back"
        case _:
            return "failed"


class Lookout:
    """Wakes workers when their jobs become ready: one look for all of them, each second at least.

    Jobs may become ready by a clock that was set, too, or be left by another process. While the
    record is away, the lookout alone tries whether it is back.
    """

    def __init__(self, workers: Iterable[Worker], record: Record) -> None:
        self._longest_waits = {worker.queue: worker.longest_wait for worker in workers}
        self._record, self._failures = record, 0

    async def run(self) -> None:
        seconds = LOOKOUT_SECONDS
        while True:
            await self._record.wake_ups.wait(LOOKOUT, seconds)
            seconds = await self._look()

    async def _look(self) -> float:
        """Return the seconds until the next look."""
        self._record.wake_ups.start_look(LOOKOUT)
        now = self._record.now()
        try:
            if self._record.outage.is_on:
                await facts.prove_writable(self._record)
            async with self._record.transaction() as tx:
                ahead = await jobs.look_ahead(tx, now)
        except RecordAway:
            self._failures += 1
            return pause(self._failures)
        except Exception:
            log.exception("no_view_of_jobs")
            return LOOKOUT_SECONDS
        self._failures = 0
        self._record.wake_ups.wake(
            queue
            for queue, longest_wait in self._longest_waits.items()
            if queue in ahead and ahead[queue].is_ready(now, longest_wait)
        )
        return _seconds_until_next(ahead.values(), now)


def _seconds_until_next(ahead: Iterable[Ahead], now: datetime) -> float:
    waits = [(each.next - now).total_seconds() for each in ahead if each.next is not None]
    return max(min([LOOKOUT_SECONDS, *waits]), SHORTEST_IDLE_SECONDS)
