"""The engine of what happens later: takes errands of a lane, runs them, retries them."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from slackbot import metrics
from slackbot.clock import Clock
from slackbot.rules.request import IssueKey
from slackbot.store import jobs
from slackbot.store.database import Database
from slackbot.store.jobs import Errand, Lane, LeaseLost

log = structlog.get_logger()

FIRST_RETRY = timedelta(seconds=1)
LAST_RETRY = timedelta(minutes=5)
LEASE = timedelta(seconds=20)
PLATFORM_TIMEOUT = timedelta(seconds=60)
"""After this long a platform has done what it was asked, or never will; their own limit."""
IDLE_SECONDS = 1.0
"""How often a lane looks for errands that have become ready, or were left by another process."""
SHORTEST_IDLE_SECONDS = 0.02
SHUTDOWN_SECONDS = 10.0


class Postponed(Exception):
    """An errand could not be finished for now; the message says why, for log and card.

    ``after`` is how long the platform asks to wait; without it, the back-off decides. While it
    ``is_unsettled`` what the platform makes of the last try, nothing may shorten that, nor may
    another process.
    """

    def __init__(
        self, problem: str, after: timedelta | None = None, *, is_unsettled: bool = False
    ) -> None:
        super().__init__(problem)
        self.problem, self.after, self.is_unsettled = problem, after, is_unsettled


@dataclass
class Bells:
    """Wakes the lanes of this process when there is something to do."""

    _bells: dict[Lane, asyncio.Event] = field(
        default_factory=lambda: {lane: asyncio.Event() for lane in Lane}
    )

    def ring(self, *lanes: Lane) -> None:
        """Wake lanes, after the commit that asked for an errand."""
        for lane in lanes:
            self._bells[lane].set()

    async def wait(self, lane: Lane, seconds: float) -> None:
        """Wait until a lane is woken, or for some seconds."""
        bell = self._bells[lane]
        try:
            async with asyncio.timeout(seconds):
                await bell.wait()
        except TimeoutError:
            return
        bell.clear()


def backoff(attempts: int) -> timedelta:
    """Return how long to wait after a failed attempt: a second, doubling, minutes at the most."""
    doubled = FIRST_RETRY * 2 ** min(attempts - 1, 16)
    # Spread, so that what failed together is not tried together.
    spread = random.uniform(0.9, 1.1)  # noqa: S311 - not for secrets
    return timedelta(seconds=min(doubled, LAST_RETRY).total_seconds() * spread)


class Worker:
    """Runs the errands of one lane, several at a time but one at a time for each issue.

    Args:
        run: Does one errand; raises ``Postponed`` to have it tried again. Returns when the errand
            is to be run again by itself, or ``None``.
        owner: Names this process in leases.
        lease: How long an errand stays with a process that no longer says that it runs.
        shutdown_seconds: How long what is under way may take to finish after ``stop``.
    """

    def __init__(
        self,
        lane: Lane,
        run: Callable[[IssueKey], Awaitable[datetime | None]],
        *,
        database: Database,
        bells: Bells,
        clock: Clock,
        owner: str,
        concurrency: int,
        lease: timedelta = LEASE,
        shutdown_seconds: float = SHUTDOWN_SECONDS,
    ) -> None:
        self.lane, self._run = lane, run
        self._database, self._bells, self._clock = database, bells, clock
        self._owner, self._free = owner, asyncio.Semaphore(concurrency)
        self._lease_time, self._shutdown_seconds = lease, shutdown_seconds
        self._under_way: dict[asyncio.Task[None], IssueKey] = {}
        self._stopping = False

    async def work(self) -> None:
        """Work until told to stop; then finish what is under way, or hand it back."""
        keeper = asyncio.create_task(self._keep_leases())
        try:
            while not self._stopping:
                if not await self._start_next():
                    await self._bells.wait(self.lane, await self._idle_seconds())
        finally:
            await self._drain()
            keeper.cancel()
            # It may be in a transaction, and whoever stops a lane closes the database next.
            await asyncio.gather(keeper, return_exceptions=True)

    def stop(self) -> None:
        """Take nothing new from now on, so that ``work`` ends."""
        self._stopping = True
        self._bells.ring(self.lane)
        self._free.release()  # a full lane waits for this, and nothing more is taken

    async def _drain(self) -> None:
        if not self._under_way:
            return
        _, late = await asyncio.wait(list(self._under_way), timeout=self._shutdown_seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _start_next(self) -> bool:
        await self._free.acquire()
        errand = None
        try:
            errand = await self._lease()
        finally:
            if errand is None:
                self._free.release()
        if errand is None:
            return False
        task = asyncio.create_task(self._do(errand))
        self._under_way[task] = errand.key
        task.add_done_callback(self._ended)
        return True

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._free.release()

    async def _lease(self) -> Errand | None:
        if self._stopping:
            return None
        try:
            async with self._database.transaction() as tx:
                errand = await jobs.lease(
                    tx, self.lane, self._owner, self._clock(), self._lease_time
                )
        except Exception:
            # The database is away; whatever is asked for is still there when it is back.
            log.exception("lease_failed", lane=self.lane)
            return None
        # A lease may run out while the process stands still; what runs here runs once all the same.
        is_running = errand is not None and errand.key in self._under_way.values()
        return None if is_running else errand

    async def _idle_seconds(self) -> float:
        """Return how long to sleep unless woken: until the next errand, and never for long."""
        try:
            async with self._database.transaction() as tx:
                ready_at = await jobs.next_ready(tx, self.lane)
        except Exception:
            log.exception("no_view_of_errands", lane=self.lane)
            return IDLE_SECONDS
        if ready_at is None:
            return IDLE_SECONDS
        ahead = (ready_at - self._clock()).total_seconds()
        return min(max(ahead, SHORTEST_IDLE_SECONDS), IDLE_SECONDS)

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._lease_time.total_seconds() / 4)
            keys = set(self._under_way.values())
            if not keys:
                continue
            try:
                async with self._database.transaction() as tx:
                    await jobs.renew(tx, self.lane, keys, self._owner, self._lease_time)
            except Exception:
                log.exception("renewal_failed", lane=self.lane)

    async def _do(self, errand: Errand) -> None:
        jobs.under_way.set(errand)  # in this task only
        try:
            await self._run_once(errand)
        except Exception:
            # The database is away. The lease is not renewed any more, so the errand is taken again.
            log.exception("errand_left_to_its_lease", lane=errand.lane, issue=str(errand.key))

    async def _run_once(self, errand: Errand) -> None:
        try:
            again_at = await self._run(errand.key)
        except asyncio.CancelledError:
            await asyncio.shield(self._hand_back(errand))
            raise
        except LeaseLost:
            await self._look_again(errand)
        except Postponed as postponed:
            await self._put_off(errand, postponed)
        except Exception as error:
            # A fault of ours must not end the lane, nor lose the errand.
            log.exception("errand_failed", lane=errand.lane, issue=str(errand.key))
            await self._put_off(errand, Postponed(type(error).__name__))
        else:
            await self._finish(errand, again_at)

    async def _look_again(self, errand: Errand) -> None:
        """Let somebody see to it that what was written too late, if anything, is put right."""
        log.warning("lease_lost", lane=errand.lane, issue=str(errand.key))
        async with self._database.transaction() as tx:
            await jobs.ask(tx, errand.lane, [errand.key], self._clock())
        self._bells.ring(self.lane)

    async def _finish(self, errand: Errand, again_at: datetime | None) -> None:
        metrics.ERRANDS.labels(errand.lane, "done").inc()
        async with self._database.transaction() as tx:
            has_ended = await jobs.finish(tx, errand)
            if again_at is not None:
                await jobs.ask(tx, errand.lane, [errand.key], again_at)
        if not has_ended:  # whoever asked meanwhile has rung already, while this was under way
            self._bells.ring(self.lane)

    async def _put_off(self, errand: Errand, postponed: Postponed) -> None:
        problem, after = postponed.problem, postponed.after
        wait = after or backoff(errand.attempts)
        metrics.ERRANDS.labels(errand.lane, "put_off").inc()
        log.warning(
            "errand_put_off",
            lane=errand.lane,
            issue=str(errand.key),
            attempts=errand.attempts,
            seconds=round(wait.total_seconds(), 1),
            problem=problem,
        )
        async with self._database.transaction() as tx:
            await jobs.put_off(
                tx,
                errand,
                self._clock() + wait,
                None if after else problem,
                rest=after if postponed.is_unsettled else None,
            )
        self._bells.ring(self.lane)  # it may be wanted at once, or sooner than the lane would look

    async def _hand_back(self, errand: Errand) -> None:
        async with self._database.transaction() as tx:
            await jobs.hand_back(tx, errand)
