"""What a GitLab holds: users, projects, labels, issues, notes and events."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from slackbot.local.gitlab.oauth import Application

GUEST = 10
PLANNER = 15
REPORTER = 20
DEVELOPER = 30
MAINTAINER = 40

STATE_IDS = {"opened": 1, "closed": 2}


@dataclass(eq=False, kw_only=True)
class User:
    """A person or a bot with an account."""

    id: int
    username: str
    name: str
    created_at: datetime
    email: str | None = None
    public_email: str | None = None
    bot: bool = False


@dataclass(eq=False, kw_only=True)
class Token:
    """An access token; it stops to work on the day `expires_at`, in UTC."""

    id: int
    secret: str = field(repr=False)
    user: User
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: date | None = None
    revoked: bool = False
    permissions: tuple[str, ...] = ()
    """Of a fine-grained token, whose only scope is `granular`."""
    application: "Application | None" = field(default=None, repr=False)
    """Whom a person lets act for them, if it is not their own access token."""
    refresh: str | None = field(default=None, repr=False)
    ends_at: datetime | None = None
    """When an application has to refresh it."""


@dataclass(eq=False, kw_only=True)
class Label:
    """A project's label."""

    id: int
    name: str
    description: str
    color: str
    created_at: datetime
    updated_at: datetime
    archived: bool = False
    """Issues keep it, and no API adds it to another."""

    @property
    def scope(self) -> str | None:
        """What stands before the last `::`: labels of one scope exclude each other."""
        scope, separator, _ = self.name.rpartition("::")
        return scope if separator else None


@dataclass(eq=False, kw_only=True)
class Note:
    """A comment on an issue, by a person or (`system`) by GitLab."""

    id: int
    author: User
    body: str
    created_at: datetime
    updated_at: datetime
    system: bool = False
    internal: bool = False
    by_api: bool = False
    thread: "Note | None" = None
    """The note that it replies to; such a note is its own thread."""

    @property
    def discussion_id(self) -> str:
        """The number of the thread that it is in, maybe alone."""
        return f"{(self.thread or self).id:040x}"


@dataclass(eq=False, kw_only=True)
class LabelEvent:
    """Who added or removed which label, and when; `label` is None once the label is deleted."""

    id: int
    user: User
    created_at: datetime
    action: Literal["add", "remove"]
    label: Label | None


@dataclass(eq=False, kw_only=True)
class StateEvent:
    """Who closed or reopened an issue, and when."""

    id: int
    user: User
    created_at: datetime
    state: Literal["closed", "reopened"]


@dataclass(eq=False, kw_only=True)
class Issue:
    """An issue, or another work item that lives among the issues."""

    id: int
    iid: int
    project: "Project" = field(repr=False)
    author: User
    title: str
    description: str | None
    created_at: datetime
    updated_at: datetime
    issue_type: str = "issue"
    confidential: bool = False
    state: Literal["opened", "closed"] = "opened"
    closed_at: datetime | None = None
    closed_by: User | None = None
    updated_by: User | None = None
    edited_at: datetime | None = None
    edited_by: User | None = None
    label_objects: list[Label] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    moved_to: "Issue | None" = field(default=None, repr=False)
    links: "list[IssueLink]" = field(default_factory=list, repr=False)
    notes: list[Note] = field(default_factory=list, repr=False)
    label_events: list[LabelEvent] = field(default_factory=list, repr=False)
    state_events: list[StateEvent] = field(default_factory=list, repr=False)
    quick_actions_executed: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """The names of its labels, in alphabetical order."""
        return sorted(label.name for label in self.label_objects)

    @property
    def url_part(self) -> str:
        """How its address names its kind."""
        return "issues" if self.issue_type in ("issue", "incident") else "work_items"

    @property
    def assigned_to(self) -> list[str]:
        """The usernames of its assignees."""
        return [user.username for user in self.assignees]

    @property
    def comments(self) -> list[Note]:
        """Its notes without those of GitLab itself, oldest first."""
        return [note for note in self.notes if not note.system]

    @property
    def discussions(self) -> list[list[Note]]:
        """Its notes, each with its replies, oldest first."""
        found: dict[str, list[Note]] = {}
        for note in self.notes:
            found.setdefault(note.discussion_id, []).append(note)
        return list(found.values())

    def hand_over(self, user: User, heir: User) -> None:
        """Put the heir in the place of a user who wrote or did things here; unassign the user."""
        self.assignees = [assignee for assignee in self.assignees if assignee is not user]
        for role in ("author", "closed_by", "updated_by", "edited_by"):
            if getattr(self, role) is user:
                setattr(self, role, heir)
        for note in self.notes:
            note.author = heir if note.author is user else note.author
        events: list[LabelEvent | StateEvent] = [*self.label_events, *self.state_events]
        for event in events:
            event.user = heir if event.user is user else event.user


@dataclass(eq=False, kw_only=True)
class IssueLink:
    """A relation of two issues, which both carry."""

    id: int
    source: Issue
    target: Issue
    created_at: datetime

    def other(self, issue: Issue) -> Issue:
        """Return the issue at the other end."""
        return self.target if issue is self.source else self.source


@dataclass(eq=False, kw_only=True)
class Group:
    """A group; its projects are those whose paths begin with its own."""

    id: int
    path: str
    name: str
    created_at: datetime
    public: bool = False
    members: dict[User, int] = field(default_factory=dict, repr=False)


@dataclass(eq=False, kw_only=True)
class Project:
    """A project with its members, labels and issues."""

    id: int
    path: str
    created_at: datetime
    public: bool = False
    archived: bool = False
    """Everything is shown, and nothing can be changed."""
    issues_enabled: bool = True
    issue_templates: dict[str, str] = field(default_factory=dict, repr=False)
    members: dict[User, int] = field(default_factory=dict, repr=False)
    labels: list[Label] = field(default_factory=list, repr=False)
    issues: dict[int, Issue] = field(default_factory=dict, repr=False)
    last_iid: int = 0
    former_paths: list[str] = field(default_factory=list)
    shows_emails: bool = False
    labels_created_silently: list[str] = field(default_factory=list)

    def label(self, name: str) -> Label | None:
        """Return the label of exactly this name; case matters."""
        return next((label for label in self.labels if label.name == name), None)

    def role(self, user: User) -> int:
        """Return the user's access level, 0 for one who is not a member."""
        return self.members.get(user, 0)

    def is_shown_to(self, user: User) -> bool:
        """Whether the user sees that there is such a project."""
        return self.public or bool(self.role(user))

    def may_read(self, user: User, issue: Issue) -> bool:
        """Whether the user sees the issue: guests see of the confidential ones only their own."""
        if not self.is_shown_to(user) or not self.issues_enabled:
            return False
        own = user is issue.author or user in issue.assignees
        return not issue.confidential or own or self.may_plan(user)

    def may_plan(self, user: User) -> bool:
        """Whether the user has rights over issues and labels of the project: Planner and up."""
        return self.role(user) >= PLANNER

    def may_write(self) -> bool:
        """Whether anybody may open, change or comment on issues.

        GitLab's `app/policies/project_policy.rb`, the rules of `archived` and `issues_disabled`.
        """
        return self.issues_enabled and not self.archived


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one update asks of an issue; None leaves a thing as it is."""

    title: str | None = None
    description: str | None = None
    state_event: Literal["close", "reopen"] | None = None
    labels: tuple[Label, ...] | None = None
    add_labels: tuple[Label, ...] = ()
    remove_labels: tuple[Label, ...] = ()
    assignees: tuple[User, ...] | None = None
    confidential: bool | None = None


@dataclass(eq=False, kw_only=True)
class Request:
    """A request to the API; `status` is None until it is answered, and if it never is."""

    at: datetime
    method: str
    path: str
    query: dict[str, list[str]]
    body: object = None
    status: int | None = None
    username: str | None = None
    done_at: datetime | None = None
    """When GitLab had carried it out, whatever became of its answer."""
