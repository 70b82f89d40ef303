"""Keep the record of who is on duty in step with the schedule."""

from collections.abc import Callable, Iterable, Mapping, Sequence
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
    unknown_teams,
    unread_schedule,
)
from slackbot.health import DUTY, Health
from slackbot.people.cache import Cache
from slackbot.people.directory import Directory
from slackbot.people.members import Members
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.slack.client import SlackUsers
from slackbot.rules.request import Person, Request, State
from slackbot.rules.routes import Route, Routes
from slackbot.rules.timing.rota import NoAnswer, OnCall, Rota, Weeks, rota_at, week_shifts
from slackbot.rules.timing.shifts import AHEAD, COMING, Plan, Shift
from slackbot.store import jobs, requests
from slackbot.store.changes import announce_all
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.people import PLAN, end_turns_of_others, save_trouble, save_turn
from slackbot.store.schema import OnDuty

log = structlog.get_logger()

EVERY = timedelta(minutes=5)
SOONEST = timedelta(seconds=1)
IN_FILE = "people file"
"""What a remark is about that is about no team."""
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
    """Another tool keeps it up to date; ``setting`` is where the group is set."""

    source = FROM_GROUP

    def __init__(self, users: SlackUsers, group: str, setting: str = "SSAT_DUTY_GROUP") -> None:
        self._users, self._group, self._setting = users, group, setting

    async def read(self, now: datetime) -> Rota:
        members = await self._users.in_group(self._group)
        if members is None:
            problem = await self._users.no_group(self._group)
            raise NoAnswer(f"{self._setting}: {problem}", needs_administrator=True)
        people = (OnCall(name=each, slack_user=each) for each in sorted(members))
        return Rota(people=tuple(people))


class WeeksSource:
    source = FROM_PEOPLE_FILE

    def __init__(self, weeks: Callable[[], Weeks], zone: ZoneInfo) -> None:
        self._weeks, self._zone = weeks, zone

    async def read(self, now: datetime) -> Rota | None:
        weeks = self._weeks()
        return rota_at(week_shifts(weeks, self._zone), now) if weeks else None


class FirstSource:
    """The first that is set up says who is on duty."""

    def __init__(self, *sources: Source) -> None:
        self._sources, self._read = sources, sources[-1]

    @property
    def source(self) -> str:
        return self._read.source

    async def read(self, now: datetime) -> Rota | None:
        for source in self._sources:
            self._read = source
            if rota := await source.read(now):
                return rota
        return None


class DutySync:
    """Reconciles ``DUTY``, one team after the other.

    Args:
        sources: By the name of the route.
        teams_in_file: Says for which teams the people file has weeks.
    """

    def __init__(
        self,
        record: Record,
        directory: Directory,
        members: Members,
        routes: Routes,
        sources: Mapping[str, Source],
        health: Health,
        teams_in_file: Callable[[], Iterable[str]],
    ) -> None:
        self._record, self._routes, self._sources = record, routes, sources
        self._directory, self._members = directory, members
        self._health, self._teams_in_file = health, teams_in_file
        self._remarks = dict[str, str | None]()
        self._found = Cache(FOUND_SECONDS)
        health.report(DUTY, None)

    async def reconcile(self) -> datetime:
        """Return when to ask again."""
        names = [route.name for route in self._routes]
        async with self._record.transaction() as tx:
            await end_turns_of_others(tx, names, self._record.now())
        unknown = sorted({*self._teams_in_file()} - {*names})
        self._remark(IN_FILE, unknown_teams(unknown) if unknown else None)
        return min([await self._look(route) for route in self._routes])

    async def _look(self, route: Route) -> datetime:
        now, source = self._record.now(), self._sources[route.name]
        try:
            rota = await source.read(now)
            on_duty = await self._on_duty(rota, source) if rota else None
        except (NoAnswer, PlatformError) as error:
            metrics.DUTY.labels("no_answer").inc()
            await self._go_on(route, str(error))
            seconds = error.retry_after if isinstance(error, NoAnswer) else None
            return now + max(EVERY, timedelta(seconds=seconds or 0))
        await self._save_plan(route, rota, now)
        if rota is None or on_duty is None:
            await self._note(route, None)
            return now + EVERY
        if not on_duty.people:
            # A free weekend is not a gap.
            metrics.DUTY.labels("nobody").inc(route.rules.hours.is_open(now))
            await self._go_on(route, f"{NOBODY_SCHEDULED} ({source.source})")
            return now + EVERY
        is_complete = all(person.slack_user for person in on_duty.people)
        metrics.DUTY.labels("known" if is_complete else "stranger").inc()
        remarks = [] if is_complete else [STRANGER_ON_DUTY]
        remarks += [unread_schedule(each) for each in rota.schedules if each.problem]
        await self._note(route, on_duty, "; ".join(remarks) or None)
        ends = rota.until or now + EVERY
        return min(max(ends, now + SOONEST), now + EVERY)

    async def _on_duty(self, rota: Rota, source: Source) -> OnDuty:
        people = [await self._directory.on_call(each) for each in rota.people]
        return OnDuty(people=tuple(people), source=source.source, until=rota.until)

    def _remark(self, team: str, remark: str | None) -> None:
        self._remarks[team] = f"{team}: {remark}" if team and remark else remark
        self._health.remark(DUTY, "; ".join(filter(None, self._remarks.values())) or None)

    async def _save_plan(self, route: Route, rota: Rota | None, now: datetime) -> None:
        shifts = rota.shifts if rota else None
        plan = None if rota is None or shifts is None else await self._plan(rota, shifts, now)
        async with self._record.transaction() as tx:
            if plan is None:
                await PLAN.of(route.name).forget(tx)
            else:
                await PLAN.of(route.name).save(tx, plan)

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

    async def _go_on(self, route: Route, problem: str) -> None:
        """Keep the last known: a manager off duty is better than nobody."""
        self._remark(route.name, f"{problem}; going on with the last known")
        async with self._record.transaction() as tx:
            if await save_trouble(tx, route.name, problem, self._record.now()):
                await self._show(tx, await self._waiting(tx, route), self._record.now())

    async def _note(self, route: Route, on_duty: OnDuty | None, remark: str | None = None) -> None:
        """Record who is on duty; ``None`` if no schedule is set up."""
        self._remark(route.name, remark)
        now = self._record.now()
        async with self._record.transaction() as tx:
            is_known_again = await save_trouble(tx, route.name, None, now)
            has_changed = await save_turn(tx, route.name, on_duty, now)
            if has_changed:
                await self._announce(tx, route, now)
            elif is_known_again:
                await self._show(tx, await self._waiting(tx, route), now)
        if has_changed and on_duty:
            people = len(on_duty.people)
            log.info("duty_changed", team=route.name, source=on_duty.source, people=people)

    async def _announce(self, tx: Transaction, route: Route, now: datetime) -> None:
        waiting = await self._waiting(tx, route)
        if route.assigns_on_duty:
            unassigned = [request.key for request in waiting if not request.assignees]
            jobs.enqueue(tx, IssueQueue.SYNC, unassigned, now)
        await self._show(tx, waiting, now)
        jobs.enqueue_periodic(tx, PeriodicQueue.HANDOVER, now)

    async def _show(self, tx: Transaction, waiting: Iterable[Request], now: datetime) -> None:
        await announce_all(tx, {request.key: request.due_at for request in waiting}, now)
        jobs.enqueue_periodic(tx, PeriodicQueue.HOMES, now)

    async def _waiting(self, tx: Transaction, route: Route) -> list[Request]:
        unfinished = await requests.list_unfinished(tx)
        return [
            request
            for request in unfinished
            if request.state is State.WAITING
            and self._routes.of_request(request).name == route.name
        ]
