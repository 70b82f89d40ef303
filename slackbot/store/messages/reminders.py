"""For when the next reminders are planned, and which came late."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, select

from slackbot.rules.request import IssueKey
from slackbot.store.engine.database import Transaction, add_row, save_row
from slackbot.store.schema import missed_reminders, reminder_plans

_PLAN = select(reminder_plans.c.planned_at).where(reminder_plans.c.round == bindparam("round"))


@dataclass(frozen=True, kw_only=True)
class Missed:
    """A reminder too late for the channel; ``at`` is when that was noted."""

    key: str
    about: IssueKey
    at: datetime


async def load_plan(tx: Transaction, round_key: str) -> datetime | None:
    planned_at: datetime | None = await tx.scalar(_PLAN, round=round_key)
    return planned_at


async def save_plan(tx: Transaction, round_key: str, about: IssueKey, at: datetime) -> None:
    await save_row(
        tx, reminder_plans, round=round_key, project=about.project, iid=about.iid, planned_at=at
    )


async def note_missed(tx: Transaction, key: str, about: IssueKey, now: datetime) -> None:
    """Keep the first moment."""
    await add_row(tx, missed_reminders, key=key, project=about.project, iid=about.iid, noted_at=now)


async def missed(tx: Transaction) -> list[Missed]:
    rows = await tx.execute(select(missed_reminders))
    return [
        Missed(key=row.key, about=IssueKey(row.project, row.iid), at=row.noted_at) for row in rows
    ]


async def forget_missed(tx: Transaction, keys: Iterable[str]) -> None:
    await tx.execute(delete(missed_reminders).where(missed_reminders.c.key.in_(list(keys))))
