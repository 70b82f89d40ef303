"""Queries on requests for contact and on the decisions about them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import ColumnElement, Row, func, select, update

from slackbot.request import UNFINISHED, IssueKey, Request
from slackbot.store.database import Transaction, upsert
from slackbot.store.schema import decisions, requests
from slackbot.triage import Decision, MarkContacted

T = TypeVar("T")

_REQUEST = TypeAdapter(Request)
_DECISION = TypeAdapter(Decision)

FORGOTTEN_TEXT = "(delivered to GitLab)"


class UnreadableError(Exception):
    """A row was written by another release, or damaged; the message names the fields."""


class Status(StrEnum):
    """How far a decision has come."""

    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"
    """GitLab, or the rule with what GitLab says by now, did not accept it."""
    DROPPED = "dropped"
    """Refused, and put right by the person or no longer of use."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A decision in the record, and how far it has come."""

    decision: Decision
    status: Status
    begun_at: datetime | None
    """When the first write to GitLab may have left; ``None``: certainly nothing has."""
    problem: str | None


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A request as GitLab has it, the decisions still on their way, and those that failed."""

    confirmed: Request
    pending: tuple[Recorded, ...] = ()
    refused: tuple[Recorded, ...] = ()


async def load_request(tx: Transaction, key: IssueKey, *, lock: bool = False) -> Request | None:
    """Return the request as GitLab has it; ``lock`` makes others wait until the commit."""
    query = select(requests.c.document).where(
        requests.c.project == key.project, requests.c.iid == key.iid
    )
    document = await tx.scalar(query.with_for_update() if lock else query)
    return _read(_REQUEST, document) if document else None


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
            decisions.c.status.in_((Status.PENDING, Status.REFUSED)),
        )
        .order_by(decisions.c.seq)
    )
    recorded = [_recorded(row) for row in rows]
    return Standing(
        confirmed=confirmed,
        pending=tuple(each for each in recorded if each.status is Status.PENDING),
        refused=tuple(each for each in recorded if each.status is Status.REFUSED),
    )


def _recorded(row: Row[tuple[object, ...]]) -> Recorded:
    return Recorded(
        decision=_read(_DECISION, row.document),
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
        raise UnreadableError(f"a row of the record cannot be read: {places}") from None


async def save_request(tx: Transaction, request: Request) -> None:
    """Write the request as GitLab has it now."""
    values = {
        "state": request.state,
        "due_at": request.due_at,
        "is_open": request.is_open,
        "document": _REQUEST.dump_json(request).decode(),
    }
    await tx.execute(
        upsert(tx, requests)
        .values(project=request.key.project, iid=request.key.iid, **values)
        .on_conflict_do_update(index_elements=["project", "iid"], set_=values)
    )


async def open_requests(tx: Transaction, project: int | None = None) -> list[Request]:
    """List the requests whose issue was open when last seen, oldest deadline first."""
    query = select(requests.c.document).where(requests.c.is_open).order_by(requests.c.due_at)
    if project is not None:
        query = query.where(requests.c.project == project)
    return [_read(_REQUEST, document) for document in await tx.scalars(query)]


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
    return _recorded(row) if row else None


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


async def begin_decision(tx: Transaction, decision: UUID, now: datetime) -> None:
    """Note that writes for a decision may leave from now on."""
    await tx.execute(
        update(decisions)
        .where(decisions.c.id == str(decision), decisions.c.begun_at.is_(None))
        .values(begun_at=now)
    )


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


async def revive_decision(tx: Transaction, key: IssueKey, decision: UUID) -> bool:
    """Put a refused decision back on its way; tell whether it was refused."""
    changed = await tx.execute(
        update(decisions)
        .where(*_is(key, decision), decisions.c.status == Status.REFUSED)
        .values(status=Status.PENDING, problem=None, finished_at=None)
    )
    return changed.rowcount > 0


async def find_decision(tx: Transaction, key: IssueKey, decision: UUID) -> Recorded | None:
    """Return a decision about an issue by its id."""
    row = (await tx.execute(select(decisions).where(*_is(key, decision)))).one_or_none()
    return _recorded(row) if row else None


def _is(key: IssueKey, decision: UUID) -> tuple[ColumnElement[bool], ...]:
    return (
        decisions.c.project == key.project,
        decisions.c.iid == key.iid,
        decisions.c.id == str(decision),
    )


async def count_pending(tx: Transaction) -> int:
    """Count the decisions that GitLab does not have yet."""
    query = select(func.count()).where(decisions.c.status == Status.PENDING)
    return int(await tx.scalar(query) or 0)
