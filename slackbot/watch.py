"""Look after the platforms now and then: readiness tells the truth, and waiting ends in time."""

import asyncio

import structlog

from slackbot import metrics
from slackbot.clock import Clock
from slackbot.health import GITLAB, SLACK, Health
from slackbot.platforms.errors import TrackerError, Unreachable
from slackbot.platforms.gitlab import Tracker
from slackbot.platforms.slack import MESSAGES_SCOPES, SlackError, Workspace
from slackbot.store import jobs, record
from slackbot.store.database import Database
from slackbot.store.jobs import Lane
from slackbot.worker import Bells

log = structlog.get_logger()

STUCK_ATTEMPTS = 8
"""An errand that has failed so many times in a row, for some minutes, needs somebody's eyes."""


def report_gitlab(health: Health, error: TrackerError) -> None:
    """Report what is wrong with GitLab: an outage passes, a dead token needs an administrator."""
    health.report(GITLAB, str(error), is_outage=isinstance(error, Unreachable))


class Watch:
    """Asks Slack and GitLab whether the bot can work there; where it can, nothing waits longer."""

    def __init__(
        self,
        database: Database,
        workspace: Workspace,
        tracker: Tracker,
        *,
        channel: str,
        bells: Bells,
        health: Health,
        clock: Clock,
    ) -> None:
        self._database, self._workspace, self._tracker = database, workspace, tracker
        self._channel, self._bells = channel, bells
        self._health, self._clock = health, clock

    async def run_every(self, seconds: float) -> None:
        """Look until cancelled."""
        while True:
            try:
                await asyncio.gather(self._look_at_slack(), self._look_at_gitlab(), self._measure())
            except Exception:
                log.exception("watch_failed")  # the next look may see more
            await asyncio.sleep(seconds)

    async def _look_at_slack(self) -> None:
        try:
            identity = await self._workspace.check_identity()
            self._remark_on(identity.scopes)
            await self._workspace.check_channel(self._channel)
        except SlackError as error:
            self._health.report(SLACK, str(error))
        else:
            self._health.report(SLACK, None)
            await self._hurry(Lane.SHOW, Lane.REMIND, Lane.RHYTHM)

    def _remark_on(self, scopes: frozenset[str]) -> None:
        missing = ", ".join(sorted(MESSAGES_SCOPES - scopes))
        remark = f"no direct messages without {missing}: install the app again with manifest.yml"
        self._health.remark(SLACK, remark if missing else None)

    async def _look_at_gitlab(self) -> None:
        try:
            await self._tracker.project()
        except TrackerError as error:
            report_gitlab(self._health, error)
        else:
            self._health.report(GITLAB, None)
            await self._hurry(Lane.SYNC)

    async def _hurry(self, *lanes: Lane) -> None:
        # After an outage the back-off may be minutes, and a person is waiting.
        async with self._database.transaction() as tx:
            for lane in lanes:
                await jobs.hurry(tx, lane, self._clock())
        self._bells.ring(*lanes)

    async def _measure(self) -> None:
        """Set the gauges, also while a platform is away: that is when they are looked at."""
        now = self._clock()
        async with self._database.transaction() as tx:
            due = await record.due_moments(tx)
            pending = await record.pending_since(tx)
            refused = await record.count_refused(tx)
            stuck = await jobs.count_failing(tx, STUCK_ATTEMPTS)
        metrics.UNFINISHED.set(len(due))
        metrics.OVERDUE.set(sum(moment <= now for moment in due))
        metrics.PENDING.set(len(pending))
        waiting = (now - pending[0]).total_seconds() if pending else 0
        metrics.OLDEST_PENDING.set(max(waiting, 0))
        metrics.REFUSED.set(refused)
        for lane, number in stuck.items():
            metrics.STUCK.labels(lane).set(number)
