"""The stand-in itself: its state, and what people do in GitLab's own pages."""

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

from slackbot.local.crowds import Crowds
from slackbot.local.gitlab import quick_actions
from slackbot.local.gitlab.faults import Faults
from slackbot.local.gitlab.hooks import Delivery, Dispatcher, Hook
from slackbot.local.gitlab.model import (
    DEVELOPER,
    Change,
    Group,
    Issue,
    Label,
    Note,
    Project,
    Request,
    Token,
    User,
)
from slackbot.local.gitlab.oauth import OAuth
from slackbot.local.gitlab.payloads import HookTimes
from slackbot.local.gitlab.updates import Updates
from slackbot.local.traffic import Traffic


class GitLab:
    """One GitLab. Use it from the thread of the event loop that serves it.

    Attributes:
        url: the base URL, set by `serve`
        external_url: the one that people use, and that links have, if it is another
        premium: whether scoped labels exclude each other and issues take several assignees
        requests: every request to the API, in the order of arrival
        crowds: how many requests of one kind (`GET /path`) were under way together
        violations: what a well-behaved bot must not do, in words; tests expect it to be empty
        faults: misfortunes on order
        watchers: told of an issue whenever it has changed or was commented on
        on_reset: called when everything that has happened is to be forgotten
        notes_per_minute: how many notes one user may post by API in 60 seconds
        requests_per_minute: how many requests one user may make in 60 seconds
        hook_tests_per_minute: how many tests of hooks one user may ask for in 60 seconds
        hook_times: the notation of time in hooks
        oauth: what applications may do for people, and how people allow that
    """

    def __init__(self, *, clock: Callable[[], datetime], premium: bool = True) -> None:
        self.clock = clock
        self.premium = premium
        self.url = "http://gitlab.invalid"
        self.external_url: str | None = None
        self.users: list[User] = []
        self.tokens: list[Token] = []
        self.groups: list[Group] = []
        self.projects: list[Project] = []
        self.hooks: list[Hook] = []
        self.requests: list[Request] = []
        self.crowds = Crowds()
        self.violations: list[str] = []
        self.faults = Faults()
        self.watchers: list[Callable[[Issue], None]] = []
        self.on_reset: list[Callable[[], None]] = []
        self.notes_per_minute = 60
        self.requests_per_minute = 2000
        self.hook_tests_per_minute = 5
        self.hook_times: HookTimes = "utc"
        self.monotonic: Callable[[], float] = time.monotonic
        self.change_count = 0
        self._changed = asyncio.Event()
        self._ids = itertools.count(1001)
        self._dispatcher = Dispatcher(clock, self.note_change)
        self._updates = Updates(self)
        self.oauth = OAuth(self)

    @property
    def traffic(self) -> Traffic | None:
        """The record of what bot and GitLab say to each other; None keeps none."""
        return self._dispatcher.traffic

    @traffic.setter
    def traffic(self, traffic: Traffic | None) -> None:
        self._dispatcher.traffic = traffic

    # Change, and waiting for it

    def note_change(self, issue: Issue | None = None) -> None:
        """Count a change of state, perhaps of an issue, and wake the tasks that wait for one."""
        if issue is not None:
            for watch in self.watchers:
                watch(issue)
        self.change_count += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for(
        self,
        predicate: Callable[[], bool],
        timeout: float = 60,  # noqa: ASYNC109 - reads as asyncio.wait_for does
    ) -> None:
        """Wait until `predicate()` holds; looked at again after every change of state.

        Raises:
            TimeoutError: it did not hold within `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            while True:
                changed = self._changed
                if predicate():
                    return
                await changed.wait()

    def reset(self) -> None:
        """Forget what has happened; people, tokens, projects, labels and hooks stay.

        New issues and notes get other numbers than those that are forgotten.
        """
        for project in self.projects:
            project.issues.clear()
            project.labels_created_silently.clear()
        self.requests.clear()
        self.violations.clear()
        self.faults.clear()
        self._dispatcher.forget()
        for hook in self.hooks:
            hook.succeeded()
            hook.disabled = hook.lose = hook.double = hook.reorder = False
        for forget in self.on_reset:
            forget()
        if self.traffic is not None:
            self.traffic.forget("GitLab")
        self.note_change()

    def down(self) -> None:
        """Answer everything with 502 until `up`."""
        self.faults.down = True

    def up(self) -> None:
        """Be back."""
        self.faults.down = False
        self.note_change()

    # People and projects

    def next_id(self) -> int:
        """Return a number that no other thing of this GitLab has."""
        return next(self._ids)

    def add_user(
        self,
        username: str,
        name: str,
        *,
        email: str | None = None,
        public_email: str | None = None,
        bot: bool = False,
    ) -> User:
        """Add an account; only `public_email` can be found by others."""
        user = User(
            id=self.next_id(),
            username=username,
            name=name,
            created_at=self.clock(),
            email=email,
            public_email=public_email,
            bot=bot,
        )
        self.users.append(user)
        return user

    def user(self, username: str) -> User:
        """Return the account of this username."""
        return next(user for user in self.users if user.username == username)

    def rename_user(self, user: User, username: str) -> None:
        """Give an account another name; old notes keep the old one, and no hook tells."""
        user.username = username
        self.note_change()

    def delete_user(self, user: User) -> None:
        """Delete an account: what it wrote and did belongs to the Ghost User from now on."""
        ghost = self._ghost()
        self.users.remove(user)
        self.tokens = [token for token in self.tokens if token.user is not user]
        for project in self.projects:
            project.members.pop(user, None)
            for issue in project.issues.values():
                issue.hand_over(user, ghost)
        self.note_change()

    def add_token(
        self, user: User, *, scopes: tuple[str, ...] = ("api",), expires_at: date | None = None
    ) -> str:
        """Make an access token for a user and return its secret."""
        secret = f"glpat-{secrets.token_urlsafe(15)}"
        self.tokens.append(
            Token(
                id=self.next_id(),
                secret=secret,
                user=user,
                scopes=scopes,
                created_at=self.clock(),
                expires_at=expires_at,
            )
        )
        return secret

    def revoke_token(self, token: str) -> None:
        """Make a token worthless from now on."""
        next(known for known in self.tokens if known.secret == token).revoked = True
        self.note_change()

    def add_group(self, path: str, name: str | None = None, *, public: bool = False) -> Group:
        """Add a group at a path such as `group/subgroup`."""
        number, now = self.next_id(), self.clock()
        group = Group(id=number, path=path, name=name or path, created_at=now, public=public)
        self.groups.append(group)
        return group

    def is_shown_to(self, group: Group, user: User) -> bool:
        """Whether the user sees a group: as its member, or as one of a project in it."""
        inside = (each for each in self.projects if each.path.startswith(f"{group.path}/"))
        return group.public or user in group.members or any(each.role(user) for each in inside)

    def add_project(
        self,
        path: str,
        *,
        id: int | None = None,  # noqa: A002
        public: bool = False,
    ) -> Project:
        """Add an empty project at a path such as `group/project`."""
        number, now = id or self.next_id(), self.clock()
        project = Project(id=number, path=path, created_at=now, public=public)
        self.projects.append(project)
        return project

    def archive_project(self, project: Project) -> None:
        """Let nothing in a project be changed from now on."""
        project.archived = True
        self.note_change()

    def disable_issues(self, project: Project) -> None:
        """Take the issues of a project out of sight."""
        project.issues_enabled = False
        self.note_change()

    def rename_project(self, project: Project, path: str) -> None:
        """Give a project another path; the API redirects from the former one."""
        project.former_paths.append(project.path)
        project.path = path
        self.note_change()

    @property
    def web_url(self) -> str:
        """What links begin with."""
        return self.external_url or self.url

    def project(self, path: str) -> Project:
        """Return the project at this path."""
        return next(project for project in self.projects if project.path == path)

    def add_member(self, project: Project, user: User, access_level: int = DEVELOPER) -> None:
        """Give a user a role: 10 guest, 20 reporter, 30 developer, 40 maintainer; 0 takes it."""
        project.members.pop(user, None)
        if access_level:
            project.members[user] = access_level
        self.note_change()

    # Labels

    def add_label(
        self, project: Project, name: str, description: str = "", color: str = "#428BCA"
    ) -> Label:
        """Add a label to a project."""
        now = self.clock()
        label = Label(
            id=self.next_id(),
            name=name,
            description=description,
            color=color,
            created_at=now,
            updated_at=now,
        )
        project.labels.append(label)
        self.note_change()
        return label

    def rename_label(self, project: Project, name: str, new_name: str) -> None:
        """Rename a label; the issues that carry it are not touched by this."""
        label = self._label(project, name)
        label.name = new_name
        label.updated_at = self.clock()
        self.note_change()

    def archive_label(self, project: Project, name: str, archived: bool = True) -> None:
        """Archive a label, or restore it: issues that carry it keep it, and no other gets it."""
        label = self._label(project, name)
        label.archived = archived
        label.updated_at = self.clock()
        self.note_change()

    def delete_label(self, project: Project, name: str) -> None:
        """Delete a label from the project and, without hooks or events, from its issues."""
        label = self._label(project, name)
        project.labels.remove(label)
        for issue in project.issues.values():
            issue.label_objects = [kept for kept in issue.label_objects if kept is not label]
            for event in issue.label_events:
                event.label = None if event.label is label else event.label
        self.note_change()

    # What people do with issues

    def open_issue(
        self,
        project: Project,
        *,
        author: User,
        title: str,
        description: str | None = None,
        labels: Iterable[str] = (),
        assignees: Iterable[User | str] = (),
        confidential: bool = False,
        issue_type: str = "issue",
    ) -> Issue:
        """Open an issue or another work item (`incident`, `task`, …) with labels that exist."""
        return self._updates.open(
            project,
            author,
            Change(
                title=title,
                description=description,
                labels=self._labels(project, labels),
                assignees=self._people(assignees),
                confidential=confidential,
            ),
            issue_type=issue_type,
        )

    def assign(self, issue: Issue, *users: User | str, by: User) -> None:
        """Make these people, and nobody else, the assignees; none to unassign everybody."""
        self.update(issue, by, Change(assignees=self._people(users)))

    def change_labels(
        self, issue: Issue, add: Iterable[str] = (), remove: Iterable[str] = (), *, by: User
    ) -> None:
        """Add and remove labels that exist in the project."""
        change = Change(
            add_labels=self._labels(issue.project, add),
            remove_labels=self._labels(issue.project, remove),
        )
        self.update(issue, by, change)

    def close(self, issue: Issue, by: User) -> None:
        """Close an issue; delivers `close` and then `update`, as GitLab does."""
        self.update(issue, by, Change(state_event="close"))

    def reopen(self, issue: Issue, by: User) -> None:
        """Reopen an issue."""
        self.update(issue, by, Change(state_event="reopen"))

    def edit(
        self, issue: Issue, title: str | None = None, description: str | None = None, *, by: User
    ) -> None:
        """Change the words of an issue."""
        self.update(issue, by, Change(title=title, description=description))

    def comment(self, issue: Issue, body: str, by: User, internal: bool = False) -> Note | None:
        """Write a comment; its quick actions are executed, and one of those alone makes no note."""
        rest, actions = quick_actions.extract(body)
        note = None
        if rest.strip():
            note = self._updates.comment(issue, rest, by, internal=internal)
        for action in actions:
            self._updates.execute(issue, action, by)
        return note

    def move_issue(self, issue: Issue, project: Project, by: User) -> Issue:
        """Move an issue to another project: a copy is there, and this one is closed."""
        return self._updates.move(issue, project, by)

    def delete_issue(self, issue: Issue) -> None:
        """Delete an issue for good; GitLab tells no hook of it."""
        del issue.project.issues[issue.iid]
        for link in issue.links:
            link.other(issue).links.remove(link)
        self.note_change()

    def update(self, issue: Issue, by: User, change: Change) -> None:
        """Apply several changes of an issue at once, as one form or one PUT does."""
        self._updates.apply(issue, by, change)

    # Hooks

    @property
    def deliveries(self) -> list[Delivery]:
        """Every attempt to deliver a hook, in order."""
        return self._dispatcher.deliveries

    def add_hook(
        self,
        project: Project,
        url: str,
        *,
        token: str | None = None,
        signing_token: str | None = None,
    ) -> Hook:
        """Add a webhook for issue and note events, the confidential ones included.

        Args:
            project: whose events it tells
            url: where they go
            token: sent in plain as `X-Gitlab-Token`
            signing_token: `whsec_` and 32 bytes in base64; signs every body
        """
        hook = Hook(
            id=self.next_id(),
            project=project,
            url=url,
            token=token,
            signing_token=signing_token,
            created_at=self.clock(),
        )
        self.hooks.append(hook)
        return hook

    async def test_hook(self, hook: Hook, event: str, payload: dict[str, Any]) -> Delivery:
        """Send an event to one hook at once, as a test on the page of a hook does."""
        self._dispatcher.instance_url = self.web_url
        return await self._dispatcher.test(hook, event, payload)

    async def hooks_settled(self) -> None:
        """Wait until every hook fired so far is delivered, lost or given up."""
        await self._dispatcher.settled()

    async def stop_hooks(self) -> None:
        """Drop what is not yet delivered."""
        await self._dispatcher.stop()

    def is_heard(self, project: Project) -> bool:
        """Whether a project has hooks at all."""
        return any(hook.project is project for hook in self.hooks)

    def fire(self, project: Project, event: str, payload: dict[str, Any]) -> None:
        """Send an event to the hooks of a project; tests may send odd ones."""
        self._dispatcher.instance_url = self.web_url
        for hook in self.hooks:
            if hook.project is project and hook.wants(event):
                self._dispatcher.fire(hook, event, payload)

    # Small finders

    def _label(self, project: Project, name: str) -> Label:
        label = project.label(name)
        if label is None:
            raise LookupError(f"{project.path} has no label {name!r}: add_label() it first")
        return label

    def _labels(self, project: Project, names: Iterable[str]) -> tuple[Label, ...]:
        return tuple(self._label(project, name) for name in names)

    def _people(self, people: Iterable[User | str]) -> tuple[User, ...]:
        return tuple(self.user(who) if isinstance(who, str) else who for who in people)

    def _ghost(self) -> User:
        ghosts = (user for user in self.users if user.username == "ghost")
        return next(ghosts, None) or self.add_user("ghost", "Ghost User")
