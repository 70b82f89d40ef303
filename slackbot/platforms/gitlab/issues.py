"""Issues of any project, and what a comment on them may mention."""

import re
from collections.abc import Awaitable, Iterator
from datetime import UTC, datetime
from itertools import takewhile
from typing import Any, TypeVar
from uuid import UUID

import gitlab
from gitlab.exceptions import GitlabParsingError
from gitlab.utils import EncodedId

from slackbot.platforms.errors import Missing, Platform, Unreachable
from slackbot.platforms.gitlab.api import NOTES, PACES, GitLabApi
from slackbot.platforms.gitlab.snapshot import (
    GitLabUser,
    IssueSnapshot,
    Note,
    parse_issue,
    parse_note,
    parse_user,
)
from slackbot.platforms.pace import Allowances

T = TypeVar("T")

PAGE = 100
"""GitLab's largest page."""
_MARKERS = re.compile(r"<!-- ssat-bot: \{.*\} -->")
_GROUP = re.compile(r"\.?\w[\w.-]*(/\.?\w[\w.-]*)*", re.ASCII)


class GitLabIssues(GitLabApi):
    """A project is its path or its number.

    Calls that need a project which GitLab doesn't show raise ``Missing``. GitLab answers 403, thus
    ``Rejected``, to writing where issues are disabled or the project is archived.
    """

    def __init__(self, url: str, token: str, paces: Allowances = PACES) -> None:
        super().__init__(url, token, paces)
        self._own: GitLabUser | None = None

    async def own_username(self) -> str:
        return (await self.own_user()).username

    async def own_user(self) -> GitLabUser:
        """Ask once: a token keeps its user, whatever the user is called later."""
        if self._own is None:
            self._own = await self.ask(lambda client: parse_user(as_dict(client.http_get("/user"))))
        return self._own

    async def create_issue(
        self, project: int | str, title: str, description: str, *, confidential: bool = False
    ) -> IssueSnapshot:
        """Create; ``Unreachable`` or ``Unsettled`` leaves the outcome unknown: see ``find_issue``.

        GitLab runs quick actions in the description.
        https://docs.gitlab.com/api/issues/#create-an-issue
        """
        issue = {"title": title, "description": description, "confidential": confidential}

        def send(client: gitlab.Gitlab) -> IssueSnapshot:
            return parse_issue(as_dict(client.http_post(issues_path(project), post_data=issue)))

        return await self.change(send)

    async def find_issue(
        self, project: int | str, mark: UUID, since: datetime | None = None
    ) -> IssueSnapshot | None:
        """Find the bot's own issue with the marker of ``mark`` in its description, open or closed.

        ``since`` is inclusive and by GitLab's clock: when it created the feedback issue is early
        enough. ``None`` is firm once ``PLATFORM_TIMEOUT`` has passed since an unanswered creation.
        """
        query = {"scope": "created_by_me", "state": "all"}
        if since is not None:
            query["created_after"] = since.astimezone(UTC).isoformat()

        def read(client: gitlab.Gitlab) -> IssueSnapshot | None:
            issues = list_issues(client, project, query)
            return next((each for each in issues if is_marked(each.description, mark)), None)

        return await self.ask(read)

    async def find_open_issue(self, project: int | str, label: str) -> IssueSnapshot | None:
        """Find the newest with the label."""
        query = {"scope": "all", "state": "opened", "labels": label, "issue_type": "issue"}
        return await self.ask(
            lambda client: next(list_issues(client, project, query, per_page=1), None)
        )

    async def note_on(self, project: int | str, iid: int, body: str) -> None:
        """Post; ``Unreachable`` or ``Unsettled`` leaves the outcome unknown."""
        await self._believed(project, iid, self._post_note(issue_path(project, iid), body))

    async def notes_of(
        self, project: int | str, iid: int, since: datetime | None = None
    ) -> list[Note]:
        """Read newest first; ``since`` is inclusive."""
        return await self._believed(project, iid, self._read_notes(project, iid, since))

    async def issue_template(self, project: int | str, name: str) -> str | None:
        """Read it by its file's name without ``.md``; the groups' templates count, too.

        https://docs.gitlab.com/api/project_templates/
        """
        path = f"/projects/{EncodedId(project)}/templates/issues/{EncodedId(name)}"
        try:
            found = await self.ask(lambda client: as_dict(client.http_get(path)))
        except Missing:
            return None
        return found.get("content")

    async def group(self, path: str) -> str | None:
        """Return the path of the group that ``@path`` mentions, if the bot may see it."""
        if not _GROUP.fullmatch(path):
            return None
        try:
            # Without its projects: they are slow (https://docs.gitlab.com/api/groups/).
            group = await self.ask(lambda client: client.groups.get(path, with_projects="false"))
        except Missing:
            return None
        found: str = group.attributes["full_path"]
        return found if found.casefold() == path.casefold() else None  # a number finds one, too

    async def _believed(
        self, project: int | str, iid: int, answer: Awaitable[T], *, is_ours: bool = False
    ) -> T:
        """Believe a 404 about an issue only if GitLab's list lacks the issue, too.

        Replicas of GitLab's database may be behind. The feedback project is always there, though it
        may be out of sight for a while.

        Raises:
            Missing: There is no such issue, or no such project.
            Unreachable: There is one, or GitLab shows nothing of the feedback project.
        """
        try:
            return await answer
        except Missing as missing:
            try:
                is_listed = await self._is_listed(project, iid)
            except Missing as hidden:
                if not is_ours:
                    raise
                problem = "GitLab does not show the project (404)"
                raise Unreachable(Platform.GITLAB, problem, 404) from hidden
            if not is_listed:
                raise
            raise listed_only() from missing

    async def _is_listed(self, project: int | str, iid: int) -> bool:
        found = await self.ask(
            lambda client: client.http_list(
                issues_path(project), {"iids[]": [iid]}, scope="all", get_all=False
            )
        )
        return bool(found)

    async def _read_notes(self, project: int | str, iid: int, since: datetime | None) -> list[Note]:
        def read(client: gitlab.Gitlab) -> list[Note]:
            listed = client.http_list(
                f"{issue_path(project, iid)}/notes",
                iterator=True,
                order_by="created_at",
                sort="desc",
                per_page=PAGE,
            )
            notes = (parse_note(self._as_own(note, "author")) for note in listed)
            return list(takewhile(lambda note: since is None or note.at >= since, notes))

        return await self.ask(read)

    async def _post_note(self, place: str, body: str) -> None:
        path, note = f"{place}/notes", {"body": body}
        await self.change(lambda client: client.http_post(path, post_data=note), NOTES)

    def _as_own(self, data: dict[str, Any], role: str) -> dict[str, Any]:
        """Call the bot's user as it was called when asked for."""
        own, who = self._own, data.get(role) or {}
        if own is None or who.get("id") != own.id:
            return data
        return data | {role: who | {"username": own.username}}


# What is asked most is asked by its path: python-gitlab's objects take as long as the request.
def issues_path(project: int | str) -> str:
    return f"/projects/{EncodedId(project)}/issues"


def issue_path(project: int | str, iid: int) -> str:
    return f"{issues_path(project)}/{iid}"


def as_dict(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict):
        raise GitlabParsingError("not a JSON object")
    return answer


def listed_only() -> Unreachable:
    problem = "GitLab lists the issue but does not find it (404)"
    return Unreachable(Platform.GITLAB, problem, 404)


def list_issues(
    client: gitlab.Gitlab,
    project: int | str,
    query: dict[str, Any],
    *,
    order_by: str = "created_at",
    sort: str = "desc",
    per_page: int = PAGE,
) -> Iterator[IssueSnapshot]:
    order = {"order_by": order_by, "sort": sort, "pagination": "keyset"}
    path = issues_path(project)
    issues = client.http_list(path, query | order, iterator=True, per_page=per_page)
    return (parse_issue(issue) for issue in issues)


def is_marked(description: str | None, mark: UUID) -> bool:
    return any(str(mark) in each for each in _MARKERS.findall(description or ""))
