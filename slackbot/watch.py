"""Watches the platforms and the clock, so that waiting ends in time."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import combinations

import structlog

from slackbot import metrics
from slackbot.clock import Jumps
from slackbot.health import EXPIRY, GITLAB, SLACK, Health
from slackbot.platforms.errors import Denied, PlatformError, Rejected
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.platforms.slack.api import INSTALL_AGAIN
from slackbot.platforms.slack.client import MESSAGES_SCOPES, SlackClient
from slackbot.rules.routes import Routes
from slackbot.rules.timing.expiry import ends_at, expiry_problem
from slackbot.store import decisions, facts, jobs, requests
from slackbot.store.engine.away import RecordAway
from slackbot.store.engine.database import Record
from slackbot.store.jobs import IssueQueue, PeriodicQueue, Queue

log = structlog.get_logger()

POSTING: tuple[Queue, ...] = (
    IssueQueue.CARD,
    IssueQueue.REMINDERS,
    PeriodicQueue.SUMMARY,
    PeriodicQueue.GAP,
    PeriodicQueue.DIGEST,
    PeriodicQueue.STATS,
    PeriodicQueue.HANDOVER,
    PeriodicQueue.RESPONSES,
)
"""Their jobs wait for Slack."""
STUCK_ATTEMPTS = 8
"""After some minutes of failures somebody has to look."""


CLOCK_SECONDS = 1.0
TOKEN_EVERY = timedelta(days=1)
"""The day on which a token ends hardly ever changes."""


async def catch_up(record: Record, queues: Iterable[Queue], *, is_patient: bool = False) -> None:
    """Let all be looked at that became due while nothing ran or the clock was wrong.

    ``is_patient``: wait for what others have locked, however long it takes.
    """
    now = record.now()
    async with record.transaction() as tx:
        # By a wrong clock, perhaps one of a process before, a job may wait for too long.
        await jobs.bring_forward(tx, now)
    # Apart: it holds many jobs, and enqueuing more might deadlock.
    async with record.transaction() as tx:
        if is_patient:
            await tx.be_patient()
        # Settings, and so all deadlines, may have changed.
        for key, due_at in sorted(await requests.list_open_deadlines(tx)):
            jobs.enqueue(tx, IssueQueue.SYNC, [key], now, rank=due_at)
            jobs.enqueue(tx, IssueQueue.REMINDERS, [key], now, rank=due_at)
        for queue in queues:
            # A summary waits for a whole poll, which a restart may break off.
            if isinstance(queue, PeriodicQueue) and queue is not PeriodicQueue.SUMMARY:
                jobs.enqueue_periodic(tx, queue, now)


@contextlib.contextmanager
def _tried_again(failure: str) -> Iterator[None]:
    """Let the next look see more; of a record that is away others tell."""
    try:
        yield
    except RecordAway:
        pass
    except Exception:
        log.exception(failure)


class ClockWatch:
    """Catches up when the clock is set back: nobody shall wait even a queue's longest wait."""

    def __init__(self, record: Record, queues: Iterable[Queue]) -> None:
        self._record, self._queues = record, tuple(queues)
        self._jumps = Jumps(record.now)

    async def run(self) -> None:
        is_behind = False
        while True:
            await asyncio.sleep(CLOCK_SECONDS)
            jump = self._jumps.look()
            if jump:
                log.warning("clock_jumped", seconds=round(jump.total_seconds()))
            if jump < timedelta(0):  # after a jump ahead, all is ready
                is_behind = True
            if is_behind:
                with _tried_again("clock_jump_not_healed"):
                    await catch_up(self._record, self._queues)
                    is_behind = False


class Watch:
    """Asks whether the bot can work; if so, ends waiting."""

    def __init__(
        self,
        record: Record,
        slack: SlackClient,
        gitlab: GitLabClient,
        health: Health,
        routes: Routes,
        queues: Iterable[Queue],
    ) -> None:
        self._record, self._slack, self._gitlab = record, slack, gitlab
        self._health, self._routes = health, routes
        self._queues = tuple(queues)
        self._asked_for_token_at: datetime | None = None

    async def run_every(self, interval: timedelta) -> None:
        while True:
            with _tried_again("watch_failed"):
                await asyncio.gather(
                    self._look_at(SLACK, self._ask_slack, POSTING),
                    self._look_at(GITLAB, self._ask_gitlab, [IssueQueue.SYNC]),
                    self._look_at_token(),
                    self._measure(),
                )
            await asyncio.sleep(interval.total_seconds())

    async def _look_at(
        self, name: str, ask: Callable[[], Awaitable[object]], waiting: Iterable[Queue]
    ) -> None:
        try:
            await ask()
        except PlatformError as error:
            self._health.report_error(error)
            return
        self._health.report(name, None)
        # The back-off may be minutes, and a person waits.
        async with self._record.transaction() as tx:
            for queue in waiting:
                await jobs.hurry(tx, queue, self._record.now())

    async def _ask_gitlab(self) -> None:
        """Leave it to the poll to tell of the trouble of one of several projects."""
        errors = []
        for each in self._gitlab.projects:
            try:
                await each.project()
            except PlatformError as error:
                errors.append(error)
        if len(errors) == len(self._gitlab.projects):
            raise errors[0]

    async def _ask_slack(self) -> None:
        identity = await self._slack.check_identity()
        missing = ", ".join(sorted(identity.lacks(MESSAGES_SCOPES)))
        remarks = []
        if missing:
            remarks.append(f"no direct messages without {missing}: {INSTALL_AGAIN}")
        async with self._record.transaction() as tx:
            if await facts.SLACK_TEAM.load(tx) is None:  # it tells where the cards are
                await facts.SLACK_TEAM.save(tx, identity.team)
            await facts.SLACK_ADDRESS.save(tx, identity.address)
        problems = await self._channel_problems()
        if len(problems) == len(self._routes.channels):
            self._health.remark(SLACK, "; ".join(remarks) or None)
            raise next(iter(problems.values()))
        remarks += [f"{channel}: {problem}" for channel, problem in problems.items()]
        remarks += self._shared_channels()
        self._health.remark(SLACK, "; ".join(remarks) or None)

    def _shared_channels(self) -> Iterator[str]:
        """Find a channel that is named in two ways: that shows only once Slack has told its id."""
        named = [each for route in self._routes for each in route.channels]
        for one, other in combinations(named, 2):
            known = self._slack.known_channel(one)
            if known is not None and known == self._slack.known_channel(other):
                yield f"{one} and {other} are the same channel: give each team its own"

    async def _channel_problems(self) -> dict[str, PlatformError]:
        """One team's channel keeps no other team waiting."""
        problems = {}
        for channel in self._routes.channels:
            try:
                await self._slack.check_channel(channel)
            except PlatformError as error:
                problems[channel] = error
        return problems

    async def _look_at_token(self) -> None:
        """Warn before GitLab's token ends."""
        now, at = self._record.now(), self._asked_for_token_at
        if at is None or not at <= now < at + TOKEN_EVERY:
            try:
                await self._gitlab.token()
            except (Denied, Rejected) as error:
                # A token of another kind; or this one has ended, of which the last answer tells.
                log.debug("token_not_shown", problem=str(error))
            except PlatformError:
                return  # others tell
            self._asked_for_token_at = now
        ends_on = self._gitlab.token_ends_on
        metrics.TOKEN_ENDS_AT.set(ends_at(ends_on).timestamp() if ends_on else 0)
        problem = expiry_problem(ends_on, now)
        self._health.remark(GITLAB, f"GITLAB_TOKEN {problem}" if problem else None, EXPIRY)

    async def _measure(self) -> None:
        """Also while a platform is away: then people look."""
        now = self._record.now()
        async with self._record.transaction() as tx:
            due = await requests.list_due_moments(tx)
            pending = await decisions.list_pending_moments(tx)
            refused = await decisions.count_refused(tx)
            standings = await jobs.count_by_queue(tx, now, STUCK_ATTEMPTS)
        metrics.CONTACT_REQUESTS_OPEN.set(len(due))
        metrics.CONTACT_REQUESTS_OVERDUE.set(sum(moment <= now for moment in due))
        metrics.PENDING.set(len(pending))
        metrics.PENDING_SINCE.set(pending[0].timestamp() if pending else 0)
        metrics.REJECTED.set(refused)
        # A feature that was switched off leaves a job, for which no worker has to be missed here.
        # While another replica still has the feature, that one tells of the queue.
        for queue in self._queues:
            standing = standings[queue]
            since = standing.ready_since
            metrics.QUEUED.labels(queue.word).set(standing.jobs)
            metrics.STUCK.labels(queue.word).set(standing.stuck)
            metrics.READY_SINCE.labels(queue.word).set(since.timestamp() if since else 0)
        metrics.MEASURED_AT.set(now.timestamp())
