"""Who may look, and who may take action."""

import asyncio

import structlog

from slackbot.people.identities import Identities
from slackbot.people.members import Members
from slackbot.platforms.errors import PlatformError, Rejected
from slackbot.platforms.slack import Member
from slackbot.rules.refusals import CannotTell, NotAManager, OtherWorkspace
from slackbot.rules.request import Person

log = structlog.get_logger()

PATIENCE_SECONDS = 1.5
"""An ack is due within three seconds."""


class Admission:
    """Denies by default; ``managers`` is ``SSAT_MANAGERS``, user groups and people."""

    def __init__(self, members: Members, identities: Identities, managers: frozenset[str]) -> None:
        self._members, self._identities, self._managers = members, identities, managers

    async def admit(self, team: str, user: str) -> Person:
        """Return a person who may take action.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        person, refusal = await self._recognize(team, user)
        if refusal is not None:
            raise refusal
        return person

    async def look(self, team: str, user: str) -> tuple[Person, bool]:
        """Return also whether they may take action.

        Raises:
            NotAllowed: They may not look, or Slack does not tell.
        """
        person, refusal = await self._recognize(team, user)
        return person, refusal is None

    async def _recognize(self, team: str, user: str) -> tuple[Person, NotAManager | None]:
        """Deny while Slack does not say who it is, or says so too late to ack."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                own = await self._members.own_team()
                member = await self._member(team, user, own)
                who = await self._identities.read()
                return who.person(member, own), await self._refusal(user)
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

    async def _refusal(self, user: str) -> NotAManager | None:
        if not self._managers or user in self._managers:
            return None
        disabled = set()
        for group in sorted(each for each in self._managers if each.startswith("S")):
            members = await self._members.in_group(group)
            if members is None:
                disabled.add(group)
            elif user in members:
                return None
        return NotAManager(self._managers, frozenset(disabled))
