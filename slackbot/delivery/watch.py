"""Look after the platforms now and then: readiness tells the truth, and waiting ends in time."""

import asyncio

import structlog

from slackbot.clock import Clock
from slackbot.delivery.worker import Bells
from slackbot.health import GITLAB, SLACK, Health
from slackbot.store import errands
from slackbot.store.database import Database
from slackbot.store.errands import Lane
from slackbot.tracker.client import Tracker
from slackbot.tracker.errors import TrackerError, Unreachable
from slackbot.workspace import SlackError, Workspace

log = structlog.get_logger()


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
                await asyncio.gather(self._look_at_slack(), self._look_at_gitlab())
            except Exception:
                log.exception("watch_failed")  # the next look may see more
            await asyncio.sleep(seconds)

    async def _look_at_slack(self) -> None:
        try:
            await self._workspace.check_identity()
            await self._workspace.check_channel(self._channel)
        except SlackError as error:
            self._health.report(SLACK, str(error))
        else:
            self._health.report(SLACK, None)
            await self._hurry(Lane.SHOW)

    async def _look_at_gitlab(self) -> None:
        try:
            await self._tracker.project()
        except TrackerError as error:
            report_gitlab(self._health, error)
        else:
            self._health.report(GITLAB, None)
            await self._hurry(Lane.SYNC)

    async def _hurry(self, lane: Lane) -> None:
        # After an outage the back-off may be minutes, and a person is waiting.
        async with self._database.transaction() as tx:
            await errands.hurry(tx, lane, self._clock())
        self._bells.ring(lane)
