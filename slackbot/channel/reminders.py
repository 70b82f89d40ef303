"""Remind of one request in its card's thread, and tell the lead if nobody reacts."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from slackbot import metrics
from slackbot.blocks.reminder import (
    GAP_EVENT,
    REMINDER_EVENT,
    render_gap,
    render_lead,
    render_reminder,
)
from slackbot.channel.planning import LEAD, Due, ReminderPlanner, Situation
from slackbot.platforms.patience import all_tried
from slackbot.platforms.slack.client import SlackClient
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import Outbox, Place, Post, drawn
from slackbot.rules.request import IssueKey
from slackbot.rules.routes import Route, Routes
from slackbot.rules.timing.reminders import IN_CHANNEL, Mark, has_reaction
from slackbot.store import jobs, requests
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.messages import cards, outbox, reminders
from slackbot.store.messages.reminders import Missed

log = structlog.get_logger()

CARD_PATIENCE = timedelta(minutes=1)
"""For a deleted card to come back."""
FEW = 3
"""So many requests need no line in the channel."""
GATHERING = timedelta(minutes=2)
"""How long the line waits for more."""


class ReminderSync:
    """Reconciles the queue ``REMINDERS``.

    The bot reads the thread before it sends, so a lost record reminds nobody twice.
    """

    def __init__(
        self, record: Record, slack: SlackClient, planner: ReminderPlanner, outbox: Outbox
    ) -> None:
        self._record, self._slack = record, slack
        self._planner, self._outbox = planner, outbox

    async def reconcile(self, key: IssueKey) -> datetime | None:
        """Return when the next one is due."""
        due = await self._planner.plan(key)
        if due is None:
            return None
        if due.is_nothing:
            await self._note_plan(due)
            return due.next_at
        if not await self._read_thread(due.situation):
            return self._record.now() + CARD_PATIENCE
        # Again, with what the thread says and people did.
        due = await self._planner.plan(key)
        if due is not None:
            await self._act(due)
        return self._record.now()

    async def _act(self, due: Due) -> None:
        await self._leave_out(due.situation, (mark.name for mark in due.plan.left_out))
        if due.plan.send:
            await self._send(due, due.plan.send)
        if due.is_lead_due:
            await self._tell_lead(due.situation)

    async def _read_thread(self, situation: Situation) -> bool:
        """Record what a lost record missed; return whether there is a thread."""
        place, key = situation.place, situation.request.key
        found = await self._slack.own_replies(place.channel, place.thread or "", REMINDER_EVENT)
        now, prefix = self._record.now(), situation.round
        async with self._record.transaction() as tx:
            if found is None:  # ``CardSync`` posts the card again
                await cards.make_stale(tx, key)
                jobs.enqueue(tx, IssueQueue.CARD, [key], now)
                return False
            ended = await outbox.ended_keys(tx, key)
            news = [each for each in found if each.key.startswith(prefix) and each.key not in ended]
            for each in news:
                await outbox.begin(tx, each.key, key, now)
                await outbox.end(tx, each.key, now, each.ts)
        return True

    async def _note_plan(self, due: Due) -> None:
        """Only what comes later than planned counts as late."""
        situation, plan = due.situation, due.plan
        if plan.next_at is None or plan.is_missed or plan.next_at == situation.planned_at:
            return
        key = situation.request.key
        async with self._record.transaction() as tx:
            await reminders.save_plan(tx, situation.round, key, plan.next_at)

    async def _leave_out(self, situation: Situation, names: Iterable[str]) -> None:
        key, prefix = situation.request.key, situation.round
        async with self._record.transaction() as tx:
            left_out = [f"{prefix}{name}" for name in names]
            await outbox.leave_out(tx, left_out, key, self._record.now())

    async def _send(self, due: Due, mark: Mark) -> None:
        situation, is_missed = due.situation, due.plan.is_missed
        is_for_channel = mark.kind in IN_CHANNEL
        if is_for_channel and is_missed:  # after a gap: no flood
            name = f"{situation.round}{mark.name}"
            await self._note_missed(name, situation.request.key)
        place = replace(situation.place, is_broadcast=is_for_channel and not is_missed)
        to = [each.person for each in due.plan.to]
        message = render_reminder(situation.view, to, is_missed=is_missed)
        if await self._post(situation, mark.name, place, message):
            metrics.REMINDERS.labels(mark.kind).inc()
            log.info(
                "reminded",
                issue=str(situation.request.key),
                mark=mark.name,
                people=len(to),
                is_missed=is_missed,
            )

    async def _post(
        self, situation: Situation, name: str, place: Place, message: SlackMessage
    ) -> bool:
        return await self._outbox.post(
            Post(
                key=f"{situation.round}{name}",
                event=REMINDER_EVENT,
                place=place,
                draw=drawn(message),
                about=situation.request.key,
            )
        )

    async def _note_missed(self, reminder: str, about: IssueKey) -> None:
        """Late reminders do not show in the channel."""
        now = self._record.now()
        async with self._record.transaction() as tx:
            await reminders.note_missed(tx, reminder, about, now)
            jobs.enqueue_periodic(tx, PeriodicQueue.GAP, now, after=GATHERING)

    async def _tell_lead(self, situation: Situation) -> None:
        if has_reaction(situation.request, situation.decisions):
            await self._leave_out(situation, [LEAD])
            return
        place = replace(situation.place, is_broadcast=True)
        message = render_lead(situation.view, situation.team.lead or "")
        if await self._post(situation, LEAD, place, message):
            metrics.REMINDERS.labels("lead").inc()
            log.info("lead_told", issue=str(situation.request.key))


class GapNotice:
    """Reconciles the queue ``GAP``: one line for the reminders that came late."""

    def __init__(self, record: Record, outbox: Outbox, routes: Routes) -> None:
        self._record, self._outbox, self._routes = record, outbox, routes

    async def reconcile(self) -> datetime | None:
        """Return when to look again."""
        async with self._record.transaction() as tx:
            missed = await reminders.missed(tx)
            teams = {each.about: await self._team_of(tx, each.about) for each in missed}
        if not missed:
            return None
        now = self._record.now()
        # A wrong clock noted moments ahead.
        passed = [each.at for each in missed if each.at <= now]
        gathered_at = max(passed, default=now - GATHERING) + GATHERING
        if now < gathered_at:
            return gathered_at
        await all_tried(
            self._tell(route, [each for each in missed if teams[each.about] == route.name])
            for route in self._routes
        )
        return None

    async def _team_of(self, tx: Transaction, key: IssueKey) -> str:
        request = await requests.load_request(tx, key)
        return (self._routes.of_request(request) if request else self._routes.named("")).name

    async def _tell(self, route: Route, missed: Sequence[Missed]) -> None:
        number = len({each.about for each in missed})
        if number > FEW:
            began_at = min(each.at for each in missed)
            which = f"{route.name}:" if self._routes.are_several else ""
            post = Post(
                key=f"gap:{which}{int(began_at.timestamp())}",
                event=GAP_EVENT,
                place=Place(channel=await self._outbox.channel(route.channel)),
                draw=drawn(render_gap(number)),
            )
            if await self._outbox.post(post):
                log.info("gap_told", requests=number)
        async with self._record.transaction() as tx:
            await reminders.forget_missed(tx, [each.key for each in missed])
