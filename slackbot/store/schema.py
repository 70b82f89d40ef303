"""The record's tables: a column for what queries ask for, JSON for the rest."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    text,
    type_coerce,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from slackbot.rules.decision import Decision, Step
from slackbot.rules.profile import Profile
from slackbot.rules.request import Person, Request
from slackbot.rules.timing.reminders import Snooze

T = TypeVar("T")

# Named, so that a later migration can address them on both databases.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Instant(TypeDecorator[datetime]):
    """An aware moment; SQLite forgets the zone, so it is kept as UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments, which would be read back as another moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class UnreadableError(Exception):
    """Another release wrote the row, or it is damaged; the message names fields and remedy."""


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


class Document(TypeDecorator[T]):
    """A frozen object, kept as pydantic's JSON.

    A new field needs a default, so that older rows stay readable. An unreadable document raises
    ``UnreadableError`` where a rebuild restores it; a ``lenient`` one is read as ``None``.
    """

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any, *, lenient: bool = False) -> None:
        super().__init__()
        self.kind, self.lenient = kind, lenient

    def loads(self, text: str) -> T:
        """Read a stored document.

        Raises:
            UnreadableError: Another release wrote it, or it is damaged.
        """
        try:
            value: T = _adapter(self.kind).validate_json(text)
        except ValidationError as error:
            # Its message quotes the document: a customer's words.
            places = ", ".join(".".join(map(str, each["loc"])) for each in error.errors())
            raise UnreadableError(
                f"a row of the record cannot be read ({places or 'not JSON'}): stop the bot and "
                "run `ssat-bot rebuild`"
            ) from None
        return value

    def process_bind_param(self, value: T | None, dialect: Dialect) -> str:
        return _adapter(self.kind).dump_json(value, by_alias=True).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> T | None:
        if value is None:
            return None
        try:
            return self.loads(value)
        except UnreadableError:
            if self.lenient:
                return None
            raise


def document_of(table: Table) -> Document[Any]:
    kept = table.c.document.type
    if not isinstance(kept, Document):
        raise TypeError(f"{table.name} has no documents")
    return kept


def if_readable(table: Table) -> ColumnElement[Any]:
    """Select ``None`` for an unreadable document."""
    lenient: Document[Any] = Document(document_of(table).kind, lenient=True)
    return type_coerce(table.c.document, lenient).label("document")


@dataclass(frozen=True, kw_only=True)
class Link:
    """A Slack account and the GitLab account that its owner has proved to have."""

    slack_user: str
    name: str
    gitlab: str
    at: datetime
    account: int | None = None
    """GitLab's number: names change. Links of earlier releases lack it."""


@dataclass(frozen=True, kw_only=True)
class Code:
    """What a person was asked to post in GitLab; only a digest of the code is kept."""

    slack_user: str
    name: str
    gitlab: str
    digest: str
    issued_at: datetime
    expires_at: datetime
    is_spent: bool = False
    """The link exists, but the person may not have been told."""
    account: int | None = None
    """As in ``Link``."""


class GrantScope(StrEnum):
    """What a person is asked to authorize: GitLab's words."""

    LINK = "read_user"
    ACT = "api"


@dataclass(frozen=True, kw_only=True)
class DeviceCode:
    """What a person was asked to authorize in GitLab, in a link of ``/ssat link``."""

    slack_user: str
    name: str
    scope: GrantScope
    digest: str
    """Of GitLab's code. The code itself, and later the tokens, are sealed beside this."""
    interval: float
    """Seconds between two questions, as GitLab asks."""
    ask_at: datetime
    expires_at: datetime
    is_spent: bool = False
    """It is authorized, and the tokens are here."""
    gitlab: str | None = None
    """The username that they are linked to by now."""


class GrantState(StrEnum):
    VALID = "valid"
    ENDED = "ended"
    """GitLab no longer accepts it."""
    LEAVING = "leaving"
    """Its person, or an administrator, has ended it; GitLab does not know yet."""


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A person lets the bot write under their name."""

    id: UUID
    slack_user: str
    name: str
    gitlab: str
    """The username when it was granted."""
    account: int
    at: datetime
    expires_at: datetime
    """Until then the access token works."""
    state: GrantState = GrantState.VALID
    trouble: str | None = None
    """GitLab's status, where it did not let the person do it."""
    issue: str | None = None
    """The address of what the bot wrote instead."""
    is_told: bool = False
    """The person knows of that."""
    left_at: datetime | None = None
    """Since when nobody uses it."""


@dataclass(frozen=True, kw_only=True)
class OnDuty:
    """The managers on duty: mostly one, none where the schedule has a gap."""

    people: tuple[Person, ...]
    source: str
    """In words, such as ``PagerDuty`` or ``the people file``."""
    until: datetime | None = None
    """The planned end, UTC; ``None`` if unknown."""


@dataclass(frozen=True, kw_only=True)
class HomeChoice:
    team: str
    asked: str = ""
    """As the person would type it."""
    checksum: str = ""
    """Of what was published last, so as not to repeat it."""


def _issue(*, is_key: bool = False) -> list[Column[int]]:
    return [
        Column(name, BigInteger, primary_key=is_key, autoincrement=False, nullable=False)
        for name in ("project", "iid")
    ]


def _number() -> Column[int]:
    return Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True)


requests = Table(
    "requests",
    metadata,
    *_issue(is_key=True),
    Column("state", String(16), nullable=False),
    Column("due_at", Instant, nullable=False, index=True),
    Column("is_open", Boolean, nullable=False),
    Column("document", Document(Request), nullable=False),
    Column("gitlab_updated_at", Instant, index=True),
    Column("ticket", BigInteger, index=True),
    Column("created_at", Instant, index=True),
    # Of feedback that asks for no contact.
    Column("triage", String(16)),
    Column("triaged_at", Instant, index=True),
    Column("waits_until", Date, index=True),
    Column("sentiment", String(16)),
    # Whose feedback: the release before writes none.
    Column("route", String(32), nullable=False, server_default=text("''")),
    Index(None, "state", "due_at"),
    Index(None, "triage", "created_at"),
)

feedbacks = Table(
    "feedbacks",
    metadata,
    *_issue(is_key=True),
    Column("ticket", BigInteger, index=True),
    Column("created_at", Instant, nullable=False),
    Column("triage", String(16), nullable=False),
    Column("triaged_at", Instant, index=True),
    Column("document", Text, nullable=False),
    Index(None, "triage", "created_at"),
)
"""The release before keeps here what asks for no contact. This one has it in ``requests``."""

decisions = Table(
    "decisions",
    metadata,
    _number(),
    Column("id", String(36), nullable=False, unique=True),
    *_issue(),
    Column("interaction", String(255), nullable=False, unique=True),
    Column("status", String(16), nullable=False),
    Column("decided_at", Instant, nullable=False),
    Column("begun_at", Instant),
    Column("finished_at", Instant),
    Column("problem", Text),
    Column("document", Document(Decision), nullable=False),
    Index(None, "project", "iid", "status"),
    # No number is given twice, so that the order survives purging.
    sqlite_autoincrement=True,
)

cards = Table(
    "cards",
    metadata,
    *_issue(is_key=True),
    Column("channel", String(32)),
    Column("ts", String(32)),
    Column("posting_since", Instant),
    Column("version", BigInteger, nullable=False),
    Column("painted", BigInteger, nullable=False),
    Column("repaint_at", Instant),
    Column("rendering_since", Instant),
)

messages = Table(
    "messages",
    metadata,
    _number(),
    Column("id", String(36), nullable=False, unique=True),
    *_issue(),
    Column("begun_at", Instant),
    Column("sent_at", Instant),
    Column("document", Document(Step), nullable=False),
    Index(None, "project", "iid", "sent_at"),
    sqlite_autoincrement=True,
)

errands = Table(
    "errands",
    metadata,
    Column("lane", String(16), primary_key=True),
    *_issue(is_key=True),
    Column("wanted", BigInteger, nullable=False),
    Column("urgent", Integer, nullable=False),
    Column("ready_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("problem", Text),
    Column("leased_by", String(64)),
    Column("leased_until", Instant),
    Column("settles_at", Instant),
    Column("rank", Instant),
    Index(None, "lane", "ready_at"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(255), primary_key=True),
    Column("received_at", Instant, nullable=False, index=True),
)

paces = Table(
    "paces",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("taken_until", Instant, nullable=False),
)

links = Table(
    "links",
    metadata,
    Column("slack_user", String(32), primary_key=True),
    # In lower case, because GitLab ignores case.
    Column("gitlab", String(255), nullable=False, unique=True),
    Column("document", Document(Link, lenient=True), nullable=False),
)

profiles = Table(
    "profiles",
    metadata,
    Column("slack_user", String(32), primary_key=True),
    Column("document", Document(Profile, lenient=True), nullable=False),
)

link_codes = Table(
    "link_codes",
    metadata,
    Column("slack_user", String(32), primary_key=True),
    Column("expires_at", Instant, nullable=False),
    Column("document", Document(Code, lenient=True), nullable=False),
)

device_codes = Table(
    "device_codes",
    metadata,
    Column("slack_user", String(32), primary_key=True),
    Column("scope", String(16), primary_key=True),
    Column("expires_at", Instant, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("document", Document(DeviceCode, lenient=True), nullable=False),
)

grants = Table(
    "grants",
    metadata,
    Column("slack_user", String(32), primary_key=True),
    Column("account", BigInteger, nullable=False),
    Column("sealed", Text, nullable=False),
    # Whoever renews the tokens has until then: GitLab takes a refresh token once.
    Column("renewing_until", Instant),
    Column("document", Document(Grant, lenient=True), nullable=False),
)

duty_turns = Table(
    "duty_turns",
    metadata,
    _number(),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("document", Document(OnDuty, lenient=True), nullable=False),
    # Whose turn: the release before writes none.
    Column("route", String(32), nullable=False, server_default=text("''")),
    sqlite_autoincrement=True,
)

posts = Table(
    "posts",
    metadata,
    Column("key", String(128), primary_key=True),
    # 0/0 where it is about no single issue.
    *_issue(),
    Column("begun_at", Instant, nullable=False),
    Column("ended_at", Instant, index=True),
    Column("ts", String(32)),
    Index(None, "project", "iid"),
)
"""The outbox. A release before also kept plans here."""

kudos = Table(
    "kudos",
    metadata,
    Column("id", String(36), primary_key=True),
    *_issue(),
    Column("given_at", Instant, nullable=False),
    # Where the comment may be, and whether it is there.
    Column("week_project", BigInteger),
    Column("week_iid", BigInteger),
    Column("week_at", Instant),
    Column("problem", Text),
    Column("document", Document(Decision, lenient=True), nullable=False),
    Index(None, "project", "iid"),
)
"""On their way to the channel and the week's issue; forgotten once they are there."""

reminder_plans = Table(
    "reminder_plans",
    metadata,
    Column("round", String(128), primary_key=True),
    *_issue(),
    Column("planned_at", Instant, nullable=False),
    Index(None, "project", "iid"),
)

missed_reminders = Table(
    "missed_reminders",
    metadata,
    Column("key", String(128), primary_key=True),
    *_issue(),
    Column("noted_at", Instant, nullable=False),
)
"""Reminders too late for the channel, until one line has told of them."""

snoozes = Table(
    "snoozes",
    metadata,
    *_issue(is_key=True),
    Column("until", Instant, nullable=False),
    Column("document", Document(Snooze, lenient=True), nullable=False),
)

homes = Table(
    "homes",
    metadata,
    Column("slack_user", String(32), primary_key=True),
    Column("opened_at", Instant, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("painted", BigInteger, nullable=False),
    Column("document", Document(HomeChoice, lenient=True), nullable=False),
    Column("rendering_since", Instant),
)

facts = Table(
    "facts",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)
