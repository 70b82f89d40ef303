"""Decisions: what people chose, and how far each choice has come on its way to GitLab."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, bindparam, func, select, update

from slackbot.rules.decision import CloseIdle, Decision, MarkContacted, typed_in
from slackbot.rules.request import IssueKey
from slackbot.store.engine.database import Transaction
from slackbot.store.schema import decisions, if_readable

FORGOTTEN_TEXT = "(delivered to GitLab)"


class Status(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    """By GitLab, or by the rules on what GitLab says."""
    DROPPED = "dropped"
    """Refused, then dismissed or no longer needed."""


IS_UNDELIVERED = decisions.c.status.in_((Status.PENDING, Status.REFUSED))
IS_GIVEN_UP = decisions.c.status.in_((Status.REFUSED, Status.DROPPED))

# Built once: they are of each click, or of each look at an issue.
_OF_INTERACTION = select(decisions).where(decisions.c.interaction == bindparam("interaction"))
_ADD = decisions.insert()
_TO_WITHDRAW = (
    select(if_readable(decisions))
    .filter_by(project=bindparam("project"), iid=bindparam("iid"))
    .where(IS_GIVEN_UP, decisions.c.begun_at.is_not(None))
    .order_by(decisions.c.seq)
)
_IS_IT = decisions.c.id == bindparam("decision")
_BEGIN = update(decisions).where(_IS_IT, decisions.c.begun_at.is_(None))
_CHANGE = update(decisions).where(_IS_IT)


@dataclass(frozen=True, kw_only=True)
class DecisionRecord:
    decision: Decision
    status: Status
    begun_at: datetime | None
    """When the first write to GitLab may have been sent.

    Once given up, it is set as long as its note may be in GitLab and has to be withdrawn.
    """
    problem: str | None

    @classmethod
    def of(cls, row: Row[*tuple[Any, ...]]) -> "DecisionRecord":
        return cls(
            decision=row.document,
            status=Status(row.status),
            begun_at=row.begun_at,
            problem=row.problem,
        )


async def load_decision(tx: Transaction, key: IssueKey, decision: UUID) -> DecisionRecord | None:
    row = (await tx.execute(select(decisions).where(*_is(key, decision)))).one_or_none()
    return DecisionRecord.of(row) if row else None


async def load_by_interaction(tx: Transaction, interaction: str) -> DecisionRecord | None:
    """Expect Slack to send an interaction twice."""
    row = (await tx.execute(_OF_INTERACTION, interaction=interaction)).one_or_none()
    return DecisionRecord.of(row) if row else None


async def list_undelivered(tx: Transaction) -> list[DecisionRecord]:
    rows = await tx.execute(select(decisions).where(IS_UNDELIVERED).order_by(decisions.c.seq))
    return [DecisionRecord.of(row) for row in rows]


async def list_decisions_since(tx: Transaction, key: IssueKey, since: datetime) -> list[Decision]:
    return await _list_readable(tx, *_is_about(key), decisions.c.decided_at >= since)


async def list_decisions_between(
    tx: Transaction, since: datetime, until: datetime
) -> list[Decision]:
    return await _list_readable(tx, decisions.c.decided_at >= since, decisions.c.decided_at < until)


async def _list_readable(tx: Transaction, *which: ColumnElement[bool]) -> list[Decision]:
    rows = await tx.scalars(select(if_readable(decisions)).where(*which).order_by(decisions.c.seq))
    return [decision for decision in rows if decision is not None]


async def list_closed_idle(tx: Transaction, since: datetime, until: datetime) -> list[IssueKey]:
    found = await _list_readable(
        tx,
        decisions.c.decided_at >= since,
        decisions.c.decided_at < until,
        decisions.c.status == Status.DELIVERED,
    )
    return [each.key for each in found if isinstance(each.action, CloseIdle)]


async def list_pending_moments(tx: Transaction) -> Sequence[datetime]:
    rows = await tx.scalars(
        select(decisions.c.decided_at)
        .where(decisions.c.status == Status.PENDING)
        .order_by(decisions.c.seq)
    )
    return rows.all()


async def list_to_withdraw(tx: Transaction, key: IssueKey) -> list[Decision]:
    """List decisions given up whose notes may be in GitLab.

    Not contacts: they have happened, whatever GitLab says. Nor unreadable ones: they may have been
    delivered.
    """
    found = (await tx.execute(_TO_WITHDRAW, project=key.project, iid=key.iid)).scalars()
    return [each for each in found if each and not isinstance(each.action, MarkContacted)]


async def count_refused(tx: Transaction) -> int:
    query = select(func.count()).where(decisions.c.status == Status.REFUSED)
    return int(await tx.scalar(query) or 0)


async def is_pending(tx: Transaction, decision: UUID) -> bool:
    """Check again: another process may have delivered it."""
    status = await tx.scalar(select(decisions.c.status).where(decisions.c.id == str(decision)))
    return bool(status == Status.PENDING)


async def add_decision(tx: Transaction, decision: Decision, interaction: str) -> None:
    await tx.execute(
        _ADD,
        id=str(decision.id),
        project=decision.key.project,
        iid=decision.key.iid,
        interaction=interaction,
        status=Status.PENDING,
        decided_at=decision.at,
        document=decision,
    )


async def begin_decision(tx: Transaction, decision: UUID, now: datetime) -> None:
    await tx.execute(_BEGIN, decision=str(decision), begun_at=now)


async def save_decision(tx: Transaction, decision: Decision) -> None:
    """Note how far it has come."""
    await tx.execute(_CHANGE, decision=str(decision.id), document=decision)


async def finish_decision(
    tx: Transaction, decision: Decision, status: Status, now: datetime, problem: str | None = None
) -> None:
    """Forget the text sent to the customer once it is not needed."""
    values: dict[str, object] = {"status": status, "finished_at": now, "problem": problem}
    if status in (Status.DELIVERED, Status.DROPPED):
        values["document"] = _without_text(decision)
    await tx.execute(_CHANGE, decision=str(decision.id), **values)


def _without_text(decision: Decision) -> Decision:
    forgotten: dict[str, Any] = dict.fromkeys(typed_in(decision.action), FORGOTTEN_TEXT)
    return replace(decision, action=replace(decision.action, **forgotten))


async def revive_decision(tx: Transaction, decision: Decision) -> bool:
    """Make a decision pending again, as it is wanted now. Return whether it was refused.

    It counts as begun: the record may be an old copy, so the bot looks in GitLab for an earlier
    try.
    """
    changed = await tx.execute(
        update(decisions)
        .where(*_is(decision.key, decision.id), decisions.c.status == Status.REFUSED)
        .values(
            status=Status.PENDING,
            document=decision,
            problem=None,
            finished_at=None,
            begun_at=func.coalesce(decisions.c.begun_at, decisions.c.decided_at),
        )
    )
    return changed.rowcount > 0


async def note_problem(tx: Transaction, key: IssueKey, problem: str) -> bool:
    """Return whether the reason is new."""
    changed = await tx.execute(
        update(decisions)
        .where(
            *_is_about(key),
            decisions.c.status == Status.PENDING,
            decisions.c.problem.is_distinct_from(problem),
        )
        .values(problem=problem)
    )
    return changed.rowcount > 0


async def note_withdrawn(tx: Transaction, decision: UUID) -> None:
    await tx.execute(
        update(decisions).where(decisions.c.id == str(decision), IS_GIVEN_UP).values(begun_at=None)
    )


async def drop_unreadable(tx: Transaction, now: datetime) -> list[IssueKey]:
    """Return the issues."""
    columns = decisions.c.seq, decisions.c.project, decisions.c.iid
    decision = if_readable(decisions)
    rows = (await tx.execute(select(*columns, decision).where(IS_UNDELIVERED))).all()
    lost = [row for row in rows if row.document is None]
    await tx.execute(
        update(decisions)
        .where(decisions.c.seq.in_([row.seq for row in lost]))
        .values(status=Status.DROPPED, finished_at=now, problem="could not be read")
    )
    return [IssueKey(row.project, row.iid) for row in lost]


def _is(key: IssueKey, decision: UUID) -> tuple[ColumnElement[bool], ...]:
    return (*_is_about(key), decisions.c.id == str(decision))


def _is_about(key: IssueKey) -> tuple[ColumnElement[bool], ...]:
    return decisions.c.project == key.project, decisions.c.iid == key.iid
