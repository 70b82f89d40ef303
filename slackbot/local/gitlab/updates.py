"""How issues change: one place applies a change, records its events and fires the hooks."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, Protocol

from slackbot.local.gitlab import quick_actions
from slackbot.local.gitlab.model import (
    Change,
    Issue,
    IssueLink,
    Label,
    LabelEvent,
    Note,
    Project,
    StateEvent,
    User,
)
from slackbot.local.gitlab.payloads import HookTimes, Payloads, changes_between
from slackbot.local.json_type import Json

_MILLISECOND = timedelta(milliseconds=1)
_NOTED_AFTER = timedelta(milliseconds=7)
"""GitLab saves a change first, and dates what it notes of it then.

GitLab's ``app/services/note_summary.rb`` and ``app/services/resource_events``.
"""
_TOUCH_INTERVAL = timedelta(minutes=1)
_REFERENCE = re.compile(r'[~@](?:"([^"]+)"|([^\s,]+))')
_STATE_WORDS: dict[str, tuple[Literal["opened", "closed"], Literal["reopened", "closed"]]] = {
    "close": ("closed", "closed"),
    "reopen": ("opened", "reopened"),
}
# How a fresh issue's hook tells what it was born with.
_BORN_WITH = ("author_id", "created_at", "description", "id", "iid", "project_id", "title")


class Host(Protocol):
    """What applying a change needs of the GitLab around it."""

    premium: bool
    hook_times: HookTimes
    clock: Callable[[], datetime]

    @property
    def web_url(self) -> str:
        """What links begin with."""

    def next_id(self) -> int:
        """Return a number that no other thing has."""

    def note_change(self, issue: Issue | None = None) -> None:
        """Wake the tasks that wait for a change, perhaps of an issue."""

    def is_heard(self, project: Project) -> bool:
        """Whether a project has hooks at all."""

    def fire(self, project: Project, event: str, payload: Json) -> None:
        """Send an event to the hooks of a project."""


class Updates:
    """Applies changes to the issues of one GitLab."""

    def __init__(self, gitlab: Host) -> None:
        self._gitlab = gitlab

    @property
    def _payloads(self) -> Payloads:
        return Payloads(self._gitlab.web_url, self._gitlab.hook_times)

    def open(
        self, project: Project, author: User, wanted: Change, *, issue_type: str = "issue"
    ) -> Issue:
        """Create an issue with the labels and assignees it is born with."""
        now = self._gitlab.clock()
        description, actions = _parted(wanted.description)
        project.last_iid += 1
        issue = Issue(
            id=self._gitlab.next_id(),
            iid=project.last_iid,
            project=project,
            author=author,
            title=wanted.title or "",
            description=description,
            created_at=now,
            updated_at=now,
            issue_type=issue_type,
            confidential=bool(wanted.confidential),
        )
        project.issues[issue.iid] = issue
        self._set_labels(issue, author, wanted)
        issue.updated_at = now  # they are saved with it
        if wanted.assignees:
            self._set_assignees(issue, author, wanted.assignees)
        issue.updated_by = None  # what an issue is born with is no update
        self._fire_issue(issue, author, "open", self._born(issue))
        for action in actions:
            self.execute(issue, action, author)
        self._gitlab.note_change(issue)
        return issue

    def apply(self, issue: Issue, by: User, change: Change) -> None:
        """Apply a change; closing and reopening deliver their own hook before `update`."""
        before = self._payloads.snapshot(issue)
        if change.state_event and self._set_state(issue, by, change.state_event):
            now_changed = changes_between(before, self._payloads.snapshot(issue))
            self._fire_issue(issue, by, change.state_event, now_changed)
        actions = self._set_words(issue, by, change)
        self._set_labels(issue, by, change)
        if change.assignees is not None:
            self._set_assignees(issue, by, change.assignees)
        if change.confidential is not None and change.confidential != issue.confidential:
            issue.confidential = change.confidential
            self._touch(issue, by)
            kind = "confidential" if change.confidential else "visible to everyone"
            self._system_note(issue, by, f"made the issue {kind}")
        changes = changes_between(before, self._payloads.snapshot(issue))
        self._fire_issue(issue, by, "update", changes)
        for action in actions:
            self.execute(issue, action, by)
        self._gitlab.note_change(issue)

    def move(self, issue: Issue, project: Project, by: User) -> Issue:
        """Open a copy, then close the original, and only then say where it is."""
        copied = Change(title=issue.title, description=issue.description)
        copy = self.open(project, issue.author, copied, issue_type=issue.issue_type)
        self._system_note(copy, by, f"moved from {_reference(issue, project)}")
        self._system_note(issue, by, f"moved to {_reference(copy, issue.project)}")
        self.apply(issue, by, Change(state_event="close"))
        issue.moved_to = copy
        self._touch(issue, by)
        self._gitlab.note_change(issue)
        return copy

    def relate(self, source: Issue, target: Issue, by: User) -> IssueLink:
        """Relate two issues; each gets a system note, and no hook tells."""
        link = IssueLink(
            id=self._gitlab.next_id(),
            source=source,
            target=target,
            created_at=self._gitlab.clock(),
        )
        for issue in (source, target):
            issue.links.append(link)
            seen = _reference(link.other(issue), issue.project)
            self._system_note(issue, by, f"marked this issue as related to {seen}")
            self._gitlab.note_change(issue)
        return link

    def comment(
        self,
        issue: Issue,
        body: str,
        by: User,
        *,
        internal: bool = False,
        by_api: bool = False,
        thread: Note | None = None,
    ) -> Note:
        """Add a note, perhaps a reply, whose quick actions have been taken out already.

        A note that gets a reply becomes a thread
        (GitLab's `app/models/individual_note_discussion.rb`).
        """
        now = self._gitlab.clock()
        if thread is not None:
            thread.thread = thread
        note = Note(
            id=self._gitlab.next_id(),
            author=by,
            body=body,
            created_at=now,
            updated_at=now,
            internal=internal,
            by_api=by_api,
            thread=thread,
        )
        issue.notes.append(note)
        _touch_for_note(issue, now)
        hidden = internal or issue.confidential
        event = "Confidential Note Hook" if hidden else "Note Hook"
        self._gitlab.fire(issue.project, event, self._payloads.note_event(issue, note))
        self._gitlab.note_change(issue)
        return note

    def execute(self, issue: Issue, action: quick_actions.QuickAction, by: User) -> None:
        """Execute a quick action with the rights of its author, as far as it is known here."""
        if not issue.project.may_plan(by):
            return
        issue.quick_actions_executed.append(str(action))
        change = self._meaning(issue, action)
        if change is not None:
            self.apply(issue, by, change)
        self._gitlab.note_change()

    def _meaning(self, issue: Issue, action: quick_actions.QuickAction) -> Change | None:
        match action.name:
            case "close" | "reopen":
                return Change(state_event="close" if action.name == "close" else "reopen")
            case "label" | "labels" | "relabel" | "unlabel" | "remove_label":
                return self._label_meaning(issue, action)
            case "assign" | "reassign" | "unassign" | "remove_assignee":
                return self._assignee_meaning(issue, action)
            case "title":
                return Change(title=action.argument) if action.argument else None
            case "confidential":
                return Change(confidential=True)
        return None  # recorded, but of no consequence for what this GitLab shows

    def _label_meaning(self, issue: Issue, action: quick_actions.QuickAction) -> Change:
        # Unlike the API, a quick action adds no label that the project does not have.
        found = (issue.project.label(name) for name in _references(action.argument))
        labels = tuple(label for label in found if label is not None)
        if action.name in ("label", "labels"):
            return Change(add_labels=labels)
        if action.name == "relabel":
            return Change(labels=labels)
        return Change(remove_labels=labels if action.argument else tuple(issue.label_objects))

    def _assignee_meaning(self, issue: Issue, action: quick_actions.QuickAction) -> Change:
        names = _references(action.argument)
        users = tuple(user for user in issue.project.members if user.username in names)
        if action.name == "reassign":
            return Change(assignees=users)
        if action.name == "assign":
            return Change(assignees=(*issue.assignees, *users))
        leaving = users if action.argument else tuple(issue.assignees)
        return Change(assignees=tuple(user for user in issue.assignees if user not in leaving))

    def _set_state(self, issue: Issue, by: User, event: Literal["close", "reopen"]) -> bool:
        state, past = _STATE_WORDS[event]
        if issue.state == state:
            return False
        now = self._touch(issue, by)
        issue.state = state
        issue.closed_at = now if state == "closed" else None
        issue.closed_by = by if state == "closed" else None
        issue.state_events.append(
            StateEvent(id=self._gitlab.next_id(), user=by, created_at=self._noted_at(), state=past)
        )
        return True

    def _set_words(self, issue: Issue, by: User, change: Change) -> list[quick_actions.QuickAction]:
        if change.title is not None and change.title != issue.title:
            self._system_note(
                issue, by, f"changed title from **{issue.title}** to **{change.title}**"
            )
            issue.title = change.title
            self._edited(issue, by)
        if change.description is None:
            return []
        description, actions = _parted(change.description)
        if description != issue.description:
            self._system_note(issue, by, "changed the description")
            issue.description = description
            self._edited(issue, by)
        return actions

    def _set_labels(self, issue: Issue, by: User, change: Change) -> None:
        before = issue.label_objects
        wanted = list(before if change.labels is None else change.labels)
        for label in change.add_labels:
            wanted = [*(kept for kept in wanted if kept is not label), label]
        wanted = [label for label in wanted if label not in change.remove_labels]
        if self._gitlab.premium:
            wanted = _one_per_scope(wanted, before)
        if set(wanted) == set(before):
            return
        self._touch(issue, by)
        issue.label_objects = sorted(wanted, key=lambda label: label.name)
        for label in sorted(set(wanted) - set(before), key=lambda label: label.id):
            self._label_event(issue, by, "add", label)
        for label in sorted(set(before) - set(wanted), key=lambda label: label.id):
            self._label_event(issue, by, "remove", label)

    def _label_event(
        self, issue: Issue, by: User, action: Literal["add", "remove"], label: Label
    ) -> None:
        event = LabelEvent(
            id=self._gitlab.next_id(),
            user=by,
            created_at=self._noted_at(),
            action=action,
            label=label,
        )
        issue.label_events.append(event)

    def _set_assignees(self, issue: Issue, by: User, assignees: tuple[User, ...]) -> None:
        wanted = list(dict.fromkeys(assignees))
        if not self._gitlab.premium:
            wanted = wanted[:1]
        before = issue.assignees
        if set(wanted) == set(before):
            return
        added = [f"@{user.username}" for user in wanted if user not in before]
        removed = [f"@{user.username}" for user in before if user not in wanted]
        words = [f"assigned to {', '.join(added)}"] if added else []
        words += [f"unassigned {', '.join(removed)}"] if removed else []
        issue.assignees = wanted
        self._touch(issue, by)
        self._system_note(issue, by, " and ".join(words))

    def _noted_at(self) -> datetime:
        return self._gitlab.clock() + _NOTED_AFTER

    def _system_note(self, issue: Issue, by: User, body: str) -> None:
        now = self._noted_at()
        note = Note(
            id=self._gitlab.next_id(),
            author=by,
            body=body,
            created_at=now,
            updated_at=now,
            system=True,
        )
        issue.notes.append(note)
        _touch_for_note(issue, now)

    def _edited(self, issue: Issue, by: User) -> None:
        issue.edited_at = self._touch(issue, by)
        issue.edited_by = by

    def _touch(self, issue: Issue, by: User) -> datetime:
        # Its moments have milliseconds, and nobody changes it within that of its creation.
        issue.updated_at = max(self._gitlab.clock(), issue.created_at + _MILLISECOND)
        issue.updated_by = by
        return issue.updated_at

    def _fire_issue(self, issue: Issue, by: User, action: str, changes: Json) -> None:
        if not self._gitlab.is_heard(issue.project):
            return  # without a hook, payloads would be built in vain, and take most of the time
        event = "Confidential Issue Hook" if issue.confidential else "Issue Hook"
        payload = self._payloads.issue_event(issue, by, action, changes)
        self._gitlab.fire(issue.project, event, payload)

    def _born(self, issue: Issue) -> Json:
        attributes = self._payloads.issue(issue)
        names = (*_BORN_WITH, "updated_at")
        return {name: {"previous": None, "current": attributes[name]} for name in names}


def _touch_for_note(issue: Issue, now: datetime) -> None:
    """Date an issue anew for a note, but not twice in a minute.

    GitLab's ``app/models/concerns/throttled_touch.rb``.
    """
    if now - issue.updated_at > _TOUCH_INTERVAL:
        issue.updated_at = now


def _parted(text: str | None) -> tuple[str | None, list[quick_actions.QuickAction]]:
    return (text, []) if text is None else quick_actions.extract(text)


def _reference(issue: Issue, seen_from: Project) -> str:
    """Name an issue of another project; within one group GitLab leaves that out."""
    group, _, name = issue.project.path.rpartition("/")
    is_near = group == seen_from.path.rpartition("/")[0]
    return f"{name if is_near else issue.project.path}#{issue.iid}"


def _references(argument: str) -> list[str]:
    """Return the names in `~a ~"b c"` or `@a @b`."""
    return [quoted or plain for quoted, plain in _REFERENCE.findall(argument)]


def _one_per_scope(wanted: list[Label], before: list[Label]) -> list[Label]:
    """Leave one label of each scope: the one that came last, a new one before an old one."""
    by_age = sorted(wanted, key=lambda label: label not in before)
    last = {label.scope: label for label in by_age}
    return [label for label in wanted if label.scope is None or last[label.scope] is label]
