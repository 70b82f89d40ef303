"""A contact request as the record knows it."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from slackbot.rules.characters import first_visible
from slackbot.rules.deadline import BusinessHours
from slackbot.rules.feedback import ticket_url

_KEY = re.compile("([1-9][0-9]{0,18})/([1-9][0-9]{0,9})")


class State(StrEnum):
    WAITING = "waiting"
    CLAIMED = "claimed"
    CONTACTED = "contacted"
    CLOSED = "closed"
    """Without a contact on record."""
    WITHDRAWN = "withdrawn"
    """Without its contact label."""
    GONE = "gone"
    """Deleted, moved or hidden in GitLab."""


UNFINISHED = (State.WAITING, State.CLAIMED)
"""A customer still waits to hear from a manager."""


@dataclass(frozen=True, order=True)
class IssueKey:
    """GitLab's numeric project id, and the issue's number within it."""

    project: int
    iid: int

    def __str__(self) -> str:
        return f"{self.project}/{self.iid}"

    @classmethod
    def parse(cls, text: str) -> "IssueKey":
        """Read ``project/iid``, as button values carry it.

        Raises:
            ValueError: It has another form.
        """
        match = _KEY.fullmatch(text)
        key = cls(int(match[1]), int(match[2])) if match else None
        if key is None or key.project >= 2**63 or key.iid >= 2**31:
            raise ValueError(f"not an issue's key: {text[:40]!r}")
        return key


@dataclass(frozen=True, kw_only=True)
class Person:
    """Known in Slack, in GitLab, or in both.

    ``slack_user`` needs ``slack_team``; ``gitlab`` is a username. A name that nobody sees gives way
    to one of these.
    """

    name: str
    slack_team: str | None = None
    slack_user: str | None = None
    gitlab: str | None = None

    def __post_init__(self) -> None:
        shown = first_visible((self.name, self.gitlab, self.slack_user), self.name)
        object.__setattr__(self, "name", shown)

    @property
    def handle(self) -> str:
        """Names the person in a button's value."""
        return self.slack_user or f"@{self.gitlab}"

    def is_same(self, other: "Person | None") -> bool:
        """Compare by Slack account, else by GitLab account."""
        if other is None:
            return False
        if self.slack_user and other.slack_user:
            return (self.slack_team, self.slack_user) == (other.slack_team, other.slack_user)
        if self.gitlab is None or other.gitlab is None:
            return False
        return self.gitlab.casefold() == other.gitlab.casefold()


@dataclass(frozen=True, kw_only=True)
class Request:
    """A customer's wish for a manager's contact; all moments are UTC.

    ``labels`` and ``assignees`` mirror GitLab as last read, or as decided. ``holder`` is who said
    "I am on it".
    """

    key: IssueKey
    url: str
    title: str
    ticket: int | None = None
    comment: str | None = None
    organization: str | None = field(default=None, metadata={"alias": "organisation"})
    """The record keeps the spelling of its first release."""
    score: str | None = None
    labels: frozenset[str] = frozenset()
    assignees: tuple[str, ...] = ()
    """GitLab usernames."""
    accounts: dict[str, int] = field(default_factory=dict, compare=False)
    """The numbers of those usernames, which GitLab's people may change."""
    is_open: bool = True
    is_requested: bool = True
    by_label: bool = False
    """By the contact label, though perhaps renamed since."""
    is_gone: bool = False
    asked_at: datetime
    due_at: datetime
    holder: Person | None = None
    held_since: datetime | None = None
    contacted_at: datetime | None = None
    contacted_by: Person | None = None
    closed_by: str | None = None
    """A name, while the issue is closed."""
    moved_to: str | None = None
    """Its address in another project, empty if GitLab doesn't tell."""
    suggested_to: str | None = None
    """Noted before the bot assigns them."""
    is_suggested: bool = False
    """The bot assigns who is on duty once."""
    gitlab_updated_at: datetime | None = None
    """At the last read."""
    is_provisional: bool = False
    """GitLab did not tell the history: it is seen anew as soon as GitLab does."""

    @property
    def state(self) -> State:
        if self.is_answered:
            return State.CONTACTED
        if self.is_gone:
            return State.GONE
        if not self.is_open:
            return State.CLOSED
        if not self.is_requested:
            return State.WITHDRAWN
        return State.CLAIMED if self.holder else State.WAITING

    @property
    def is_answered(self) -> bool:
        """A customer who asks again waits again."""
        if self.contacted_at is None:
            return False
        return self.contacted_at >= self.asked_at.replace(second=0, microsecond=0)

    @property
    def ticket_url(self) -> str | None:
        return ticket_url(self.ticket) if self.ticket else None

    @property
    def ended_at(self) -> datetime:
        """As well as is known."""
        return self.contacted_at or self.gitlab_updated_at or self.due_at

    @property
    def is_late(self) -> bool:
        return self.contacted_at is not None and self.contacted_at > self.due_at

    def is_overdue(self, now: datetime) -> bool:
        return self.state in UNFINISHED and now >= self.due_at

    def is_of(self, person: Person) -> bool:
        """Return whether they own it, or are assigned while nobody owns it."""
        if self.holder is not None:
            return person.is_same(self.holder)
        own = (person.gitlab or "").casefold()
        return any(each.casefold() == own for each in self.assignees)

    def label_of(self, scope: str) -> str | None:
        return next((name for name in sorted(self.labels) if in_scope(name, scope)), None)


@dataclass(frozen=True, kw_only=True)
class Rules:
    contact_label: str
    contacted_label: str
    scope: str
    """Of the feedback labels: ``feedback`` in ``feedback::soft-skills``."""
    hours: BusinessHours
    deadline: timedelta
    link_issue: int | None = None
    """The issue where people post their codes: never a feedback."""

    @property
    def can_link(self) -> bool:
        """Whether ``/ssat link`` works here."""
        return self.link_issue is not None


def scope_of(label: str) -> str:
    """GitLab cuts the scope at the last ``::``."""
    return label.rpartition("::")[0]


def in_scope(label: str, scope: str) -> bool:
    prefix, separator, _ = label.rpartition("::")
    return bool(separator) and prefix == scope
