"""Jobs: work for later, as keys in queues, without data; one at a time for each issue."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from slackbot.rules.request import IssueKey
from slackbot.store.engine.database import (
    LOOKOUT,
    LeaseLost,
    Transaction,
    database_now,
    insert_into,
)
from slackbot.store.schema import errands

_KEY = tuple_(errands.c.project, errands.c.iid)
_IN_QUEUE = errands.c.lane == bindparam("queue")
_IS_IT = (
    _IN_QUEUE,
    # Called otherwise than the columns: an update would set those.
    errands.c.project == bindparam("of_project"),
    errands.c.iid == bindparam("of_iid"),
)


class _Queue(StrEnum):
    """The values are older than today's words, and stay: other releases read them."""

    @property
    def word(self) -> str:
        """Name it for people who watch."""
        return self.name.lower()


# The words are those of Kubernetes' controller-runtime.
class IssueQueue(_Queue):
    SYNC = "sync"
    CARD = "show"
    REMINDERS = "remind"


class PeriodicQueue(_Queue):
    """One job each, about no issue; it comes back by itself."""

    POLL = "poll"
    SUMMARY = "summary"
    """One line about many requests found at once."""
    GAP = "gap"
    """One line about many reminders that came late."""
    DIGEST = "digest"
    STATS = "stats"
    """The figures of a week."""
    HANDOVER = "handover"
    RESPONSES = "responses"
    """Reminders of initial responses."""
    HOMES = "home"
    DUTY = "duty"
    LINKS = "link"
    """Look in GitLab for the codes that people post."""
    GRANTS = "grant"
    """Ask GitLab what people have authorized, and tell them what has become of it."""
    KUDOS = "kudos"
    IDLE = "idle"
    """Close good reviews on which nobody acts."""


Queue = IssueQueue | PeriodicQueue

_NO_ISSUE = IssueKey(0, 0)


class Postponed(Exception):
    """A job cannot be finished now; the message is for the log.

    Without ``after``, the back-off decides how long to wait.
    """

    def __init__(self, problem: str, after: timedelta | None = None) -> None:
        super().__init__(problem)
        self.problem, self.after = problem, after


AT_ONCE = timedelta(0)
SETTLING = timedelta(seconds=3)
"""How long a job rests after its process has left: its last call may still be on its way."""


LOOKOUT_EVERY = timedelta(seconds=1)
"""How often each replica looks at least for what has become ready."""
LONGEST_WAIT = timedelta(hours=1)
"""After this long a job is looked at again, whatever it waits for."""
CLOCKS_DIFFER = timedelta(minutes=10)
"""How far replicas' clocks may differ; beyond, one is wrong."""
LONGEST_HOLD = timedelta(minutes=2)
"""The longest lease or rest; see ``CLOCKS_DIFFER``."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job under way; ``attempts`` counts this one, ``owner`` fences the lease."""

    queue: Queue
    key: IssueKey
    wanted: int
    attempts: int
    owner: str

    @property
    def about(self) -> str | None:
        return None if self.key == _NO_ISSUE else str(self.key)


def enqueue_periodic(
    tx: Transaction,
    queue: PeriodicQueue,
    now: datetime,
    *,
    after: timedelta = AT_ONCE,
    urgent: bool = False,
) -> None:
    _enqueue(tx, queue, [_NO_ISSUE], now, after, urgent=urgent)


def enqueue(
    tx: Transaction,
    queue: IssueQueue,
    keys: Iterable[IssueKey],
    now: datetime,
    *,
    urgent: bool = False,
    rank: datetime | None = None,
) -> None:
    """Enqueue jobs; twice makes one, while it runs makes it run once more.

    The commit wakes the workers. ``urgent`` jobs, for which a person waits, go first, then those of
    an earlier ``rank``, such as a deadline.
    """
    _enqueue(tx, queue, keys, now, AT_ONCE, urgent=urgent, rank=rank)


def enqueue_again(tx: Transaction, job: Job, now: datetime, after: timedelta = AT_ONCE) -> None:
    _enqueue(tx, job.queue, [job.key], now, after)


def _enqueue(
    tx: Transaction,
    queue: Queue,
    keys: Iterable[IssueKey],
    now: datetime,
    after: timedelta,
    *,
    urgent: bool = False,
    rank: datetime | None = None,
) -> None:
    for key in keys:
        if after <= AT_ONCE:
            tx.wake(queue)
        elif after < LOOKOUT_EVERY:  # else the lookout sees it in time
            tx.wake(LOOKOUT)
        tx.execute_last(
            (queue, key),
            _enqueue_one(tx.is_sqlite),
            lane=queue,
            project=key.project,
            iid=key.iid,
            wanted=1,
            urgent=int(urgent),
            ready_at=now + after,
            rank=rank,
            attempts=0,
        )


@cache
def _enqueue_one(is_sqlite: bool) -> Executable:
    insert = insert_into(errands, is_sqlite=is_sqlite)
    new = insert.excluded
    sooner = case(
        (errands.c.ready_at < new.ready_at, errands.c.ready_at),
        else_=new.ready_at,
    )
    return insert.on_conflict_do_update(
        index_elements=["lane", "project", "iid"],
        set_={
            "wanted": errands.c.wanted + 1,
            "urgent": _larger(errands.c.urgent, new.urgent),
            "ready_at": sooner,
            "rank": func.coalesce(new.rank, errands.c.rank),
        },
    )


def _larger(left: ColumnElement[int], right: ColumnElement[int]) -> ColumnElement[int]:
    return case((left > right, left), else_=right)


@cache
def _lease(is_sqlite: bool, duration: timedelta) -> Executable:
    is_ready = or_(
        errands.c.ready_at <= bindparam("now"), errands.c.ready_at > bindparam("farthest")
    )
    # Named, so that PostgreSQL chooses once, and locks no more than these.
    chosen = (
        select(errands.c.project, errands.c.iid)
        .where(
            _IN_QUEUE,
            is_ready,
            ~_KEY.in_(bindparam("but", expanding=True)),
            _is_over(errands.c.leased_until, is_sqlite=is_sqlite),
            _is_over(errands.c.settles_at, is_sqlite=is_sqlite),
        )
        .order_by(
            errands.c.urgent.desc(),
            errands.c.rank.asc().nulls_last(),
            errands.c.ready_at,
            errands.c.iid,
        )
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    return (
        update(errands)
        .where(_IN_QUEUE, _KEY.in_(select(chosen.c.project, chosen.c.iid)))
        .values(
            leased_by=bindparam("owner"),
            leased_until=_held_until(duration, is_sqlite=is_sqlite),
            settles_at=None,
            attempts=errands.c.attempts + 1,
        )
        .returning(errands)
    )


def _turn(row: Any) -> tuple[bool, bool, float, datetime, int]:
    """Sort as the database has chosen: what it returns has no order."""
    rank = row.rank.timestamp() if row.rank else 0.0
    return (not row.urgent, row.rank is None, rank, row.ready_at, row.iid)


async def lease(
    tx: Transaction,
    queue: Queue,
    owner: str,
    now: datetime,
    duration: timedelta,
    longest_wait: timedelta = LONGEST_WAIT,
    *,
    most: int = 1,
    but: Iterable[IssueKey] = (),
) -> list[Job]:
    """Take the next ready jobs: urgent ones first, then by rank, then by waiting time.

    Use a transaction of its own. The database's clock counts ``duration``: those of replicas may
    differ. A job further ahead than ``longest_wait`` is ready: a wrong clock wrote it.

    ``but`` are the keys that the owner has under way: a former run must not take the new lease for
    its own.
    """
    rows = await tx.execute(
        _lease(tx.is_sqlite, duration),
        queue=queue,
        now=now,
        farthest=now + longest_wait + CLOCKS_DIFFER,
        most=most,
        but=[(key.project, key.iid) for key in but],
        owner=owner,
    )
    return [
        Job(
            queue=queue,
            key=IssueKey(row.project, row.iid),
            wanted=row.wanted,
            attempts=row.attempts,
            owner=owner,
        )
        for row in sorted(rows, key=_turn)
    ]


def _held_until(duration: timedelta, *, is_sqlite: bool) -> ColumnElement[datetime]:
    return database_now(is_sqlite=is_sqlite, ahead=min(duration, LONGEST_HOLD))


def _is_over(until: ColumnElement[datetime], *, is_sqlite: bool) -> ColumnElement[bool]:
    """Count a lease or rest as over, too, that a wrong clock has set."""
    now = database_now(is_sqlite=is_sqlite)
    farthest = database_now(is_sqlite=is_sqlite, ahead=LONGEST_HOLD)
    return or_(until.is_(None), until <= now, until > farthest)


_HOLDER = select(errands.c.leased_by).where(*_IS_IT)
_FINISH = delete(errands).where(
    *_IS_IT, errands.c.wanted == bindparam("wanted"), errands.c.leased_by == bindparam("owner")
)


def _place(job: Job) -> dict[str, object]:
    return {"queue": job.queue, "of_project": job.key.project, "of_iid": job.key.iid}


async def confirm(tx: Transaction, *, job: Job) -> None:
    """Check that a job is still its owner's, before the commit.

    A process that stood still for longer than its lease does not know that another went on. The row
    is not locked, because a click locks the request first; whoever takes the job now asks a
    platform before it writes.

    Raises:
        LeaseLost: It is not.
    """
    if not tx.has_written:
        return
    if await tx.scalar(_HOLDER, **_place(job)) != job.owner:
        raise LeaseLost


async def finish(tx: Transaction, job: Job) -> bool:
    """Return whether it ended; enqueued meanwhile, it runs again."""
    done = await tx.execute(_FINISH, **_place(job), wanted=job.wanted, owner=job.owner)
    if done.rowcount == 0:
        await _hand_back(tx, job, attempts=0, problem=None)
        tx.wake(job.queue)  # the wake-up of who enqueued it came too early
    return done.rowcount > 0


async def put_off(
    tx: Transaction,
    job: Job,
    ready_at: datetime,
    problem: str | None,
    *,
    rest: timedelta | None = None,
) -> None:
    """Try again later, unless it is enqueued for sooner.

    Use a transaction of its own. ``problem`` is ``None`` where a platform has asked to wait. For
    ``rest`` nobody may try: a platform may still be at the last try.
    """
    still_wanted = case((errands.c.wanted == job.wanted, ready_at), else_=errands.c.ready_at)
    await _hand_back(
        tx,
        job,
        attempts=job.attempts,
        problem=problem,
        ready_at=still_wanted,
        settles_at=None if rest is None else _held_until(rest, is_sqlite=tx.is_sqlite),
    )
    tx.wake(LOOKOUT)  # it may be wanted at once, or sooner than the lookout would look


async def hurry(tx: Transaction, queue: Queue, now: datetime) -> None:
    """Spare what a platform has asked to wait for."""
    failed = _unlocked(
        errands.c.lane == queue,
        errands.c.leased_by.is_(None),
        errands.c.problem.is_not(None),
        errands.c.ready_at > now,
    )
    hurried = await tx.execute(
        update(errands)
        .where(errands.c.lane == queue, _KEY.in_(failed))
        .values(ready_at=now, problem=None)
    )
    if hurried.rowcount:
        tx.wake(queue)


async def bring_forward(tx: Transaction, now: datetime) -> None:
    """Make all jobs ready: the clock by which they wait may have been wrong."""
    for queue in (*IssueQueue, *PeriodicQueue):
        waiting = _unlocked(errands.c.lane == queue, errands.c.ready_at > now)
        await tx.execute(
            update(errands).where(errands.c.lane == queue, _KEY.in_(waiting)).values(ready_at=now)
        )
        tx.wake(queue)


async def hand_back(tx: Transaction, job: Job) -> None:
    """Give up at shutdown, for whoever starts next."""
    await _hand_back(
        tx,
        job,
        attempts=job.attempts - 1,
        problem=None,
        settles_at=_held_until(SETTLING, is_sqlite=tx.is_sqlite),
    )


async def _hand_back(tx: Transaction, job: Job, **values: object) -> None:
    await tx.execute(
        update(errands)
        .where(*_IS_IT, errands.c.leased_by == job.owner)
        .values(leased_by=None, leased_until=None, **values),
        **_place(job),
    )


@cache
def _first_ahead(is_sqlite: bool) -> Select[tuple[datetime]]:
    is_rested = _is_over(errands.c.settles_at, is_sqlite=is_sqlite)
    return (
        select(errands.c.ready_at)
        .where(_IN_QUEUE, errands.c.leased_by.is_(None), is_rested)
        .order_by(errands.c.ready_at)
        .limit(1)
    )


async def next_ready(tx: Transaction, queue: Queue) -> datetime | None:
    moment: datetime | None = await tx.scalar(_first_ahead(tx.is_sqlite), queue=queue)
    return moment


@dataclass(frozen=True, kw_only=True)
class Ahead:
    """When a queue's jobs get ready that nobody has: the first and the last of them, UTC."""

    first: datetime
    next: datetime | None
    """The first that is not ready yet."""
    last: datetime

    def is_ready(self, now: datetime, longest_wait: timedelta) -> bool:
        return self.first <= now or self.last > now + longest_wait + CLOCKS_DIFFER


@cache
def _all_ahead(is_sqlite: bool) -> Select[Any]:
    return (
        select(
            errands.c.lane,
            func.min(errands.c.ready_at).label("first"),
            func.min(case((errands.c.ready_at > bindparam("now"), errands.c.ready_at))).label(
                "next"
            ),
            func.max(errands.c.ready_at).label("last"),
        )
        .where(
            _is_over(errands.c.leased_until, is_sqlite=is_sqlite),
            _is_over(errands.c.settles_at, is_sqlite=is_sqlite),
        )
        .group_by(errands.c.lane)
    )


async def look_ahead(tx: Transaction, now: datetime) -> dict[str, Ahead]:
    """Look at all queues at once."""
    rows = await tx.execute(_all_ahead(tx.is_sqlite), now=now)
    return {row.lane: Ahead(first=row.first, next=row.next, last=row.last) for row in rows}


async def renew(
    tx: Transaction, queue: Queue, keys: Iterable[IssueKey], owner: str, duration: timedelta
) -> None:
    running = _KEY.in_([(key.project, key.iid) for key in keys])
    ours = _unlocked(errands.c.lane == queue, errands.c.leased_by == owner, running)
    await tx.execute(
        update(errands)
        .where(errands.c.lane == queue, _KEY.in_(ours))
        .values(leased_until=_held_until(duration, is_sqlite=tx.is_sqlite))
    )


def _unlocked(*which: ColumnElement[bool]) -> Select[tuple[int, int]]:
    """Skip what others are writing: to wait for several is to be waited for."""
    query = select(errands.c.project, errands.c.iid).where(*which)
    return query.with_for_update(skip_locked=True)


async def take_over_all(tx: Transaction) -> None:
    """Only for a database that serves one process.

    What has been tried rests, too: a power cut may have taken the lease of its last try.
    """
    await tx.execute(
        update(errands)
        .where(or_(errands.c.leased_by.is_not(None), errands.c.attempts > 0))
        .values(
            leased_by=None,
            leased_until=None,
            settles_at=_held_until(SETTLING, is_sqlite=tx.is_sqlite),
        )
    )


async def count(tx: Transaction, queue: Queue) -> int:
    return int(await tx.scalar(select(func.count()).where(errands.c.lane == queue)) or 0)


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A queue as those who watch see it."""

    jobs: int = 0
    stuck: int = 0
    """They have failed again and again."""
    ready_since: datetime | None = None
    """Of the oldest job that no worker has, UTC."""


async def count_by_queue(tx: Transaction, now: datetime, attempts: int) -> dict[Queue, Standing]:
    """Count for those who watch; ``attempts`` make a job stuck."""
    is_free = _is_over(errands.c.leased_until, is_sqlite=tx.is_sqlite)
    ready_at = case((and_(errands.c.ready_at <= now, is_free), errands.c.ready_at))
    rows = await tx.execute(
        select(
            errands.c.lane,
            func.count().label("jobs"),
            func.count(case((errands.c.attempts >= attempts, 1))).label("stuck"),
            func.min(ready_at).label("ready_since"),
        ).group_by(errands.c.lane)
    )
    found = {
        row.lane: Standing(jobs=row.jobs, stuck=row.stuck, ready_since=row.ready_since)
        for row in rows
    }
    return {queue: found.get(queue, Standing()) for queue in (*IssueQueue, *PeriodicQueue)}
