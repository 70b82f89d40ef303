"""The poll: finds by itself what webhooks would have said, for they get lost."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

import structlog

from slackbot import metrics
from slackbot.clock import Clock
from slackbot.delivery.worker import Bells
from slackbot.health import DATABASE, GITLAB, SLACK, Health
from slackbot.request import IssueKey
from slackbot.store import cards, errands, facts, record
from slackbot.store.database import Database, Transaction
from slackbot.store.errands import Lane
from slackbot.tracker.client import Tracker
from slackbot.tracker.errors import TrackerError
from slackbot.tracker.observe import Rules, looks_changed, may_matter
from slackbot.tracker.snapshot import IssueSnapshot, parse_moment
from slackbot.workspace import SlackError, Workspace

log = structlog.get_logger()

OVERLAP = timedelta(minutes=5)
"""How much of the time already polled is read again: GitLab commits late what it dates early."""

DELIVERY_MEMORY = timedelta(days=2)


class Reconciler:
    """Compares GitLab's list of issues with the record, every so often."""

    def __init__(
        self,
        database: Database,
        tracker: Tracker,
        workspace: Workspace,
        rules: Rules,
        *,
        channel: str,
        bells: Bells,
        health: Health,
        clock: Clock,
    ) -> None:
        self._database, self._tracker, self._workspace = database, tracker, workspace
        self._rules, self._channel, self._bells = rules, channel, bells
        self._health, self._clock = health, clock

    async def run_every(self, seconds: float) -> None:
        """Reconcile until cancelled."""
        while True:
            await self.reconcile()
            await asyncio.sleep(seconds)

    async def reconcile(self) -> None:
        """Reconcile once; a failure is reported, and the next time starts where this did."""
        try:
            await self._read_gitlab()
        except TrackerError as error:
            metrics.POLLS.labels("failed").inc()
            self._health.report(GITLAB, str(error))
        except Exception:
            metrics.POLLS.labels("failed").inc()
            log.exception("poll_failed")
            self._health.report(GITLAB, "the poll failed; see the log")
        else:
            metrics.POLLS.labels("done").inc()
            self._health.report(GITLAB, None)
        await self._check_slack()
        await self._keep_house()

    async def _read_gitlab(self) -> None:
        await self._refresh_labels()
        async with self._database.transaction() as tx:
            cursor = await facts.load_fact(tx, facts.POLLED_UNTIL)
        if cursor is None:
            changed = await self._tracker.open_issues()
        else:
            changed = await self._tracker.changed_issues(parse_moment(cursor) - OVERLAP)
        await self._ask_about(changed)
        await self._ask_about_known({issue.key for issue in changed})
        await self._move_on(changed)

    async def _refresh_labels(self) -> None:
        labels = await self._tracker.labels_in_scope(self._rules.scope)
        async with self._database.transaction() as tx:
            if not await facts.save_labels(tx, labels):
                return
            keys = await record.unfinished_keys(tx)
            for key in keys:
                await cards.make_stale(tx, key)
            await errands.ask(tx, Lane.SHOW, keys, self._clock())
        self._bells.ring(Lane.SHOW)

    async def _ask_about(self, issues: Iterable[IssueSnapshot]) -> None:
        """Ask for a closer look at the issues that differ from the record, or should be in it."""
        async with self._database.transaction() as tx:
            keys = [issue.key for issue in issues if await self._differs(tx, issue)]
            await errands.ask(tx, Lane.SYNC, keys, self._clock())
        if keys:
            log.info("poll_found", issues=len(keys))
            self._bells.ring(Lane.SYNC)

    async def _differs(self, tx: Transaction, issue: IssueSnapshot) -> bool:
        known = await record.load_request(tx, issue.key)
        if known is None:
            return may_matter(issue, self._rules)
        return looks_changed(known, issue)

    async def _ask_about_known(self, listed: set[IssueKey]) -> None:
        """Read the known open ones, too: one that lost a label may be missing from a listing."""
        async with self._database.transaction() as tx:
            keys = [key for key in await record.open_keys(tx) if key not in listed]
        issues = await self._tracker.these_issues([key.iid for key in keys])
        await self._ask_about(issues)
        found = {issue.key for issue in issues}
        async with self._database.transaction() as tx:
            missing = [key for key in keys if key not in found]
            await errands.ask(tx, Lane.SYNC, missing, self._clock())

    async def _move_on(self, changed: Iterable[IssueSnapshot]) -> None:
        # GitLab's own times only, so that its clock and ours need not agree.
        latest = max((issue.updated_at for issue in changed), default=None)
        if latest is None:
            return
        async with self._database.transaction() as tx:
            await facts.save_fact(tx, facts.POLLED_UNTIL, latest.isoformat())

    async def _check_slack(self) -> None:
        try:
            await self._workspace.check_identity()
            await self._workspace.check_channel(self._channel)
        except SlackError as error:
            self._health.report(SLACK, str(error))
        else:
            self._health.report(SLACK, None)

    async def _keep_house(self) -> None:
        now = self._clock()
        try:
            async with self._database.transaction() as tx:
                await facts.forget_deliveries(tx, now - DELIVERY_MEMORY)
                due = await record.due_moments(tx)
                metrics.PENDING.set(await record.count_pending(tx))
        except Exception as error:
            log.exception("housekeeping_failed")
            self._health.report(DATABASE, type(error).__name__)
            return
        self._health.report(DATABASE, None)
        metrics.UNFINISHED.set(len(due))
        metrics.OVERDUE.set(sum(moment <= now for moment in due))
