"""Who is who in Slack and GitLab, and who may act."""

import asyncio
import contextlib
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import structlog

from slackbot.refusals import CannotTell, Guest, NotAHuman, NotAManager, OtherWorkspace
from slackbot.request import Person
from slackbot.tracker.client import Tracker
from slackbot.tracker.errors import Rejected
from slackbot.tracker.snapshot import GitLabUser
from slackbot.workspace import Member, SlackError, Workspace

T = TypeVar("T")
log = structlog.get_logger()

CACHE_SECONDS = 300
"""How long a profile or a group's membership is believed; who leaves may act that much longer."""
PATIENCE_SECONDS = 1.5
"""How long Slack may take to say who somebody is: an ack is due within three seconds."""


class PeopleFileError(Exception):
    """The people file cannot be read; the message says what to mend."""


class Cache:
    """Keeps answers for a while, in real time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: dict[object, tuple[float, object]] = {}

    async def get(self, key: object, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the kept answer, or ask and keep it; a failure is not kept."""
        kept = self._kept.get(key)
        if kept and kept[0] > time.monotonic():
            return kept[1]  # type: ignore[return-value]  # one type for each kind of key
        answer = await ask()
        self._kept[key] = (time.monotonic() + self._seconds, answer)
        return answer


class PeopleFile:
    """The file that links Slack users to GitLab usernames, read again whenever it changes."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read_at_version: int | None = None
        self._usernames: dict[str, str] = {}

    def usernames(self) -> dict[str, str]:
        """Return GitLab usernames by Slack user id; keeps the last good ones when it breaks."""
        if self._path is None:
            return {}
        try:
            version = self._path.stat().st_mtime_ns
            if version != self._read_at_version:
                self._usernames = read_people(self._path)
                self._read_at_version = version
        except (OSError, PeopleFileError) as error:
            log.error("people_file_unreadable", problem=str(error))
        return self._usernames


def read_people(path: Path) -> dict[str, str]:
    """Read a people file: TOML with a table ``[people]`` of Slack user id = GitLab username.

    Raises:
        PeopleFileError: It is no such file, or it links two people to one GitLab account.
    """
    try:
        people = tomllib.loads(path.read_text(encoding="utf-8")).get("people", {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: {error}") from error
    if not isinstance(people, dict):
        raise PeopleFileError("SSAT_PEOPLE_FILE: [people] must be a table")
    strange = [
        user
        for user, name in people.items()
        if not (isinstance(name, str) and name.removeprefix("@"))
    ]
    if strange:
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: no GitLab username for {', '.join(strange)}")
    linked = {user: name.removeprefix("@") for user, name in people.items()}
    names = [name.casefold() for name in linked.values()]  # GitLab does not mind the case
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: linked to two people: {', '.join(sorted(twice))}")
    return linked


class People:
    """Looks people up in Slack, in GitLab and in the people file."""

    def __init__(
        self,
        workspace: Workspace,
        tracker: Tracker,
        file: PeopleFile,
        managers: frozenset[str],
    ) -> None:
        self._workspace, self._tracker, self._file = workspace, tracker, file
        self._managers = managers
        self._cache = Cache(CACHE_SECONDS)
        self._found: dict[str, str] = {}

    async def admit(self, team: str, user: str) -> Person:
        """Return the person if they may act; default deny.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        async with _slack_answers(user):
            person = await self._recognise(team, user)
            is_manager = not self._managers or await self._is_manager(user)
        if not is_manager:
            raise NotAManager(self._managers)
        return person

    async def recognise(self, team: str, user: str) -> Person:
        """Return the person if they may look: every full member of the workspace.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        async with _slack_answers(user):
            return await self._recognise(team, user)

    async def _recognise(self, team: str, user: str) -> Person:
        if team != (await self._workspace.identity()).team:
            raise OtherWorkspace
        member = await self._member(user)
        self._refuse_strangers(member, team)
        return self._person(member, team)

    def _refuse_strangers(self, member: Member, team: str) -> None:
        if member.team != team:
            raise OtherWorkspace
        if member.is_bot or member.is_deactivated:
            raise NotAHuman
        if member.is_guest:
            raise Guest

    async def _is_manager(self, user: str) -> bool:
        if user in self._managers:
            return True
        for group in sorted(each for each in self._managers if each.startswith("S")):
            if user in await self._group(group):
                return True
        return False

    def _person(self, member: Member, team: str) -> Person:
        username = self._usernames().get(member.user)
        return Person(name=member.name, slack_team=team, slack_user=member.user, gitlab=username)

    async def _member(self, user: str) -> Member:
        return await self._cache.get(("member", user), lambda: self._workspace.member(user))

    async def _group(self, group: str) -> frozenset[str]:
        return await self._cache.get(("group", group), lambda: self._workspace.group_members(group))

    async def account(self, person: Person) -> GitLabUser | None:
        """Find a person's GitLab account: by the people file, else by their public e-mail.

        Raises:
            TrackerError: GitLab does not answer; without an answer nobody is taken for unknown.
        """
        try:
            account = await self._account(person)
        except Rejected as error:
            # Some instances keep their users to themselves; a claim goes on without.
            log.warning("accounts_cannot_be_looked_up", problem=str(error.status))
            return None
        if account is not None and person.slack_user:
            self._found[person.slack_user] = account.username
        return account

    async def _account(self, person: Person) -> GitLabUser | None:
        username = self._usernames().get(person.slack_user or "") or person.gitlab
        if username:
            return await self._cache.get(
                ("account", username), lambda: self._tracker.user_named(username)
            )
        email = await self._email(person)
        if email is None:
            return None
        return await self._cache.get(("email", email), lambda: self._tracker.user_with_email(email))

    def _usernames(self) -> dict[str, str]:
        """Return GitLab usernames by Slack user id: as the file says, else as found by e-mail."""
        return self._found | self._file.usernames()

    async def _email(self, person: Person) -> str | None:
        if person.slack_user is None:
            return None
        try:
            return (await self._member(person.slack_user)).email
        except SlackError:
            return None  # the claim goes on without: the note names the person

    def in_slack(self, person: Person, team: str) -> Person:
        """Add the Slack account of a person known by their GitLab username, if a link says so."""
        if person.slack_user or person.gitlab is None:
            return person
        own = person.gitlab.casefold()
        users = [user for user, name in self._usernames().items() if name.casefold() == own]
        return replace(person, slack_team=team, slack_user=users[0]) if users else person


@contextlib.asynccontextmanager
async def _slack_answers(user: str) -> AsyncIterator[None]:
    """Deny while Slack does not say who somebody is, or would say so too late for the ack."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield
    except (SlackError, TimeoutError) as error:
        log.warning("cannot_tell_who_it_is", user=user, problem=str(error) or "no answer in time")
        raise CannotTell from error
