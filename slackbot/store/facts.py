"""Small things worth keeping, each under its name; and webhook deliveries already seen."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any, Generic, TypeVar
from uuid import uuid4

from sqlalchemy import Executable, Text, delete, func, literal, select, type_coerce

from slackbot.store.engine.database import Record, Transaction, insert_into, upsert
from slackbot.store.schema import Document, deliveries, facts

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """How far the poll has read."""

    until: datetime
    """GitLab's own time, UTC."""
    about: str
    reached_at: datetime | None = None
    """By the bot's clock."""
    is_first: bool = False
    """The first reading is under way, of open issues only."""
    read: int = 0
    found: int = 0
    """Contact requests new to the record."""


@dataclass(frozen=True, kw_only=True)
class KnownProject:
    id: int
    path: str
    url: str = ""
    """As people see it."""
    earlier: frozenset[str] = frozenset()
    """Paths that it had before: GitLab forwards their links."""

    def renamed_from(self, before: "KnownProject | None") -> "KnownProject":
        if before is None or before.id != self.id:
            return self
        return replace(self, earlier=(before.earlier | {before.path}) - {self.path})


@dataclass(frozen=True, kw_only=True)
class CatchUp:
    """Many requests found at once, for one summary; moments are UTC, by the bot's clock."""

    key: str
    """When the first reading began; finds the summary in Slack."""
    at: datetime
    since: datetime | None
    """When the poll before ended; ``None`` at the first start."""
    posting_since: datetime | None = None
    """As ``Card.posting_since``."""
    is_told: bool = False
    later: frozenset[str] = frozenset()
    """Counted as due later: their cards come later."""

    @property
    def begun_at(self) -> datetime:
        return datetime.fromisoformat(self.key)


class Fact(Generic[T]):
    """A value of the table ``facts``: text as it is, everything else as JSON.

    An unreadable one counts as unknown: the bot finds it out again.
    """

    def __init__(self, name: str, kind: type[T]) -> None:
        self._name, self._kind = name, kind
        self._others: dict[str, Fact[T]] = {}
        self._type = Text() if kind is str else Document[Any](kind, lenient=True)
        self._load = select(type_coerce(facts.c.value, self._type)).where(facts.c.name == name)

    def of(self, what: str) -> "Fact[T]":
        """Return the same about one of several projects or teams; empty for the one there is."""
        if not what:
            return self
        if what not in self._others:
            which = sha256(what.encode()).hexdigest()[:16]
            self._others[what] = Fact(f"{self._name}:{which}", self._kind)
        return self._others[what]

    async def load(self, tx: Transaction) -> T | None:
        value: T | None = await tx.scalar(self._load)
        return value

    async def save(self, tx: Transaction, value: T) -> bool:
        """Return whether it has changed."""
        written = literal(value, self._type)
        # RETURNING, because not every driver counts the rows.
        changed = await tx.execute(
            upsert(tx, facts)
            .values(name=self._name, value=written)
            .on_conflict_do_update(
                index_elements=["name"],
                set_={"value": written},
                where=facts.c.value != written,
            )
            .returning(facts.c.name)
        )
        return changed.one_or_none() is not None

    async def forget(self, tx: Transaction) -> bool:
        query = delete(facts).where(facts.c.name == self._name).returning(facts.c.name)
        return (await tx.execute(query)).one_or_none() is not None


PLACE = Fact("polled_until", Cursor)
LAST_IN_TURN = Fact("last_in_turn", int)
"""The issue that the poll looked at last in turn."""
LAST_FEEDBACK_IN_TURN = Fact("last_feedback_in_turn", int)
ALL_READ = Fact("all_feedback_read", str)
"""What was polled when all open issues were last read: a release before left most of them out."""
KNOWN_SINCE = Fact("known_since", datetime)
"""Since when the record has all feedback of a project: before, only what was still open then."""
PROJECT = Fact("project", KnownProject)
SLACK_TEAM = Fact("slack_team", str)
"""A click must not have to wait until Slack tells it again."""
SLACK_ADDRESS = Fact("slack_address", str)
"""Nor must a digest at a start lack the links to the cards."""
FEEDBACK_LABELS = Fact("feedback_labels", dict[str, str])
CATCH_UP = Fact("catch_up", CatchUp)
CARDS_ADOPTED = Fact("cards_adopted", str)
"""The channel searched for cards unknown to the record."""
BACKUP = "backup_of"
BACKUP_OF = Fact(BACKUP, str)
"""When this database was copied: no bot may start on a backup before a rebuild."""
_POLL_ENDED = Fact("poll_ended", str)
_WRITTEN = Fact("written", str)


async def problem_of_backup(tx: Transaction) -> str | None:
    """Say what to do before a bot may start, if the database is a copy."""
    copied_at = await BACKUP_OF.load(tx)
    if copied_at is None:
        return None
    return (
        f"the database is a backup of {copied_at}, and GitLab and Slack may know more: "
        "run `ssat-bot rebuild` first"
    )


async def prove_writable(record: Record) -> None:
    """Write, and end an outage: a full disk and a read-only server answer what is read.

    Raises:
        RecordAway: The record cannot be written to.
    """
    async with record.transaction() as tx:
        await _WRITTEN.save(tx, uuid4().hex)
    if record.outage.is_on:
        record.outage.end()
        record.wake_ups.look_out()


async def load_known_since(tx: Transaction, projects: Iterable[str]) -> datetime | None:
    """Return since when the record has all feedback of all projects that it has read."""
    found = [await KNOWN_SINCE.of(each).load(tx) for each in projects]
    return max(filter(None, found), default=None)


async def load_poll_end(tx: Transaction, about: str, project: str = "") -> datetime | None:
    """By the bot's clock."""
    moment, _, what = (await _POLL_ENDED.of(project).load(tx) or "").partition(" ")
    return datetime.fromisoformat(moment) if moment and what == about else None


async def save_poll_end(tx: Transaction, about: str, now: datetime, project: str = "") -> None:
    await _POLL_ENDED.of(project).save(tx, f"{now.isoformat()} {about}")


async def remember_deliveries(tx: Transaction, ids: Iterable[str], now: datetime) -> set[str]:
    """Return those that are new."""
    seen = sorted(set(ids))  # in one order, so that no two wait for each other
    if not seen:
        return set()
    rows = [{"id": one, "received_at": now} for one in seen]
    return set((await tx.execute_many(_remember(tx.is_sqlite), rows)).scalars())


@cache
def _remember(is_sqlite: bool) -> Executable:
    new = insert_into(deliveries, is_sqlite=is_sqlite)
    return new.on_conflict_do_nothing(index_elements=["id"]).returning(deliveries.c.id)


async def was_seen(tx: Transaction, delivery: str) -> bool:
    found = await tx.scalar(select(deliveries.c.id).where(deliveries.c.id == delivery))
    return found is not None


async def last_delivery(tx: Transaction, *, but_not: str) -> datetime | None:
    """Return when the latest came whose id doesn't begin with ``but_not``."""
    is_other = deliveries.c.id.startswith(but_not, autoescape=True)
    query = select(func.max(deliveries.c.received_at)).where(~is_other)
    moment: datetime | None = await tx.scalar(query)
    return moment


async def forget_deliveries(tx: Transaction, before: datetime) -> None:
    await tx.execute(delete(deliveries).where(deliveries.c.received_at < before))
