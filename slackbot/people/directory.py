"""Who is who in Slack and GitLab, and who may act."""

import asyncio
import contextlib
import time
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import structlog

from slackbot import metrics
from slackbot.platforms.errors import PlatformError, Rejected
from slackbot.platforms.gitlab import Tracker
from slackbot.platforms.slack import Member, Workspace
from slackbot.platforms.snapshot import GitLabUser
from slackbot.rules.deadline import parse_timezone
from slackbot.rules.refusals import (
    CannotTell,
    Guest,
    NotAHuman,
    NotAllowed,
    NotAManager,
    OtherWorkspace,
)
from slackbot.rules.request import Person
from slackbot.rules.rota import OnCall, Weeks, parse_weeks
from slackbot.store.people import EmailMatch, EmailMatches

T = TypeVar("T")
log = structlog.get_logger()

CACHE_SECONDS = 300
"""How long a profile or a group's membership is believed; who leaves may act that much longer."""
LINKS_SECONDS = 2.0
"""How long the links of the record are believed: a new one soon counts in every replica."""
PATIENCE_SECONDS = 1.5
"""How long Slack may take to say who somebody is: an ack is due within three seconds."""
SEARCH_SECONDS = 5.0
"""How long an errand may be kept waiting to learn who somebody is in Slack."""


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
        now = time.monotonic()
        # What is believed no more is forgotten, too: it is about people.
        self._kept = {each: kept for each, kept in self._kept.items() if kept[0] > now}
        self._kept[key] = (now + self._seconds, answer)
        return answer

    def forget(self, key: object) -> None:
        """Ask again about something that has just changed."""
        self._kept.pop(key, None)


class PeopleFile:
    """The file that says who is who and who has which week, read again whenever it changes."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._read_at_version: int | None = None
        self._usernames: dict[str, str] = {}
        self._weeks: Weeks = {}

    def usernames(self) -> dict[str, str]:
        """Return GitLab usernames by Slack user id; keeps the last good ones when it breaks."""
        self._read_again()
        return self._usernames

    def weeks(self) -> Weeks:
        """Return who has which week of duty; keeps the last good ones when the file breaks."""
        self._read_again()
        return self._weeks

    def _read_again(self) -> None:
        if self._path is None:
            return
        try:
            version = self._path.stat().st_mtime_ns
            if version != self._read_at_version:
                self._usernames, self._weeks = read_people(self._path), read_weeks(self._path)
                self._read_at_version = version
        except (OSError, PeopleFileError) as error:
            log.error("people_file_unreadable", problem=str(error))


def read_people(path: Path) -> dict[str, str]:
    """Read a people file: TOML with a table ``[people]`` of Slack user id = GitLab username.

    Raises:
        PeopleFileError: It is no such file, or it links two people to one GitLab account.
    """
    people = _table(path, "people")
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


def read_weeks(path: Path) -> Weeks:
    """Read who has which week of duty from the table ``[duty]`` of a people file.

    Raises:
        PeopleFileError: It is no such file, or the table has a mistake.
    """
    try:
        return parse_weeks(_table(path, "duty"))
    except ValueError as error:
        raise PeopleFileError(f"SSAT_PEOPLE_FILE, [duty]: {error}") from error


def _table(path: Path, name: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get(name, {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: {error}") from error
    if not isinstance(table, dict):
        raise PeopleFileError(f"SSAT_PEOPLE_FILE: [{name}] must be a table")
    return table


async def _no_links() -> Mapping[str, str]:
    return {}


class People:
    """Looks people up: who is who by the people file, by links that they made, and by e-mail.

    Args:
        managers: ``SSAT_MANAGERS``: who may act.
        finds: The record of who was found by e-mail.
        links: Reads the links of the record, GitLab usernames by Slack user id.
    """

    def __init__(
        self,
        workspace: Workspace,
        tracker: Tracker,
        file: PeopleFile,
        managers: frozenset[str],
        finds: EmailMatches,
        links: Callable[[], Awaitable[Mapping[str, str]]] = _no_links,
    ) -> None:
        self._workspace, self._tracker, self._file = workspace, tracker, file
        self._managers, self._finds, self._links = managers, finds, links
        self._cache, self._recent = Cache(CACHE_SECONDS), Cache(LINKS_SECONDS)
        self._linked: Mapping[str, str] = {}
        self._found: Mapping[str, EmailMatch] = {}

    async def admit(self, team: str, user: str) -> Person:
        """Return the person if they may act; default deny.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        async with _slack_answers(user):
            person = await self._recognise(team, user)
            await self._refuse_others(user)
        return person

    async def look(self, team: str, user: str) -> tuple[Person, bool]:
        """Return the person if they may look, and whether they may act as well.

        Raises:
            NotAllowed: They may not look, or Slack does not tell.
        """
        async with _slack_answers(user):
            person = await self._recognise(team, user)
            try:
                await self._refuse_others(user)
            except NotAManager:
                return person, False
            return person, True

    async def _recognise(self, team: str, user: str) -> Person:
        if team != await self._workspace.own_team():
            raise OtherWorkspace
        member = await self._member(user)
        self._refuse_strangers(member, team)
        await self.learn()
        return self._person(member, team)

    def _refuse_strangers(self, member: Member, team: str) -> None:
        if member.team != team:
            raise OtherWorkspace
        if member.is_bot or member.is_deactivated:
            raise NotAHuman
        if member.is_guest:
            raise Guest

    async def _refuse_others(self, user: str) -> None:
        """Refuse who is not in ``SSAT_MANAGERS``, by name or by a group."""
        if not self._managers or user in self._managers:
            return
        disabled = set()
        for group in sorted(each for each in self._managers if each.startswith("S")):
            members = await self._group(group)
            if members is None:
                disabled.add(group)
            elif user in members:
                return
        raise NotAManager(self._managers, frozenset(disabled))

    def _person(self, member: Member, team: str) -> Person:
        username = self._usernames().get(member.user)
        return Person(name=member.name, slack_team=team, slack_user=member.user, gitlab=username)

    async def _member(self, user: str) -> Member:
        return await self._cache.get(("member", user), lambda: self._workspace.member(user))

    async def _group(self, group: str) -> frozenset[str] | None:
        return await self._cache.get(("group", group), lambda: self._ask_for_group(group))

    async def _ask_for_group(self, group: str) -> frozenset[str] | None:
        members = await self._workspace.group_members(group)
        if members is None:
            metrics.DISABLED_GROUPS.inc()
            log.error("user_group_disabled", group=group, setting="SSAT_MANAGERS")
        return members

    async def learn(self) -> None:
        """Read the links and finds of the record, unless that was done just now."""
        self._linked = await self._recent.get("links", self._links)
        self._found = await self._recent.get("finds", self._finds.read)

    async def learn_again(self) -> None:
        """Read the links of the record, for they have just changed or are just to change."""
        self._recent.forget("links")
        await self.learn()

    def claimed_by(self, username: str) -> str | None:
        """Return the Slack user whom the people file or a link gives a GitLab account to."""
        own = username.casefold()
        known = self._linked_usernames().items()
        return next((user for user, name in known if name.casefold() == own), None)

    def in_file(self, user: str) -> str | None:
        """Return the GitLab username that the people file gives to a Slack user."""
        return self._file.usernames().get(user)

    async def on_call(self, each: OnCall) -> Person:
        """Find whom a schedule names, in Slack and GitLab; who is unknown there is named only.

        Raises:
            PlatformError: Slack does not answer; without an answer nobody is taken for unknown.
        """
        await self.learn()
        team = await self._workspace.own_team()
        account = None if each.slack_user else await self._account_by_email_if_told(each.email)
        named = account.person if account else Person(name=each.name)
        user = each.slack_user or await self._user_with_email(each.email)
        member = await self._full_member(user or self.in_slack(named, team).slack_user, team)
        if member is None:
            return replace(named, name=each.name)
        person = self._person(member, team)
        with contextlib.suppress(PlatformError):  # else as far as it is known without GitLab
            account = await self.account(person) or account
        return replace(person, gitlab=account.username if account else person.gitlab)

    async def _user_with_email(self, email: str | None) -> str | None:
        return await self._workspace.user_with_email(email) if email else None

    async def _full_member(self, user: str | None, team: str) -> Member | None:
        if user is None:
            return None
        try:
            member = await self._member(user)
            self._refuse_strangers(member, team)
        except (NotAllowed, Rejected) as error:
            log.warning("on_call_not_a_member", user=user, problem=type(error).__name__)
            return None
        return member

    async def _account_by_email_if_told(self, email: str | None) -> GitLabUser | None:
        try:
            return await self._account_by_email(email) if email else None
        except PlatformError:
            return None

    async def member(self, user: str) -> Member | None:
        """Return a person as Slack knew them lately; ``None`` if it does not.

        Raises:
            PlatformError: Slack does not answer.
        """
        try:
            return await self._member(user)
        except Rejected as error:
            log.warning("person_unknown_to_slack", user=user, problem=error.code)
            return None

    async def zone(self, user: str | None, otherwise: ZoneInfo) -> ZoneInfo:
        """Return a person's time zone; the other one where Slack gives none that exists.

        Raises:
            PlatformError: Slack does not answer.
        """
        member = await self.member(user) if user else None
        try:
            return parse_timezone(member.zone or "") if member else otherwise
        except ValueError:
            return otherwise

    async def account(self, person: Person) -> GitLabUser | None:
        """Find a person's GitLab account: by file or link, else by public or member e-mail.

        Raises:
            PlatformError: GitLab does not answer; without an answer nobody is taken for unknown.
        """
        await self.learn()
        try:
            return await self._account(person)
        except Rejected as error:
            # Some instances keep their users to themselves; a claim goes on without.
            log.warning("accounts_cannot_be_looked_up", problem=error.code)
            return None

    async def _account(self, person: Person) -> GitLabUser | None:
        username = self._linked_usernames().get(person.slack_user or "") or person.gitlab
        if username:
            return await self._cache.get(
                ("account", username), lambda: self._tracker.user_named(username)
            )
        email = await self._email(person)
        if email is None or person.slack_user is None:
            return None
        account = await self._account_by_email(email)
        if account is not None and self.claimed_by(account.username) is not None:
            # Somebody else is linked to it; it is not to be two people's.
            log.warning("account_linked_to_another", user=person.slack_user)
            account = None
        await self._note(person.slack_user, account.username if account else None)
        return account

    async def _note(self, user: str, username: str | None) -> None:
        """Keep what an e-mail has just told of somebody."""
        find = self._found.get(user)
        if find is None and username is None:
            return
        if find is not None and find.gitlab == username and self._finds.is_fresh(find):
            return
        await self._finds.note(user, username)
        self._recent.forget("finds")
        await self.learn()

    def is_to_be_found(self, user: str) -> bool:
        """Tell whether no link, and no find of late, says who somebody in Slack is in GitLab."""
        if user in self._linked_usernames():
            return False
        find = self._found.get(user)
        return find is None or not self._finds.is_fresh(find)

    async def seek(self, person: Person) -> None:
        """Find out by e-mail who somebody in GitLab is in Slack, where nothing else tells it.

        While a platform does not answer, what was known stays.
        """
        if person.slack_user or person.gitlab is None:
            return
        username = person.gitlab
        await self.learn()
        if self.claimed_by(username) is not None or self._is_found(username):
            return
        try:
            async with asyncio.timeout(SEARCH_SECONDS):
                await self._cache.get(("sought", username), lambda: self._seek(username))
        except (PlatformError, TimeoutError) as error:
            log.warning("cannot_tell_who_it_is_in_slack", problem=type(error).__name__)

    def _is_found(self, username: str) -> bool:
        own = username.casefold()
        found = (find for find in self._found.values() if find.gitlab.casefold() == own)
        return any(self._finds.is_fresh(find) for find in found)

    async def _seek(self, username: str) -> None:
        user = await self._user_with_email(await self._email_in_gitlab(username))
        member = await self._full_member(user, await self._workspace.own_team())
        if member is not None and member.user not in self._linked_usernames():
            await self._note(member.user, username)

    async def _email_in_gitlab(self, username: str) -> str | None:
        """Return the public e-mail of an account, else the one that the project's members show."""
        with contextlib.suppress(Rejected):  # some instances keep their users to themselves
            if email := await self._tracker.email_of(username):
                return email
        members = await self._cache.get("members", self._members_with_email)
        own = username.casefold()
        return next(
            (each for each, user in members.items() if user.username.casefold() == own), None
        )

    async def _account_by_email(self, email: str) -> GitLabUser | None:
        """Find an account by its public e-mail, else by the one that the project's members show."""
        account = await self._cache.get(
            ("email", email), lambda: self._tracker.user_with_email(email)
        )
        if account is not None:
            return account
        members = await self._cache.get("members", self._members_with_email)
        return members.get(email.casefold())

    async def _members_with_email(self) -> Mapping[str, GitLabUser]:
        try:
            return await self._tracker.members_with_email()
        except Rejected:  # where it may not see the members, nobody is found there
            return {}

    def _usernames(self) -> dict[str, str]:
        """Return GitLab usernames by Slack user id: by file and links, else as found by e-mail."""
        found = {user: find.gitlab for user, find in self._found.items()}
        return _with(self._linked_usernames(), found)

    def _linked_usernames(self) -> dict[str, str]:
        return _with(self._file.usernames(), self._linked)

    async def _email(self, person: Person) -> str | None:
        if person.slack_user is None:
            return None
        try:
            return (await self._member(person.slack_user)).email
        except PlatformError:
            return None  # the claim goes on without: the note names the person

    def in_slack(self, person: Person, team: str) -> Person:
        """Add the Slack account of a person known by their GitLab username, if a link says so."""
        if person.slack_user or person.gitlab is None:
            return person
        own = person.gitlab.casefold()
        users = [user for user, name in self._usernames().items() if name.casefold() == own]
        return replace(person, slack_team=team, slack_user=users[0]) if users else person


def _with(stronger: Mapping[str, str], weaker: Mapping[str, str]) -> dict[str, str]:
    """Add links by which nobody gets a second account, and no account a second person."""
    taken = {name.casefold() for name in stronger.values()}
    free = {user: name for user, name in weaker.items() if name.casefold() not in taken}
    return free | dict(stronger)


@contextlib.asynccontextmanager
async def _slack_answers(user: str) -> AsyncIterator[None]:
    """Deny while Slack does not say who somebody is, or would say so too late for the ack."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            yield
    except (PlatformError, TimeoutError) as error:
        log.warning("cannot_tell_who_it_is", user=user, problem=str(error) or "no answer in time")
        raise CannotTell from error
