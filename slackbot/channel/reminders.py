"""Remind of one request in its card's thread in time, and tell the lead if nobody reacts."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from slackbot.blocks.card import CardView
from slackbot.blocks.reminder import (
    GAP_EVENT,
    REMINDER_EVENT,
    render_gap,
    render_lead,
    render_reminder,
)
from slackbot.channel.views import Viewer
from slackbot.people.directory import People
from slackbot.platforms.message import SlackMessage
from slackbot.platforms.outbox import Outbox, Place, Post, drawn
from slackbot.platforms.slack import Workspace
from slackbot.rules.decision import Decision
from slackbot.rules.reminders import (
    IN_CHANNEL,
    JUST_ACTED,
    Mark,
    Plan,
    Recipient,
    ReminderRules,
    Snooze,
    deadline_name,
    has_reaction,
    lead_at,
    plan_reminders,
    round_key,
)
from slackbot.rules.request import UNFINISHED, IssueKey, Person, Request
from slackbot.store import cards, decisions, jobs, outbox, reminders
from slackbot.store.database import Record, Transaction
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.people import load_current_turn
from slackbot.store.requests import load_snooze

log = structlog.get_logger()

CARD_PATIENCE = timedelta(minutes=1)
"""How long a card that was deleted may take to come back before its thread is looked for again."""
FEW = 3
"""So many requests need no line of their own: their reminders stand in their threads."""
GATHERING = timedelta(minutes=2)
"""How long after the last late reminder the line waits for further ones."""
LEAD = "lead"
"""The name of the message that tells the lead, among the marks of a round."""


@dataclass(frozen=True, kw_only=True)
class _Situation:
    """What the record says of a request whose card stands."""

    view: CardView
    place: Place
    shown_at: datetime
    done: frozenset[str]
    """The names of this round's reminders that were sent or left out."""
    told_at: datetime | None
    """When the deadline's own was."""
    planned_at: datetime | None
    """For when the next one was planned when the bot last looked, and nothing was late."""
    snooze: Snooze | None
    on_duty: tuple[Person, ...]
    decisions: tuple[Decision, ...]
    """What was decided lately, or since the deadline."""

    @property
    def request(self) -> Request:
        return self.view.request

    def acted_at(self, person: Person) -> datetime | None:
        """Return when a person last saw to the request, as far back as matters."""
        acts = [each.at for each in self.decisions if each.by.is_same(person)]
        if person.is_same(self.request.holder) and self.request.held_since:
            acts.append(self.request.held_since)
        return max(acts, default=None)


@dataclass(frozen=True, kw_only=True)
class _Thought:
    """What follows from a situation."""

    situation: _Situation
    plan: Plan
    lead_at: datetime | None
    """When the lead is to be told, if nobody reacts."""
    is_lead_due: bool

    @property
    def is_idle(self) -> bool:
        """Whether nothing is to be done now."""
        return not (self.plan.send or self.plan.left_out or self.is_lead_due)

    @property
    def next_at(self) -> datetime | None:
        return min(filter(None, (self.plan.next_at, self.lead_at)), default=None)


class ReminderSync:
    """Reconciles the queue ``REMINDERS``.

    Each mark of a request is one message with a key of its own, which is looked for in the thread
    before anything is sent: so a record that was lost does not remind anybody twice.
    """

    def __init__(
        self,
        record: Record,
        slack: Workspace,
        people: People,
        viewer: Viewer,
        rules: ReminderRules,
        outbox: Outbox,
        lead: str | None,
    ) -> None:
        self._record, self._slack, self._people = record, slack, people
        self._viewer, self._rules = viewer, rules
        self._outbox, self._lead = outbox, lead

    async def reconcile(self, key: IssueKey) -> datetime | None:
        """Post what is due of a request's reminders.

        Returns:
            When the next one is due, ``None`` if there is none.
        """
        if self._rules.is_off:
            return None
        thought = await self._think(key)
        if thought is None:
            return None
        if thought.is_idle:
            await self._note_plan(thought)
            return thought.next_at
        if not await self._read_thread(thought.situation):
            return self._record.now() + CARD_PATIENCE
        # Once more, with what the thread says, and with what was done while Slack was asked.
        thought = await self._think(key)
        if thought is not None:
            await self._act(thought)
        return self._record.now()

    async def _think(self, key: IssueKey) -> _Thought | None:
        async with self._record.transaction() as tx:
            situation = await self._load(tx, key)
        if situation is None:
            return None
        recipients = await self._recipients(situation)
        now = self._record.now()
        plan = plan_reminders(
            situation.request,
            self._rules,
            recipients,
            done=situation.done,
            snooze=situation.snooze,
            shown_at=situation.shown_at,
            planned_at=situation.planned_at,
            now=now,
        )
        lead_at = await self._lead_at(situation, now)
        return _Thought(
            situation=situation,
            plan=plan,
            lead_at=lead_at,
            is_lead_due=lead_at is not None and lead_at <= now,
        )

    async def _act(self, thought: _Thought) -> None:
        await self._leave_out(thought.situation, (mark.name for mark in thought.plan.left_out))
        if thought.plan.send:
            await self._send(thought, thought.plan.send)
        if thought.is_lead_due:
            await self._tell_lead(thought.situation)

    async def _load(self, tx: Transaction, key: IssueKey) -> _Situation | None:
        """Return how a request stands, ``None`` where there is nobody or nothing to remind of."""
        view = await self._viewer.view(tx, key)
        card = await cards.load_card(tx, key)
        if view is None or view.request.state not in UNFINISHED:
            return None
        if card is None or card.ts is None or card.channel is None:
            return None  # asked for again when it stands
        request, prefix = view.request, round_key(view.request)
        turn = await load_current_turn(tx)
        told = await outbox.load_entry(
            tx, f"{prefix}{deadline_name(request.due_at, self._rules.hours)}"
        )
        since = min(request.due_at, self._record.now() - JUST_ACTED)
        return _Situation(
            view=view,
            place=Place(channel=card.channel, thread=card.ts),
            shown_at=datetime.fromtimestamp(float(card.ts), tz=request.due_at.tzinfo),
            done=_names(await outbox.ended_keys(tx, key), prefix),
            told_at=told.ended_at if told else None,
            planned_at=await reminders.load_plan(tx, prefix),
            snooze=await load_snooze(tx, key),
            on_duty=turn.on_duty.people if turn else (),
            decisions=tuple(await decisions.list_decisions_since(tx, key, since)),
        )

    async def _recipients(self, situation: _Situation) -> tuple[Recipient, ...]:
        """Return the holder, or else who is on duty, of those whom Slack can tell anything."""
        team = (await self._slack.identity()).team
        holder = situation.request.holder
        for people in ((holder,) if holder else (), situation.on_duty):
            for each in people:
                await self._people.seek(each)
            known = [self._people.in_slack(each, team) for each in people]
            found = [each for each in known if await self._is_reachable(each)]
            if found:
                return tuple([await self._recipient(each, situation) for each in found])
        return ()

    async def _is_reachable(self, person: Person) -> bool:
        member = await self._people.member(person.slack_user) if person.slack_user else None
        return member is not None and not member.is_deactivated

    async def _recipient(self, person: Person, situation: _Situation) -> Recipient:
        zone = await self._people.zone(person.slack_user, self._zone)
        return Recipient(person=person, zone=zone, acted_at=situation.acted_at(person))

    @property
    def _zone(self) -> ZoneInfo:
        return self._rules.hours.timezone

    async def _read_thread(self, situation: _Situation) -> bool:
        """Note what stands in the thread, for the record may not know; tell whether it stands."""
        place, key = situation.place, situation.request.key
        found = await self._slack.own_replies(place.channel, place.thread or "", REMINDER_EVENT)
        now, prefix = self._record.now(), round_key(situation.request)
        async with self._record.transaction() as tx:
            if found is None:  # the lane ``show`` finds that, too, and posts the card again
                await cards.make_stale(tx, key)
                await jobs.enqueue(tx, IssueQueue.CARD, [key], now)
                return False
            ended = await outbox.ended_keys(tx, key)
            news = [each for each in found if each.key.startswith(prefix) and each.key not in ended]
            for each in news:
                await outbox.begin(tx, each.key, key, now)
                await outbox.end(tx, each.key, now, each.ts)
        return True

    async def _note_plan(self, thought: _Thought) -> None:
        """Note when the next reminder is to come, so that only what comes later counts as late."""
        situation, plan = thought.situation, thought.plan
        if plan.next_at is None or plan.is_missed or plan.next_at == situation.planned_at:
            return
        key = situation.request.key
        async with self._record.transaction() as tx:
            await reminders.save_plan(tx, round_key(situation.request), key, plan.next_at)

    async def _leave_out(self, situation: _Situation, names: Iterable[str]) -> None:
        key, prefix = situation.request.key, round_key(situation.request)
        async with self._record.transaction() as tx:
            left_out = [f"{prefix}{name}" for name in names]
            await outbox.leave_out(tx, left_out, key, self._record.now())

    async def _send(self, thought: _Thought, mark: Mark) -> None:
        situation, is_missed = thought.situation, thought.plan.is_missed
        is_for_channel = mark.kind in IN_CHANNEL
        if is_for_channel and is_missed:  # after a gap these would be a flood
            name = f"{round_key(situation.request)}{mark.name}"
            await self._note_missed(name, situation.request.key)
        place = replace(situation.place, is_broadcast=is_for_channel and not is_missed)
        to = [each.person for each in thought.plan.to]
        message = render_reminder(situation.view, to, is_missed=is_missed)
        if await self._post(situation, mark.name, place, message):
            log.info(
                "reminded",
                issue=str(situation.request.key),
                mark=mark.name,
                people=len(to),
                is_missed=is_missed,
            )

    async def _post(
        self, situation: _Situation, name: str, place: Place, message: SlackMessage
    ) -> bool:
        return await self._outbox.post(
            Post(
                key=f"{round_key(situation.request)}{name}",
                event=REMINDER_EVENT,
                place=place,
                draw=drawn(message),
                about=situation.request.key,
            )
        )

    async def _note_missed(self, reminder: str, about: IssueKey) -> None:
        """Note that a reminder does not show in the channel, because it comes late."""
        now = self._record.now()
        async with self._record.transaction() as tx:
            await reminders.note_missed(tx, reminder, about, now)
            await jobs.enqueue_periodic(tx, PeriodicQueue.GAP, now + GATHERING)

    async def _lead_at(self, situation: _Situation, now: datetime) -> datetime | None:
        if self._lead is None or situation.told_at is None or LEAD in situation.done:
            return None
        user = self._lead if not self._lead.startswith("S") else None
        zone = await self._people.zone(user, self._zone)
        return lead_at(situation.request.due_at, situation.told_at, self._rules, zone, now)

    async def _tell_lead(self, situation: _Situation) -> None:
        if has_reaction(situation.request, situation.decisions):
            await self._leave_out(situation, [LEAD])
            return
        place = replace(situation.place, is_broadcast=True)
        message = render_lead(situation.view, self._lead or "")
        if await self._post(situation, LEAD, place, message):
            log.info("lead_told", issue=str(situation.request.key))


def _names(keys: Iterable[str], prefix: str) -> frozenset[str]:
    return frozenset(key.removeprefix(prefix) for key in keys if key.startswith(prefix))


class GapNotice:
    """Reconciles the queue ``GAP``: one line in the channel for the reminders that came late."""

    def __init__(self, record: Record, outbox: Outbox) -> None:
        self._record, self._outbox = record, outbox

    async def reconcile(self) -> datetime | None:
        """Post the line if many requests are concerned; return when to look again, if ever."""
        async with self._record.transaction() as tx:
            missed = await reminders.missed(tx)
        if not missed:
            return None
        now = self._record.now()
        # A moment ahead was noted while the clock was wrong.
        passed = [each.at for each in missed if each.at <= now]
        gathered_at = max(passed, default=now - GATHERING) + GATHERING
        if now < gathered_at:
            return gathered_at
        requests = len({each.about for each in missed})
        if requests > FEW:
            began_at = min(each.at for each in missed)
            post = Post(
                key=f"gap:{int(began_at.timestamp())}",
                event=GAP_EVENT,
                place=Place(channel=await self._outbox.channel()),
                draw=drawn(render_gap(requests)),
            )
            if await self._outbox.post(post):
                log.info("gap_told", requests=requests)
        async with self._record.transaction() as tx:
            await reminders.forget_missed(tx, [each.key for each in missed])
        return None
