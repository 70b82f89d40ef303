"""Feedback without a contact request: untriaged, labeled, and for a while closed."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    bindparam,
    delete,
    func,
    literal,
    select,
    tuple_,
)

from slackbot.rules.request import IssueKey
from slackbot.rules.untriaged import Triage, UntriagedFeedback
from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import feedbacks

_NOTHING = literal("", Text)
"""For closed feedback, of which only the number matters."""


def _select(*which: ColumnElement[bool]) -> Select[Any]:
    oldest_first = feedbacks.c.created_at, feedbacks.c.project, feedbacks.c.iid
    return select(feedbacks.c.document).where(*which).order_by(*oldest_first)


# Built once: each look at the queue asks these.
_IS_UNTRIAGED = feedbacks.c.triage == Triage.AWAITED
_UNTRIAGED = _select(_IS_UNTRIAGED)
_UNTRIAGED_ABOUT = _select(_IS_UNTRIAGED, feedbacks.c.ticket == bindparam("ticket"))
_OLDEST_UNTRIAGED = _UNTRIAGED.limit(bindparam("most"))
_IS_ONE_OF = tuple_(feedbacks.c.project, feedbacks.c.iid).in_(bindparam("keys", expanding=True))
_THESE = select(feedbacks).where(_IS_ONE_OF)
_FORGET_THESE = delete(feedbacks).where(_IS_ONE_OF)
_HOW_MUCH_UNTRIAGED = select(func.count()).select_from(feedbacks).where(_IS_UNTRIAGED)


class Sighting(NamedTuple):
    feedback: UntriagedFeedback
    triage: Triage


class _Known(NamedTuple):
    feedback: UntriagedFeedback | None
    """``None`` if it is closed or cannot be read."""
    triage: Triage
    triaged_at: datetime | None


async def list_untriaged(tx: Transaction, most: int | None = None) -> list[UntriagedFeedback]:
    """List all, or the ``most`` oldest."""
    statement = _UNTRIAGED if most is None else _OLDEST_UNTRIAGED
    rows = await tx.execute(statement, **({} if most is None else {"most": most}))
    return _readable(rows.scalars())


async def count_untriaged(tx: Transaction) -> int:
    """Count what cannot be read, too."""
    return await tx.scalar(_HOW_MUCH_UNTRIAGED) or 0


async def list_labeled(tx: Transaction) -> list[UntriagedFeedback]:
    """List open ones only."""
    return await _read(tx, Triage.LABELED)


async def list_untriaged_before(tx: Transaction, moment: datetime) -> list[UntriagedFeedback]:
    return await _read(tx, Triage.AWAITED, feedbacks.c.created_at < moment)


async def list_untriaged_about(tx: Transaction, ticket: int) -> list[UntriagedFeedback]:
    return _readable((await tx.execute(_UNTRIAGED_ABOUT, ticket=ticket)).scalars())


async def load_untriaged(tx: Transaction, key: IssueKey) -> UntriagedFeedback | None:
    is_it = feedbacks.c.project == key.project, feedbacks.c.iid == key.iid
    return next(iter(await _read(tx, Triage.AWAITED, *is_it)), None)


async def _read(
    tx: Transaction, triage: Triage, *which: ColumnElement[bool]
) -> list[UntriagedFeedback]:
    return _readable(await tx.scalars(_select(feedbacks.c.triage == triage, *which)))


def _readable(documents: Iterable[UntriagedFeedback | None]) -> list[UntriagedFeedback]:
    return [each for each in documents if each is not None]


async def save_sightings(
    tx: Transaction, seen: Collection[Sighting], others: Collection[IssueKey] = ()
) -> bool:
    """Save feedback as it was seen. Return whether anything was new.

    What was closed before the bot knew it is not saved. Forget ``others``: they are no such
    feedback, or no longer exist.
    """
    known = await _known(tx, [*(each.feedback.key for each in seen), *others])
    news = [each for each in seen if _is_news(each, known.get(each.feedback.key))]
    for each in news:
        await _save(tx, each, known.get(each.feedback.key))
    left = sorted(known.keys() & set(others))
    if left:
        await tx.execute(_FORGET_THESE, keys=_pairs(left))
    return bool(news or left)


async def _known(tx: Transaction, keys: Collection[IssueKey]) -> dict[IssueKey, _Known]:
    if not keys:
        return {}
    rows = await tx.execute(_THESE, keys=_pairs(keys))
    return {
        IssueKey(row.project, row.iid): _Known(row.document, Triage(row.triage), row.triaged_at)
        for row in rows
    }


def _is_news(seen: Sighting, known: _Known | None) -> bool:
    if known is None:
        return seen.triage is not Triage.CLOSED
    if seen.triage is Triage.CLOSED:
        return known.triage is not Triage.CLOSED
    return (known.triage, known.feedback) != (seen.triage, seen.feedback)


async def _save(tx: Transaction, seen: Sighting, known: _Known | None) -> None:
    one = seen.feedback
    values = {
        "ticket": one.ticket,
        "created_at": one.created_at,
        "triage": seen.triage,
        "triaged_at": _triaged_at(seen, known),
        "document": _NOTHING if seen.triage is Triage.CLOSED else one,
    }
    await tx.execute(
        upsert(tx, feedbacks)
        .values(project=one.key.project, iid=one.key.iid, **values)
        .on_conflict_do_update(index_elements=["project", "iid"], set_=values)
    )


def _triaged_at(seen: Sighting, known: _Known | None) -> datetime | None:
    if seen.triage is Triage.AWAITED or known is None:
        return None
    if known.triage is Triage.AWAITED:
        return seen.feedback.updated_at
    return known.triaged_at or (seen.feedback.updated_at if seen.triage is Triage.CLOSED else None)


async def list_triaged_between(tx: Transaction, since: datetime, until: datetime) -> set[IssueKey]:
    at = feedbacks.c.triaged_at
    key = feedbacks.c.project, feedbacks.c.iid
    rows = await tx.execute(select(*key).where(at >= since, at < until))
    return {IssueKey(row.project, row.iid) for row in rows}


async def list_open_iids(tx: Transaction, project: int) -> list[int]:
    rows = await tx.scalars(
        select(feedbacks.c.iid)
        .where(feedbacks.c.project == project, feedbacks.c.triage != Triage.CLOSED)
        .order_by(feedbacks.c.iid)
    )
    return list(rows)


async def forget_other_projects(tx: Transaction, project: int) -> None:
    await tx.execute(delete(feedbacks).where(feedbacks.c.project != project))


def _pairs(keys: Iterable[IssueKey]) -> list[tuple[int, int]]:
    return [(key.project, key.iid) for key in sorted(keys)]
