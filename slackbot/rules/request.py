"""A contact request as the record knows it: frozen data, and the state that follows from it."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from slackbot.rules.deadline import BusinessHours
from slackbot.rules.feedback import ticket_url

_KEY = re.compile("([1-9][0-9]{0,18})/([1-9][0-9]{0,9})")


class State(StrEnum):
    """Where a contact request stands."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    CONTACTED = "contacted"
    CLOSED = "closed"
    """Closed in GitLab without a contact on record."""
    WITHDRAWN = "withdrawn"
    """The contact label was taken off in GitLab."""
    GONE = "gone"
    """The issue was deleted, moved or hidden in GitLab."""


UNFINISHED = (State.WAITING, State.CLAIMED)
"""The states in which a customer is still waiting to hear from a manager."""


@dataclass(frozen=True, order=True)
class IssueKey:
    """A feedback issue, by GitLab's numeric project id and the number within the project."""

    project: int
    iid: int

    def __str__(self) -> str:
        return f"{self.project}/{self.iid}"

    @classmethod
    def parse(cls, text: str) -> "IssueKey":
        """Read ``project/iid``, as button values carry it.

        Raises:
            ValueError: The text is not of that form.
        """
        match = _KEY.fullmatch(text)
        key = cls(int(match[1]), int(match[2])) if match else None
        if key is None or key.project >= 2**63 or key.iid >= 2**31:
            raise ValueError(f"not an issue's key: {text[:40]!r}")
        return key


@dataclass(frozen=True, kw_only=True)
class Person:
    """A person who acts: known in Slack, in GitLab, or in both.

    ``slack_team`` and ``slack_user`` go together; ``gitlab`` is a username.
    """

    name: str
    slack_team: str | None = None
    slack_user: str | None = None
    gitlab: str | None = None

    @property
    def handle(self) -> str:
        """What names the person in a button's value: the Slack id, else the GitLab username."""
        return self.slack_user or f"@{self.gitlab}"

    def is_same(self, other: "Person | None") -> bool:
        """Return whether both are one human: by their Slack account, else by their GitLab one."""
        if other is None:
            return False
        if self.slack_user and other.slack_user:
            return (self.slack_team, self.slack_user) == (other.slack_team, other.slack_user)
        if self.gitlab is None or other.gitlab is None:
            return False
        return self.gitlab.casefold() == other.gitlab.casefold()


@dataclass(frozen=True, kw_only=True)
class Request:
    """One feedback issue in which a customer asked for a manager's contact.

    All moments are aware datetimes in UTC. ``labels`` and ``assignees`` mirror GitLab as last read
    (or as decided, once decisions are applied); ``holder`` is who said "I am on it".
    """

    key: IssueKey
    url: str
    title: str
    ticket: int | None = None
    comment: str | None = None
    organization: str | None = field(default=None, metadata={"alias": "organisation"})
    """The record spells it as its first release did, so that old and new read the same."""
    score: str | None = None
    labels: frozenset[str] = frozenset()
    assignees: tuple[str, ...] = ()
    """GitLab usernames."""
    is_open: bool = True
    is_requested: bool = True
    by_label: bool = False
    """Whether the contact label stands on the issue, though perhaps renamed in the meantime."""
    is_gone: bool = False
    asked_at: datetime
    due_at: datetime
    holder: Person | None = None
    held_since: datetime | None = None
    contacted_at: datetime | None = None
    contacted_by: Person | None = None
    closed_by: str | None = None
    """The GitLab username of who closed the issue, while it is closed."""
    suggested_to: str | None = None
    """The person whom the bot is about to assign as a suggestion: noted before it does."""
    is_suggested: bool = False
    """Whether the bot has assigned who was on duty, as a suggestion; it does so once."""
    gitlab_updated_at: datetime | None = None
    """GitLab's ``updated_at`` of the issue when it was last read: tells whether it has changed."""

    @property
    def state(self) -> State:
        """Where the request stands."""
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
        """Whether the customer was contacted after asking; who asks again waits again."""
        if self.contacted_at is None:
            return False
        return self.contacted_at >= self.asked_at.replace(second=0, microsecond=0)

    @property
    def ticket_url(self) -> str | None:
        """Where the customer's ticket is."""
        return ticket_url(self.ticket) if self.ticket else None

    @property
    def ended_at(self) -> datetime:
        """When it ended, as well as is known."""
        return self.contacted_at or self.gitlab_updated_at or self.due_at

    @property
    def is_late(self) -> bool:
        """Whether the customer was contacted after the deadline."""
        return self.contacted_at is not None and self.contacted_at > self.due_at

    def is_overdue(self, now: datetime) -> bool:
        """Return whether the deadline has passed and the customer still waits."""
        return self.state in UNFINISHED and now >= self.due_at

    def is_of(self, person: Person) -> bool:
        """Return whether a person owns it, or GitLab assigned it to them while it is unclaimed."""
        if self.holder is not None:
            return person.is_same(self.holder)
        own = (person.gitlab or "").casefold()
        return any(each.casefold() == own for each in self.assignees)

    def label_of(self, scope: str) -> str | None:
        """Return the label of a scope, as ``feedback::soft-skills`` is of ``feedback``; or none."""
        return next((name for name in sorted(self.labels) if in_scope(name, scope)), None)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The settings that say what a contact request is, and by which labels decisions change it."""

    contact_label: str
    contacted_label: str
    scope: str
    """Of the feedback labels: ``feedback`` in ``feedback::soft-skills``."""
    hours: BusinessHours
    deadline: timedelta
    link_issue: int | None = None
    """The number of the issue where people post their codes: never a feedback."""


def in_scope(label: str, scope: str) -> bool:
    """Return whether a label belongs to a scope as GitLab cuts it: at the last ``::``."""
    prefix, separator, _ = label.rpartition("::")
    return bool(separator) and prefix == scope
