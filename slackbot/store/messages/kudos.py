"""Kudos on their way to the channel and to the week's review issue."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, update

from slackbot.rules.decision import Decision, Kudos
from slackbot.rules.request import IssueKey
from slackbot.store.engine.database import Transaction, add_row
from slackbot.store.schema import kudos


@dataclass(frozen=True, kw_only=True)
class KudosRecord:
    decision: Decision
    kudos: Kudos
    week: IssueKey | None = None
    """The issue that may have the comment."""
    is_in_week: bool = False
    problem: str | None = None
    """What keeps it from one of its places, as the person was told."""

    @classmethod
    def of(cls, row: Any) -> "KudosRecord | None":
        decision: Decision | None = row.document
        if decision is None or not isinstance(decision.action, Kudos):
            return None  # another release wrote it, or it is damaged
        has_week = row.week_project is not None and row.week_iid is not None
        return cls(
            decision=decision,
            kudos=decision.action,
            week=IssueKey(row.week_project, row.week_iid) if has_week else None,
            is_in_week=row.week_at is not None,
            problem=row.problem,
        )


async def add_kudos(tx: Transaction, decision: Decision) -> None:
    await add_row(
        tx,
        kudos,
        id=str(decision.id),
        project=decision.key.project,
        iid=decision.key.iid,
        given_at=decision.at,
        document=decision,
    )


async def list_kudos(tx: Transaction) -> list[KudosRecord]:
    """List the oldest first."""
    rows = await tx.execute(select(kudos).order_by(kudos.c.given_at, kudos.c.id))
    return [found for row in rows if (found := KudosRecord.of(row))]


async def begin_comment(tx: Transaction, decision: UUID, week: IssueKey) -> None:
    """From here on the comment may be there, unknown to us."""
    await _note(tx, decision, week_project=week.project, week_iid=week.iid)


async def end_comment(tx: Transaction, decision: UUID, now: datetime) -> None:
    await _note(tx, decision, week_at=now)


async def note_problem(tx: Transaction, decision: UUID, problem: str | None) -> None:
    await _note(tx, decision, problem=problem)


async def forget_kudos(tx: Transaction, decision: UUID) -> None:
    await tx.execute(delete(kudos).where(kudos.c.id == str(decision)))


async def _note(tx: Transaction, decision: UUID, **values: object) -> None:
    await tx.execute(update(kudos).where(kudos.c.id == str(decision)).values(**values))
