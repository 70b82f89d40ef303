"""Tell the channel once, in one line, when the reminders of many requests fell into a gap."""

from datetime import datetime, timedelta

import structlog

from slackbot.blocks.reminder import GAP_EVENT, render_gap
from slackbot.clock import Clock
from slackbot.platforms.post_once import OncePoster, Place
from slackbot.platforms.slack import Workspace
from slackbot.rules.request import IssueKey
from slackbot.store import jobs, outbox
from slackbot.store.database import Database
from slackbot.store.jobs import EVERY_ISSUE, Lane

log = structlog.get_logger()

FEW = 3
"""So many requests need no line of their own: their reminders stand in their threads."""
GATHERING = timedelta(minutes=2)
"""How long after the last late reminder the line waits for further ones."""
_MISSED = "missed:"
"""Before the key of a reminder that the line has to count."""


class MissedReminders:
    """Counts the reminders that came too late for the channel, by an errand of ``remind``."""

    def __init__(
        self, database: Database, workspace: Workspace, *, channel: str, clock: Clock
    ) -> None:
        self._database, self._workspace, self._channel = database, workspace, channel
        self._poster, self._clock = OncePoster(database, workspace, clock), clock

    async def note(self, reminder: str, about: IssueKey) -> None:
        """Note that a reminder does not show in the channel, for it comes late."""
        now = self._clock()
        async with self._database.transaction() as tx:
            await jobs.confirm(tx)
            await outbox.begin_post(tx, f"{_MISSED}{reminder}", about, now)
            await jobs.ask(tx, Lane.REMIND, [EVERY_ISSUE], now + GATHERING)

    async def tell(self) -> datetime | None:
        """Post the line if they were many; return when to look again, ``None`` if that is done.

        Raises:
            SlackError: Slack did not take it.
        """
        async with self._database.transaction() as tx:
            missed = await outbox.under_way(tx, _MISSED)
        if not missed:
            return None
        gathered_at = max(each.begun_at for each in missed) + GATHERING
        if self._clock() < gathered_at:
            return gathered_at
        requests = len({each.key.rpartition(":")[0] for each in missed})
        if requests > FEW:
            began_at = min(each.begun_at for each in missed)
            place = Place(channel=await self._workspace.channel_id(self._channel))
            key = f"gap:{int(began_at.timestamp())}"
            if await self._poster.post(key, GAP_EVENT, place, render_gap(requests)):
                log.info("gap_told", requests=requests)
        async with self._database.transaction() as tx:
            await jobs.confirm(tx)
            for each in missed:
                await outbox.end_post(tx, each.key, self._clock(), None)
        return None
