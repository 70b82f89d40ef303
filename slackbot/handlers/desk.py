"""Judges and records a person's choice, before any ack."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

from structlog.contextvars import bind_contextvars

from slackbot import metrics, tracing
from slackbot.channel.views import Viewer
from slackbot.handlers.incoming import Interaction
from slackbot.people.admission import Admission
from slackbot.people.members import Members
from slackbot.platforms.errors import PlatformError
from slackbot.rules.decision import (
    Action,
    Decision,
    Step,
    StepKind,
    confirmed,
    decide,
    has_happened,
    typed_in,
)
from slackbot.rules.outreach import TEXT_LIMIT
from slackbot.rules.refusals import AlreadySettled, TextTooLong, Unknown
from slackbot.rules.request import IssueKey, Person, Request
from slackbot.rules.timing.reminders import Snooze, SnoozeFor, judge_snooze, snoozed_until
from slackbot.store import decisions, interactions, jobs
from slackbot.store.changes import announce
from slackbot.store.decisions import Status
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.messages import cards
from slackbot.store.requests import load_request, save_snooze


class Desk:
    """Records decisions; an interaction on record has no further effect, and is not refused."""

    def __init__(
        self, record: Record, admission: Admission, members: Members, viewer: Viewer
    ) -> None:
        self._record, self._viewer = record, viewer
        self._admission, self._members = admission, members

    @property
    def scope(self) -> str:
        return self._viewer.rules.scope

    def now(self) -> datetime:
        return self._record.now()

    async def admit(self, interaction: Interaction) -> Person:
        """Return who acts.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        route = await self._route_of(interaction.key)
        return await self._admission.admit(interaction.team, interaction.user, route)

    async def _route_of(self, key: IssueKey) -> str | None:
        """Return the team that a request belongs to, by name; ``None`` if it is not on record."""
        if not self._viewer.routes.are_several:
            return self._viewer.routes.first.name
        async with self._record.transaction() as tx:
            request = await load_request(tx, key)
        return self._viewer.routes.of_request(request).name if request else None

    async def zone_of(self, who: Person) -> ZoneInfo:
        """Take the team's where Slack does not tell."""
        try:
            return await self._members.zone(who.slack_user, self._viewer.zone)
        except PlatformError:
            return self._viewer.zone

    async def _request(self, tx: Transaction, key: IssueKey, *, lock: bool = False) -> Request:
        request = await self._viewer.request(tx, key, lock=lock)
        if request is None:
            raise Unknown
        return request

    async def choose(
        self, interaction: Interaction, action_on: Callable[[Request], Action]
    ) -> None:
        """Commit before returning; ``action_on`` gets the request as decided so far.

        Raises:
            Refusal: The person may not act, or the rules forbid it; nothing is recorded.
        """
        who, key = await self.admit(interaction), interaction.key
        async with self._record.transaction() as tx:
            request = await self._request(tx, key, lock=True)
            if await decisions.load_by_interaction(tx, interaction.id):
                return
            action = action_on(request)
            await self._judge(tx, request, action, who)
            decision = Decision(id=uuid4(), key=key, by=who, at=self._record.now(), action=action)
            await decisions.add_decision(tx, decision, interaction.id)
            await self._set_going(tx, key)
        tracing.note(decision=str(decision.id))
        bind_contextvars(decision=str(decision.id))
        metrics.CHOICES.labels(action.kind, "recorded").inc()

    async def _judge(self, tx: Transaction, request: Request, action: Action, who: Person) -> None:
        too_long = (name for name, text in typed_in(action).items() if len(text) > TEXT_LIMIT)
        refusal = next(map(TextTooLong, too_long), None) or decide(
            request,
            action,
            who,
            self._record.now(),
            labels=await self._viewer.labels(tx, request),
            scope=self.scope,
        )
        if refusal is not None:
            metrics.CHOICES.labels(action.kind, type(refusal).__name__).inc()
            raise refusal

    async def _set_going(self, tx: Transaction, key: IssueKey) -> None:
        now = self._record.now()
        jobs.enqueue(tx, IssueQueue.SYNC, [key], now, urgent=True)
        await announce(tx, key, now, urgent=True)

    async def snooze(self, interaction: Interaction, choice: SnoozeFor, reason: str) -> None:
        """Snooze, and tell the thread why.

        Raises:
            Refusal: The person may not act, or no reminder is to come.
        """
        who, key = await self.admit(interaction), interaction.key
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
            step = Step(
                kind=StepKind.SNOOZED,
                at=now,
                who=who,
                detail=reason,
                until=until,
                owner=request.holder,
            )
            await cards.add_message(tx, key, step)
            await announce(tx, key, now, urgent=True)
        metrics.CHOICES.labels("snooze", "recorded").inc()

    async def retry(self, interaction: Interaction) -> None:
        """Send a rejected decision again.

        Raises:
            Refusal: The person may not act, there is none, or a colleague was faster.
        """
        await self.admit(interaction)
        async with self._record.transaction() as tx:
            if not await interactions.note(tx, interaction.id, self._record.now()):
                return
            refused = await self._refused(tx, interaction)
            request = await self._request(tx, interaction.key)
            again = replace(refused, action=confirmed(refused.action, request))
            if not has_happened(again.action):
                await self._judge(tx, request, again.action, again.by)
            await decisions.revive_decision(tx, again)
            await self._set_going(tx, interaction.key)

    async def dismiss(self, interaction: Interaction) -> None:
        """Forget a rejected decision's text, too.

        Raises:
            Refusal: As for ``retry``.
        """
        await self.admit(interaction)
        async with self._record.transaction() as tx:
            if not await interactions.note(tx, interaction.id, self._record.now()):
                return
            refused = await self._refused(tx, interaction)
            await decisions.finish_decision(tx, refused, Status.DROPPED, self._record.now())
            await self._set_going(tx, interaction.key)

    async def bring_kudos(self, interaction: Interaction) -> None:
        """Try again now what keeps kudos from one of their places.

        Raises:
            NotAllowed: The person may not act.
        """
        await self.admit(interaction)
        now = self._record.now()
        async with self._record.transaction() as tx:
            if await interactions.note(tx, interaction.id, now):
                jobs.enqueue_periodic(tx, PeriodicQueue.KUDOS, now, urgent=True)

    async def _refused(self, tx: Transaction, interaction: Interaction) -> Decision:
        await self._request(tx, interaction.key, lock=True)
        recorded = await decisions.load_decision(tx, interaction.key, interaction.decision)
        if recorded is None:
            raise Unknown
        if recorded.status is not Status.REFUSED:
            raise AlreadySettled
        return recorded.decision
