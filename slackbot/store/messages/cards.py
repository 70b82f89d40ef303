"""The cards in Slack, and the steps posted in their threads."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid4, uuid5

from sqlalchemy import ColumnElement, Executable, Row, and_, bindparam, func, or_, select, update

from slackbot.rules.decision import Step, StepKind
from slackbot.rules.request import IssueKey
from slackbot.store.engine.database import Transaction, add_row, insert_into, upsert
from slackbot.store.schema import Instant, cards, if_readable, messages


@dataclass(frozen=True, kw_only=True)
class Card:
    """Where a card is in Slack; without ``ts`` it has not been posted, as far as is known.

    Then ``channel`` is where it may stand since ``posting_since``.

    It is stale while ``painted`` lags behind ``version``, which rises with the record.
    """

    key: IssueKey
    channel: str | None
    ts: str | None
    posting_since: datetime | None
    """Set while a post may have reached Slack without its answer reaching the bot."""
    version: int
    painted: int
    repaint_at: datetime | None = None
    """When the text changes though the record does not."""
    rendering_since: datetime | None = None
    """Set while a rendering may still reach Slack unnoticed, over what came after it."""

    @classmethod
    def of(cls, row: Row[Any]) -> "Card":
        return cls(
            key=IssueKey(row.project, row.iid),
            channel=row.channel,
            ts=row.ts,
            posting_since=row.posting_since,
            version=row.version,
            painted=row.painted,
            repaint_at=row.repaint_at,
            rendering_since=row.rendering_since,
        )

    def is_stale(self, now: datetime) -> bool:
        is_late = self.repaint_at is not None and now >= self.repaint_at
        return self.painted < self.version or is_late


@dataclass(frozen=True, kw_only=True)
class QueuedStep:
    id: UUID
    step: Step
    begun_at: datetime | None
    """As ``Card.posting_since``."""


_CARD = select(cards).filter_by(project=bindparam("project"), iid=bindparam("iid"))
# Called otherwise than the columns: an update would set those.
_IS_IT = (cards.c.project == bindparam("of_project"), cards.c.iid == bindparam("of_iid"))
_BEGIN = (
    update(cards)
    .where(*_IS_IT)
    .values(
        posting_since=func.coalesce(cards.c.posting_since, bindparam("now", type_=Instant)),
        channel=bindparam("of_channel"),
    )
    .returning(cards)
)
_OF_CARD = update(cards).where(*_IS_IT)
_TS = select(cards.c.ts).where(*_IS_IT)
_ADOPT = update(cards).where(*_IS_IT).values(posting_since=None).returning(cards)
_QUEUED = (
    select(messages)
    .filter_by(project=bindparam("project"), iid=bindparam("iid"))
    .where(messages.c.sent_at.is_(None))
    .order_by(messages.c.seq)
)
_OF_MESSAGE = update(messages).where(messages.c.id == bindparam("message"))
_BEGIN_MESSAGE = _OF_MESSAGE.where(messages.c.begun_at.is_(None))


async def load_card(tx: Transaction, key: IssueKey) -> Card | None:
    row = (await tx.execute(_CARD, project=key.project, iid=key.iid)).one_or_none()
    return Card.of(row) if row else None


async def list_posted_before(tx: Transaction, moment: datetime) -> set[IssueKey]:
    """Compare by Slack's clock."""
    rows = await tx.execute(
        select(cards.c.project, cards.c.iid).where(cards.c.ts < f"{moment.timestamp():.6f}")
    )
    return {IssueKey(row.project, row.iid) for row in rows}


async def make_stale(tx: Transaction, key: IssueKey) -> bool:
    """Return whether the card stands."""
    stale = _make_stale(tx.is_sqlite)
    ts = await tx.scalar(stale, project=key.project, iid=key.iid, version=1, painted=0)
    return ts is not None


@cache
def _make_stale(is_sqlite: bool) -> Executable:
    return (
        insert_into(cards, is_sqlite=is_sqlite)
        .on_conflict_do_update(
            index_elements=["project", "iid"], set_={"version": cards.c.version + 1}
        )
        .returning(cards.c.ts)
    )


async def begin_posting(tx: Transaction, key: IssueKey, channel: str, now: datetime) -> Card:
    """Keep the first moment."""
    begun = await tx.execute(_BEGIN, **_place(key), of_channel=channel, now=now)
    return Card.of(begun.one())


async def adopt(
    tx: Transaction,
    key: IssueKey,
    channel: str,
    ts: str,
    painted: int,
    repaint_at: datetime | None = None,
    rendering_since: datetime | None = None,
) -> Card:
    adopted = await tx.execute(
        _ADOPT,
        **_place(key),
        channel=channel,
        ts=ts,
        painted=painted,
        repaint_at=repaint_at,
        rendering_since=rendering_since,
    )
    return Card.of(adopted.one())


async def note_rendering(tx: Transaction, key: IssueKey, since: datetime | None) -> None:
    """Note ``None`` if certainly none is on its way."""
    await tx.execute(_OF_CARD, **_place(key), rendering_since=since)


async def save_found(tx: Transaction, key: IssueKey, channel: str, ts: str) -> bool:
    """Save a card of unknown content. Return whether it was new."""
    values = {"channel": channel, "ts": ts, "painted": 0, "posting_since": None}
    is_elsewhere = or_(cards.c.channel.is_distinct_from(channel), cards.c.ts.is_distinct_from(ts))
    # RETURNING, because not every driver counts the changed rows.
    noted = await tx.execute(
        upsert(tx, cards)
        .values(project=key.project, iid=key.iid, version=1, **values)
        .on_conflict_do_update(index_elements=["project", "iid"], set_=values, where=is_elsewhere)
        .returning(cards.c.ts)
    )
    return noted.one_or_none() is not None


async def has_card(tx: Transaction, key: IssueKey) -> bool:
    return await tx.scalar(_TS, **_place(key)) is not None


async def list_standing(tx: Transaction) -> list[IssueKey]:
    rows = await tx.execute(
        select(cards.c.project, cards.c.iid)
        .where(cards.c.ts.is_not(None))
        .order_by(cards.c.project, cards.c.iid)
    )
    return [IssueKey(row.project, row.iid) for row in rows]


async def forget_post(tx: Transaction, key: IssueKey) -> None:
    """Note that the card is gone from Slack, or was never posted."""
    forgotten = dict.fromkeys(("channel", "ts", "posting_since", "rendering_since"))
    await tx.execute(_OF_CARD, **_place(key), **forgotten, painted=0)


async def add_message(
    tx: Transaction,
    key: IssueKey,
    step: Step,
    *,
    of: UUID | None = None,
    begun_at: datetime | None = None,
) -> None:
    """Queue a step for the card's thread.

    With ``of``, its decision or cause, it is queued only once. ``begun_at``: since when a lost
    record may have had it posted, UTC.
    """
    await add_row(
        tx,
        messages,
        id=str(uuid5(of, step.kind) if of else uuid4()),
        project=key.project,
        iid=key.iid,
        begun_at=begun_at,
        document=step,
    )


async def list_queued_steps(tx: Transaction, key: IssueKey) -> list[QueuedStep]:
    rows = await tx.execute(_QUEUED, project=key.project, iid=key.iid)
    return [QueuedStep(id=UUID(row.id), step=row.document, begun_at=row.begun_at) for row in rows]


async def list_labeled_between(tx: Transaction, since: datetime, until: datetime) -> set[IssueKey]:
    told_at = messages.c.sent_at
    return {
        key
        for key, step in await _list_steps(tx, or_(told_at.is_(None), told_at >= since))
        if step.kind is StepKind.LABELED and since <= step.at < until
    }


async def list_left_waiting_between(
    tx: Transaction, since: datetime, until: datetime
) -> set[IssueKey]:
    """List requests of which the channel was told in that time that they ended unheard."""
    told_at = messages.c.sent_at
    steps = await _list_steps(tx, and_(told_at >= since, told_at < until))
    return {key for key, step in steps if step.leaves_waiting}


async def _list_steps(tx: Transaction, which: ColumnElement[bool]) -> list[tuple[IssueKey, Step]]:
    # This release may be unable to read another's steps.
    step = if_readable(messages)
    rows = await tx.execute(select(messages.c.project, messages.c.iid, step).where(which))
    return [(IssueKey(row.project, row.iid), row.document) for row in rows if row.document]


async def drop_unreadable(tx: Transaction, now: datetime) -> None:
    """Lose nothing: GitLab shows what happened, too."""
    step = if_readable(messages)
    rows = await tx.execute(select(messages.c.id, step).where(messages.c.sent_at.is_(None)))
    for row in rows.all():
        if row.document is None:
            await end_message(tx, UUID(row.id), now)


async def doubt_unsent(tx: Transaction) -> None:
    """Look in Slack before posting: the record may be an old copy."""
    rows = await tx.execute(
        select(messages).where(messages.c.sent_at.is_(None), messages.c.begun_at.is_(None))
    )
    for row in rows.all():
        await begin_message(tx, UUID(row.id), row.document.at)


async def begin_message(tx: Transaction, message: UUID, now: datetime) -> None:
    """Keep the first moment."""
    await tx.execute(_BEGIN_MESSAGE, message=str(message), begun_at=now)


async def abandon_message(tx: Transaction, message: UUID, _now: datetime) -> None:
    """Note that Slack has not taken it: the bot need not look for it."""
    await tx.execute(_OF_MESSAGE, message=str(message), begun_at=None)


async def end_message(tx: Transaction, message: UUID, now: datetime) -> None:
    """Note that it is in Slack, or never will be."""
    await tx.execute(_OF_MESSAGE, message=str(message), sent_at=now)


def _place(key: IssueKey) -> dict[str, object]:
    return {"of_project": key.project, "of_iid": key.iid}
