"""Waits for the record to catch up with GitLab, before it is told to a channel."""

from datetime import datetime, timedelta

from slackbot.store import jobs
from slackbot.store.database import Record
from slackbot.store.jobs import IssueQueue, PeriodicQueue, Postponed

PATIENCE = timedelta(minutes=5)
SOON = timedelta(seconds=2)


class CatchingUp:
    def __init__(self, record: Record) -> None:
        self._record = record
        self._waits_since: datetime | None = None

    async def wait(self, now: datetime) -> None:
        """Wait for GitLab's issues, but not for ever.

        Raises:
            Postponed: Look again soon.
        """
        async with self._record.transaction() as tx:
            left = await jobs.count(tx, IssueQueue.SYNC)
            polls_at = await jobs.next_ready(tx, PeriodicQueue.POLL)
        # At a start the poll is due, or under way.
        is_behind = left > 0 or polls_at is None or polls_at <= now
        self._waits_since = min(self._waits_since or now, now) if is_behind else None
        if self._waits_since is not None and now < self._waits_since + PATIENCE:
            raise Postponed(f"GitLab and {left} issues are to be looked at first", SOON)
        self._waits_since = None
