"""Who is who by people file and record; asks no platform."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from slackbot.people.cache import Cache
from slackbot.people.file import PeopleFile
from slackbot.platforms.slack import Member
from slackbot.platforms.snapshot import GitLabUser
from slackbot.rules.request import Person
from slackbot.store import jobs
from slackbot.store.changes import announce_queue
from slackbot.store.database import Record
from slackbot.store.jobs import IssueQueue
from slackbot.store.people import (
    Account,
    EmailMatch,
    forget_email_match,
    list_accounts,
    list_email_matches,
    list_links,
    save_account,
    save_email_match,
)
from slackbot.store.requests import list_open_deadlines

RECENT_SECONDS = 2.0
"""A new link soon counts in every replica."""


@dataclass(frozen=True, kw_only=True)
class WhoIsWho:
    """GitLab usernames by Slack user id; a stronger source goes before a weaker one."""

    in_file: Mapping[str, str]
    links: Mapping[str, str]
    matches: Mapping[str, EmailMatch]
    accounts: Sequence[Account] = ()
    at: datetime

    @cached_property
    def linked(self) -> Mapping[str, str]:
        """By people file and links."""
        in_file = {user: self._called_now(name) for user, name in self.in_file.items()}
        return _with(in_file, self.links)

    @cached_property
    def usernames(self) -> Mapping[str, str]:
        """By any source."""
        matches = self.matches.items()
        return _with(self.linked, {u: self._called_now(match.gitlab) for u, match in matches})

    def number_of(self, username: str) -> int | None:
        """Return that of the account with this name or, if none has it now, that had it."""
        own = username.casefold()
        having = [each.id for each in self.accounts if (each.username or "").casefold() == own]
        had = [each.id for each in self.accounts if own in each.earlier]
        return next(iter([*having, *had]), None)

    def _called_now(self, username: str) -> str:
        number = self.number_of(username)
        return (
            next((each.username for each in self.accounts if each.id == number), None) or username
        )

    def linked_to(self, username: str) -> str | None:
        """Ignore what an email says."""
        return _user_of(username, self.linked)

    def in_slack(self, person: Person, team: str) -> Person:
        if person.slack_user or person.gitlab is None:
            return person
        user = _user_of(person.gitlab, self.usernames)
        return replace(person, slack_team=team, slack_user=user) if user else person

    def person(self, member: Member, team: str) -> Person:
        return Person(
            name=member.name,
            slack_team=team,
            slack_user=member.user,
            gitlab=self.usernames.get(member.user),
        )

    def needs_account(self, user: str) -> bool:
        match = self.matches.get(user)
        return user not in self.linked and (match is None or not match.is_fresh(self.at))

    def needs_slack_user(self, username: str) -> bool:
        own = username.casefold()
        matches = (match for match in self.matches.values() if match.gitlab.casefold() == own)
        return self.linked_to(username) is None and not any(
            match.is_fresh(self.at) for match in matches
        )


def _with(stronger: Mapping[str, str], weaker: Mapping[str, str]) -> Mapping[str, str]:
    """Give nobody a second account, and no account a second person."""
    taken = {name.casefold() for name in stronger.values()}
    free = {user: name for user, name in weaker.items() if name.casefold() not in taken}
    return free | dict(stronger)


def _user_of(username: str, usernames: Mapping[str, str]) -> str | None:
    own = username.casefold()  # GitLab does not mind the case
    return next((user for user, name in usernames.items() if name.casefold() == own), None)


class Identities:
    def __init__(self, record: Record, file: PeopleFile) -> None:
        self._record, self._file = record, file
        self._recent = Cache(RECENT_SECONDS)
        self._links: Mapping[str, str] = {}
        self._matches: Mapping[str, EmailMatch] = {}
        self._accounts: Sequence[Account] = ()

    @property
    def latest(self) -> WhoIsWho:
        """By the last reading of the record."""
        return WhoIsWho(
            in_file=self._file.usernames(),
            links=self._links,
            matches=self._matches,
            accounts=self._accounts,
            at=self._record.now(),
        )

    async def read(self) -> WhoIsWho:
        """Read the record of at most two seconds ago."""
        self._links, self._matches, self._accounts = await self._recent.get("record", self._load)
        return self.latest

    async def read_again(self) -> WhoIsWho:
        """Use it if the record has just changed, or is about to."""
        self._recent.forget("record")
        return await self.read()

    async def _load(
        self,
    ) -> tuple[Mapping[str, str], Mapping[str, EmailMatch], Sequence[Account]]:
        now = self._record.now()
        async with self._record.transaction() as tx:
            links, matches = await list_links(tx), await list_email_matches(tx)
            accounts = await list_accounts(tx)
        # Who has proved to have an account does not have another one that took its name.
        nameless = {each.id for each in accounts if each.username is None}
        return (
            {link.slack_user: link.gitlab for link in links if link.account not in nameless},
            {match.slack_user: match for match in matches if match.is_believed(now)},
            accounts,
        )

    async def meet(self, users: Iterable[GitLabUser]) -> None:
        """Keep what accounts are called; what shows a renamed one is read again."""
        called = {each.id: each.username for each in (await self.read()).accounts}
        news = [user for user in users if called.get(user.id) != user.username]
        if not news:
            return
        now = self._record.now()
        async with self._record.transaction() as tx:
            renamed = [await save_account(tx, user.id, user.username) for user in news]
            if any(renamed):
                for key, due_at in sorted(await list_open_deadlines(tx)):
                    jobs.enqueue(tx, IssueQueue.SYNC, [key], now, rank=due_at)
                announce_queue(tx, now)
        await self.read_again()

    async def save_match(self, user: str, username: str | None) -> None:
        """Save what an email tells; ``None``: there is no account."""
        now, known = self._record.now(), self._matches.get(user)
        if known is None and username is None:
            return
        if known is not None and known.gitlab == username and known.is_fresh(now):
            return
        async with self._record.transaction() as tx:
            if username is None:
                await forget_email_match(tx, user)
            else:
                await save_email_match(tx, EmailMatch(slack_user=user, gitlab=username, at=now))
        await self.read_again()
