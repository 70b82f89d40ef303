"""Contact requests as GitLab has them, and their snoozes."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, reduce
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Executable,
    Row,
    Select,
    bindparam,
    delete,
    func,
    select,
)

from slackbot.rules.decision import apply
from slackbot.rules.reminders import Snooze
from slackbot.rules.request import UNFINISHED, IssueKey, Request, Rules, State
from slackbot.store.database import Transaction, insert_into, upsert
from slackbot.store.decisions import IS_UNDELIVERED, DecisionRecord, Status
from slackbot.store.schema import cards, decisions, requests, snoozes

MOST_ENDED = 500

# Built once: they are what is asked most.
_KEY: dict[str, BindParameter[int]] = {name: bindparam(name) for name in ("project", "iid")}
_REQUEST = select(requests.c.document).filter_by(**_KEY)
_SNOOZE = select(snoozes.c.document).filter_by(**_KEY)
_LOCKED_REQUEST = _REQUEST.with_for_update()
_IS_OF = (cards.c.project == requests.c.project) & (cards.c.iid == requests.c.iid)
_WITH_CARD = select(requests.c.document, cards.c.channel, cards.c.ts).outerjoin(cards, _IS_OF)
_RECORD = _WITH_CARD.where(requests.c.project == _KEY["project"], requests.c.iid == _KEY["iid"])
_LOCKED_RECORD = _RECORD.with_for_update(of=requests)
_UNDELIVERED = select(decisions).filter_by(**_KEY).where(IS_UNDELIVERED).order_by(decisions.c.seq)


class _Several(NamedTuple):
    """What is asked for several requests."""

    requests: Select[Any]
    undelivered: Select[Any]
    """Their decisions that GitLab does not have."""


def _several(which: ColumnElement[bool]) -> _Several:
    is_about = (decisions.c.project == requests.c.project) & (decisions.c.iid == requests.c.iid)
    undelivered = select(decisions).join(requests, is_about).where(which, IS_UNDELIVERED)
    return _Several(
        requests=_WITH_CARD.where(which).order_by(requests.c.due_at, requests.c.iid),
        undelivered=undelivered.order_by(decisions.c.seq),
    )


_UNFINISHED = _several(requests.c.state.in_(UNFINISHED))
_ABOUT = _several(requests.c.ticket == bindparam("ticket"))
_ENDED = (
    _WITH_CARD.where(
        requests.c.gitlab_updated_at >= bindparam("since"), requests.c.state.not_in(UNFINISHED)
    )
    .order_by(requests.c.gitlab_updated_at.desc())
    .limit(MOST_ENDED)
)


@dataclass(frozen=True, kw_only=True)
class RequestRecord:
    """A request as GitLab has it, with decisions that GitLab does not have."""

    confirmed: Request
    pending: tuple[DecisionRecord, ...] = ()
    refused: tuple[DecisionRecord, ...] = ()
    card: tuple[str, str] | None = None
    """Where its card is: channel and ts."""

    @classmethod
    def of(cls, row: Row[Any], undelivered: Sequence[DecisionRecord] = ()) -> "RequestRecord":
        return cls(
            confirmed=row.document,
            card=(row.channel, row.ts) if row.channel and row.ts else None,
            pending=tuple(each for each in undelivered if each.status is Status.PENDING),
            refused=tuple(each for each in undelivered if each.status is Status.REFUSED),
        )

    def decided(self, rules: Rules) -> Request:
        decided = (each.decision for each in self.pending)
        return reduce(lambda request, each: apply(request, each, rules), decided, self.confirmed)


async def load_request_record(
    tx: Transaction, key: IssueKey, *, lock: bool = False
) -> RequestRecord | None:
    which = {"project": key.project, "iid": key.iid}
    found = (await tx.execute(_LOCKED_RECORD if lock else _RECORD, **which)).one_or_none()
    if found is None:
        return None
    rows = await tx.execute(_UNDELIVERED, **which)
    return RequestRecord.of(found, [DecisionRecord.of(row) for row in rows])


async def list_unfinished_records(tx: Transaction) -> list[RequestRecord]:
    return await _list_records(tx, _UNFINISHED)


async def list_records_about(tx: Transaction, ticket: int) -> list[RequestRecord]:
    return await _list_records(tx, _ABOUT, ticket=ticket)


async def list_ended_records(tx: Transaction, since: datetime) -> list[RequestRecord]:
    found = await tx.execute(_ENDED, since=since)
    return [RequestRecord.of(row) for row in found]


async def _list_records(tx: Transaction, which: _Several, **values: object) -> list[RequestRecord]:
    """Run two queries, however many requests there are."""
    found = await tx.execute(which.requests, **values)
    rows = await tx.execute(which.undelivered, **values)
    undelivered: defaultdict[IssueKey, list[DecisionRecord]] = defaultdict(list)
    for row in rows:
        undelivered[IssueKey(row.project, row.iid)].append(DecisionRecord.of(row))
    return [RequestRecord.of(row, undelivered[row.document.key]) for row in found]


async def load_request(tx: Transaction, key: IssueKey, *, lock: bool = False) -> Request | None:
    """With ``lock``, others wait until the commit."""
    query = _LOCKED_REQUEST if lock else _REQUEST
    request: Request | None = await tx.scalar(query, project=key.project, iid=key.iid)
    return request


async def save_request(tx: Transaction, request: Request) -> None:
    await tx.execute(
        _save_request(tx.is_sqlite),
        project=request.key.project,
        iid=request.key.iid,
        state=request.state,
        due_at=request.due_at,
        is_open=request.is_open,
        gitlab_updated_at=request.gitlab_updated_at,
        ticket=request.ticket,
        document=request,
    )


@cache
def _save_request(is_sqlite: bool) -> Executable:
    insert = insert_into(requests, is_sqlite=is_sqlite)
    kept = [column for column in requests.c if not column.primary_key]
    return insert.on_conflict_do_update(
        index_elements=["project", "iid"],
        set_={column.name: insert.excluded[column.name] for column in kept},
    )


async def forget_request(tx: Transaction, key: IssueKey) -> None:
    """Only for one that cannot be read and whose issue is gone from GitLab."""
    await tx.execute(
        delete(requests).where(requests.c.project == key.project, requests.c.iid == key.iid)
    )


async def list_keys(tx: Transaction) -> list[IssueKey]:
    query = select(requests.c.project, requests.c.iid).order_by(requests.c.project, requests.c.iid)
    return [IssueKey(row.project, row.iid) for row in await tx.execute(query)]


async def list_open(tx: Transaction) -> list[Request]:
    query = select(requests.c.document).where(requests.c.is_open).order_by(requests.c.due_at)
    return list(await tx.scalars(query))


async def list_open_deadlines(tx: Transaction) -> list[tuple[IssueKey, datetime]]:
    """Read no document: the bot has to start even if one is damaged."""
    rows = await tx.execute(
        select(requests.c.project, requests.c.iid, requests.c.due_at)
        .where(requests.c.is_open)
        .order_by(requests.c.due_at)
    )
    return [(IssueKey(row.project, row.iid), row.due_at) for row in rows]


async def list_open_iids(tx: Transaction, project: int) -> list[int]:
    rows = await tx.scalars(
        select(requests.c.iid)
        .where(requests.c.is_open, requests.c.project == project)
        .order_by(requests.c.iid)
    )
    return list(rows)


async def list_unfinished(tx: Transaction) -> list[Request]:
    rows = await tx.scalars(
        select(requests.c.document)
        .where(requests.c.state.in_(UNFINISHED))
        .order_by(requests.c.due_at, requests.c.iid)
    )
    return list(rows)


async def list_unfinished_keys(tx: Transaction) -> list[IssueKey]:
    rows = await tx.execute(
        select(requests.c.project, requests.c.iid)
        .where(requests.c.state.in_(UNFINISHED))
        .order_by(requests.c.due_at, requests.c.iid)
    )
    return [IssueKey(row.project, row.iid) for row in rows]


async def list_due_moments(tx: Transaction) -> Sequence[datetime]:
    rows = await tx.scalars(
        select(requests.c.due_at)
        .where(requests.c.state.in_(UNFINISHED))
        .order_by(requests.c.due_at)
    )
    return rows.all()


async def list_contacted(tx: Transaction, since: datetime) -> list[Request]:
    rows = await tx.scalars(
        select(requests.c.document).where(
            requests.c.state == State.CONTACTED, requests.c.gitlab_updated_at >= since
        )
    )
    return list(rows)


async def count_snoozes(tx: Transaction) -> int:
    """Count past ones, too."""
    return await tx.scalar(select(func.count()).select_from(snoozes)) or 0


async def load_snooze(tx: Transaction, key: IssueKey) -> Snooze | None:
    """Return the latest one, current or past."""
    snooze: Snooze | None = await tx.scalar(_SNOOZE, project=key.project, iid=key.iid)
    return snooze


async def save_snooze(tx: Transaction, key: IssueKey, snooze: Snooze) -> None:
    values = {"until": snooze.until, "document": snooze}
    await tx.execute(
        upsert(tx, snoozes)
        .values(project=key.project, iid=key.iid, **values)
        .on_conflict_do_update(index_elements=["project", "iid"], set_=values)
    )
