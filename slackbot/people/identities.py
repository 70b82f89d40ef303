"""Who is who by people file and record; asks no platform.

Names change hands in GitLab, so each source is for the number of an account.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import structlog

from slackbot.people.cache import Cache
from slackbot.people.file import PeopleFile
from slackbot.platforms.gitlab.snapshot import GitLabUser
from slackbot.platforms.slack.client import Member
from slackbot.rules.people import Colleague
from slackbot.rules.request import Person
from slackbot.store import jobs
from slackbot.store.changes import announce_queue
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.jobs import IssueQueue
from slackbot.store.people import (
    Account,
    EmailMatch,
    forget_email_match,
    list_accounts,
    list_email_matches,
    list_file_lines,
    list_links,
    numbers_by_name,
    save_account,
    save_email_match,
)
from slackbot.store.requests import list_open_deadlines
from slackbot.store.schema import Link

log = structlog.get_logger()

RECENT_SECONDS = 2.0
"""A new link soon counts in every replica."""


@dataclass(frozen=True, kw_only=True)
class Means:
    """The account that a source names."""

    username: str | None
    """``None``: another account has the name now, and the new one is not known."""
    number: int | None


UNKNOWN = Means(username=None, number=None)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What the record says."""

    links: Mapping[str, Link]
    matches: Mapping[str, EmailMatch]
    lines: Mapping[str, Mapping[str, int]]
    """As ``FileLines``, by Slack user id."""
    accounts: Sequence[Account]

    @cached_property
    def numbers(self) -> Mapping[str, int]:
        """By username in lower case."""
        return numbers_by_name(self.accounts)

    @cached_property
    def called(self) -> Mapping[int, str | None]:
        return {each.id: each.username for each in self.accounts}

    def had(self, username: str) -> int | None:
        """Return who had this name, and has another one now."""
        own = username.casefold()
        return next((each.id for each in self.accounts if own in each.earlier), None)


async def load_kept(tx: Transaction, now: datetime) -> Kept:
    accounts, links = await list_accounts(tx), await list_links(tx)
    matches, lines = await list_email_matches(tx), await list_file_lines(tx)
    # Who is found by email is looked up again when another account has the name.
    unknown = {None, *(each.id for each in accounts if each.username is None)}
    return Kept(
        links={link.slack_user: link for link in links},
        matches={
            match.slack_user: match
            for match in matches
            if match.is_believed(now) and match.account not in unknown
        },
        lines={each.slack_user: each.accounts for each in lines},
        accounts=accounts,
    )


@dataclass(frozen=True, kw_only=True)
class WhoIsWho:
    """GitLab usernames by Slack user id; a stronger source goes before a weaker one."""

    file: Mapping[str, Colleague]
    kept: Kept
    at: datetime

    @cached_property
    def in_file(self) -> Mapping[str, str]:
        """As the file has them; a mere number by the name of its account, if that is known."""
        return {
            user: each.gitlab or self.kept.called.get(each.gitlab_id or 0) or f"{each.gitlab_id}"
            for user, each in self.file.items()
            if each.has_account
        }

    @property
    def lines(self) -> Mapping[str, str]:
        """What the file says by name, so that the record keeps whom it means."""
        return {user: each.gitlab for user, each in self.file.items() if each.gitlab}

    @cached_property
    def proven(self) -> Mapping[str, Means]:
        """By people file and links."""
        by_number = {
            user: self._means(each.gitlab, each.gitlab_id)
            for user, each in self.file.items()
            if each.gitlab_id is not None
        }
        by_name = {
            user: self._means(name, self.kept.lines.get(user, {}).get(name.casefold()))
            for user, name in self.lines.items()
            if user not in by_number
        }
        links = self.kept.links.items()
        return _with(
            _with(by_number, by_name),
            {user: self._means(link.gitlab, link.account) for user, link in links},
        )

    @cached_property
    def linked(self) -> Mapping[str, str]:
        """By people file and links."""
        return _usernames(self.proven)

    @cached_property
    def usernames(self) -> Mapping[str, str]:
        """By any source."""
        return _usernames(self._meant)

    @cached_property
    def _meant(self) -> Mapping[str, Means]:
        return _with(self.proven, self._matched)

    @cached_property
    def _matched(self) -> Mapping[str, Means]:
        matches = self.kept.matches.items()
        return {user: self._means(match.gitlab, match.account) for user, match in matches}

    def account_of(self, person: Person) -> Means:
        """Find by people file or link, else by the username that they are known by."""
        user, username = person.slack_user or "", person.gitlab
        if username is None or user in self.proven:
            return self.proven.get(user, UNKNOWN)
        if user in self._meant:
            return self._meant[user]
        having, had = self.kept.numbers.get(username.casefold()), self.kept.had(username)
        if user and having is not None and had is not None:
            return UNKNOWN  # nobody knows whose name it was when it was told
        return self._means(username, had if having is None else having)

    def _means(self, username: str | None, number: int | None) -> Means:
        having = self.kept.numbers.get((username or "").casefold())
        number = having if number is None else number
        if number is not None and number in self.kept.called:
            return Means(username=self.kept.called[number], number=number)
        return Means(username=username if having is None else None, number=number)

    def linked_to(self, username: str) -> str | None:
        """Ignore what an email says."""
        return _user_of(username, self.linked)

    def of_pagerduty(self, user: str | None) -> str | None:
        """Return the Slack user whom the people file gives this id in PagerDuty."""
        found = (each.slack_user for each in self.file.values() if each.pagerduty == user)
        return next(found, None) if user else None

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
        match = self.kept.matches.get(user)
        return user not in self.linked and (match is None or not match.is_fresh(self.at))

    def needs_slack_user(self, username: str) -> bool:
        user = self.linked_to(username) or _user_of(username, _usernames(self._matched))
        match = self.kept.matches.get(user or "")
        return self.linked_to(username) is None and (match is None or not match.is_fresh(self.at))


def _with(stronger: Mapping[str, Means], weaker: Mapping[str, Means]) -> Mapping[str, Means]:
    """Give nobody a second account, and no account a second person."""
    numbers = {each.number for each in stronger.values()} - {None}
    names = {name.casefold() for name in _usernames(stronger).values()}
    free = {
        user: each
        for user, each in weaker.items()
        if each.number not in numbers and (each.username or "").casefold() not in names
    }
    return free | dict(stronger)


def _usernames(means: Mapping[str, Means]) -> Mapping[str, str]:
    return {user: each.username for user, each in means.items() if each.username is not None}


def _user_of(username: str, usernames: Mapping[str, str]) -> str | None:
    own = username.casefold()  # GitLab does not mind the case
    return next((user for user, name in usernames.items() if name.casefold() == own), None)


class Identities:
    def __init__(self, record: Record, file: PeopleFile) -> None:
        self._record, self._file = record, file
        self._recent = Cache(RECENT_SECONDS)
        self._kept = Kept(links={}, matches={}, lines={}, accounts=())

    @property
    def latest(self) -> WhoIsWho:
        """By the last reading of the record."""
        return WhoIsWho(file=self._file.people(), kept=self._kept, at=self._record.now())

    async def read(self) -> WhoIsWho:
        """Read the record of at most two seconds ago."""
        self._kept = await self._recent.get("record", self._load)
        return self.latest

    async def read_again(self) -> WhoIsWho:
        """Use it if the record has just changed, or is about to."""
        self._recent.forget("record")
        return await self.read()

    async def _load(self) -> Kept:
        async with self._record.transaction() as tx:
            return await load_kept(tx, self._record.now())

    async def meet(self, users: Iterable[GitLabUser]) -> None:
        """Keep what accounts are called; what shows a renamed one is read again."""
        before = await self.read()
        news = [user for user in users if before.kept.called.get(user.id) != user.username]
        if not news:
            return
        now, lines = self._record.now(), before.lines
        async with self._record.transaction() as tx:
            renamed = [await save_account(tx, user.id, user.username, lines) for user in news]
            if any(renamed):
                for key, due_at in sorted(await list_open_deadlines(tx)):
                    jobs.enqueue(tx, IssueQueue.SYNC, [key], now, rank=due_at)
                announce_queue(tx, now)
        for user, means in (await self.read_again()).proven.items():
            if means.username is None and before.proven.get(user) != means:
                log.warning("username_taken_by_another_account", user=user, account=means.number)

    async def save_match(self, user: str, account: GitLabUser | None) -> None:
        """Save what an email tells; ``None``: there is no account."""
        now, known = self._record.now(), self._kept.matches.get(user)
        if known is None and account is None:
            return
        told = (account.username, account.id) if account else None
        if known is not None and (known.gitlab, known.account) == told and known.is_fresh(now):
            return
        async with self._record.transaction() as tx:
            if account is None:
                await forget_email_match(tx, user)
            else:
                match = EmailMatch(
                    slack_user=user, gitlab=account.username, at=now, account=account.id
                )
                await save_email_match(tx, match)
        await self.read_again()
