"""The members of the workspace, as Slack knew them lately."""

from zoneinfo import ZoneInfo

import structlog

from slackbot import metrics
from slackbot.people.cache import CACHE_SECONDS, Cache
from slackbot.platforms.errors import PlatformError, Rejected
from slackbot.platforms.slack.client import Member, SlackClient
from slackbot.rules.refusals import Guest, NotAHuman, NotAllowed, OtherWorkspace
from slackbot.rules.request import Person
from slackbot.rules.timing.deadline import parse_timezone

log = structlog.get_logger()


class Members:
    """Caches answers; raises ``PlatformError``s, unless a method says otherwise."""

    def __init__(self, slack: SlackClient) -> None:
        self._slack = slack
        self._cache = Cache(CACHE_SECONDS)

    async def own_team(self) -> str:
        return await self._slack.own_team()

    async def full_member(self, user: str) -> Member:
        """Return a full member of the workspace.

        Raises:
            NotAllowed: They are none.
        """
        member = await self._profile(user)
        if await self.own_team() not in member.teams:
            raise OtherWorkspace
        if member.is_bot or member.is_deactivated:
            raise NotAHuman
        if member.is_guest:
            raise Guest
        return member

    async def find_full_member(self, user: str | None) -> Member | None:
        if user is None:
            return None
        try:
            return await self.full_member(user)
        except (NotAllowed, Rejected) as error:
            log.warning("on_call_not_a_member", user=user, problem=type(error).__name__)
            return None

    async def find(self, user: str) -> Member | None:
        """Return ``None`` if Slack does not know them."""
        try:
            return await self._profile(user)
        except Rejected as error:
            log.warning("person_unknown_to_slack", user=user, problem=error.code)
            return None

    async def is_reachable(self, person: Person) -> bool:
        member = await self.find(person.slack_user) if person.slack_user else None
        return member is not None and not member.is_deactivated

    async def find_by_email(self, email: str | None) -> str | None:
        return await self._slack.users.with_email(email) if email else None

    async def if_told(self, user: str) -> Member | None:
        """Return ``None`` if Slack does not tell; raise nothing."""
        try:
            return await self._profile(user)
        except PlatformError:
            return None

    async def zone(self, user: str | None, otherwise: ZoneInfo) -> ZoneInfo:
        """Return ``otherwise`` if Slack gives none that exists."""
        member = await self.find(user) if user else None
        try:
            return parse_timezone(member.zone or "") if member else otherwise
        except ValueError:
            return otherwise

    async def in_group(self, group: str) -> frozenset[str] | None:
        """Return user ids, ``None`` if it is disabled."""
        return await self._cache.get(("group", group), lambda: self._ask_for_group(group))

    async def _ask_for_group(self, group: str) -> frozenset[str] | None:
        members = await self._slack.users.in_group(group)
        if members is None:
            metrics.DISABLED_GROUPS.inc()
            # To find out which would keep a click waiting; `ssat-bot check` tells.
            problem = "Slack has disabled the user group, or has none with this id"
            log.error("user_group_disabled", group=group, setting="SSAT_MANAGERS", problem=problem)
        return members

    async def _profile(self, user: str) -> Member:
        return await self._cache.get(("member", user), lambda: self._slack.users.member(user))
