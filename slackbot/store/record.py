"""Queries on requests for contact and on the decisions about them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, Row, delete, func, select, update

from slackbot.rules.decision import Decision, MarkContacted
from slackbot.rules.request import UNFINISHED, IssueKey, Request, State
from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import decisions, requests

T = TypeVar("T")

_REQUEST = TypeAdapter(Request)
_DECISION = TypeAdapter(Decision)

FORGOTTEN_TEXT = "(delivered to GitLab)"


class UnreadableError(Exception):
    """A row was written by another release, or damaged; the message names fields and remedy."""


class Status(StrEnum):
    """How far a decision has come."""

    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    """GitLab, or the rule with what GitLab says by now, did not accept it."""
    DROPPED = "dropped"
    """Refused, and put right by the person or no longer of use."""


IS_UNDELIVERED = decisions.c.status.in_((Status.PENDING, Status.REFUSED))
IS_GIVEN_UP = decisions.c.status.in_((Status.REFUSED, Status.DROPPED))


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A decision in the record, and how far it has come."""

    decision: Decision
    status: Status
    begun_at: datetime | None
    """When the first write to GitLab may have left; ``None``: certainly nothing has.

    Of a decision that was given up: set as long as its note may stand there and is to be withdrawn.
    """
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A request as GitLab has it, the decisions still on their way, and those that failed."""

    confirmed: Request
    pending: tuple[Recorded, ...] = ()
    refused: tuple[Recorded, ...] = ()

    @classmethod
    def of(cls, confirmed: Request, undelivered: Sequence[Recorded]) -> "Standing":
        """Put a request and the decisions about it together that GitLab does not have."""
        return cls(
            confirmed=confirmed,
            pending=tuple(each for each in undelivered if each.status is Status.PENDING),
            refused=tuple(each for each in undelivered if each.status is Status.REFUSED),
        )


async def load_request(tx: Transaction, key: IssueKey, *, lock: bool = False) -> Request | None:
    """Return the request as GitLab has it; ``lock`` makes others wait until the commit."""
    query = select(requests.c.document).where(
        requests.c.project == key.project, requests.c.iid == key.iid
    )
    document = await tx.scalar(query.with_for_update() if lock else query)
    return read_request(document) if document else None


async def load_standing(tx: Transaction, key: IssueKey, *, lock: bool = False) -> Standing | None:
    """Return the request with the decisions that are under way, in their order."""
    confirmed = await load_request(tx, key, lock=lock)
    if confirmed is None:
        return None
    rows = await tx.execute(
        select(decisions)
        .where(
            decisions.c.project == key.project,
            decisions.c.iid == key.iid,
            IS_UNDELIVERED,
        )
        .order_by(decisions.c.seq)
    )
    return Standing.of(confirmed, [read_recorded(row) for row in rows])


def read_request(document: str) -> Request:
    """Read a request as it is kept.

    Raises:
        UnreadableError: Another release wrote it, or it is damaged.
    """
    return _read(_REQUEST, document)


def read_decision(document: str) -> Decision:
    """Read a decision as it is kept.

    Raises:
        UnreadableError: Another release wrote it, or it is damaged.
    """
    return _read(_DECISION, document)


def read_recorded(row: Row[tuple[object, ...]]) -> Recorded:
    """Read a row of ``decisions``.

    Raises:
        UnreadableError: Another release wrote it, or it is damaged.
    """
    return Recorded(
        decision=read_decision(row.document),
        status=Status(row.status),
        begun_at=row.begun_at,
        problem=row.problem,
    )


def _read(kind: TypeAdapter[T], document: str) -> T:
    try:
        return kind.validate_json(document)
    except ValidationError as error:
        # Its message quotes the document, which has a customer's words in it.
        places = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
        raise UnreadableError(
            f"a row of the record cannot be read ({places}): stop the bot and run "
            "`ssat-bot rebuild`"
        ) from None


async def save_request(tx: Transaction, request: Request) -> None:
    """Write the request as GitLab has it now."""
    values = {
        "state": request.state,
        "due_at": request.due_at,
        "is_open": request.is_open,
        "gitlab_updated_at": request.gitlab_updated_at,
        "ticket": request.ticket,
        "document": _REQUEST.dump_json(request, by_alias=True).decode(),
    }
    await tx.execute(
        upsert(tx, requests)
        .values(project=request.key.project, iid=request.key.iid, **values)
        .on_conflict_do_update(index_elements=["project", "iid"], set_=values)
    )


async def known_keys(tx: Transaction) -> list[IssueKey]:
    """List every issue that the record has a request of."""
    query = select(requests.c.project, requests.c.iid).order_by(requests.c.project, requests.c.iid)
    return [IssueKey(row.project, row.iid) for row in await tx.execute(query)]


async def forget_request(tx: Transaction, key: IssueKey) -> None:
    """Delete a request that cannot be read, and about which GitLab has nothing to say."""
    await tx.execute(
        delete(requests).where(requests.c.project == key.project, requests.c.iid == key.iid)
    )


async def open_requests(tx: Transaction) -> list[Request]:
    """List the requests whose issue was open when last seen, oldest deadline first."""
    query = select(requests.c.document).where(requests.c.is_open).order_by(requests.c.due_at)
    return [read_request(document) for document in await tx.scalars(query)]


async def open_deadlines(tx: Transaction) -> list[tuple[IssueKey, datetime]]:
    """List the requests whose issue was open when last seen, as ``open_requests`` does, unread.

    A document that cannot be read is no reason not to start.
    """
    rows = await tx.execute(
        select(requests.c.project, requests.c.iid, requests.c.due_at)
        .where(requests.c.is_open)
        .order_by(requests.c.due_at)
    )
    return [(IssueKey(row.project, row.iid), row.due_at) for row in rows]


async def open_iids(tx: Transaction, project: int) -> list[int]:
    """List the numbers of the issues of a project that were open when last seen, in order."""
    rows = await tx.scalars(
        select(requests.c.iid)
        .where(requests.c.is_open, requests.c.project == project)
        .order_by(requests.c.iid)
    )
    return list(rows)


async def unfinished_requests(tx: Transaction) -> list[Request]:
    """List the requests in which a customer is still waiting, oldest deadline first."""
    rows = await tx.scalars(
        select(requests.c.document)
        .where(requests.c.state.in_(UNFINISHED))
        .order_by(requests.c.due_at, requests.c.iid)
    )
    return [read_request(document) for document in rows]


async def unfinished_keys(tx: Transaction) -> list[IssueKey]:
    """List the requests in which a customer is still waiting, oldest deadline first."""
    rows = await tx.execute(
        select(requests.c.project, requests.c.iid)
        .where(requests.c.state.in_(UNFINISHED))
        .order_by(requests.c.due_at, requests.c.iid)
    )
    return [IssueKey(row.project, row.iid) for row in rows]


async def due_moments(tx: Transaction) -> Sequence[datetime]:
    """List the deadlines of all unfinished requests, earliest first."""
    rows = await tx.scalars(
        select(requests.c.due_at)
        .where(requests.c.state.in_(UNFINISHED))
        .order_by(requests.c.due_at)
    )
    return rows.all()


async def find_interaction(tx: Transaction, interaction: str) -> Recorded | None:
    """Return the decision that an interaction has led to already, when Slack sends it again."""
    row = (
        await tx.execute(select(decisions).where(decisions.c.interaction == interaction))
    ).one_or_none()
    return read_recorded(row) if row else None


async def add_decision(tx: Transaction, decision: Decision, interaction: str) -> None:
    """Record a decision, to be delivered to GitLab."""
    await tx.execute(
        decisions.insert().values(
            id=str(decision.id),
            project=decision.key.project,
            iid=decision.key.iid,
            interaction=interaction,
            status=Status.PENDING,
            decided_at=decision.at,
            document=_DECISION.dump_json(decision).decode(),
        )
    )


async def decisions_since(tx: Transaction, key: IssueKey, since: datetime) -> list[Decision]:
    """List what was decided about an issue from a moment on, in its order."""
    rows = await tx.scalars(
        select(decisions.c.document)
        .where(
            decisions.c.project == key.project,
            decisions.c.iid == key.iid,
            decisions.c.decided_at >= since,
        )
        .order_by(decisions.c.seq)
    )
    return [read_decision(document) for document in rows]


async def decisions_between(tx: Transaction, since: datetime, until: datetime) -> list[Decision]:
    """List what was decided in a time, in its order."""
    rows = await tx.scalars(
        select(decisions.c.document)
        .where(decisions.c.decided_at >= since, decisions.c.decided_at < until)
        .order_by(decisions.c.seq)
    )
    return [read_decision(document) for document in rows]


async def contacted_requests(tx: Transaction, since: datetime) -> list[Request]:
    """List the requests whose customer was contacted, of those that changed since a moment."""
    rows = await tx.scalars(
        select(requests.c.document).where(
            requests.c.state == State.CONTACTED, requests.c.gitlab_updated_at >= since
        )
    )
    return [_read(_REQUEST, document) for document in rows]


async def begin_decision(tx: Transaction, decision: UUID, now: datetime) -> None:
    """Note that writes for a decision may leave from now on."""
    await tx.execute(
        update(decisions)
        .where(decisions.c.id == str(decision), decisions.c.begun_at.is_(None))
        .values(begun_at=now)
    )


async def is_pending(tx: Transaction, decision: UUID) -> bool:
    """Tell whether a decision is still on its way: who stood still may find it delivered."""
    status = await tx.scalar(select(decisions.c.status).where(decisions.c.id == str(decision)))
    return status == Status.PENDING


async def finish_decision(
    tx: Transaction, decision: Decision, status: Status, now: datetime, problem: str | None = None
) -> None:
    """End a decision; a delivered or dropped one forgets the text that the customer was sent."""
    values: dict[str, object] = {"status": status, "finished_at": now, "problem": problem}
    if status in (Status.DELIVERED, Status.DROPPED):
        values["document"] = _DECISION.dump_json(_without_text(decision)).decode()
    await tx.execute(update(decisions).where(decisions.c.id == str(decision.id)).values(**values))


def _without_text(decision: Decision) -> Decision:
    if not isinstance(decision.action, MarkContacted) or decision.action.text is None:
        return decision
    return replace(decision, action=replace(decision.action, text=FORGOTTEN_TEXT))


async def note_problem(tx: Transaction, key: IssueKey, problem: str) -> bool:
    """Note why the pending decisions on an issue wait; tell whether that is news."""
    changed = await tx.execute(
        update(decisions)
        .where(
            decisions.c.project == key.project,
            decisions.c.iid == key.iid,
            decisions.c.status == Status.PENDING,
            decisions.c.problem.is_distinct_from(problem),
        )
        .values(problem=problem)
    )
    return changed.rowcount > 0


async def revive_decision(tx: Transaction, decision: Decision) -> bool:
    """Put a refused decision back on its way as it is wanted now; tell whether it was refused.

    Whatever the record says, what was left of it in GitLab is looked for: it may be a restored one.
    """
    changed = await tx.execute(
        update(decisions)
        .where(*_is(decision.key, decision.id), decisions.c.status == Status.REFUSED)
        .values(
            status=Status.PENDING,
            document=_DECISION.dump_json(decision).decode(),
            problem=None,
            finished_at=None,
            begun_at=func.coalesce(decisions.c.begun_at, decisions.c.decided_at),
        )
    )
    return changed.rowcount > 0


async def to_withdraw(tx: Transaction, key: IssueKey) -> list[Decision]:
    """List the decisions about an issue that came to nothing, but whose notes may stand in GitLab.

    Not those that cannot be read, which may have come to something. And a contact has happened,
    whatever GitLab took of it.
    """
    rows = await tx.execute(
        select(decisions)
        .where(
            decisions.c.project == key.project,
            decisions.c.iid == key.iid,
            IS_GIVEN_UP,
            decisions.c.begun_at.is_not(None),
        )
        .order_by(decisions.c.seq)
    )
    found = [read_decision(row.document) for row in rows if _is_readable(row.document)]
    return [each for each in found if not isinstance(each.action, MarkContacted)]


async def note_withdrawn(tx: Transaction, decision: UUID) -> None:
    """Note that no note of a decision is to be withdrawn, unless it is on its way again."""
    await tx.execute(
        update(decisions).where(decisions.c.id == str(decision), IS_GIVEN_UP).values(begun_at=None)
    )


async def find_decision(tx: Transaction, key: IssueKey, decision: UUID) -> Recorded | None:
    """Return a decision about an issue by its id."""
    row = (await tx.execute(select(decisions).where(*_is(key, decision)))).one_or_none()
    return read_recorded(row) if row else None


def _is(key: IssueKey, decision: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        decisions.c.project == key.project,
        decisions.c.iid == key.iid,
        decisions.c.id == str(decision),
    )


async def pending_since(tx: Transaction) -> Sequence[datetime]:
    """List when the decisions were made that GitLab does not have yet, oldest first."""
    rows = await tx.scalars(
        select(decisions.c.decided_at)
        .where(decisions.c.status == Status.PENDING)
        .order_by(decisions.c.seq)
    )
    return rows.all()


async def undelivered(tx: Transaction) -> list[Recorded]:
    """List the decisions that GitLab does not have, in their order."""
    rows = await tx.execute(select(decisions).where(IS_UNDELIVERED).order_by(decisions.c.seq))
    return [read_recorded(row) for row in rows]


async def drop_unreadable(tx: Transaction, now: datetime) -> list[IssueKey]:
    """Give up the decisions on their way that cannot be read; list what they were about."""
    rows = (await tx.execute(select(decisions).where(IS_UNDELIVERED))).all()
    lost = [row for row in rows if not _is_readable(row.document)]
    for row in lost:
        await tx.execute(
            update(decisions)
            .where(decisions.c.seq == row.seq)
            .values(status=Status.DROPPED, finished_at=now, problem="could not be read")
        )
    return [IssueKey(row.project, row.iid) for row in lost]


def _is_readable(document: str) -> bool:
    try:
        read_decision(document)
    except UnreadableError:
        return False
    return True


async def count_refused(tx: Transaction) -> int:
    """Count the decisions that GitLab did not take and nobody has put right yet."""
    query = select(func.count()).where(decisions.c.status == Status.REFUSED)
    return int(await tx.scalar(query) or 0)
