"""Feedback as GitLab has it, and the snoozes of contact requests."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, reduce
from typing import Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Row,
    Select,
    bindparam,
    delete,
    func,
    or_,
    select,
    tuple_,
)

from slackbot.rules.decision import apply
from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.request import UNFINISHED, IssueKey, Request, Rules, State, Triage
from slackbot.rules.routes import Share
from slackbot.rules.timing.reminders import Snooze
from slackbot.store.decisions import IS_UNDELIVERED, DecisionRecord, Status
from slackbot.store.engine.database import Transaction, save_row
from slackbot.store.schema import cards, decisions, requests, snoozes

MOST_ENDED = 500

# Built once: they are what is asked most.
_KEY: dict[str, BindParameter[int]] = {name: bindparam(name) for name in ("project", "iid")}
_KEYS = select(requests.c.project, requests.c.iid)
_REQUEST = select(requests.c.document).filter_by(**_KEY)
_SNOOZE = select(snoozes.c.document).filter_by(**_KEY)
_LOCKED_REQUEST = _REQUEST.with_for_update()
_IS_OF = (cards.c.project == requests.c.project) & (cards.c.iid == requests.c.iid)
_WITH_CARD = select(requests.c.document, cards.c.channel, cards.c.ts).outerjoin(cards, _IS_OF)
_RECORD = _WITH_CARD.where(requests.c.project == _KEY["project"], requests.c.iid == _KEY["iid"])
_LOCKED_RECORD = _RECORD.with_for_update(of=requests)
_UNDELIVERED = select(decisions).filter_by(**_KEY).where(IS_UNDELIVERED).order_by(decisions.c.seq)


_BY_DEADLINE = requests.c.due_at, requests.c.iid


class _Several(NamedTuple):
    """What is asked for several requests."""

    requests: Select[Any]
    undelivered: Select[Any]
    """Their decisions that GitLab does not have."""


def _several(which: ColumnElement[bool], *order: ColumnElement[Any]) -> _Several:
    is_about = (decisions.c.project == requests.c.project) & (decisions.c.iid == requests.c.iid)
    undelivered = select(decisions).join(requests, is_about).where(which, IS_UNDELIVERED)
    return _Several(
        requests=_WITH_CARD.where(which).order_by(*(order or _BY_DEADLINE)),
        undelivered=undelivered.order_by(decisions.c.seq),
    )


def _own(which: ColumnElement[bool], share: Share | None) -> ColumnElement[bool]:
    if share is None:
        return which
    is_named = requests.c.route.in_(sorted(share.names))
    return which & (~is_named if share.is_rest else is_named)


_OLDEST_FIRST = requests.c.created_at, requests.c.project, requests.c.iid
_IS_UNTRIAGED = requests.c.triage == Triage.AWAITED
_IS_UNFINISHED = requests.c.state.in_(UNFINISHED)
_ABOUT = _several(requests.c.ticket == bindparam("ticket"))
_IS_LABELED = requests.c.triage == Triage.LABELED
_IN_PROGRESS = (*UNFINISHED, State.OPEN)


@cache
def _unfinished(share: Share | None) -> _Several:
    return _several(_own(_IS_UNFINISHED, share))


@cache
def _untriaged(share: Share | None) -> _Several:
    return _several(_own(_IS_UNTRIAGED, share), *_OLDEST_FIRST)


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


async def list_unfinished_records(
    tx: Transaction, share: Share | None = None
) -> list[RequestRecord]:
    return await _list_records(tx, _unfinished(share))


async def list_records_about(tx: Transaction, ticket: int) -> list[RequestRecord]:
    return await _list_records(tx, _ABOUT, ticket=ticket)


async def list_untriaged_records(
    tx: Transaction, most: int | None = None, share: Share | None = None
) -> list[RequestRecord]:
    """List all, or the ``most`` oldest."""
    which = _untriaged(share)
    return await _list_records(tx, which._replace(requests=which.requests.limit(most)))


async def list_untriaged_between(
    tx: Transaction, since: datetime, until: datetime
) -> list[RequestRecord]:
    """List by the moment of creation."""
    at = requests.c.created_at
    which = _IS_UNTRIAGED & (at > since) & (at <= until)
    return await _list_records(tx, _several(which, *_OLDEST_FIRST))


async def count_untriaged(tx: Transaction, share: Share | None = None) -> int:
    which = _own(_IS_UNTRIAGED, share)
    return await tx.scalar(select(func.count()).select_from(requests).where(which)) or 0


async def list_labeled_records(tx: Transaction, share: Share | None = None) -> list[RequestRecord]:
    """List open feedback that asks for no contact, and is labeled or reviewed."""
    return await _list_records(tx, _several(_own(_IS_LABELED, share), *_OLDEST_FIRST))


async def list_dependent_records(
    tx: Transaction, share: Share | None = None
) -> list[RequestRecord]:
    """List what is open and waits on others, the earliest day first."""
    which = _own(requests.c.is_open & requests.c.waits_until.is_not(None), share)
    return await _list_records(tx, _several(which, requests.c.waits_until, *_OLDEST_FIRST))


async def list_untouched_records(tx: Transaction, until: datetime) -> list[RequestRecord]:
    """List open good feedback that asks for no contact, unchanged since then; oldest first."""
    which = (
        (requests.c.state == State.OPEN)
        & (requests.c.sentiment == Sentiment.POSITIVE)
        & (requests.c.gitlab_updated_at <= until)
    )
    order = requests.c.gitlab_updated_at, requests.c.iid
    return await _list_records(tx, _several(which, *order))


async def list_triaged_between(tx: Transaction, since: datetime, until: datetime) -> set[IssueKey]:
    at = requests.c.triaged_at
    return set(await _list_keys(tx, _KEYS.where(at >= since, at < until)))


async def list_ended_records(
    tx: Transaction, since: datetime, share: Share | None = None
) -> list[RequestRecord]:
    has_ended = requests.c.state.not_in(_IN_PROGRESS)
    found = await tx.execute(
        _WITH_CARD.where(_own((requests.c.gitlab_updated_at >= since) & has_ended, share))
        .order_by(requests.c.gitlab_updated_at.desc())
        .limit(MOST_ENDED)
    )
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
    await save_row(
        tx,
        requests,
        project=request.key.project,
        iid=request.key.iid,
        state=request.state,
        due_at=request.due_at,
        is_open=request.is_open,
        gitlab_updated_at=request.gitlab_updated_at,
        ticket=request.ticket,
        created_at=request.created_at,
        triage=request.triage,
        triaged_at=request.triaged_at,
        sentiment=request.sentiment,
        waits_until=request.waits_on.until if request.waits_on else None,
        route=request.route,
        document=request,
    )


async def forget_request(tx: Transaction, key: IssueKey) -> None:
    """Only for one that is no feedback, or cannot be read and is gone from GitLab."""
    await tx.execute(
        delete(requests).where(requests.c.project == key.project, requests.c.iid == key.iid)
    )


async def list_keys(tx: Transaction) -> list[IssueKey]:
    """List where contact was asked for."""
    asked = _KEYS.where(requests.c.state != State.OPEN)
    return await _list_keys(tx, asked.order_by(requests.c.project, requests.c.iid))


async def load_earliest_end(tx: Transaction) -> datetime | None:
    """Return when the first one changed last of those that have ended."""
    earliest = func.min(requests.c.gitlab_updated_at)
    moment: datetime | None = await tx.scalar(select(earliest).where(~requests.c.is_open))
    return moment


async def list_answered(tx: Transaction, share: Share | None = None) -> list[RequestRecord]:
    """List what is open although its customer was contacted, or its triage is done."""
    is_done = or_(requests.c.state == State.CONTACTED, _IS_LABELED)
    return await _list_records(tx, _several(_own(requests.c.is_open & is_done, share)))


async def list_open_deadlines(tx: Transaction) -> list[tuple[IssueKey, datetime]]:
    """List where contact was asked for.

    Read no document: the bot has to start even if one is damaged.
    """
    rows = await tx.execute(
        select(requests.c.project, requests.c.iid, requests.c.due_at)
        .where(requests.c.is_open, requests.c.state != State.OPEN)
        .order_by(requests.c.due_at)
    )
    return [(IssueKey(row.project, row.iid), row.due_at) for row in rows]


async def list_open_iids(tx: Transaction, project: int, *, asks: bool) -> list[int]:
    """List where contact was asked for, or the others."""
    is_other = requests.c.state == State.OPEN
    rows = await tx.scalars(
        select(requests.c.iid)
        .where(requests.c.is_open, requests.c.project == project, ~is_other if asks else is_other)
        .order_by(requests.c.iid)
    )
    return list(rows)


async def forget_open_of_other_projects(tx: Transaction, own: Collection[int]) -> None:
    """Forget what asks for no contact: nobody looks after it there."""
    is_other = requests.c.project.not_in(own)
    await tx.execute(delete(requests).where(requests.c.state == State.OPEN, is_other))


async def list_unfinished(tx: Transaction) -> list[Request]:
    rows = await tx.scalars(
        select(requests.c.document).where(_IS_UNFINISHED).order_by(*_BY_DEADLINE)
    )
    return list(rows)


async def list_keys_about(tx: Transaction, ticket: int) -> list[IssueKey]:
    return await _list_keys(tx, _KEYS.where(requests.c.ticket == ticket))


async def list_unfinished_keys(tx: Transaction) -> list[IssueKey]:
    return await _list_keys(tx, _KEYS.where(_IS_UNFINISHED).order_by(*_BY_DEADLINE))


async def list_own_keys(
    tx: Transaction, keys: Collection[IssueKey], share: Share
) -> list[IssueKey]:
    """Return those of the ``keys`` that are a team's."""
    place = tuple_(requests.c.project, requests.c.iid)
    is_one = place.in_([(key.project, key.iid) for key in keys])
    return await _list_keys(tx, _KEYS.where(_own(is_one, share)))


async def _list_keys(tx: Transaction, query: Select[Any]) -> list[IssueKey]:
    return [IssueKey(row.project, row.iid) for row in await tx.execute(query)]


async def list_due_moments(tx: Transaction) -> Sequence[datetime]:
    rows = await tx.scalars(
        select(requests.c.due_at).where(_IS_UNFINISHED).order_by(requests.c.due_at)
    )
    return rows.all()


async def list_contacted(
    tx: Transaction, since: datetime, share: Share | None = None
) -> list[Request]:
    was = (requests.c.state == State.CONTACTED) & (requests.c.gitlab_updated_at >= since)
    rows = await tx.scalars(select(requests.c.document).where(_own(was, share)))
    return list(rows)


async def count_snoozes(tx: Transaction) -> int:
    """Count past ones, too."""
    return await tx.scalar(select(func.count()).select_from(snoozes)) or 0


async def load_snooze(tx: Transaction, key: IssueKey) -> Snooze | None:
    """Return the latest one, current or past."""
    snooze: Snooze | None = await tx.scalar(_SNOOZE, project=key.project, iid=key.iid)
    return snooze


async def save_snooze(tx: Transaction, key: IssueKey, snooze: Snooze) -> None:
    place = {"project": key.project, "iid": key.iid}
    await save_row(tx, snoozes, **place, until=snooze.until, document=snooze)
