"""Where a person's choice is judged and recorded, before anything is acked."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from slackbot import metrics
from slackbot.blocks.rows import Asker
from slackbot.channel.views import Viewer
from slackbot.clock import Clock
from slackbot.people.directory import People
from slackbot.platforms.slack import SlackError
from slackbot.rules.decision import (
    Action,
    Decision,
    MarkContacted,
    Step,
    StepKind,
    confirmed,
    decide,
)
from slackbot.rules.refusals import AlreadySettled, Unknown
from slackbot.rules.reminders import Snooze, SnoozeFor, judge_snooze, snoozed_until
from slackbot.rules.request import IssueKey, Person, Request
from slackbot.store import cards, homes, jobs, record
from slackbot.store.changes import announce, ring
from slackbot.store.database import Database, Transaction
from slackbot.store.jobs import EVERY_ISSUE, Lane
from slackbot.store.picture import Picture
from slackbot.store.record import Status
from slackbot.store.snoozes import load_snooze, save_snooze
from slackbot.worker import Bells

REFRESHED = 20
"""How many of the open requests are read anew at once when somebody asks for it."""


class Desk:
    """Judges choices by the rules and records them as decisions.

    Args:
        seek: Has somebody looked for in the background who is not known in GitLab.
    """

    def __init__(
        self,
        database: Database,
        people: People,
        viewer: Viewer,
        *,
        seek: Callable[[Person], None],
        bells: Bells,
        clock: Clock,
    ) -> None:
        self.database, self._people, self.viewer = database, people, viewer
        self.seek = seek
        self._bells, self._clock = bells, clock

    def now(self) -> datetime:
        """Return the current moment, UTC."""
        return self._clock()

    async def admit(self, team: str, user: str) -> Person:
        """Return the person if they may act.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        return await self._people.admit(team, user)

    async def look(self, team: str, user: str) -> Asker:
        """Return the person if they may look.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        person, may_act = await self._people.look(team, user)
        return Asker(person=person, may_act=may_act)

    async def refresh(self) -> None:
        """Ask for a look at GitLab now: at what has changed, and at what is due first."""
        now = self._clock()
        async with self.database.transaction() as tx:
            urgent = (await record.unfinished_keys(tx))[:REFRESHED]
            await jobs.ask(tx, Lane.POLL, [EVERY_ISSUE], now, urgent=True)
            await jobs.ask(tx, Lane.SYNC, urgent, now)
        self._bells.ring(Lane.POLL, Lane.SYNC)

    async def open_home(self, team: str, user: str, asked: str | None = None) -> None:
        """Ask for a person's App Home: they have opened it, clicked on it, or chosen anew."""
        now = self._clock()
        async with self.database.transaction() as tx:
            if asked is None:
                await homes.note_opened(tx, user, team, now)
            else:
                await homes.choose(tx, user, team, asked, now)
            await jobs.ask(tx, Lane.HOME, [EVERY_ISSUE], now, urgent=True)
        self._bells.ring(Lane.HOME)

    async def zone_of(self, who: Person) -> ZoneInfo:
        """Return the time zone of a person; the team's where Slack does not tell."""
        try:
            return await self._people.zone(who.slack_user, self.viewer.zone)
        except SlackError:
            return self.viewer.zone

    async def picture(self, key: IssueKey) -> Picture:
        """Return a request as decided so far.

        Raises:
            Unknown: The record has no such request.
        """
        async with self.database.transaction() as tx:
            return await self._picture(tx, key)

    async def _picture(self, tx: Transaction, key: IssueKey, *, lock: bool = False) -> Picture:
        picture = await self.viewer.picture(tx, key, lock=lock)
        if picture is None:
            raise Unknown
        return picture

    async def choose(
        self,
        key: IssueKey,
        who: Person,
        interaction: str,
        action_on: Callable[[Request], Action],
    ) -> None:
        """Judge a choice and record it; once this returns, it is committed.

        Args:
            key: The issue.
            who: The person, admitted.
            interaction: Slack's id of the interaction: the same one again has no further effect.
            action_on: Makes the action from the request as decided so far.

        Raises:
            Refusal: The rules do not allow it; nothing is recorded.
        """
        async with self.database.transaction() as tx:
            picture = await self._picture(tx, key, lock=True)
            if await record.find_interaction(tx, interaction):
                return
            action = action_on(picture.request)
            await self._judge(tx, picture.request, action, who)
            decision = Decision(id=uuid4(), key=key, by=who, at=self._clock(), action=action)
            await record.add_decision(tx, decision, interaction)
            await self._set_going(tx, key)
        metrics.CLICKS.labels(action.kind, "recorded").inc()
        self._bells.ring(Lane.SYNC)
        ring(self._bells)

    async def _judge(self, tx: Transaction, request: Request, action: Action, who: Person) -> None:
        refusal = decide(
            request,
            action,
            who,
            self._clock(),
            labels=await self.viewer.labels(tx),
            scope=self.viewer.words.scope,
        )
        if refusal is not None:
            metrics.CLICKS.labels(action.kind, type(refusal).__name__).inc()
            raise refusal

    async def _set_going(self, tx: Transaction, key: IssueKey) -> None:
        now = self._clock()
        await jobs.ask(tx, Lane.SYNC, [key], now, urgent=True)
        await announce(tx, key, now, urgent=True)

    async def snooze(
        self, key: IssueKey, who: Person, interaction: str, choice: SnoozeFor, reason: str
    ) -> None:
        """Leave people alone about a request for a while, and tell its thread why.

        Args:
            key: The issue.
            who: The person, admitted.
            interaction: Slack's id of the interaction: the same one again has no further effect.
            choice: For how long.
            reason: Why.

        Raises:
            Refusal: There is nothing to be snoozed.
        """
        zone, now = await self.zone_of(who), self._clock()
        async with self.database.transaction() as tx:
            request = (await self._picture(tx, key, lock=True)).request
            last = await load_snooze(tx, key)
            if last is not None and last.interaction == interaction:
                return
            if refusal := judge_snooze(request, now):
                raise refusal
            until = snoozed_until(choice, now, zone, request.due_at)
            snooze = Snooze(
                by=who,
                at=now,
                until=until,
                reason=reason,
                asked_at=request.asked_at,
                interaction=interaction,
            )
            await save_snooze(tx, key, snooze)
            step = Step(kind=StepKind.SNOOZED, at=now, who=who, detail=reason, until=until)
            await cards.add_message(tx, key, step)
            await announce(tx, key, now, urgent=True)
        metrics.CLICKS.labels("snooze", "recorded").inc()
        ring(self._bells)

    async def retry(self, key: IssueKey, decision: UUID) -> None:
        """Put a decision that GitLab refused back on its way.

        Raises:
            Refusal: There is none, or somebody was faster.
        """
        async with self.database.transaction() as tx:
            refused = await self._refused(tx, key, decision)
            request = (await self._picture(tx, key)).request
            again = replace(refused, action=confirmed(refused.action, request))
            if not isinstance(again.action, MarkContacted):  # a contact has happened anyway
                await self._judge(tx, request, again.action, again.by)
            await record.revive_decision(tx, again)
            await self._set_going(tx, key)
        self._bells.ring(Lane.SYNC)
        ring(self._bells)

    async def dismiss(self, key: IssueKey, decision: UUID) -> None:
        """Give a decision up that GitLab refused, and forget its text.

        Raises:
            Refusal: There is none, or somebody was faster.
        """
        async with self.database.transaction() as tx:
            refused = await self._refused(tx, key, decision)
            await record.finish_decision(tx, refused, Status.DROPPED, self._clock())
            await self._set_going(tx, key)
        self._bells.ring(Lane.SYNC)
        ring(self._bells)

    async def _refused(self, tx: Transaction, key: IssueKey, decision: UUID) -> Decision:
        await self._picture(tx, key, lock=True)
        recorded = await record.find_decision(tx, key, decision)
        if recorded is None:
            raise Unknown
        if recorded.status is not Status.REFUSED:
            raise AlreadySettled
        return recorded.decision
