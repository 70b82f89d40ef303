"""Who may look, and who may take action."""

import asyncio

import structlog

from slackbot.people.identities import Identities
from slackbot.people.members import Members
from slackbot.platforms.errors import PlatformError, Rejected
from slackbot.platforms.slack.client import Member
from slackbot.rules.reading.slack_ids import is_group
from slackbot.rules.refusals import CannotTell, NotAManager, OtherWorkspace
from slackbot.rules.request import Person
from slackbot.rules.routes import Routes

log = structlog.get_logger()

PATIENCE_SECONDS = 1.5
"""An ack is due within three seconds."""


class Admission:
    """Denies by default: each route says who may take action in its team."""

    def __init__(self, members: Members, identities: Identities, routes: Routes) -> None:
        self._members, self._identities, self._routes = members, identities, routes
        self._managers_of_any = _managers_of_any(routes)

    async def admit(self, team: str, user: str, route: str | None = None) -> Person:
        """Return a person who may take action on what is of a route; ``None``: of any.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        managers = self._managers_of_any
        if route is not None:
            managers = self._routes.named(route).may_act
        person, refusal = await self._recognize(team, user, managers)
        if refusal is not None:
            raise refusal
        return person

    async def look(self, team: str, user: str) -> tuple[Person, bool]:
        """Return also whether they may take action in any team.

        Raises:
            NotAllowed: They may not look, or Slack does not tell.
        """
        person, refusal = await self._recognize(team, user, self._managers_of_any)
        return person, refusal is None

    async def _recognize(
        self, team: str, user: str, managers: frozenset[str]
    ) -> tuple[Person, NotAManager | None]:
        """Deny while Slack does not say who it is, or says so too late to ack."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                own = await self._members.own_team()
                member = await self._member(team, user, own)
                who = await self._identities.read()
                return who.person(member, own), await self._refusal(user, managers)
        except (PlatformError, TimeoutError) as error:
            problem = str(error) or "no answer in time"
            log.warning("cannot_tell_who_it_is", user=user, problem=problem)
            raise CannotTell from error

    async def _member(self, team: str, user: str, own: str) -> Member:
        """Believe Slack, not the click: in Enterprise Grid it may name another workspace of theirs.

        https://github.com/slackapi/bolt-js/issues/1875
        """
        try:
            member = await self._members.full_member(user)
        except Rejected as error:
            if team != own:  # Slack need not know who it is
                raise OtherWorkspace from error
            raise
        if team not in {*member.teams, member.organization}:
            raise OtherWorkspace
        return member

    async def _refusal(self, user: str, managers: frozenset[str]) -> NotAManager | None:
        if not managers or user in managers:
            return None
        disabled = set()
        for group in sorted(each for each in managers if is_group(each)):
            members = await self._members.in_group(group)
            if members is None:
                disabled.add(group)
            elif user in members:
                return None
        return NotAManager(managers, frozenset(disabled))


def _managers_of_any(routes: Routes) -> frozenset[str]:
    """Return an empty set if a team lets everybody take action."""
    all_managers = [route.may_act for route in routes]
    return frozenset().union(*all_managers) if all(all_managers) else frozenset()
