"""What the bot's own database says, read from outside while the bot works on it."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Text, create_engine, func, or_, select, type_coerce
from sqlalchemy.engine import URL
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from slackbot.store.decisions import Status
from slackbot.store.engine.database import async_url
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.schema import decisions, deliveries, errands, kudos, requests
from tests.faults.history import Decided, Remembered, Wish, words_in


def _wish(decision: dict[str, Any]) -> Wish:
    by, action = decision["by"]["name"], decision["action"]
    match action["kind"]:
        case "claim":
            return Wish(holder=by)
        case "take_over":
            before = action["holder"]
            return Wish(holder=by, leaver=before.get("gitlab") or before["name"])
        case "release":
            return Wish(leaver=by)
        case "choose_label" | "review":
            return Wish(label=action["label"])
        case "clear_label":
            return Wish(cleared=action["label"])
        case _:
            return _wish_of_course(action)


def _wish_of_course(action: dict[str, Any]) -> Wish:
    match action["kind"]:
        case "mark_contacted":
            label, is_closed = action["label"], action["close"]
            return Wish(label=label, yields=True, is_contacted=True, is_closed=is_closed)
        case "undo_contacted":
            return Wish(is_uncontacted=True, is_reopened=action["reopen"])
        case "close":
            return Wish(is_closed=True)
        case "kudos":
            return Wish(is_closed=action["close"])
        case "reopen":
            return Wish(is_reopened=True)
        case _:
            return Wish()


def _instead_of(action: dict[str, Any]) -> str | None:
    holder = action.get("holder") or {}
    cleared = action["label"] if action["kind"] == "clear_label" else None
    replaced: str | None = action.get("replaces") or cleared or holder.get("gitlab")
    return replaced


def _decided(row: Any, *, was_retried: bool) -> Decided:
    decision = json.loads(row.text)
    action = decision["action"]
    return Decided(
        seq=row.seq,
        id=row.id,
        key=f"{row.project}/{row.iid}",
        interaction=row.interaction,
        status=row.status,
        wish=_wish(decision),
        instead_of=_instead_of(action),
        was_retried=was_retried,
        kind=action["kind"],
        reason=action.get("reason"),
        typed=words_in(row.text),
        tells=_told(action),
    )


def _told(action: dict[str, Any]) -> frozenset[str]:
    """Name whom a comment is to mention; who was chosen in Slack may not be looked up yet."""
    people = (each["slack_user"] for each in action.get("people") or ())
    return frozenset([*(action.get("names") or ()), *people])


def _remembered(key: str, request: dict[str, Any]) -> Remembered:
    return Remembered(
        key=key,
        is_reviewed=request.get("reviewed_at") is not None,
        is_thanked=request.get("thanked_by") is not None,
        missed_because=request.get("missed_because"),
        has_ended=not request.get("is_open", True) or bool(request.get("is_gone")),
        waits_on=words_in((request.get("waits_on") or {}).get("what", "")),
    )


def _to_read(url: URL) -> URL:
    if url.get_backend_name() != "sqlite":
        return url
    # Whoever may write and is the last to leave writes the log into the file, and has it synced.
    file = f"file:{url.database}"
    return url.set(drivername="sqlite", database=file, query={"mode": "ro", "uri": "true"})


_AS_TEXT = type_coerce(decisions.c.document, Text).label("text")
_REQUEST = type_coerce(requests.c.document, Text).label("text")


class Record:
    """The record at a URL; a connection of its own for every question."""

    def __init__(self, database_url: str) -> None:
        self._engine = create_engine(_to_read(async_url(database_url)), poolclass=NullPool)

    def decisions(self, retried: frozenset[str]) -> list[Decided]:
        """Every decision, in the order in which they were made."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(decisions, _AS_TEXT).order_by(decisions.c.seq)).all()
        return [_decided(row, was_retried=row.id in retried) for row in rows]

    def remembered(self) -> list[Remembered]:
        """What is on record of each feedback."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(requests.c.project, requests.c.iid, _REQUEST)).all()
        return [_remembered(f"{row.project}/{row.iid}", json.loads(row.text)) for row in rows]

    def noted(self) -> frozenset[str]:
        """The interactions on record that have led to no decision: they were about one."""
        names = select(deliveries.c.id).where(deliveries.c.id.startswith("slack:"))
        with self._engine.connect() as connection:
            return frozenset(each.removeprefix("slack:") for each in connection.scalars(names))

    def at_work_on(self, decision: str) -> int | None:
        """Which process, by its number, holds the lease to bring a decision to where it belongs."""
        of_issue = (errands.c.project == decisions.c.project) & (errands.c.iid == decisions.c.iid)
        is_delivering = (errands.c.lane == IssueQueue.SYNC) & of_issue
        is_pending = decisions.c.status == Status.PENDING
        # Kudos go on once they are delivered.
        is_bringing = errands.c.lane == PeriodicQueue.KUDOS
        query = select(errands.c.leased_by).where(
            decisions.c.id == decision,
            or_(is_pending & is_delivering, ~is_pending & is_bringing),
        )
        try:
            with self._engine.connect() as connection:
                owner = connection.scalar(query)
        except OperationalError:
            return None  # the database is away itself
        parts = str(owner).rsplit("-", 2)
        return int(parts[1]) if len(parts) == 3 else None

    def left_to_do(self, latest: datetime) -> list[str]:
        """Say in words what is on its way still; what is put off for hours is not.

        Args:
            latest: The moment by the fastest clock of the replicas.
        """
        # A failed errand is tried again; one that was never tried waits for its time to come.
        is_due = or_(
            errands.c.ready_at <= latest,
            errands.c.leased_by.is_not(None),
            errands.c.attempts > 0,
        )
        watched = (IssueQueue.SYNC, IssueQueue.CARD, IssueQueue.REMINDERS, PeriodicQueue.KUDOS)
        is_watched = errands.c.lane.in_(watched)
        waiting = select(func.count()).where(decisions.c.status == Status.PENDING)
        with self._engine.connect() as connection:
            rows = connection.execute(select(errands).where(is_watched, is_due)).all()
            pending = connection.scalar(waiting)
            thanks = connection.scalar(select(func.count()).select_from(kudos))
        left = [f"{row.lane} {row.project}/{row.iid}: {row.problem or 'due'}" for row in rows]
        counts = {"decisions pending": pending, "kudos on their way": thanks}
        return [*left, *(f"{count} {what}" for what, count in counts.items() if count)]
