"""What this bot asks of GitLab."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice, takewhile
from typing import Any, TypeVar

import gitlab
from gitlab.exceptions import GitlabParsingError
from gitlab.utils import EncodedId

from slackbot.platforms.errors import Missing, Platform, Unreachable
from slackbot.platforms.gitlab_api import NOTES, PACES, GitLabApi
from slackbot.platforms.pace import Allowances
from slackbot.platforms.snapshot import (
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
from slackbot.rules.request import IssueKey

T = TypeVar("T")

PAGE = 100
"""GitLab's largest page."""


@dataclass(frozen=True, kw_only=True)
class IssueChange:
    """A plain ``labels`` would replace all, so there is none."""

    add_labels: frozenset[str] = frozenset()
    remove_labels: frozenset[str] = frozenset()
    assignee_ids: tuple[int, ...] | None = None
    """Empty: nobody."""
    close: bool = False

    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {}
        if self.add_labels:
            body["add_labels"] = ",".join(sorted(self.add_labels))
        if self.remove_labels:
            body["remove_labels"] = ",".join(sorted(self.remove_labels))
        if self.assignee_ids is not None:
            body["assignee_ids"] = list(self.assignee_ids) or [0]  # 0: nobody
        if self.close:
            body["state_event"] = "close"
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


@dataclass(frozen=True, kw_only=True)
class Token:
    scopes: frozenset[str]
    expires_on: date | None


class GitLabUsers:
    """Raises only ``PlatformError``s."""

    def __init__(self, api: GitLabApi, project: str) -> None:
        self._api, self._project = api, project

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

        def read(client: gitlab.Gitlab) -> dict[str, GitLabUser]:
            project = client.projects.get(self._project, lazy=True)
            members = project.members_all.list(iterator=True, per_page=PAGE)
            shown = [each.attributes for each in members if each.attributes.get("email")]
            return {str(each["email"]).casefold(): parse_user(each) for each in shown}

        return await self._api.ask(read)

    async def _find(self, fits: Callable[[Any], bool], **query: Any) -> GitLabUser | None:
        found = await self._api.ask(lambda client: client.users.list(get_all=False, **query))
        fitting = [user for user in found if fits(user)]
        # An email that fits two accounts names nobody.
        return parse_user(fitting[0].attributes) if len(fitting) == 1 else None


class GitLabClient(GitLabApi):
    """The feedback project; ``project`` is its path or number."""

    def __init__(self, url: str, token: str, project: str, paces: Allowances = PACES) -> None:
        super().__init__(url, token, paces)
        self.named = project
        self.known: Project | None = None
        """As last asked: its path may have changed since it was set."""
        self.users = GitLabUsers(self, project)
        self._own: GitLabUser | None = None

    async def project(self) -> Project:
        def read(client: gitlab.Gitlab) -> Project:
            found = client.projects.get(self.named)
            permissions = found.attributes.get("permissions") or {}
            roles = [permissions.get(kind) or {} for kind in ("project_access", "group_access")]
            return Project(
                id=found.id,
                path=found.path_with_namespace,
                url=found.attributes.get("web_url") or "",
                access_level=max(role.get("access_level") or 0 for role in roles),
                open_issues=found.attributes.get("open_issues_count"),
            )

        self.known = await self.ask(read)
        return self.known

    def is_project(self, number: int, path: str | None) -> bool:
        """Return whether it is the feedback project: by its number, once GitLab has told it."""
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
            )

        return await self.ask(read)

    async def own_username(self) -> str:
        """Ask once: a token keeps its user, whatever the user is called later."""

        def read(client: gitlab.Gitlab) -> GitLabUser:
            client.auth()
            return parse_user(client.user.attributes if client.user else {})

        if self._own is None:
            self._own = await self.ask(read)
        return self._own.username

    async def labels(self, *, with_archived: bool = False) -> dict[str, str]:
        """Map each label, the groups' included, to its description.

        GitLab accepts changes with archived ones, and leaves them out.
        """

        def read(client: gitlab.Gitlab) -> dict[str, str]:
            project = client.projects.get(self.named, lazy=True)
            labels = project.labels.list(iterator=True, per_page=PAGE)
            return {
                label.name: label.attributes.get("description") or ""
                for label in labels
                if with_archived or not label.attributes.get("archived")
            }

        return await self.ask(read)

    async def read_issue(self, key: IssueKey) -> IssueSnapshot:
        def read(client: gitlab.Gitlab) -> IssueSnapshot:
            return parse_issue(_as_dict(client.http_get(_issue(key))))

        return await self._of(key, self.ask(read))

    async def _of(self, key: IssueKey, answer: Awaitable[T]) -> T:
        """Believe a 404 about an issue only if GitLab's list lacks the issue, too.

        Replicas of GitLab's database may be behind, and a project may be out of sight for a while.

        Raises:
            Missing: There is no such issue.
            Unreachable: There is, or GitLab shows nothing of its project.
        """
        try:
            return await answer
        except Missing as missing:
            try:
                found = await self.ask(
                    lambda client: client.http_list(
                        _issues(key.project), {"iids[]": [key.iid]}, scope="all", get_all=False
                    )
                )
            except Missing as hidden:
                problem = "GitLab does not show the project (404)"
                raise Unreachable(Platform.GITLAB, problem, 404) from hidden
            if not found:
                raise
            problem = "GitLab lists the issue but does not find it (404)"
            raise Unreachable(Platform.GITLAB, problem, 404) from missing

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
        issues = client.http_list(
            _issues(self.named),
            query,
            iterator=True,
            scope="all",
            pagination="keyset",
            order_by="updated_at",
            sort="asc",
            per_page=PAGE,
        )
        return (parse_issue(issue) for issue in issues)

    async def label_events(self, key: IssueKey) -> list[LabelEvent]:
        def read(client: gitlab.Gitlab) -> list[LabelEvent]:
            path = f"{_issue(key)}/resource_label_events"
            events = client.http_list(path, iterator=True, per_page=PAGE)
            parsed = (parse_label_event(_as_own(self._own, event, "user")) for event in events)
            return sorted((event for event in parsed if event), key=lambda event: event.at)

        return await self._of(key, self.ask(read))

    async def state_events(self, key: IssueKey) -> list[StateEvent]:
        def read(client: gitlab.Gitlab) -> list[StateEvent]:
            path = f"{_issue(key)}/resource_state_events"
            events = client.http_list(path, iterator=True, per_page=PAGE)
            return [parse_state_event(_as_own(self._own, event, "user")) for event in events]

        return await self._of(key, self.ask(read))

    async def notes(self, key: IssueKey, since: datetime | None = None) -> list[Note]:
        """Read newest first; ``since`` is inclusive."""

        def read(client: gitlab.Gitlab) -> list[Note]:
            listed = client.http_list(
                f"{_issue(key)}/notes",
                iterator=True,
                order_by="created_at",
                sort="desc",
                per_page=PAGE,
            )
            notes = (parse_note(_as_own(self._own, note, "author")) for note in listed)
            return list(takewhile(lambda note: since is None or note.at >= since, notes))

        return await self._of(key, self.ask(read))

    async def add_note(self, key: IssueKey, body: str) -> None:
        """Post; ``Unreachable`` or ``Unsettled`` leaves the outcome unknown."""
        path, note = f"{_issue(key)}/notes", {"body": body}
        posted = self.change(lambda client: client.http_post(path, post_data=note), NOTES)
        await self._of(key, posted)

    async def change_issue(self, key: IssueKey, change: IssueChange) -> IssueSnapshot:
        """Send one PUT, safe to repeat.

        ``Unreachable`` or ``Unsettled`` leaves the outcome unknown: a late change may
        undo later ones.
        """

        def send(client: gitlab.Gitlab) -> IssueSnapshot:
            return parse_issue(_as_dict(client.http_put(_issue(key), post_data=change.body())))

        return await self._of(key, self.change(send))


def _as_own(own: GitLabUser | None, data: dict[str, Any], role: str) -> dict[str, Any]:
    """Call the bot's user as it was called when asked for."""
    who = data.get(role) or {}
    if own is None or who.get("id") != own.id:
        return data
    return data | {role: who | {"username": own.username}}


# What is asked most is asked by its path: python-gitlab's objects take as long as the request.
def _issues(project: int | str) -> str:
    return f"/projects/{EncodedId(project)}/issues"


def _issue(key: IssueKey) -> str:
    return f"{_issues(key.project)}/{key.iid}"


def _as_dict(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise GitlabParsingError("not a JSON object")
    return answer


def is_path(setting: str, path: str) -> bool:
    return setting.strip("/").casefold() == path.casefold()


def renamed(setting: str, project: Project) -> str | None:
    """Say what to do about a project with another path than is set."""
    if setting.isdecimal() or is_path(setting, project.path):
        return None
    return (
        f"the project {setting} is now {project.path}: set GITLAB_PROJECT to that, or to its "
        f"number {project.id}, before another project takes the old path"
    )
