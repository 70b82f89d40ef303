"""An issue as GitLab's REST API tells it, read leniently."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from slackbot.rules.reading.feedback import Feedback, read_feedback
from slackbot.rules.request import IssueKey, Person

GHOST = "ghost"
"""Stands in for deleted users."""

BIRTH = timedelta(seconds=60)
"""What happens this soon after creation is part of it: integrations need that."""

HOOK_TIME_FORMAT = "%Y-%m-%d %H:%M:%S %z"
WORK_ITEM_TYPE = "issue"


@dataclass(frozen=True, kw_only=True)
class GitLabUser:
    id: int
    username: str
    name: str

    @property
    def person(self) -> Person:
        return Person(name=self.name, gitlab=self.username)


@dataclass(frozen=True, kw_only=True)
class IssueSnapshot:
    """Moments are UTC."""

    key: IssueKey
    url: str
    title: str
    description: str | None
    is_open: bool
    labels: frozenset[str]
    assignees: tuple[GitLabUser, ...]
    author: str
    created_at: datetime
    updated_at: datetime
    closed_by: Person | None
    closed_at: datetime | None = None
    type: str = WORK_ITEM_TYPE
    comments: int = 0
    """Without GitLab's own."""
    project_path: str = ""
    moved_to_id: int | None = None
    """Not its number there; only administrators can look it up."""

    @cached_property
    def feedback(self) -> Feedback:
        return read_feedback(title=self.title, description=self.description, labels=self.labels)

    @property
    def usernames(self) -> tuple[str, ...]:
        return tuple(sorted(user.username for user in self.assignees))


@dataclass(frozen=True, kw_only=True)
class LabelEvent:
    """https://docs.gitlab.com/api/resource_label_events/."""

    label: str
    is_added: bool
    at: datetime
    by: Person | None


@dataclass(frozen=True, kw_only=True)
class StateEvent:
    """https://docs.gitlab.com/api/resource_state_events/."""

    is_closed: bool
    at: datetime
    by: Person | None


@dataclass(frozen=True, kw_only=True)
class Note:
    body: str
    author: str
    by: Person | None
    is_system: bool
    at: datetime
    id: int = 0
    author_id: int = 0
    is_signed: bool = False
    """The bot wrote it under the author's name: its marker is as good as one of the bot's own."""


@dataclass(frozen=True, kw_only=True)
class Discussion:
    """A note with its replies, oldest first: https://docs.gitlab.com/api/discussions/."""

    id: str
    notes: tuple[Note, ...]


def parse_moment(text: str) -> datetime:
    """Read any of GitLab's three formats; return UTC.

    Raises:
        ValueError: It is none of them.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return datetime.strptime(text.replace(" UTC", " +0000"), HOOK_TIME_FORMAT).astimezone(UTC)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def parse_user(data: Mapping[str, Any]) -> GitLabUser:
    username = data["username"]
    return GitLabUser(id=int(data["id"]), username=username, name=data.get("name") or username)


def parse_person(data: Mapping[str, Any] | None) -> Person | None:
    """Return ``None`` for nobody and for deleted users."""
    if not data or data.get("username") in (None, GHOST):
        return None
    return parse_user(data).person


def parse_issue(data: Mapping[str, Any]) -> IssueSnapshot:
    """See https://docs.gitlab.com/api/issues/."""
    return IssueSnapshot(
        key=IssueKey(int(data["project_id"]), int(data["iid"])),
        url=data.get("web_url") or "",
        title=data.get("title") or "",
        description=data.get("description"),
        is_open=data.get("state") != "closed",
        labels=frozenset(data.get("labels") or ()),
        assignees=tuple(parse_user(each) for each in data.get("assignees") or ()),
        author=(data.get("author") or {}).get("username") or GHOST,
        created_at=parse_moment(data["created_at"]),
        updated_at=parse_moment(data["updated_at"]),
        closed_by=parse_person(data.get("closed_by")),
        closed_at=parse_moment(data["closed_at"]) if data.get("closed_at") else None,
        type=(data.get("issue_type") or WORK_ITEM_TYPE).lower(),
        comments=int(data.get("user_notes_count") or 0),
        project_path=(data.get("references") or {}).get("full", "").rpartition("#")[0],
        moved_to_id=data.get("moved_to_id"),
    )


def parse_label_event(data: Mapping[str, Any]) -> LabelEvent | None:
    """Return ``None`` if the label was deleted."""
    label = data.get("label")
    if not label:
        return None
    return LabelEvent(
        label=label["name"],
        is_added=data.get("action") == "add",
        at=parse_moment(data["created_at"]),
        by=parse_person(data.get("user")),
    )


def parse_state_event(data: Mapping[str, Any]) -> StateEvent:
    return StateEvent(
        is_closed=data.get("state") == "closed",
        at=parse_moment(data["created_at"]),
        by=parse_person(data.get("user")),
    )


def parse_note(data: Mapping[str, Any]) -> Note:
    """See https://docs.gitlab.com/api/notes/."""
    return Note(
        body=data.get("body") or "",
        author=(data.get("author") or {}).get("username") or GHOST,
        by=parse_person(data.get("author")),
        is_system=bool(data.get("system")),
        at=parse_moment(data["created_at"]),
        id=int(data.get("id") or 0),
        author_id=int((data.get("author") or {}).get("id") or 0),
    )
