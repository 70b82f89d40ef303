"""Keep the record of who is on duty in step with the schedule."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import structlog

from slackbot import metrics
from slackbot.blocks.words import (
    FROM_GROUP,
    FROM_PEOPLE_FILE,
    NOBODY_SCHEDULED,
    STRANGER_ON_DUTY,
    unread_schedule,
)
from slackbot.health import DUTY, Health
from slackbot.people.cache import Cache
from slackbot.people.directory import Directory
from slackbot.people.members import Members
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.slack import SlackUsers
from slackbot.rules.request import Person, Request, State
from slackbot.rules.rota import NoAnswer, OnCall, Rota, Weeks, rota_at, week_shifts
from slackbot.rules.shifts import AHEAD, COMING, Plan, Shift
from slackbot.store import jobs, requests
from slackbot.store.changes import announce_all
from slackbot.store.database import Record, Transaction
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.people import PLAN, save_trouble, save_turn
from slackbot.store.schema import OnDuty

log = structlog.get_logger()

EVERY = timedelta(minutes=5)
SOONEST = timedelta(seconds=1)
FOUND_SECONDS = 3600
"""How long a person who will be on duty is not looked up again."""


class Source(Protocol):
    @property
    def source(self) -> str:
        """Its name, in words."""

    async def read(self, now: datetime) -> Rota | None:
        """Return ``None`` if no schedule is set up.

        Raises:
            NoAnswer: The schedule does not say.
            PlatformError: It is in Slack, which does not answer.
        """


class GroupSource:
    """Another tool keeps it up to date."""

    source = FROM_GROUP

    def __init__(self, users: SlackUsers, group: str) -> None:
        self._users, self._group = users, group

    async def read(self, now: datetime) -> Rota:
        members = await self._users.in_group(self._group)
        if members is None:
            raise NoAnswer(f"SSAT_DUTY_GROUP: Slack has disabled the user group {self._group}")
        people = (OnCall(name=each, slack_user=each) for each in sorted(members))
        return Rota(people=tuple(people))


class WeeksSource:
    source = FROM_PEOPLE_FILE

    def __init__(self, weeks: Callable[[], Weeks], zone: ZoneInfo) -> None:
        self._weeks, self._zone = weeks, zone

    async def read(self, now: datetime) -> Rota | None:
        weeks = self._weeks()
        return rota_at(week_shifts(weeks, self._zone), now) if weeks else None


class DutySync:
    """Reconciles ``DUTY``; if it ``assigns``, unassigned requests get the manager on duty."""

    def __init__(
        self,
        record: Record,
        directory: Directory,
        members: Members,
        source: Source,
        assigns: bool,
        health: Health,
    ) -> None:
        self._record, self._source = record, source
        self._directory, self._members = directory, members
        self._assigns, self._health = assigns, health
        self._found = Cache(FOUND_SECONDS)
        health.report(DUTY, None)

    async def reconcile(self) -> datetime:
        """Return when to ask again."""
        now = self._record.now()
        try:
            rota = await self._source.read(now)
            on_duty = await self._on_duty(rota) if rota else None
        except (NoAnswer, PlatformError) as error:
            await self._go_on("no_answer", str(error))
            seconds = error.retry_after if isinstance(error, NoAnswer) else None
            return now + max(EVERY, timedelta(seconds=seconds or 0))
        await self._save_plan(rota, now)
        if rota is None or on_duty is None:
            await self._note(None)
            return now + EVERY
        if not on_duty.people:
            await self._go_on("nobody", f"{NOBODY_SCHEDULED} ({self._source.source})")
            return now + EVERY
        is_complete = all(person.slack_user for person in on_duty.people)
        metrics.DUTY.labels("known" if is_complete else "stranger").inc()
        remarks = [] if is_complete else [STRANGER_ON_DUTY]
        remarks += [unread_schedule(each) for each in rota.schedules if each.problem]
        await self._note(on_duty, "; ".join(remarks) or None)
        ends = rota.until or now + EVERY
        return min(max(ends, now + SOONEST), now + EVERY)

    async def _on_duty(self, rota: Rota) -> OnDuty:
        people = [await self._directory.on_call(each) for each in rota.people]
        return OnDuty(people=tuple(people), source=self._source.source, until=rota.until)

    async def _save_plan(self, rota: Rota | None, now: datetime) -> None:
        shifts = rota.shifts if rota else None
        plan = None if rota is None or shifts is None else await self._plan(rota, shifts, now)
        async with self._record.transaction() as tx:
            if plan is None:
                await PLAN.forget(tx)
            else:
                await PLAN.save(tx, plan)

    async def _plan(self, rota: Rota, shifts: Sequence[Shift[OnCall]], now: datetime) -> Plan:
        ahead = [each for each in shifts if now < each.ends and each.begins < now + AHEAD]
        named = dict.fromkeys(who for shift in ahead for who in shift.people)
        people = {who: await self._find(who) for who in named}
        soon = {who for shift in ahead if shift.begins < now + COMING for who in shift.people}
        return Plan(
            read_at=now,
            shifts=tuple(
                Shift(
                    people=tuple(people[who] for who in each.people),
                    begins=each.begins,
                    ends=each.ends,
                )
                for each in ahead
            ),
            schedules=rota.schedules,
            absences=await self._absences([people[who] for who in named if who in soon], now),
        )

    async def _find(self, who: OnCall) -> Person:
        """Who is on duty later is only named while Slack does not answer."""
        try:
            return await self._found.get(who, lambda: self._directory.on_call(who))
        except PlatformError:
            return Person(name=who.name)

    async def _absences(
        self, people: Iterable[Person], now: datetime
    ) -> dict[str, datetime | None]:
        users = [each.slack_user for each in people if each.slack_user]
        found = [await self._members.if_told(user) for user in users]
        return {
            each.user: each.status.ends_at for each in found if each and each.status.is_away(now)
        }

    async def _go_on(self, outcome: str, problem: str) -> None:
        """Keep the last known: a manager off duty is better than nobody."""
        metrics.DUTY.labels(outcome).inc()
        self._health.remark(DUTY, f"{problem}; going on with the last known")
        async with self._record.transaction() as tx:
            if await save_trouble(tx, problem, self._record.now()):
                await self._show(tx, await _waiting(tx), self._record.now())

    async def _note(self, on_duty: OnDuty | None, remark: str | None = None) -> None:
        """Record who is on duty; ``None`` if no schedule is set up."""
        self._health.remark(DUTY, remark)
        now = self._record.now()
        async with self._record.transaction() as tx:
            is_known_again = await save_trouble(tx, None, now)
            has_changed = await save_turn(tx, on_duty, now)
            if has_changed:
                await self._announce(tx, now)
            elif is_known_again:
                await self._show(tx, await _waiting(tx), now)
        if has_changed and on_duty:
            log.info("duty_changed", source=on_duty.source, people=len(on_duty.people))

    async def _announce(self, tx: Transaction, now: datetime) -> None:
        waiting = await _waiting(tx)
        if self._assigns:
            unassigned = [request.key for request in waiting if not request.assignees]
            jobs.enqueue(tx, IssueQueue.SYNC, unassigned, now)
        await self._show(tx, waiting, now)
        jobs.enqueue_periodic(tx, PeriodicQueue.HANDOVER, now)

    async def _show(self, tx: Transaction, waiting: Iterable[Request], now: datetime) -> None:
        await announce_all(tx, {request.key: request.due_at for request in waiting}, now)
        jobs.enqueue_periodic(tx, PeriodicQueue.HOMES, now)


async def _waiting(tx: Transaction) -> list[Request]:
    unfinished = await requests.list_unfinished(tx)
    return [request for request in unfinished if request.state is State.WAITING]
