"""Where a person's choice is judged and recorded, before anything is acked."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from slackbot import metrics
from slackbot.blocks.queue import Asker
from slackbot.channel.views import Viewer
from slackbot.people.directory import People
from slackbot.platforms.errors import PlatformError
from slackbot.rules.decision import (
    Action,
    Decision,
    MarkContacted,
    Step,
    StepKind,
    confirmed,
    decide,
)
from slackbot.rules.refusals import AlreadySettled, NotAllowed, Unknown
from slackbot.rules.reminders import Snooze, SnoozeFor, judge_snooze, snoozed_until
from slackbot.rules.request import IssueKey, Person, Request
from slackbot.store import cards, decisions, homes, interactions, jobs, requests
from slackbot.store.changes import announce
from slackbot.store.database import Record, Transaction
from slackbot.store.decisions import Status
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.requests import save_snooze

REFRESHED = 20
"""How many of the open requests are read anew at once when somebody asks for it."""


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """What somebody did in Slack: its id, which a repetition carries, too, and who they are.

    Nothing about the person is checked yet.
    """

    id: str
    team: str
    user: str


class Desk:
    """Judges choices by the rules and records them as decisions.

    Args:
        seek: Has somebody looked for in the background who is not known in GitLab.
    """

    def __init__(
        self,
        record: Record,
        people: People,
        viewer: Viewer,
        *,
        seek: Callable[[Person], None],
    ) -> None:
        self._record, self._people, self.viewer = record, people, viewer
        self.seek = seek

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction of the record."""
        return self._record.transaction()

    def now(self) -> datetime:
        """Return the current moment, UTC."""
        return self._record.now()

    async def admit(self, team: str, user: str) -> Person:
        """Return the person if they may act.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        return await self._people.admit(team, user)

    async def _admit_once(self, interaction: Interaction) -> Person | None:
        """Return the person if they may act, ``None`` if the interaction is on record already.

        The record goes first: whoever gets a repetition knows what was recorded even where Slack
        does not tell who the person is.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        if await self._is_on_record(interaction):
            return None
        try:
            return await self.admit(interaction.team, interaction.user)
        except NotAllowed:
            if await self._is_on_record(interaction):  # by now: another replica has it, too
                return None
            raise

    async def _is_on_record(self, interaction: Interaction) -> bool:
        async with self._record.transaction() as tx:
            return await interactions.is_known(tx, interaction.id)

    async def look(self, team: str, user: str) -> Asker:
        """Return the person if they may look.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        person, may_act = await self._people.look(team, user)
        return Asker(person=person, may_act=may_act)

    async def refresh(self) -> None:
        """Ask for a look at GitLab now: at what has changed, and at what is due first."""
        now = self._record.now()
        async with self._record.transaction() as tx:
            urgent = (await requests.list_unfinished_keys(tx))[:REFRESHED]
            await jobs.enqueue_periodic(tx, PeriodicQueue.POLL, now, urgent=True)
            await jobs.enqueue(tx, IssueQueue.SYNC, urgent, now)

    async def open_home(self, team: str, user: str, asked: str | None = None) -> None:
        """Ask for a person's App Home: they have opened it, clicked on it, or chosen anew."""
        now = self._record.now()
        async with self._record.transaction() as tx:
            await homes.save_opened(tx, user, team, now, asked)
            await jobs.enqueue_periodic(tx, PeriodicQueue.HOMES, now, urgent=True)

    async def zone_of(self, who: Person) -> ZoneInfo:
        """Return the time zone of a person; the team's where Slack does not tell."""
        try:
            return await self._people.zone(who.slack_user, self.viewer.zone)
        except PlatformError:
            return self.viewer.zone

    async def request(self, key: IssueKey) -> Request:
        """Return a request as decided so far.

        Raises:
            Unknown: The record has no such request.
        """
        async with self._record.transaction() as tx:
            return await self._request(tx, key)

    async def _request(self, tx: Transaction, key: IssueKey, *, lock: bool = False) -> Request:
        request = await self.viewer.request(tx, key, lock=lock)
        if request is None:
            raise Unknown
        return request

    async def choose(
        self,
        key: IssueKey,
        interaction: Interaction,
        action_on: Callable[[Request], Action],
    ) -> None:
        """Judge a choice and record it; once this returns, it is committed.

        Args:
            key: The issue.
            interaction: Whose choice it is; the same interaction again has no further effect.
            action_on: Makes the action from the request as decided so far.

        Raises:
            Refusal: The person may not act, or the rules do not allow it; nothing is recorded.
        """
        who = await self._admit_once(interaction)
        if who is None:
            return
        async with self._record.transaction() as tx:
            request = await self._request(tx, key, lock=True)
            if await decisions.load_by_interaction(tx, interaction.id):
                return
            action = action_on(request)
            await self._judge(tx, request, action, who)
            decision = Decision(id=uuid4(), key=key, by=who, at=self._record.now(), action=action)
            await decisions.add_decision(tx, decision, interaction.id)
            await self._set_going(tx, key)
        metrics.CLICKS.labels(action.kind, "recorded").inc()

    async def _judge(self, tx: Transaction, request: Request, action: Action, who: Person) -> None:
        refusal = decide(
            request,
            action,
            who,
            self._record.now(),
            labels=await self.viewer.labels(tx),
            scope=self.viewer.rules.scope,
        )
        if refusal is not None:
            metrics.CLICKS.labels(action.kind, type(refusal).__name__).inc()
            raise refusal

    async def _set_going(self, tx: Transaction, key: IssueKey) -> None:
        now = self._record.now()
        await jobs.enqueue(tx, IssueQueue.SYNC, [key], now, urgent=True)
        await announce(tx, key, now, urgent=True)

    async def snooze(
        self, key: IssueKey, interaction: Interaction, choice: SnoozeFor, reason: str
    ) -> None:
        """Leave people alone about a request for a while, and tell its thread why.

        Args:
            key: The issue.
            interaction: Whose choice it is; the same interaction again has no further effect.
            choice: For how long.
            reason: Why.

        Raises:
            Refusal: The person may not act, or there is nothing to be snoozed.
        """
        who = await self._admit_once(interaction)
        if who is None:
            return
        zone, now = await self.zone_of(who), self._record.now()
        async with self._record.transaction() as tx:
            request = await self._request(tx, key, lock=True)
            if not await interactions.note(tx, interaction.id, now):
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
                interaction=interaction.id,
            )
            await save_snooze(tx, key, snooze)
            step = Step(kind=StepKind.SNOOZED, at=now, who=who, detail=reason, until=until)
            await cards.add_message(tx, key, step)
            await announce(tx, key, now, urgent=True)
        metrics.CLICKS.labels("snooze", "recorded").inc()

    async def retry(self, key: IssueKey, interaction: Interaction, decision: UUID) -> None:
        """Put a decision that GitLab refused back on its way.

        Raises:
            Refusal: The person may not act, there is none, or somebody was faster.
        """
        if await self._admit_once(interaction) is None:
            return
        async with self._record.transaction() as tx:
            if not await interactions.note(tx, interaction.id, self._record.now()):
                return
            refused = await self._refused(tx, key, decision)
            request = await self._request(tx, key)
            again = replace(refused, action=confirmed(refused.action, request))
            if not isinstance(again.action, MarkContacted):  # a contact has happened anyway
                await self._judge(tx, request, again.action, again.by)
            await decisions.revive_decision(tx, again)
            await self._set_going(tx, key)

    async def dismiss(self, key: IssueKey, interaction: Interaction, decision: UUID) -> None:
        """Give a decision up that GitLab refused, and forget its text.

        Raises:
            Refusal: The person may not act, there is none, or somebody was faster.
        """
        if await self._admit_once(interaction) is None:
            return
        async with self._record.transaction() as tx:
            if not await interactions.note(tx, interaction.id, self._record.now()):
                return
            refused = await self._refused(tx, key, decision)
            await decisions.finish_decision(tx, refused, Status.DROPPED, self._record.now())
            await self._set_going(tx, key)

    async def _refused(self, tx: Transaction, key: IssueKey, decision: UUID) -> Decision:
        await self._request(tx, key, lock=True)
        recorded = await decisions.load_decision(tx, key, decision)
        if recorded is None:
            raise Unknown
        if recorded.status is not Status.REFUSED:
            raise AlreadySettled
        return recorded.decision
