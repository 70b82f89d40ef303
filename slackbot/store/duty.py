"""Queries on who is on duty: the record of turns, the latest of which has not ended."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Select, delete, or_, select, update

from slackbot.rules.request import Person
from slackbot.store import facts
from slackbot.store.database import Transaction
from slackbot.store.schema import duty_turns


@dataclass(frozen=True, kw_only=True)
class OnDuty:
    """The reviewing managers of a turn: mostly one, nobody where the schedule has a gap."""

    people: tuple[Person, ...]
    source: str
    """Where it comes from, in words: ``PagerDuty``, ``a user group``, ``the people file``."""
    until: datetime | None = None
    """When the turn is planned to end, UTC; ``None`` where the source does not say."""


@dataclass(frozen=True, kw_only=True)
class Turn:
    """A time for which the same people were on duty; moments are UTC, by the bot's clock."""

    seq: int
    began_at: datetime
    ended_at: datetime | None
    on_duty: OnDuty


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Why nobody can say who is on duty, and since when, UTC; the last known goes on meanwhile."""

    problem: str
    since: datetime


_ON_DUTY = TypeAdapter(OnDuty)
_TROUBLE = TypeAdapter(Trouble | None)
TROUBLE = "duty_trouble"


async def latest_turns(tx: Transaction, number: int = 2) -> list[Turn]:
    """List the latest turns, newest first; the first one is under way unless it has ended."""
    return await _read(tx, select(duty_turns).limit(number))


async def turns_since(tx: Transaction, moment: datetime) -> list[Turn]:
    """List the turns that have not ended before a moment, newest first."""
    is_later = or_(duty_turns.c.ended_at.is_(None), duty_turns.c.ended_at >= moment)
    return await _read(tx, select(duty_turns).where(is_later))


async def _read(tx: Transaction, query: Select[Any]) -> list[Turn]:
    return [
        Turn(
            seq=row.seq,
            began_at=row.began_at,
            ended_at=row.ended_at,
            on_duty=_ON_DUTY.validate_json(row.document),
        )
        for row in await tx.execute(query.order_by(duty_turns.c.seq.desc()))
    ]


async def current_turn(tx: Transaction) -> Turn | None:
    """Return the turn under way, ``None`` while nobody is known to be on duty."""
    turns = await latest_turns(tx, 1)
    return turns[0] if turns and turns[0].ended_at is None else None


async def save_turn(tx: Transaction, on_duty: OnDuty | None, now: datetime) -> bool:
    """Note who is on duty now; tell whether other people are than before."""
    last = await current_turn(tx)
    if last and on_duty and _same_people(last.on_duty, on_duty):
        document = _ON_DUTY.dump_json(on_duty).decode()
        await tx.execute(
            update(duty_turns).where(duty_turns.c.seq == last.seq).values(document=document)
        )
        return False
    if last is None and on_duty is None:
        return False
    await tx.execute(update(duty_turns).where(duty_turns.c.ended_at.is_(None)).values(ended_at=now))
    if on_duty is not None:
        document = _ON_DUTY.dump_json(on_duty).decode()
        await tx.execute(duty_turns.insert().values(began_at=now, document=document))
    return True


def _same_people(one: OnDuty, other: OnDuty) -> bool:
    # Who has no account that is known is the same by name alone.
    return len(one.people) == len(other.people) and all(
        any(each == who or each.is_same(who) for who in other.people) for each in one.people
    )


async def load_trouble(tx: Transaction) -> Trouble | None:
    """Return why nobody can say who is on duty, ``None`` while that is known."""
    value = await facts.load_fact(tx, TROUBLE)
    return None if value is None else _TROUBLE.validate_json(value)


async def save_trouble(tx: Transaction, problem: str | None, now: datetime) -> bool:
    """Note why nobody can say who is on duty, or that it is known; the first moment is kept.

    Returns:
        Whether the trouble has begun or ended with that.
    """
    before = await load_trouble(tx)
    if (before.problem if before else None) == problem:
        return False
    since = before.since if before else now
    trouble = Trouble(problem=problem, since=since) if problem else None
    await facts.save_fact(tx, TROUBLE, _TROUBLE.dump_json(trouble).decode())
    return before is None or trouble is None


async def forget_turns(tx: Transaction, before: datetime) -> None:
    """Forget the turns that ended before a moment."""
    await tx.execute(delete(duty_turns).where(duty_turns.c.ended_at < before))
