"""Close good reviews on which nobody acts: handbook, "After 7 days of inactivity"."""

from datetime import datetime, timedelta
from uuid import uuid4

import structlog

from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.rules.decision import CloseIdle, Decision
from slackbot.rules.request import IDLE_DAYS, IssueKey, Person
from slackbot.store import decisions, jobs, requests
from slackbot.store.changes import announce
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.jobs import IssueQueue

log = structlog.get_logger()

EVERY = timedelta(hours=1)
BATCH, SOON = 50, timedelta(minutes=5)
"""Closed at once, and when the next are."""


class IdleClosing:
    """Reconciles the queue ``IDLE``: decides, as a person would; ``Delivery`` does the rest."""

    def __init__(self, record: Record, gitlab: GitLabClient) -> None:
        self._record, self._gitlab = record, gitlab

    async def reconcile(self) -> datetime:
        """Return when to look again."""
        name = await self._gitlab.own_username()
        now = self._record.now()
        async with self._record.transaction() as tx:
            found = await requests.list_untouched_records(tx, now - timedelta(days=IDLE_DAYS))
            idle = [
                each.confirmed.key
                for each in found
                if each.confirmed.is_idle(now) and not each.pending
            ]
            for key in sorted(idle[:BATCH]):
                await self._decide(tx, key, Person(name=name, gitlab=name), now)
        return now + (SOON if len(idle) > BATCH else EVERY)

    async def _decide(self, tx: Transaction, key: IssueKey, bot: Person, now: datetime) -> None:
        interaction = f"idle:{key}:{now.date()}"
        # What GitLab has rejected is tried again tomorrow.
        if await decisions.load_by_interaction(tx, interaction):
            return
        decision = Decision(id=uuid4(), key=key, by=bot, at=now, action=CloseIdle())
        await decisions.add_decision(tx, decision, interaction)
        jobs.enqueue(tx, IssueQueue.SYNC, [key], now)
        await announce(tx, key, now)
        log.info("closing_idle", issue=str(key))
