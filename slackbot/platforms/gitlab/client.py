"""What this bot asks of GitLab."""

import contextlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from http import HTTPStatus
from itertools import islice
from typing import Any, Protocol, TypeVar

import gitlab

from slackbot.platforms.errors import Missing, PlatformError, Unreachable
from slackbot.platforms.gitlab.api import PACES, GitLabApi
from slackbot.platforms.gitlab.issues import PAGE as PAGE
from slackbot.platforms.gitlab.issues import (
    GitLabIssues,
    as_dict,
    issue_path,
    list_issues,
    listed_only,
)
from slackbot.platforms.gitlab.project_hooks import GitLabHooks
from slackbot.platforms.gitlab.snapshot import (
    Discussion,
    GitLabUser,
    IssueSnapshot,
    LabelEvent,
    Note,
    StateEvent,
    parse_issue,
    parse_label_event,
    parse_note,
    parse_state_event,
    parse_user,
)
from slackbot.platforms.pace import Allowances
from slackbot.rules.refusals import Obstacle
from slackbot.rules.request import IssueKey

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class IssueChange:
    """A plain ``labels`` would replace all, so there is none."""

    add_labels: frozenset[str] = frozenset()
    remove_labels: frozenset[str] = frozenset()
    assignee_ids: tuple[int, ...] | None = None
    """Empty: nobody."""
    close: bool = False
    reopen: bool = False
    relate: IssueKey | None = None
    """To another issue: no part of the PUT, but a call of its own (``link_issue``)."""

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {}
        if self.add_labels:
            body["add_labels"] = ",".join(sorted(self.add_labels))
        if self.remove_labels:
            body["remove_labels"] = ",".join(sorted(self.remove_labels))
        if self.assignee_ids is not None:
            body["assignee_ids"] = list(self.assignee_ids) or [0]  # 0: nobody
        if self.close or self.reopen:
            body["state_event"] = "close" if self.close else "reopen"
        return body


@dataclass(frozen=True, kw_only=True)
class Project:
    id: int
    path: str
    url: str
    """As people see it: GITLAB_URL may be an inner address."""
    access_level: int
    """20 is Reporter, the least that may change issues."""
    open_issues: int | None = None
    is_archived: bool = False
    has_issues: bool = True


GUEST = 10
"""The least that may create issues and relate them: https://docs.gitlab.com/user/permissions/."""


def obstacle_in(project: Project) -> Obstacle | None:
    """Return why the bot cannot create an issue and relate it to a feedback."""
    if project.is_archived:
        return Obstacle.ARCHIVED
    if not project.has_issues:
        return Obstacle.NO_ISSUES
    return Obstacle.NO_MEMBER if project.access_level < GUEST else None


@dataclass(frozen=True, kw_only=True)
class Token:
    scopes: frozenset[str]
    expires_on: date | None
    permissions: tuple[str, ...] = ()
    """Of a fine-grained token, where GitLab tells them."""

    @property
    def is_fine_grained(self) -> bool:
        return FINE_GRAINED in self.scopes


FINE_GRAINED = "granular"
"""Such a token has this scope alone, and permissions: https://docs.gitlab.com/auth/tokens/."""
_OF_A_RESOURCE = re.compile(r"(project|group)_\d+_bot")


class AccountKind(StrEnum):
    PROJECT = "project access token"
    GROUP = "group access token"
    SERVICE = "service account"
    PERSON = "person's account"


@dataclass(frozen=True, kw_only=True)
class OwnAccount:
    username: str
    kind: AccountKind


def _kind(username: str, is_bot: bool | None) -> AccountKind:
    """GitLab counts service accounts as bots, and names the users of access tokens itself."""
    if found := _OF_A_RESOURCE.match(username):
        return AccountKind.PROJECT if found[1] == "project" else AccountKind.GROUP
    return AccountKind.SERVICE if is_bot else AccountKind.PERSON


class GitLabUsers:
    """Raises only ``PlatformError``s."""

    def __init__(self, api: GitLabApi, projects: Sequence[str]) -> None:
        self._api, self._projects = api, projects

    async def named(self, username: str) -> GitLabUser | None:
        return await self._find(
            lambda user: user.username.casefold() == username.casefold(), username=username
        )

    async def numbered(self, number: int) -> GitLabUser:
        return await self._api.ask(lambda client: parse_user(client.users.get(number).attributes))

    async def with_email(self, email: str) -> GitLabUser | None:
        """Find by public email: GitLab shows a bot no other."""

        def has_it(user: Any) -> bool:
            # The search matches names, too; an older GitLab shows no email.
            public: str = user.attributes.get("public_email", email) or ""
            return public.casefold() == email.casefold()

        return await self._find(has_it, search=email)

    async def email_of(self, account: GitLabUser) -> str | None:
        """Ask for the user itself: the list shows no email (https://docs.gitlab.com/api/users/)."""
        user = await self._api.ask(lambda client: client.users.get(account.id))
        return user.attributes.get("public_email") or None

    async def members_by_email(self) -> dict[str, GitLabUser]:
        """Key by lower-case email; most show none (https://docs.gitlab.com/api/members/)."""
        main, *others = self._projects
        found = await self._members(main)
        for project in others:
            with contextlib.suppress(Missing):  # its trouble is no other's
                found |= await self._members(project)
        return found

    async def _members(self, named: str) -> dict[str, GitLabUser]:
        def read(client: gitlab.Gitlab) -> dict[str, GitLabUser]:
            project = client.projects.get(named, lazy=True)
            members = project.members_all.list(iterator=True, per_page=PAGE)
            shown = [each.attributes for each in members if each.attributes.get("email")]
            return {str(each["email"]).casefold(): parse_user(each) for each in shown}

        return await self._api.ask(read)

    async def _find(self, fits: Callable[[Any], bool], **query: Any) -> GitLabUser | None:
        found = await self._api.ask(lambda client: client.users.list(get_all=False, **query))
        fitting = [user for user in found if fits(user)]
        # An email that fits two accounts names nobody.
        return parse_user(fitting[0].attributes) if len(fitting) == 1 else None


class Recognizer(Protocol):
    """Recognizes what the bot wrote under people's names."""

    def recognize(self, key: IssueKey, notes: Sequence[Note], own: str) -> list[Note]:
        """Expect all notes of an issue, newest first; ``own`` is the bot's username."""


class GitLabClient(GitLabIssues):
    """A feedback project, by its path or number, and the ``others``.

    Whatever is asked by an issue's key works for all of them.
    """

    def __init__(
        self,
        url: str,
        token: str,
        project: str,
        paces: Allowances = PACES,
        *,
        others: Sequence[str] = (),
        signatures: Recognizer | None = None,
    ) -> None:
        super().__init__(url, token, paces)
        self.named = project
        self.signatures = signatures
        """``None``: the bot writes under no other name than its own."""
        self.known: Project | None = None
        """As last asked: its path may have changed since it was set."""
        self.token_ends_on: date | None = None
        """As last asked; ``None`` if it never ends, or GitLab does not say."""
        self.users = GitLabUsers(self, (project, *others))
        self.hooks = GitLabHooks(self, project)
        self.projects: tuple[GitLabClient, ...] = (self, *map(self._beside, others))

    def _beside(self, project: str) -> "GitLabClient":
        """Return one for another project, with the same connections and paces."""
        other = copy(self)
        other.named, other.projects = project, (other,)
        other.hooks = GitLabHooks(other, project)
        return other

    async def project(self) -> Project:
        self.known = await self.project_at(self.named)
        return self.known

    async def project_at(self, project: str) -> Project:
        def read(client: gitlab.Gitlab) -> Project:
            found = client.projects.get(project)
            permissions = found.attributes.get("permissions") or {}
            roles = [permissions.get(kind) or {} for kind in ("project_access", "group_access")]
            return Project(
                id=found.id,
                path=found.path_with_namespace,
                url=found.attributes.get("web_url") or "",
                access_level=max(role.get("access_level") or 0 for role in roles),
                open_issues=found.attributes.get("open_issues_count"),
                is_archived=bool(found.attributes.get("archived")),
                has_issues=found.attributes.get("issues_enabled", True) is not False,
            )

        return await self.ask(read)

    def is_project(self, number: int, path: str | None) -> bool:
        """Return whether it is a feedback project."""
        return any(each.is_it(number, path) for each in self.projects)

    async def project_of(self, issue: IssueSnapshot) -> str:
        """Return its feedback project, as it is set; of one that is set twice, the first."""
        if len(self.projects) == 1:
            return self.named
        number, path = issue.key.project, issue.project_path
        for each in self.projects:
            if each.is_it(number, path):
                return each.named
        for each in self.projects:  # one was renamed, and GitLab has not been asked yet
            if each.known is None:
                with contextlib.suppress(PlatformError):
                    await each.project()
        return next((each.named for each in self.projects if each.is_it(number, path)), self.named)

    def is_it(self, number: int, path: str | None) -> bool:
        """Return whether it is this project: by its number, once GitLab has told it."""
        if self.known is not None:
            return number == self.known.id
        if self.named.isdecimal():
            return number == int(self.named)
        return path is not None and is_path(self.named, path)

    async def token(self) -> Token:
        def read(client: gitlab.Gitlab) -> Token:
            found = client.personal_access_tokens.get("self")
            expiry = found.attributes.get("expires_at")
            return Token(
                scopes=frozenset(found.attributes.get("scopes") or ()),
                expires_on=date.fromisoformat(expiry) if expiry else None,
                permissions=_permissions(found.attributes.get("granular_scopes") or ()),
            )

        found = await self.ask(read)
        self.token_ends_on = found.expires_on
        return found

    async def own_account(self) -> OwnAccount:
        def read(client: gitlab.Gitlab) -> OwnAccount:
            found = as_dict(client.http_get("/user"))
            name = str(found["username"])
            return OwnAccount(username=name, kind=_kind(name, found.get("bot")))

        return await self.ask(read)

    async def labels(
        self, project: int | None = None, *, with_archived: bool = False
    ) -> dict[str, str]:
        """Map each label, the groups' included, to its description.

        GitLab accepts changes with archived ones, and leaves them out.
        """

        def read(client: gitlab.Gitlab) -> dict[str, str]:
            found = client.projects.get(self._place(project), lazy=True)
            labels = found.labels.list(iterator=True, per_page=PAGE)
            return {
                label.name: label.attributes.get("description") or ""
                for label in labels
                if with_archived or not label.attributes.get("archived")
            }

        return await self.ask(read)

    def _place(self, number: int | None) -> int | str:
        """Call the one project as it is set."""
        is_only = number is None or len(self.projects) == 1
        return self.named if is_only or number is None else number

    async def read_issue(self, key: IssueKey) -> IssueSnapshot:
        def read(client: gitlab.Gitlab) -> IssueSnapshot:
            return parse_issue(as_dict(client.http_get(_issue(key))))

        return await self._of(key, self.ask(read))

    async def _of(self, key: IssueKey, answer: Awaitable[T]) -> T:
        """Ask about an issue of the feedback project."""
        return await self._believed(key.project, key.iid, answer, is_ours=True)

    async def issue_pages(
        self, since: datetime | None = None, *, only_open: bool
    ) -> AsyncIterator[list[IssueSnapshot]]:
        """Yield the least recently changed first; ``since`` is inclusive."""
        query = {"state": "opened" if only_open else "all"}
        if since is not None:
            query["updated_after"] = since.astimezone(UTC).isoformat()
        # Its own client: several threads may read the pages in turn.
        listing = await self.ask(lambda _: self._list(self.new_client(), query))
        while page := await self.ask(lambda _: list(islice(listing, PAGE))):
            yield page

    async def these_issues(self, iids: Sequence[int]) -> list[IssueSnapshot]:
        """Leave out those that are gone."""
        batches = [list(iids[start : start + PAGE]) for start in range(0, len(iids), PAGE)]

        def read(client: gitlab.Gitlab) -> list[IssueSnapshot]:
            queries = ({"state": "all", "iids[]": batch} for batch in batches)
            return [issue for query in queries for issue in self._list(client, query)]

        return await self.ask(read)

    def _list(self, client: gitlab.Gitlab, query: dict[str, Any]) -> Iterator[IssueSnapshot]:
        query = query | {"scope": "all"}
        return list_issues(client, self.named, query, order_by="updated_at", sort="asc")

    async def label_events(self, key: IssueKey) -> list[LabelEvent]:
        found = await self._of(key, self._events(key, "label", parse_label_event))
        return sorted((event for event in found if event), key=lambda event: event.at)

    async def state_events(self, key: IssueKey) -> list[StateEvent]:
        return await self._of(key, self._events(key, "state", parse_state_event))

    async def _events(
        self, key: IssueKey, kind: str, parse: Callable[[dict[str, Any]], T]
    ) -> list[T]:
        def read(client: gitlab.Gitlab) -> list[T]:
            path = f"{_issue(key)}/resource_{kind}_events"
            events = client.http_list(path, iterator=True, per_page=PAGE)
            return [parse(self._as_own(event, "user")) for event in events]

        return await self.ask(read)

    async def notes(self, key: IssueKey, since: datetime | None = None) -> list[Note]:
        """Read newest first; ``since`` is inclusive."""
        notes = await self._of(key, self._read_notes(key.project, key.iid, since))
        if self.signatures is None:
            return notes
        return self.signatures.recognize(key, notes, await self.own_username())

    async def add_note(self, key: IssueKey, body: str) -> None:
        """Post; ``Unreachable`` or ``Unsettled`` leaves the outcome unknown."""
        await self._of(key, self._post_note(_issue(key), body))

    async def discussions(self, key: IssueKey) -> list[Discussion]:
        """Read oldest first."""

        def read(client: gitlab.Gitlab) -> list[Discussion]:
            listed = client.http_list(f"{_issue(key)}/discussions", iterator=True, per_page=PAGE)
            return [self._discussion(each) for each in listed]

        return await self._of(key, self.ask(read))

    def _discussion(self, data: dict[str, Any]) -> Discussion:
        notes = (parse_note(self._as_own(note, "author")) for note in data.get("notes") or ())
        return Discussion(id=str(data["id"]), notes=tuple(notes))

    async def reply(self, key: IssueKey, discussion: str, body: str) -> None:
        """Post below a note, which becomes a thread by that; otherwise as ``add_note``.

        The replies are among the notes, too
        (https://gitlab.com/gitlab-org/gitlab/-/blob/master/lib/api/notes.rb).
        """
        await self._of(key, self._post_note(f"{_issue(key)}/discussions/{discussion}", body))

    async def change_issue(self, key: IssueKey, change: IssueChange) -> IssueSnapshot:
        """Send one PUT, safe to repeat.

        ``Unreachable`` or ``Unsettled`` leaves the outcome unknown: a late change may
        undo later ones.
        """

        def send(client: gitlab.Gitlab) -> IssueSnapshot:
            return parse_issue(as_dict(client.http_put(_issue(key), post_data=change.body())))

        return await self._of(key, self.change(send))

    async def link_issue(self, key: IssueKey, other: IssueKey) -> None:
        """Relate two issues; safe to repeat.

        GitLab wants at least the Guest role in both projects
        (https://docs.gitlab.com/api/issue_links/).
        """
        path = f"{_issue(key)}/links"
        target = {"target_project_id": other.project, "target_issue_iid": other.iid}
        link = target | {"link_type": "relates_to"}
        try:
            await self.change(lambda client: client.http_post(path, post_data=link))
        except Missing as missing:
            await self.read_issue(key)
            if not await self._is_listed(other.project, other.iid):
                raise
            raise listed_only() from missing
        except Unreachable as error:
            # A lock is a conflict, too.
            if error.status != HTTPStatus.CONFLICT or other not in await self._related(key):
                raise

    async def _related(self, key: IssueKey) -> list[IssueKey]:
        def read(client: gitlab.Gitlab) -> list[IssueKey]:
            related = client.http_list(f"{_issue(key)}/links", iterator=True)
            return [IssueKey(each["project_id"], each["iid"]) for each in related]

        return await self.ask(read)


def _permissions(granular_scopes: Iterable[dict[str, Any]]) -> tuple[str, ...]:
    every = {str(name) for each in granular_scopes for name in each.get("permissions") or ()}
    return tuple(sorted(every))


class GitLabAsPerson(GitLabClient):
    """Writes to issues under a person's name, at their own pace.

    A 404 is ``Missing`` at once, also of the project: what it means is for the bot's account to
    find out. A 401 is ``Denied``: the token has ended.
    """

    def __init__(self, bot: GitLabClient, token: str, account: int | None = None) -> None:
        self._share(bot, {"oauth_token": token})
        self.paces = bot.paces if account is None else bot.paces.of(account)
        self.named, self.known, self.users = bot.named, bot.known, bot.users
        self.projects, self.signatures = bot.projects, bot.signatures
        self._own = None

    async def _believed(
        self, project: int | str, iid: int, answer: Awaitable[T], *, is_ours: bool = False
    ) -> T:
        return await answer


def _issue(key: IssueKey) -> str:
    return issue_path(key.project, key.iid)


def is_path(setting: str, path: str) -> bool:
    return setting.strip("/").casefold() == path.casefold()


def renamed(setting: str, project: Project, where: str = "GITLAB_PROJECT") -> str | None:
    """Say what to do about a project with another path than is set."""
    if setting.isdecimal() or is_path(setting, project.path):
        return None
    return (
        f"the project {setting} is now {project.path}: set {where} to that, or to its "
        f"number {project.id}, before another project takes the old path"
    )
