"""The poll: finds by itself what webhooks would have said, for they get lost."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import structlog

from slackbot import metrics
from slackbot.clock import Clock
from slackbot.delivery.watch import report_gitlab
from slackbot.delivery.worker import Bells, Postponed
from slackbot.health import GITLAB, Health
from slackbot.request import IssueKey
from slackbot.store import cards, errands, facts, record
from slackbot.store.database import Database, Transaction
from slackbot.store.errands import Lane
from slackbot.tracker.client import Tracker
from slackbot.tracker.errors import Throttled, TrackerError
from slackbot.tracker.observe import Rules, looks_changed, may_matter
from slackbot.tracker.snapshot import IssueSnapshot

log = structlog.get_logger()

OVERLAP = timedelta(minutes=5)
"""How much of the time already polled is read again: GitLab commits late what it dates early."""

DELIVERY_MEMORY = timedelta(days=2)
"""How long a webhook delivery is remembered; GitLab repeats one within seconds."""


class Reconciler:
    """Runs the errand of the lane ``poll``: compares GitLab's list of issues with the record.

    As an errand it is done by one replica at a time, and taken over when that replica dies.
    """

    def __init__(
        self,
        database: Database,
        tracker: Tracker,
        rules: Rules,
        *,
        project: str,
        every: timedelta,
        bells: Bells,
        health: Health,
        clock: Clock,
    ) -> None:
        self._database, self._tracker, self._rules = database, tracker, rules
        self._every, self._bells = every, bells
        self._health, self._clock = health, clock
        # With another project or label, all open issues are news again.
        self._about = f"{project} {rules.contact_label}"

    async def run(self, _: IssueKey) -> datetime:
        """Reconcile once, page by page; a failed one goes on where it stopped.

        Returns:
            When to reconcile again.

        Raises:
            Postponed: GitLab cannot be reached, throttles, or does not take the token.
        """
        try:
            await self._read_gitlab()
        except TrackerError as error:
            metrics.POLLS.labels("failed").inc()
            report_gitlab(self._health, error)
            wait = timedelta(seconds=error.retry_after) if isinstance(error, Throttled) else None
            raise Postponed(str(error), max(wait or self._every, self._every)) from error
        metrics.POLLS.labels("done").inc()
        self._health.report(GITLAB, None)
        await self._keep_house()
        return self._clock() + self._every

    async def _read_gitlab(self) -> None:
        await self._refresh_labels()
        async with self._database.transaction() as tx:
            place = await facts.load_place(tx)
        since = place.until - OVERLAP if place and place.about == self._about else None
        listed: set[IssueKey] = set()
        async for page in self._tracker.issue_pages(since):
            await self._ask_about(page)
            await self._move_on(page)
            listed.update(issue.key for issue in page)
            if since is None:
                log.info("first_reading", issues=len(listed))
        await self._ask_about_known(listed)

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
        project = (await self._tracker.project()).id
        async with self._database.transaction() as tx:
            known = await record.open_requests(tx, project)
        rest = [request for request in known if request.key not in listed]
        issues = await self._tracker.these_issues([request.key.iid for request in rest])
        await self._ask_about(issues)
        found = {issue.key for issue in issues}
        # Those that are out of sight already stay in the list, for they may come back.
        lost = [each.key for each in rest if each.key not in found and not each.is_gone]
        async with self._database.transaction() as tx:
            await errands.ask(tx, Lane.SYNC, lost, self._clock())
        self._bells.ring(Lane.SYNC)

    async def _move_on(self, page: Sequence[IssueSnapshot]) -> None:
        # GitLab's own times only, so that its clock and ours need not agree.
        latest = max(issue.updated_at for issue in page)
        async with self._database.transaction() as tx:
            await facts.save_place(tx, facts.Place(until=latest, about=self._about))

    async def _keep_house(self) -> None:
        now = self._clock()
        async with self._database.transaction() as tx:
            await facts.forget_deliveries(tx, now - DELIVERY_MEMORY)
            due = await record.due_moments(tx)
            metrics.PENDING.set(await record.count_pending(tx))
        await self._database.tidy()
        metrics.UNFINISHED.set(len(due))
        metrics.OVERDUE.set(sum(moment <= now for moment in due))
