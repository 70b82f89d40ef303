"""Errands: what is to be done later about an issue, each in one lane, one at a time.

An errand says only "see to issue N": asking for it twice makes one, asking while it is under way
makes it run once more. So bursts coalesce, and the work on one issue is in order by construction.
"""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)

from slackbot.rules.request import IssueKey
from slackbot.store.database import Transaction, database_now, upsert
from slackbot.store.schema import errands

_KEY = tuple_(errands.c.project, errands.c.iid)


class Lane(StrEnum):
    """Which side of an issue is to be brought up to date."""

    SYNC = "sync"
    """With GitLab: read the issue, note what changed, deliver decisions."""
    SHOW = "show"
    """In Slack: the card, then the thread."""
    POLL = "poll"
    """With GitLab's list of issues; its only errand is about ``EVERY_ISSUE``."""
    REMIND = "remind"
    """In Slack: the reminders of a request that are due."""
    RHYTHM = "rhythm"
    """In Slack: digest and hand-over; its only errand is about ``EVERY_ISSUE``."""
    HOME = "home"
    """In Slack: the App Homes that are open; its only errand is about ``EVERY_ISSUE``."""
    DUTY = "duty"
    """With the schedule: who is on duty; its only errand is about ``EVERY_ISSUE``."""
    LINK = "link"
    """With GitLab: codes that people leave to prove who they are; about ``EVERY_ISSUE``."""


class LeaseLost(Exception):
    """Another process has taken the errand over; whoever had it must not write any more."""


SETTLING = timedelta(seconds=3)
"""How long an errand rests that a process has left: its last call may still be on its way."""

CHANNEL = "ssat_bot_errands"
"""Where PostgreSQL tells the other processes."""

EVERY_ISSUE = IssueKey(0, 0)
"""Stands in the place of an issue where an errand is about the project as a whole."""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """An errand under way; ``attempts`` counts this one, ``owner`` fences the lease."""

    lane: Lane
    key: IssueKey
    wanted: int
    attempts: int
    owner: str


under_way: ContextVar[Errand | None] = ContextVar("errand_under_way", default=None)
"""The errand that the current task does, if it does one."""


async def ask(
    tx: Transaction,
    lane: Lane,
    keys: Iterable[IssueKey],
    ready_at: datetime,
    *,
    urgent: bool = False,
    rank: datetime | None = None,
) -> None:
    """Ask for errands; other processes on the same PostgreSQL hear of it at the commit.

    Args:
        tx: The transaction that makes them necessary.
        lane: Which side of the issues is to be seen to.
        keys: The issues.
        ready_at: Not before this moment, UTC.
        urgent: A person waits for them, so that they go ahead of bulk.
        rank: The order among those that wait: the earlier, such as a deadline, goes first.
    """
    asked = sorted(keys)  # in one order everywhere, so that no two wait for each other
    if asked and tx.dialect.name == "postgresql":
        await tx.execute(select(func.pg_notify(CHANNEL, lane)))
    for key in asked:
        insert = upsert(tx, errands).values(
            lane=lane,
            project=key.project,
            iid=key.iid,
            wanted=1,
            urgent=int(urgent),
            ready_at=ready_at,
            rank=rank,
            attempts=0,
        )
        new = insert.excluded
        await tx.execute(
            insert.on_conflict_do_update(
                index_elements=["lane", "project", "iid"],
                set_={
                    "wanted": errands.c.wanted + 1,
                    "urgent": _larger(errands.c.urgent, new.urgent),
                    "ready_at": case(
                        (errands.c.ready_at < new.ready_at, errands.c.ready_at),
                        else_=new.ready_at,
                    ),
                    "rank": func.coalesce(new.rank, errands.c.rank),
                },
            )
        )


def _larger(left: ColumnElement[int], right: ColumnElement[int]) -> ColumnElement[int]:
    return case((left > right, left), else_=right)


async def lease(
    tx: Transaction, lane: Lane, owner: str, now: datetime, duration: timedelta
) -> Errand | None:
    """Take the next ready errand of a lane: urgent ones first, then by rank, then by waiting time.

    Args:
        tx: A transaction of its own.
        lane: The lane.
        owner: Names the process that takes it.
        now: The moment by which errands are ready, UTC.
        duration: How long it stays with the owner; counted by the database's clock, for those of
            replicas need not agree.
    """
    query = (
        select(errands)
        .where(errands.c.lane == lane, errands.c.ready_at <= now, *_is_free(tx))
        .order_by(
            errands.c.urgent.desc(),
            errands.c.rank.asc().nulls_last(),
            errands.c.ready_at,
            errands.c.iid,
        )
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = (await tx.execute(query)).one_or_none()
    if row is None:
        return None
    errand = Errand(
        lane=lane,
        key=IssueKey(row.project, row.iid),
        wanted=row.wanted,
        attempts=row.attempts + 1,
        owner=owner,
    )
    await tx.execute(
        update(errands)
        .where(*_is(errand))
        .values(
            leased_by=owner,
            leased_until=database_now(tx, duration),
            settles_at=None,
            attempts=errand.attempts,
        )
    )
    return errand


def _is_free(tx: Transaction) -> tuple[ColumnElement[bool], ...]:
    now = database_now(tx)
    return (
        or_(errands.c.leased_until.is_(None), errands.c.leased_until < now),
        or_(errands.c.settles_at.is_(None), errands.c.settles_at <= now),
    )


async def is_ours(tx: Transaction) -> bool:
    """Tell whether the errand under way is still ours, just before what it has led to is written.

    A process that stood still for longer than its lease does not know that another went on. The
    row is not locked, for a click locks the request first; whoever takes the errand now has to ask
    a platform before it writes anything itself.
    """
    errand = under_way.get()
    if errand is None:
        return True
    query = select(errands.c.leased_by).where(*_is(errand))
    return bool(await tx.scalar(query) == errand.owner)


async def confirm(tx: Transaction) -> None:
    """Make sure that the errand under way is still ours, before anything is written for it.

    Raises:
        LeaseLost: It is not.
    """
    if not await is_ours(tx):
        raise LeaseLost


async def finish(tx: Transaction, errand: Errand) -> bool:
    """End an errand, or let it run again if it was asked for meanwhile; tell whether it ended."""
    done = await tx.execute(
        delete(errands).where(
            *_is(errand), errands.c.wanted == errand.wanted, errands.c.leased_by == errand.owner
        )
    )
    if done.rowcount == 0:
        await _hand_back(tx, errand, attempts=0, problem=None)
    return done.rowcount > 0


async def put_off(
    tx: Transaction,
    errand: Errand,
    ready_at: datetime,
    problem: str | None,
    *,
    rest: timedelta | None = None,
) -> None:
    """Try an errand again later, unless somebody asks for it sooner.

    Args:
        tx: A transaction of its own.
        errand: The errand, still leased.
        ready_at: When to try again, UTC.
        problem: What failed; ``None`` where a platform has asked to wait until ``ready_at``.
        rest: How long nobody may try it, whoever asks: a platform may still be at the last try.
    """
    still_wanted = case((errands.c.wanted == errand.wanted, ready_at), else_=errands.c.ready_at)
    await _hand_back(
        tx,
        errand,
        attempts=errand.attempts,
        problem=problem,
        ready_at=still_wanted,
        settles_at=None if rest is None else database_now(tx, rest),
    )


async def hurry(tx: Transaction, lane: Lane, now: datetime) -> None:
    """Make what failed ready at once; what a platform has asked to wait for goes on waiting."""
    failed = _unlocked(
        errands.c.lane == lane,
        errands.c.leased_by.is_(None),
        errands.c.problem.is_not(None),
        errands.c.ready_at > now,
    )
    await tx.execute(
        update(errands)
        .where(errands.c.lane == lane, _KEY.in_(failed))
        .values(ready_at=now, problem=None)
    )


async def hand_back(tx: Transaction, errand: Errand) -> None:
    """Give up an errand unfinished, at shutdown, for whoever starts next."""
    await _hand_back(
        tx,
        errand,
        attempts=errand.attempts - 1,
        problem=None,
        settles_at=database_now(tx, SETTLING),
    )


async def _hand_back(tx: Transaction, errand: Errand, **values: object) -> None:
    await tx.execute(
        update(errands)
        .where(*_is(errand), errands.c.leased_by == errand.owner)
        .values(leased_by=None, leased_until=None, **values)
    )


def _is(errand: Errand) -> tuple[ColumnElement[bool], ...]:
    return (
        errands.c.lane == errand.lane,
        errands.c.project == errand.key.project,
        errands.c.iid == errand.key.iid,
    )


async def next_ready(tx: Transaction, lane: Lane) -> datetime | None:
    """Return when the next errand of a lane becomes ready, of those neither leased nor at rest."""
    is_resting = and_(errands.c.settles_at.is_not(None), errands.c.settles_at > database_now(tx))
    moment: datetime | None = await tx.scalar(
        select(errands.c.ready_at)
        .where(errands.c.lane == lane, errands.c.leased_by.is_(None), ~is_resting)
        .order_by(errands.c.ready_at)
        .limit(1)
    )
    return moment


async def renew(
    tx: Transaction, lane: Lane, keys: Iterable[IssueKey], owner: str, duration: timedelta
) -> None:
    """Keep the leases of running errands; those of others are left to run out."""
    running = _KEY.in_([(key.project, key.iid) for key in keys])
    ours = _unlocked(errands.c.lane == lane, errands.c.leased_by == owner, running)
    await tx.execute(
        update(errands)
        .where(errands.c.lane == lane, _KEY.in_(ours))
        .values(leased_until=database_now(tx, duration))
    )


def _unlocked(*which: ColumnElement[bool]) -> Select[tuple[int, int]]:
    """Select errands that no other transaction is writing: to wait for several is to be waited for.

    Those that are left out are written by somebody anyway, and come with the next time.
    """
    query = select(errands.c.project, errands.c.iid).where(*which)
    return query.with_for_update(skip_locked=True)


async def take_over_all(tx: Transaction) -> None:
    """Free the errands of a process that is gone; for a database that serves one process only."""
    await tx.execute(
        update(errands)
        .where(errands.c.leased_by.is_not(None))
        .values(leased_by=None, leased_until=None, settles_at=database_now(tx, SETTLING))
    )


async def count(tx: Transaction, lane: Lane) -> int:
    """Count the errands of a lane, waiting or under way."""
    return int(await tx.scalar(select(func.count()).where(errands.c.lane == lane)) or 0)


async def count_failing(tx: Transaction, attempts: int) -> dict[Lane, int]:
    """Count, by lane, the errands that have failed at least so many times in a row."""
    rows = await tx.execute(
        select(errands.c.lane, func.count().label("number"))
        .where(errands.c.attempts >= attempts)
        .group_by(errands.c.lane)
    )
    found = {row.lane: int(row.number) for row in rows}
    return {lane: found.get(lane, 0) for lane in Lane}
