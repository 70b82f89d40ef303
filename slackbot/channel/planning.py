"""What is due of a request's reminders."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from slackbot.blocks.view import CardView
from slackbot.channel.views import Viewer
from slackbot.people.directory import Directory
from slackbot.people.members import Members
from slackbot.platforms.slack.outbox import Place
from slackbot.rules.decision import Decision
from slackbot.rules.reading.slack_ids import is_group
from slackbot.rules.request import UNFINISHED, IssueKey, Person, Request
from slackbot.rules.routes import Route
from slackbot.rules.timing.reminders import (
    JUST_ACTED,
    Plan,
    Recipient,
    ReminderRules,
    Snooze,
    deadline_name,
    lead_at,
    plan_reminders,
    round_key,
)
from slackbot.store import decisions
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.messages import cards, outbox, reminders
from slackbot.store.requests import load_snooze

LEAD = "lead"
"""A mark like those of a round."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What the record says of a request with a card."""

    view: CardView
    team: Route
    place: Place
    shown_at: datetime
    done: frozenset[str]
    """Sent or left out in this round."""
    told_at: datetime | None
    """When the deadline's own reminder ended."""
    planned_at: datetime | None
    """By the last plan, if nothing was late."""
    snooze: Snooze | None
    on_duty: tuple[Person, ...]
    decisions: tuple[Decision, ...]
    """Of late, or since the deadline."""

    @property
    def request(self) -> Request:
        return self.view.request

    @property
    def rules(self) -> ReminderRules:
        return self.team.reminders

    @property
    def round(self) -> str:
        """The prefix of this round's keys."""
        return round_key(self.request)

    def acted_at(self, person: Person) -> datetime | None:
        """Look only as far back as matters."""
        acts = [each.at for each in self.decisions if each.by.is_same(person)]
        if person.is_same(self.request.holder) and self.request.held_since:
            acts.append(self.request.held_since)
        return max(acts, default=None)


@dataclass(frozen=True, kw_only=True)
class Due:
    situation: Situation
    plan: Plan
    lead_at: datetime | None
    """If nobody reacts."""
    is_lead_due: bool

    @property
    def is_nothing(self) -> bool:
        return not (self.plan.send or self.plan.left_out or self.is_lead_due)

    @property
    def next_at(self) -> datetime | None:
        return min(filter(None, (self.plan.next_at, self.lead_at)), default=None)


class ReminderPlanner:
    """Posts and records nothing."""

    def __init__(
        self, record: Record, directory: Directory, members: Members, viewer: Viewer
    ) -> None:
        self._record, self._directory, self._members = record, directory, members
        self._viewer, self._routes = viewer, viewer.routes

    async def plan(self, key: IssueKey) -> Due | None:
        """Return ``None`` if nothing is to remind of, now or later.

        Raises:
            PlatformError: Slack does not answer.
        """
        if all(route.reminders.is_off for route in self._routes):
            return None
        async with self._record.transaction() as tx:
            situation = await self._load(tx, key)
        if situation is None or situation.rules.is_off:
            return None
        recipients = await self._recipients(situation)
        now = self._record.now()
        plan = plan_reminders(
            situation.request,
            situation.rules,
            recipients,
            done=situation.done,
            snooze=situation.snooze,
            shown_at=situation.shown_at,
            planned_at=situation.planned_at,
            now=now,
        )
        at = await self._lead_at(situation, now)
        is_lead_due = at is not None and at <= now
        return Due(situation=situation, plan=plan, lead_at=at, is_lead_due=is_lead_due)

    async def _load(self, tx: Transaction, key: IssueKey) -> Situation | None:
        """Return ``None`` if it is finished or has no card yet."""
        view = await self._viewer.view(tx, key)
        card = await cards.load_card(tx, key)
        if view is None or view.request.state not in UNFINISHED:
            return None
        if card is None or card.ts is None or card.channel is None:
            return None  # posting it enqueues the reminders
        request, prefix = view.request, round_key(view.request)
        team = self._routes.of_request(request)
        told = await outbox.load_entry(
            tx, f"{prefix}{deadline_name(request.due_at, team.reminders.hours)}"
        )
        since = min(request.due_at, self._record.now() - JUST_ACTED)
        return Situation(
            view=view,
            team=team,
            place=Place(channel=card.channel, thread=card.ts),
            shown_at=datetime.fromtimestamp(float(card.ts), tz=request.due_at.tzinfo),
            done=_names(await outbox.ended_keys(tx, key), prefix),
            told_at=told.ended_at if told else None,
            planned_at=await reminders.load_plan(tx, prefix),
            snooze=await load_snooze(tx, key),
            on_duty=view.on_duty.people if view.on_duty else (),
            decisions=tuple(await decisions.list_decisions_since(tx, key, since)),
        )

    async def _recipients(self, situation: Situation) -> tuple[Recipient, ...]:
        """Return the owner, else the managers on duty, if reachable."""
        holder = situation.request.holder
        owner = (holder,) if holder else ()
        found = await self._directory.first_reachable(owner, situation.on_duty)
        return tuple([await self._recipient(each, situation) for each in found])

    async def _recipient(self, person: Person, situation: Situation) -> Recipient:
        acted_at, own = situation.acted_at(person), self._directory.working_hours(person)
        if own is not None:
            return Recipient(person=person, zone=own.zone, own_hours=own.awake, acted_at=acted_at)
        zone = await self._members.zone(person.slack_user, situation.rules.hours.timezone)
        return Recipient(person=person, zone=zone, acted_at=acted_at)

    async def _lead_at(self, situation: Situation, now: datetime) -> datetime | None:
        lead, rules = situation.team.lead, situation.rules
        if lead is None or situation.told_at is None or LEAD in situation.done:
            return None
        user = lead if not is_group(lead) else None
        zone = await self._members.zone(user, rules.hours.timezone)
        return lead_at(situation.request.due_at, situation.told_at, rules, zone, now)


def _names(keys: Iterable[str], prefix: str) -> frozenset[str]:
    return frozenset(key.removeprefix(prefix) for key in keys if key.startswith(prefix))
