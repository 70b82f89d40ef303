"""Find people in the other platform: by what is known, else by email."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import replace

import structlog

from slackbot.people.cache import CACHE_SECONDS, Cache
from slackbot.people.identities import Identities, Means
from slackbot.people.members import Members
from slackbot.platforms.errors import Denied, Missing, PlatformError, Rejected
from slackbot.platforms.gitlab.client import GitLabUsers
from slackbot.platforms.gitlab.snapshot import GitLabUser
from slackbot.rules.people import WorkingHours
from slackbot.rules.request import Person
from slackbot.rules.timing.rota import OnCall

log = structlog.get_logger()

SEARCH_SECONDS = 5.0
"""A job waits no longer to learn who it is."""


class Directory:
    def __init__(self, identities: Identities, members: Members, users: GitLabUsers) -> None:
        self._identities, self._members, self._users = identities, members, users
        self._cache = Cache(CACHE_SECONDS)

    async def account(self, person: Person) -> GitLabUser | None:
        """Find by people file or link, else by email.

        Raises:
            PlatformError: GitLab or Slack does not answer; then nobody counts as unknown.
        """
        means = (await self._identities.read()).account_of(person)
        try:
            if means.username or means.number is not None:
                return await self._cache.get(means, lambda: self._account(means))
            return await self._match_account(person.slack_user) if person.slack_user else None
        except Rejected as error:
            # Some instances hide their users; a claim goes on without.
            log.warning("accounts_cannot_be_looked_up", problem=error.code)
            return None

    async def _account(self, means: Means) -> GitLabUser | None:
        """Ask by number, if it is known: the name may be another account's by now."""
        account = None
        if means.number is None:
            account = await self._users.named(means.username or "")
        else:
            with contextlib.suppress(Missing):
                account = await self._users.numbered(means.number)
        await self.meet([account] if account else [])
        return account

    async def meet(self, users: Iterable[GitLabUser]) -> None:
        await self._identities.meet(users)

    async def _match_account(self, user: str) -> GitLabUser | None:
        try:
            member = await self._members.find(user)
        except Denied:  # until an administrator has fixed that
            member = None
        if member is None or member.email is None:
            return None  # the note names the person
        account = await self._account_by_email(member.email)
        await self.meet([account] if account else [])
        who = await self._identities.read()
        if account is not None and who.linked_to(account.username) is not None:
            # Not two people's.
            log.warning("account_linked_to_another", user=user)
            account = None
        await self._identities.save_match(user, account)
        return account

    async def look_up(self, person: Person) -> None:
        """Look up by email; while a platform does not answer, what was known stays."""
        username = person.gitlab
        if person.slack_user or username is None:
            return
        if not (await self._identities.read()).needs_slack_user(username):
            return
        try:
            async with asyncio.timeout(SEARCH_SECONDS):
                await self._cache.get(("sought", username), lambda: self._match_user(username))
        except (PlatformError, TimeoutError) as error:
            log.warning("cannot_tell_who_it_is_in_slack", problem=type(error).__name__)

    async def _match_user(self, username: str) -> None:
        account, email = await self._with_email(username)
        user = await self._members.find_by_email(email)
        member = await self._members.find_full_member(user)
        who = await self._identities.read()
        if member is not None and member.user not in who.proven:
            await self._identities.save_match(member.user, account)

    async def in_slack(self, person: Person) -> Person:
        """Add the Slack account: by what is known, else by email.

        Raises:
            PlatformError: Slack has never told the bot's workspace.
        """
        await self.look_up(person)
        return await self.known_in_slack(person)

    async def known_in_slack(self, person: Person) -> Person:
        """Add the Slack account, if it is known.

        Raises:
            PlatformError: Slack has never told the bot's workspace.
        """
        who = await self._identities.read()
        return who.in_slack(person, await self._members.own_team())

    async def reachable(self, person: Person) -> Person:
        """Leave the Slack account out if nobody reads there any more.

        Raises:
            PlatformError: Slack does not answer.
        """
        is_reachable = await self._members.is_reachable(person)
        return person if is_reachable else replace(person, slack_user=None)

    async def first_reachable(self, *groups: Iterable[Person]) -> list[Person]:
        """Return those of a group who read Slack, of the first group that has any.

        Raises:
            PlatformError: Slack does not answer.
        """
        for people in groups:
            known = [await self.in_slack(each) for each in people]
            if found := [each for each in known if await self._members.is_reachable(each)]:
                return found
        return []

    def working_hours(self, person: Person) -> WorkingHours | None:
        """Return their own, by the people file."""
        colleague = self._identities.latest.file.get(person.slack_user or "")
        return colleague.hours if colleague else None

    async def name_in_slack(self, person: Person) -> str:
        """Return the known name if Slack does not tell."""
        member = await self._members.find(person.slack_user) if person.slack_user else None
        return member.name if member else person.name

    async def colleague(self, user: str) -> Person | None:
        """Return who it is in Slack, ``None`` if it is an app, or nobody any more.

        Raises:
            PlatformError: Slack does not answer.
        """
        member = await self._members.find(user)
        if member is None or member.is_deactivated or member.is_bot:
            return None
        return (await self._identities.read()).person(member, await self._members.own_team())

    async def on_call(self, each: OnCall) -> Person:
        """Find in Slack and GitLab; else return only the name.

        Raises:
            PlatformError: Slack does not answer; then nobody counts as unknown.
        """
        who, team = await self._identities.read(), await self._members.own_team()
        account, known = None, each.slack_user or who.of_pagerduty(each.pagerduty)
        if each.email and not known:
            with contextlib.suppress(PlatformError):
                account = await self._account_by_email(each.email)
        named = account.person if account else Person(name=each.name)
        user = known or await self._members.find_by_email(each.email)
        user = user or who.in_slack(named, team).slack_user
        member = await self._members.find_full_member(user)
        if member is None:
            return replace(named, name=each.name)
        person = who.person(member, team)
        with contextlib.suppress(PlatformError):  # else without GitLab
            account = await self.account(person) or account
        return replace(person, gitlab=account.username if account else person.gitlab)

    async def _account_by_email(self, email: str) -> GitLabUser | None:
        """Look at the project's members, too."""
        account = await self._cache.get(("email", email), lambda: self._users.with_email(email))
        return account or (await self._members_by_email()).get(email.casefold())

    async def _with_email(self, username: str) -> tuple[GitLabUser | None, str | None]:
        with contextlib.suppress(Rejected):  # some instances hide their users
            account = await self._users.named(username)
            if account and (email := await self._users.email_of(account)):
                return account, email
        own, members = username.casefold(), await self._members_by_email()
        found = ((user, each) for each, user in members.items() if user.username.casefold() == own)
        return next(found, (None, None))

    async def _members_by_email(self) -> Mapping[str, GitLabUser]:
        async def ask() -> Mapping[str, GitLabUser]:
            try:
                return await self._users.members_by_email()
            except Rejected:  # the bot may not see the members
                return {}

        return await self._cache.get("members", ask)
