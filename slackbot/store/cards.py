"""Queries on what stands in Slack: the card of each request, and the messages in its thread."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, select, update

from slackbot.request import IssueKey
from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import cards, messages
from slackbot.triage import Step

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
class Message:
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


async def forget_post(tx: Transaction, key: IssueKey) -> None:
    """Note that the card is gone from Slack, or was certainly never posted."""
    await tx.execute(
        update(cards).where(*_is(key)).values(channel=None, ts=None, painted=0, posting_since=None)
    )


async def add_message(tx: Transaction, key: IssueKey, step: Step) -> None:
    """Queue a step to be told in the card's thread."""
    await tx.execute(
        messages.insert().values(
            id=str(uuid4()),
            project=key.project,
            iid=key.iid,
            document=_STEP.dump_json(step).decode(),
        )
    )


async def unsent(tx: Transaction, key: IssueKey) -> list[Message]:
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
        Message(id=UUID(row.id), step=_STEP.validate_json(row.document), begun_at=row.begun_at)
        for row in rows
    ]


async def begin_message(tx: Transaction, message: UUID, now: datetime) -> None:
    """Note that a message may leave from now on; the first such moment is kept."""
    await tx.execute(
        update(messages)
        .where(messages.c.id == str(message), messages.c.begun_at.is_(None))
        .values(begun_at=now)
    )


async def abandon_message(tx: Transaction, message: UUID) -> None:
    """Note that Slack has certainly not taken a message, so that it may be sent without a look."""
    await tx.execute(update(messages).where(messages.c.id == str(message)).values(begun_at=None))


async def end_message(tx: Transaction, message: UUID, now: datetime) -> None:
    """Note that a message stands in Slack, or never will."""
    await tx.execute(update(messages).where(messages.c.id == str(message)).values(sent_at=now))


def _is(key: IssueKey) -> tuple[ColumnElement[bool], ...]:
    return (cards.c.project == key.project, cards.c.iid == key.iid)
