"""Whom a comment in GitLab may mention: names are looked up before anybody is told."""

from slackbot.people.directory import Directory
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.rules.decision import Tell
from slackbot.rules.refusals import NoKnownAccount, NotInGitLab, TheBotItself, TooManyNamed
from slackbot.rules.request import Person

MOST = 10
"""Each is asked for."""


class Addressees:
    def __init__(self, gitlab: GitLabClient, directory: Directory) -> None:
        self._gitlab, self._directory = gitlab, directory

    async def look_up(self, tell: Tell) -> tuple[str, ...]:
        """Return each once, by the name that GitLab has.

        Raises:
            InvalidField: One of them cannot be mentioned.
            PlatformError: GitLab does not answer; then nobody counts as unknown.
        """
        if len(tell.names) + len(tell.people) > MOST:
            raise TooManyNamed("names", MOST)
        if tell.is_group:
            return _each_once([await self._group(path) for path in tell.names])
        named = [await self._user(name) for name in tell.names]
        chosen = [await self._account(person) for person in tell.people]
        return _each_once([*named, *chosen])

    async def _group(self, path: str) -> str:
        group = await self._gitlab.group(path)
        if group is None:
            raise NotInGitLab("names", path, is_group=True)
        return group

    async def _user(self, name: str) -> str:
        account = await self._gitlab.users.named(name)
        if account is None:
            raise NotInGitLab("names", name)
        if account.username == await self._gitlab.own_username():
            raise TheBotItself("names")
        return account.username

    async def _account(self, person: Person) -> str:
        account = await self._directory.account(person)
        if account is None:
            raise NoKnownAccount("people", await self._directory.name_in_slack(person))
        if account.username == await self._gitlab.own_username():
            raise TheBotItself("people")
        return account.username


def _each_once(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
