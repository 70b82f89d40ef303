"""Keep the record of who is on duty in step with the schedule."""

from collections.abc import Callable, Iterable
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
)
from slackbot.health import DUTY, Health
from slackbot.people.directory import Directory
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.slack import SlackUsers
from slackbot.rules.request import Request, State
from slackbot.rules.rota import NoAnswer, OnCall, Rota, Weeks, in_week
from slackbot.store import jobs, requests
from slackbot.store.changes import announce_all
from slackbot.store.database import Record, Transaction
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.people import save_trouble, save_turn
from slackbot.store.schema import OnDuty

log = structlog.get_logger()

EVERY = timedelta(minutes=5)
SOONEST = timedelta(seconds=1)


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
        return in_week(weeks, now, self._zone) if weeks else None


class DutySync:
    """Reconciles ``DUTY``; if it ``assigns``, unassigned requests get the manager on duty."""

    def __init__(
        self,
        record: Record,
        directory: Directory,
        source: Source,
        assigns: bool,
        health: Health,
    ) -> None:
        self._record, self._directory, self._source = record, directory, source
        self._assigns, self._health = assigns, health
        health.report(DUTY, None)

    async def reconcile(self) -> datetime:
        """Return when to ask again."""
        now = self._record.now()
        try:
            rota = await self._source.read(now)
            if rota is None:
                await self._end()
                return now + EVERY
            on_duty = await self._on_duty(rota)
        except NoAnswer as error:
            await self._go_on("no_answer", str(error))
            return now + max(EVERY, timedelta(seconds=error.retry_after or 0))
        except PlatformError as error:
            await self._go_on("no_answer", str(error))
            return now + EVERY
        if not on_duty.people:
            await self._go_on("nobody", f"{NOBODY_SCHEDULED} ({self._source.source})")
            return now + EVERY
        await self._note(on_duty)
        ends = rota.until or now + EVERY
        return min(max(ends, now + SOONEST), now + EVERY)

    async def _on_duty(self, rota: Rota) -> OnDuty:
        people = [await self._directory.on_call(each) for each in rota.people]
        return OnDuty(people=tuple(people), source=self._source.source, until=rota.until)

    async def _end(self) -> None:
        """Record that no schedule is set up."""
        self._health.remark(DUTY, None)
        async with self._record.transaction() as tx:
            await save_trouble(tx, None, self._record.now())
            if await save_turn(tx, None, self._record.now()):
                await self._announce(tx, self._record.now())

    async def _go_on(self, outcome: str, problem: str) -> None:
        """Keep the last known: a manager off duty is better than nobody."""
        metrics.DUTY.labels(outcome).inc()
        self._health.remark(DUTY, f"{problem}; going on with the last known")
        async with self._record.transaction() as tx:
            if await save_trouble(tx, problem, self._record.now()):
                await self._show(tx, await _waiting(tx), self._record.now())

    async def _note(self, on_duty: OnDuty) -> None:
        is_complete = all(person.slack_user for person in on_duty.people)
        metrics.DUTY.labels("known" if is_complete else "stranger").inc()
        self._health.remark(DUTY, None if is_complete else STRANGER_ON_DUTY)
        now = self._record.now()
        async with self._record.transaction() as tx:
            is_known_again = await save_trouble(tx, None, now)
            has_changed = await save_turn(tx, on_duty, now)
            if has_changed:
                await self._announce(tx, now)
            elif is_known_again:
                await self._show(tx, await _waiting(tx), now)
        if has_changed:
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
