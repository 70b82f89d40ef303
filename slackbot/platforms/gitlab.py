"""GitLab over python-gitlab, which is synchronous: a bounded pool of threads, a client for each."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import partial
from http import HTTPStatus
from itertools import islice, takewhile
from typing import Any, TypeVar

import gitlab
import requests
from gitlab.exceptions import GitlabAuthenticationError, GitlabError, GitlabHttpError

from slackbot.platforms.errors import (
    Denied,
    Missing,
    Platform,
    Rejected,
    Throttled,
    Unreachable,
    Unsettled,
)
from slackbot.platforms.pace import Allowance, Allowances, Paces, TooBusy
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

TIMEOUT_SECONDS = 10
THREADS = 6
PAGE = 100
"""GitLab's largest page."""
DEFAULT_RETRY_AFTER = 60.0
REASON_LIMIT = 300


@dataclass(frozen=True, kw_only=True)
class IssueChange:
    """One PUT on an issue; what is left out stays as it is.

    Only ``add_labels`` and ``remove_labels``: a plain ``labels`` would replace everything.
    """

    add_labels: frozenset[str] = frozenset()
    remove_labels: frozenset[str] = frozenset()
    assignee_ids: tuple[int, ...] | None = None
    """The new set of assignees; empty for nobody."""
    close: bool = False

    def body(self) -> dict[str, Any]:
        """Spell the change as GitLab's API wants it; empty when there is nothing to change."""
        body: dict[str, Any] = {}
        if self.add_labels:
            body["add_labels"] = ",".join(sorted(self.add_labels))
        if self.remove_labels:
            body["remove_labels"] = ",".join(sorted(self.remove_labels))
        if self.assignee_ids is not None:
            body["assignee_ids"] = list(self.assignee_ids) or [0]  # 0: nobody, in GitLab's words
        if self.close:
            body["state_event"] = "close"
        return body


@dataclass(frozen=True, kw_only=True)
class Project:
    """The feedback project."""

    id: int
    path: str
    access_level: int
    """The bot's role there: 20 is Reporter, the least that may change issues."""
    open_issues: int | None = None
    """How many there are, where GitLab tells."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """What GitLab says of the bot's own token."""

    scopes: frozenset[str]
    expires_on: date | None


PATIENCE_SECONDS = 1.0
"""How long a call waits for its turn; what needs none must not wait behind what does."""
CALLS, NOTES = "gitlab.calls", "gitlab.notes"
PACES: Allowances = {
    CALLS: Allowance(per_second=25, burst=400),
    NOTES: Allowance(per_second=0.8, burst=12),
}
"""Within what gitlab.com allows a user in any minute: 2,000 requests, of which 60 are notes.

https://docs.gitlab.com/security/rate_limits/
"""


class _TimedOut(Unreachable):
    """No answer in time; of a change that means that GitLab may still be at it."""


class Tracker:
    """The feedback project in GitLab, for asyncio.

    Every method raises ``PlatformError``s only.
    """

    def __init__(self, url: str, token: str, project: str, paces: Allowances = PACES) -> None:
        self._url, self._token, self._project = url, token, project
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="gitlab")
        self._local = threading.local()
        self._own_username: str | None = None
        self.paces = Paces(paces)

    @property
    def named(self) -> str:
        """The project's path or number, as it is configured."""
        return self._project

    async def close(self) -> None:
        """Wait for calls under way and end the threads."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    async def project(self) -> Project:
        """Read the configured project."""

        def read(client: gitlab.Gitlab) -> Project:
            found = client.projects.get(self._project)
            permissions = found.attributes.get("permissions") or {}
            roles = [permissions.get(kind) or {} for kind in ("project_access", "group_access")]
            return Project(
                id=found.id,
                path=found.path_with_namespace,
                access_level=max(role.get("access_level") or 0 for role in roles),
                open_issues=found.attributes.get("open_issues_count"),
            )

        return await self._call(read)

    async def token(self) -> Token:
        """Read the scopes and the expiry of the bot's token."""

        def read(client: gitlab.Gitlab) -> Token:
            found = client.personal_access_tokens.get("self")
            expiry = found.attributes.get("expires_at")
            return Token(
                scopes=frozenset(found.attributes.get("scopes") or ()),
                expires_on=date.fromisoformat(expiry) if expiry else None,
            )

        return await self._call(read)

    async def own_username(self) -> str:
        """Return the username that the bot writes as; asked once, as a token does not change it."""

        def read(client: gitlab.Gitlab) -> str:
            client.auth()
            return str(client.user.username) if client.user else ""

        if self._own_username is None:
            self._own_username = await self._call(read)
        return self._own_username

    async def read_issue(self, key: IssueKey) -> IssueSnapshot:
        """Read one issue."""
        return await self._call(
            lambda client: parse_issue(self._issues(client, key).get(key.iid).attributes)
        )

    async def issue_pages(
        self, since: datetime | None = None, *, only_open: bool
    ) -> AsyncIterator[list[IssueSnapshot]]:
        """Read issues in pages, the least recently changed first.

        Args:
            since: Read what changed at or after this moment; ``None``: from the beginning.
            only_open: Leave out the closed ones.
        """
        query = {"state": "opened" if only_open else "all"}
        if since is not None:
            query["updated_after"] = since.astimezone(UTC).isoformat()
        # A client of its own, for the pages may be read by several threads in turn.
        listing = await self._call(lambda _: self._listing(self._new_client(), query))
        while page := await self._call(lambda _: list(islice(listing, PAGE))):
            yield page

    async def these_issues(self, iids: Sequence[int]) -> list[IssueSnapshot]:
        """Read known issues in batches; those that are gone are missing from the answer."""
        found = []
        for start in range(0, len(iids), PAGE):
            query = {"state": "all", "iids": list(iids[start : start + PAGE])}
            found += await self._call(partial(self._read_all, query))
        return found

    def _read_all(self, query: dict[str, Any], client: gitlab.Gitlab) -> list[IssueSnapshot]:
        return list(self._listing(client, query))

    def _listing(self, client: gitlab.Gitlab, query: dict[str, Any]) -> Iterator[IssueSnapshot]:
        issues = client.projects.get(self._project, lazy=True).issues.list(
            iterator=True,
            scope="all",
            pagination="keyset",
            order_by="updated_at",
            sort="asc",
            per_page=PAGE,
            **query,
        )
        return (parse_issue(issue.attributes) for issue in issues)

    async def label_events(self, key: IssueKey) -> list[LabelEvent]:
        """Read when labels were put on and taken off an issue, oldest first."""

        def read(client: gitlab.Gitlab) -> list[LabelEvent]:
            issue = self._issues(client, key).get(key.iid, lazy=True)
            events = issue.resourcelabelevents.list(iterator=True, per_page=PAGE)
            parsed = (parse_label_event(event.attributes) for event in events)
            return sorted((event for event in parsed if event), key=lambda event: event.at)

        return await self._call(read)

    async def state_events(self, key: IssueKey) -> list[StateEvent]:
        """Read when an issue was closed and reopened."""

        def read(client: gitlab.Gitlab) -> list[StateEvent]:
            issue = self._issues(client, key).get(key.iid, lazy=True)
            events = issue.resourcestateevents.list(iterator=True, per_page=PAGE)
            return [parse_state_event(event.attributes) for event in events]

        return await self._call(read)

    async def notes(self, key: IssueKey, since: datetime | None = None) -> list[Note]:
        """Read the notes of an issue, newest first; all, or those of a moment or later."""

        def read(client: gitlab.Gitlab) -> list[Note]:
            issue = self._issues(client, key).get(key.iid, lazy=True)
            listed = issue.notes.list(
                iterator=True, order_by="created_at", sort="desc", per_page=PAGE
            )
            notes = (parse_note(note.attributes) for note in listed)
            return list(takewhile(lambda note: since is None or note.at >= since, notes))

        return await self._call(read)

    async def add_note(self, key: IssueKey, body: str) -> None:
        """Post a note; the outcome is unknown when this raises ``Unreachable`` or ``Unsettled``."""

        def write(client: gitlab.Gitlab) -> None:
            issue = self._issues(client, key).get(key.iid, lazy=True)
            issue.notes.create({"body": body})

        with _settling():
            await self._call(write, NOTES)

    async def change_issue(self, key: IssueKey, change: IssueChange) -> IssueSnapshot:
        """Change an issue by one PUT, which is safe to repeat, and return it as it is then.

        The outcome is unknown when this raises ``Unreachable`` or ``Unsettled``.
        """

        def write(client: gitlab.Gitlab) -> IssueSnapshot:
            return parse_issue(self._issues(client, key).update(key.iid, change.body()))

        # Performed late, it would undo what comes after it.
        with _settling():
            return await self._call(write)

    async def label_names(self) -> frozenset[str]:
        """Read the names of every label that the project knows, its groups' included."""
        return frozenset(await self.labels())

    async def labels(self) -> dict[str, str]:
        """Read every label that the project knows with its description."""

        def read(client: gitlab.Gitlab) -> dict[str, str]:
            project = client.projects.get(self._project, lazy=True)
            labels = project.labels.list(iterator=True, per_page=PAGE)
            return {label.name: label.attributes.get("description") or "" for label in labels}

        return await self._call(read)

    async def user_named(self, username: str) -> GitLabUser | None:
        """Find an account by its username, in any case."""
        return await self._find_user(
            lambda user: user.username.casefold() == username.casefold(), username=username
        )

    async def user_with_email(self, email: str) -> GitLabUser | None:
        """Find an account by its public e-mail; GitLab does not look further for a bot."""

        def has_it(user: Any) -> bool:
            # The search looks into names, too. An older GitLab does not show what it found.
            public: str = user.attributes.get("public_email", email) or ""
            return public.casefold() == email.casefold()

        return await self._find_user(has_it, search=email)

    async def email_of(self, username: str) -> str | None:
        """Return the public e-mail of the account with a username; ``None`` where it shows none.

        The list of users does not tell it, but each user does:
        https://docs.gitlab.com/api/users/
        """
        account = await self.user_named(username)
        if account is None:
            return None
        user = await self._call(lambda client: client.users.get(account.id))
        return user.attributes.get("public_email") or None

    async def members_with_email(self) -> dict[str, GitLabUser]:
        """Read the project's members by e-mail, in lower case, as far as GitLab shows e-mails.

        To most it shows none: https://docs.gitlab.com/api/members/
        """

        def read(client: gitlab.Gitlab) -> dict[str, GitLabUser]:
            project = client.projects.get(self._project, lazy=True)
            members = project.members_all.list(iterator=True, per_page=PAGE)
            shown = [each.attributes for each in members if each.attributes.get("email")]
            return {str(each["email"]).casefold(): parse_user(each) for each in shown}

        return await self._call(read)

    async def _find_user(self, fits: Callable[[Any], bool], **query: Any) -> GitLabUser | None:
        def read(client: gitlab.Gitlab) -> GitLabUser | None:
            found = [user for user in client.users.list(get_all=False, **query) if fits(user)]
            if len(found) != 1:  # an e-mail that fits two accounts names nobody
                return None
            return parse_user(found[0].attributes)

        return await self._call(read)

    def _issues(self, client: gitlab.Gitlab, key: IssueKey) -> Any:
        return client.projects.get(key.project, lazy=True).issues

    async def _call(self, use: Callable[[gitlab.Gitlab], T], kind: str = CALLS) -> T:
        try:
            await self.paces.wait(kind, PATIENCE_SECONDS)
        except TooBusy as busy:
            raise Throttled(Platform.GITLAB, busy.seconds) from busy
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, self._use, use)
        except Throttled as error:
            await self.paces.hold(kind, error.retry_after)
            raise

    def _use(self, use: Callable[[gitlab.Gitlab], T]) -> T:
        try:
            return use(self._client())
        except GitlabAuthenticationError as error:
            raise Denied(Platform.GITLAB, "401", "GITLAB_TOKEN is not valid: replace it") from error
        except GitlabHttpError as error:
            raise _by_status(error) from error
        except GitlabError as error:
            # GetError, CreateError and their like carry the status of the answer, too.
            raise _by_status(error) from error
        except requests.exceptions.InvalidSchema as error:
            raise Unreachable(
                Platform.GITLAB, "GitLab redirects elsewhere: is GITLAB_URL right?"
            ) from error
        except requests.Timeout as error:
            raise _TimedOut(Platform.GITLAB, "GitLab did not answer in time") from error
        except requests.RequestException as error:
            raise Unreachable(
                Platform.GITLAB, f"no answer from GitLab ({type(error).__name__})"
            ) from error

    def _client(self) -> gitlab.Gitlab:
        if not hasattr(self._local, "client"):
            self._local.client = self._new_client()
        client: gitlab.Gitlab = self._local.client
        return client

    def _new_client(self) -> gitlab.Gitlab:
        session = requests.Session()
        # The token goes to no other address, whatever a redirect or a link to a next page says.
        session.adapters.clear()
        session.mount(f"{self._url}/", requests.adapters.HTTPAdapter())
        session.hooks["response"].append(_raise_when_throttled)
        return gitlab.Gitlab(
            self._url,
            private_token=self._token,
            timeout=TIMEOUT_SECONDS,
            keep_base_url=True,
            retry_transient_errors=False,  # it would repeat POSTs, and comments would double
            session=session,
        )


@contextmanager
def _settling() -> Iterator[None]:
    try:
        yield
    except _TimedOut as error:
        raise Unsettled(Platform.GITLAB, str(error)) from error


def _raise_when_throttled(response: requests.Response, *_: Any, **__: Any) -> None:
    # python-gitlab would sleep in the thread; here other issues must not wait meanwhile.
    if response.status_code != requests.codes.too_many_requests:
        return
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        seconds = DEFAULT_RETRY_AFTER
    raise Throttled(Platform.GITLAB, max(seconds, 1.0))


def _by_status(error: GitlabError) -> Exception:
    status = error.response_code
    if status is None or status >= 500 or status in (408, 409, 423):
        problem = f"GitLab is failing ({status or type(error).__name__})"
        return Unreachable(Platform.GITLAB, problem, status)
    kind = Missing if status == requests.codes.not_found else Rejected
    reason = str(error.error_message)
    if reason.lstrip().startswith("<"):  # a page of some proxy: nothing for people to read
        reason = HTTPStatus(status).phrase
    return kind(Platform.GITLAB, str(status), reason[:REASON_LIMIT])


def project_matches(setting: str, *, project_id: int, path: str | None) -> bool:
    """Tell whether a project is the configured one, which is named by path or by number."""
    if setting.isdecimal():
        return int(setting) == project_id
    return path is not None and setting.strip("/").casefold() == path.casefold()
