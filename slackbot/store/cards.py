"""Queries on what stands in Slack: the card of each request, and the messages in its thread."""

import contextlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4, uuid5

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, or_, select, update

from slackbot.rules.decision import Step, StepKind
from slackbot.rules.request import IssueKey
from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import cards, messages

_STEP = TypeAdapter(Step)


@dataclass(frozen=True, kw_only=True)
class Card:
    """Where a card stands; without ``ts`` it has not been posted, as far as is known.

    The card is stale while ``painted`` lags behind ``version``, which rises with the record.
    """

    key: IssueKey
    channel: str | None
    ts: str | None
    posting_since: datetime | None
    """Set while a post may have reached Slack without our knowing."""
    version: int
    painted: int
    repaint_at: datetime | None = None
    """When the time left on the card reads differently."""

    def is_stale(self, now: datetime) -> bool:
        """Whether the record, or the time left, has changed since the card was last painted."""
        is_late = self.repaint_at is not None and now >= self.repaint_at
        return self.painted < self.version or is_late


@dataclass(frozen=True, kw_only=True)
class QueuedStep:
    """A message for the thread of a card, not sent yet as far as is known."""

    id: UUID
    step: Step
    begun_at: datetime | None
    """Set while a post may have reached Slack without our knowing."""


async def load_card(tx: Transaction, key: IssueKey) -> Card | None:
    """Return the card of a request, ``None`` if it never was to have one."""
    row = (await tx.execute(select(cards).where(*_is(key)))).one_or_none()
    if row is None:
        return None
    return Card(
        key=key,
        channel=row.channel,
        ts=row.ts,
        posting_since=row.posting_since,
        version=row.version,
        painted=row.painted,
        repaint_at=row.repaint_at,
    )


async def posted_before(tx: Transaction, moment: datetime) -> set[IssueKey]:
    """List the issues whose card was posted before a moment, by Slack's clock."""
    rows = await tx.execute(
        select(cards.c.project, cards.c.iid).where(cards.c.ts < f"{moment.timestamp():.6f}")
    )
    return {IssueKey(row.project, row.iid) for row in rows}


async def make_stale(tx: Transaction, key: IssueKey) -> None:
    """Note that the record has changed, so that the card is posted or painted anew."""
    await tx.execute(
        upsert(tx, cards)
        .values(project=key.project, iid=key.iid, version=1, painted=0)
        .on_conflict_do_update(
            index_elements=["project", "iid"], set_={"version": cards.c.version + 1}
        )
    )


async def begin_posting(tx: Transaction, key: IssueKey, now: datetime) -> None:
    """Note that a post may leave from now on; the first such moment is kept."""
    await tx.execute(
        update(cards).where(*_is(key), cards.c.posting_since.is_(None)).values(posting_since=now)
    )


async def adopt(
    tx: Transaction,
    key: IssueKey,
    channel: str,
    ts: str,
    painted: int,
    repaint_at: datetime | None = None,
) -> None:
    """Note where the card stands, which version of the record it shows, and until when."""
    await tx.execute(
        update(cards)
        .where(*_is(key))
        .values(channel=channel, ts=ts, painted=painted, repaint_at=repaint_at, posting_since=None)
    )


async def note_found(tx: Transaction, key: IssueKey, channel: str, ts: str) -> bool:
    """Note a card that was found in Slack, showing nobody knows what; tell whether that is news."""
    values = {"channel": channel, "ts": ts, "painted": 0, "posting_since": None}
    is_elsewhere = or_(cards.c.channel.is_distinct_from(channel), cards.c.ts.is_distinct_from(ts))
    # RETURNING, for the count of changed rows is not to be had from every driver.
    noted = await tx.scalar(
        upsert(tx, cards)
        .values(project=key.project, iid=key.iid, version=1, **values)
        .on_conflict_do_update(index_elements=["project", "iid"], set_=values, where=is_elsewhere)
        .returning(cards.c.ts)
    )
    return noted is not None


async def stands(tx: Transaction, key: IssueKey) -> bool:
    """Tell whether a card stands in Slack, as far as is known."""
    return await tx.scalar(select(cards.c.ts).where(*_is(key))) is not None


async def standing_keys(tx: Transaction) -> list[IssueKey]:
    """List the issues whose cards stand in Slack, as far as is known."""
    rows = await tx.execute(
        select(cards.c.project, cards.c.iid)
        .where(cards.c.ts.is_not(None))
        .order_by(cards.c.project, cards.c.iid)
    )
    return [IssueKey(row.project, row.iid) for row in rows]


async def forget_post(tx: Transaction, key: IssueKey) -> None:
    """Note that the card is gone from Slack, or was certainly never posted."""
    await tx.execute(
        update(cards).where(*_is(key)).values(channel=None, ts=None, painted=0, posting_since=None)
    )


async def add_message(
    tx: Transaction,
    key: IssueKey,
    step: Step,
    *,
    of: UUID | None = None,
    begun_at: datetime | None = None,
) -> None:
    """Queue a step to be told in the card's thread.

    Args:
        tx: A transaction.
        key: The issue.
        step: What is to be told.
        of: The decision that it tells of: it has the same id then, whenever it is queued.
        begun_at: Since when it may have been told, by a record that has been lost; UTC.
    """
    await tx.execute(
        upsert(tx, messages)
        .values(
            id=str(uuid5(of, step.kind) if of else uuid4()),
            project=key.project,
            iid=key.iid,
            begun_at=begun_at,
            document=_STEP.dump_json(step).decode(),
        )
        .on_conflict_do_nothing(index_elements=["id"])
    )


async def queued_steps(tx: Transaction, key: IssueKey) -> list[QueuedStep]:
    """List the steps not told yet, in their order."""
    rows = await tx.execute(
        select(messages)
        .where(
            messages.c.project == key.project,
            messages.c.iid == key.iid,
            messages.c.sent_at.is_(None),
        )
        .order_by(messages.c.seq)
    )
    return [
        QueuedStep(id=UUID(row.id), step=_STEP.validate_json(row.document), begun_at=row.begun_at)
        for row in rows
    ]


async def labelled_between(tx: Transaction, since: datetime, until: datetime) -> set[IssueKey]:
    """List the requests that got a feedback label in a time, here or in GitLab's own pages."""
    rows = await tx.execute(
        select(messages).where(or_(messages.c.sent_at.is_(None), messages.c.sent_at >= since))
    )
    found = set()
    for row in rows:
        with contextlib.suppress(ValidationError):  # told by another release
            step = _STEP.validate_json(row.document)
            if step.kind is StepKind.LABELLED and since <= step.at < until:
                found.add(IssueKey(row.project, row.iid))
    return found


async def drop_unreadable(tx: Transaction, now: datetime) -> None:
    """Give up the steps not told yet that cannot be read; the record and GitLab have them."""
    rows = await tx.execute(select(messages).where(messages.c.sent_at.is_(None)))
    for row in rows.all():
        try:
            _STEP.validate_json(row.document)
        except ValidationError:
            await end_message(tx, UUID(row.id), now)


async def doubt_unsent(tx: Transaction) -> None:
    """Have every step looked for in Slack before it is told: a later record may have told it."""
    rows = await tx.execute(
        select(messages).where(messages.c.sent_at.is_(None), messages.c.begun_at.is_(None))
    )
    for row in rows.all():
        await begin_message(tx, UUID(row.id), _STEP.validate_json(row.document).at)


async def begin_message(tx: Transaction, message: UUID, now: datetime) -> None:
    """Note that a message may leave from now on; the first such moment is kept."""
    await tx.execute(
        update(messages)
        .where(messages.c.id == str(message), messages.c.begun_at.is_(None))
        .values(begun_at=now)
    )


async def abandon_message(tx: Transaction, message: UUID, _now: datetime) -> None:
    """Note that Slack has certainly not taken a message, so that it may be sent without a look."""
    await tx.execute(update(messages).where(messages.c.id == str(message)).values(begun_at=None))


async def end_message(tx: Transaction, message: UUID, now: datetime) -> None:
    """Note that a message stands in Slack, or never will."""
    await tx.execute(update(messages).where(messages.c.id == str(message)).values(sent_at=now))


def _is(key: IssueKey) -> tuple[ColumnElement[bool], ...]:
    return (cards.c.project == key.project, cards.c.iid == key.iid)
