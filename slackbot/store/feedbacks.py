"""Queries on the feedbacks that ask for no contact: what awaits triage, and what was triaged."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Row, delete, select, tuple_

from slackbot.rules.request import IssueKey
from slackbot.rules.untriaged import Triage, UntriagedFeedback
from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import feedbacks

_PLAIN = TypeAdapter(UntriagedFeedback)


class Sighting(NamedTuple):
    """A feedback as it was seen, and how far its triage had come."""

    feedback: UntriagedFeedback
    triage: Triage


async def all_untriaged(tx: Transaction) -> list[UntriagedFeedback]:
    """List what awaits triage, oldest first."""
    return await _read(tx, Triage.AWAITED)


async def all_labelled(tx: Transaction) -> list[UntriagedFeedback]:
    """List what has a feedback label and is still open, oldest first."""
    return await _read(tx, Triage.LABELLED)


async def older_than(tx: Transaction, moment: datetime) -> list[UntriagedFeedback]:
    """List what awaits triage and was created before a moment, oldest first."""
    return await _read(tx, Triage.AWAITED, feedbacks.c.created_at < moment)


async def with_ticket(tx: Transaction, ticket: int) -> list[UntriagedFeedback]:
    """List what awaits triage about a ticket."""
    return await _read(tx, Triage.AWAITED, feedbacks.c.ticket == ticket)


async def load_untriaged(tx: Transaction, key: IssueKey) -> UntriagedFeedback | None:
    """Return what awaits triage by its issue."""
    return next(iter(await _read(tx, Triage.AWAITED, _is_one_of([key]))), None)


async def _read(
    tx: Transaction, triage: Triage, *which: ColumnElement[bool]
) -> list[UntriagedFeedback]:
    rows = await tx.scalars(
        select(feedbacks.c.document)
        .where(feedbacks.c.triage == triage, *which)
        .order_by(feedbacks.c.created_at, feedbacks.c.project, feedbacks.c.iid)
    )
    return [_PLAIN.validate_json(document) for document in rows]


async def note(
    tx: Transaction, seen: Collection[Sighting], others: Collection[IssueKey] = ()
) -> bool:
    """Keep feedbacks as they were seen; tell whether that was news.

    One read and as many writes as there is news, whatever the number of issues.

    Args:
        tx: A transaction.
        seen: Feedbacks that ask for no contact. Of what was closed before it was known, nothing is
            kept.
        others: Issues that are none, or are gone; they are forgotten.
    """
    known = await _known(tx, [*(each.feedback.key for each in seen), *others])
    news = [each for each in seen if _is_news(each, known.get(each.feedback.key))]
    for each in news:
        await _save(tx, each, known.get(each.feedback.key))
    left = sorted(known.keys() & set(others))
    if left:
        await tx.execute(delete(feedbacks).where(_is_one_of(left)))
    return bool(news or left)


async def _known(tx: Transaction, keys: Collection[IssueKey]) -> dict[IssueKey, Row[tuple[()]]]:
    if not keys:
        return {}
    rows = await tx.execute(select(feedbacks).where(_is_one_of(keys)))
    return {IssueKey(row.project, row.iid): row for row in rows}


def _is_news(seen: Sighting, known: Row[tuple[()]] | None) -> bool:
    if known is None:
        return seen.triage is not Triage.CLOSED
    return (known.triage, known.document) != (seen.triage, _document(seen))


def _document(seen: Sighting) -> str:
    """Spell what is kept; of what is closed it is how many there were, and no more."""
    return "" if seen.triage is Triage.CLOSED else _PLAIN.dump_json(seen.feedback).decode()


async def _save(tx: Transaction, seen: Sighting, known: Row[tuple[()]] | None) -> None:
    one = seen.feedback
    values = {
        "ticket": one.ticket,
        "created_at": one.created_at,
        "triage": seen.triage,
        "triaged_at": _triaged_at(seen, known),
        "document": _document(seen),
    }
    await tx.execute(
        upsert(tx, feedbacks)
        .values(project=one.key.project, iid=one.key.iid, **values)
        .on_conflict_do_update(index_elements=["project", "iid"], set_=values)
    )


def _triaged_at(seen: Sighting, known: Row[tuple[()]] | None) -> datetime | None:
    if seen.triage is Triage.AWAITED or known is None:
        return None
    if known.triage == Triage.AWAITED:
        return seen.feedback.updated_at
    at: datetime | None = known.triaged_at
    return at or (seen.feedback.updated_at if seen.triage is Triage.CLOSED else None)


async def triaged_between(tx: Transaction, since: datetime, until: datetime) -> set[IssueKey]:
    """List what was triaged in a time: it got a feedback label then, or was closed."""
    at = feedbacks.c.triaged_at
    rows = await tx.execute(select(feedbacks).where(at >= since, at < until))
    return {IssueKey(row.project, row.iid) for row in rows}


async def open_iids(tx: Transaction, project: int) -> list[int]:
    """List the numbers of the issues of a project that are open as far as is known, in order."""
    rows = await tx.scalars(
        select(feedbacks.c.iid)
        .where(feedbacks.c.project == project, feedbacks.c.triage != Triage.CLOSED)
        .order_by(feedbacks.c.iid)
    )
    return list(rows)


async def forget_other_projects(tx: Transaction, project: int) -> None:
    """Forget what is elsewhere: the bot was pointed at another project since."""
    await tx.execute(delete(feedbacks).where(feedbacks.c.project != project))


def _is_one_of(keys: Iterable[IssueKey]) -> ColumnElement[bool]:
    pairs = [(key.project, key.iid) for key in sorted(keys)]
    return tuple_(feedbacks.c.project, feedbacks.c.iid).in_(pairs)
