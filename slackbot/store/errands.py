"""Errands: what is to be done later about an issue, each in one lane, one at a time.

An errand says only "see to issue N": asking for it twice makes one, asking while it is under way
makes it run once more. So bursts coalesce, and the work on one issue is in order by construction.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, case, delete, func, or_, select, tuple_, update

from slackbot.request import IssueKey
from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import errands


class Lane(StrEnum):
    """Which side of an issue is to be brought up to date."""

    SYNC = "sync"
    """With GitLab: read the issue, note what changed, deliver decisions."""
    SHOW = "show"
    """In Slack: the card, then the thread."""
    POLL = "poll"
    """With GitLab's list of issues; its only errand is about ``EVERY_ISSUE``."""


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


async def ask(
    tx: Transaction,
    lane: Lane,
    keys: Iterable[IssueKey],
    ready_at: datetime,
    *,
    urgent: bool = False,
) -> None:
    """Ask for errands; ``urgent`` ones, which a person waits for, go ahead of bulk.

    Other processes on the same PostgreSQL hear of it at the commit.
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
                },
            )
        )


def _larger(left: ColumnElement[int], right: ColumnElement[int]) -> ColumnElement[int]:
    return case((left > right, left), else_=right)


async def lease(
    tx: Transaction, lane: Lane, owner: str, now: datetime, duration: timedelta
) -> Errand | None:
    """Take the next ready errand of a lane: urgent ones first, then who has waited longest."""
    query = (
        select(errands)
        .where(
            errands.c.lane == lane,
            errands.c.ready_at <= now,
            or_(errands.c.leased_until.is_(None), errands.c.leased_until < now),
        )
        .order_by(errands.c.urgent.desc(), errands.c.ready_at, errands.c.iid)
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
        .values(leased_by=owner, leased_until=now + duration, attempts=errand.attempts)
    )
    return errand


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


async def put_off(tx: Transaction, errand: Errand, ready_at: datetime, problem: str | None) -> None:
    """Try an errand again later, unless somebody asks for it sooner.

    ``problem`` says what failed, ``None`` where a platform has asked to wait until ``ready_at``.
    """
    still_wanted = case((errands.c.wanted == errand.wanted, ready_at), else_=errands.c.ready_at)
    await _hand_back(tx, errand, attempts=errand.attempts, problem=problem, ready_at=still_wanted)


async def hurry(tx: Transaction, lane: Lane, now: datetime) -> None:
    """Make what failed ready at once; what a platform has asked to wait for goes on waiting."""
    await tx.execute(
        update(errands)
        .where(
            errands.c.lane == lane,
            errands.c.leased_by.is_(None),
            errands.c.problem.is_not(None),
            errands.c.ready_at > now,
        )
        .values(ready_at=now, problem=None)
    )


async def hand_back(tx: Transaction, errand: Errand) -> None:
    """Give up an errand unfinished, at shutdown, for whoever starts next."""
    await _hand_back(tx, errand, attempts=errand.attempts - 1, problem=None)


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
    """Return when the next errand of a lane that nobody works on becomes ready."""
    moment: datetime | None = await tx.scalar(
        select(errands.c.ready_at)
        .where(errands.c.lane == lane, errands.c.leased_by.is_(None))
        .order_by(errands.c.ready_at)
        .limit(1)
    )
    return moment


async def renew(
    tx: Transaction, lane: Lane, keys: Iterable[IssueKey], owner: str, leased_until: datetime
) -> None:
    """Keep the leases of running errands; those of others are left to run out."""
    running = tuple_(errands.c.project, errands.c.iid).in_([(k.project, k.iid) for k in keys])
    await tx.execute(
        update(errands)
        .where(errands.c.lane == lane, errands.c.leased_by == owner, running)
        .values(leased_until=leased_until)
    )


async def take_over_all(tx: Transaction) -> None:
    """Free the errands of a process that is gone; for a database that serves one process only."""
    await tx.execute(update(errands).values(leased_by=None, leased_until=None))


async def count(tx: Transaction, lane: Lane) -> int:
    """Count the errands of a lane, waiting or under way."""
    return int(await tx.scalar(select(func.count()).where(errands.c.lane == lane)) or 0)
