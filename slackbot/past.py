"""``ssat-bot stats``: figures from the record, or from all that GitLab has."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from slackbot.app import connect
from slackbot.channel.trends import Trends
from slackbot.clock import Clock, system_clock
from slackbot.platforms.errors import Missing
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.platforms.gitlab.snapshot import IssueSnapshot
from slackbot.platforms.patience import patiently
from slackbot.rules.request import IssueKey, Request, Rules
from slackbot.rules.routes import Routes
from slackbot.rules.stats import Measure, Stats, given_at
from slackbot.rules.timing.period import Period, Question, midnight, read_question
from slackbot.settings import Settings
from slackbot.store.engine.database import Record, at_hand
from slackbot.sync.reading.observe import (
    Observation,
    asks_for_contact,
    first_sight,
    is_plain_feedback,
)
from slackbot.sync.reading.read import look, route_of

READERS = 8
"""Histories read at the same time."""

Progress = Callable[[int, int], None]
"""Hears how many feedbacks were read, and how many of them asked for contact."""


async def stats_for(
    settings: Settings,
    text: str,
    progress: Progress,
    *,
    from_gitlab: bool,
    clock: Clock = system_clock,
) -> Stats:
    """Make the figures that ``text`` asks for.

    Raises:
        NotAsked: It isn't understood.
        DatabaseError: Unusable, or of an earlier release.
        PlatformError: GitLab does not answer.
    """
    routes, region_scope = settings.routes, settings.ssat_region_scope
    rules = routes.shared
    question = read_question(text, clock().astimezone(rules.hours.timezone).date())
    if not from_gitlab:
        async with at_hand(settings.database_url, reads_only=True) as database:
            await database.open()
            retention = settings.ssat_retention_days
            record = Record(database, clock)
            trends = Trends(record, routes, region_scope=region_scope, retention=retention)
            return await trends.stats(question)
    async with connect(settings) as clients:
        reading = _Reading(clients.gitlab, routes, clock(), progress)
        found = await reading.read(None if question.is_default else question.period)
    period = _whole(found, question, rules) if question.is_default else question.period
    measure = Measure(rules=rules, region_scope=region_scope, now=clock())
    stats = measure.stats(found, period, by=question.by)
    return replace(stats, before=None) if question.is_default else stats  # nothing was before


def _whole(found: Sequence[Request], question: Question, rules: Rules) -> Period:
    """Begin with the first feedback."""
    zone = rules.hours.timezone
    first = min((given_at(each).astimezone(zone).date() for each in found), default=None)
    asked = question.period
    return asked if first is None else Period(start=min(first, asked.last), end=asked.end)


class _Reading:
    """Reads the pages of all issues, and the history of those that asked for contact only."""

    def __init__(
        self, gitlab: GitLabClient, routes: Routes, now: datetime, progress: Progress
    ) -> None:
        self._gitlab, self._routes, self._now, self._progress = gitlab, routes, now, progress
        self._since: datetime | None = None
        self._found: dict[IssueKey, Request] = {}

    async def read(self, period: Period | None) -> list[Request]:
        """Leave out what nobody has changed since; ``None`` leaves out nothing."""
        zone = self._routes.shared.hours.timezone
        for project in self._gitlab.projects:
            self._since = midnight(period.before.start, zone) if period else None
            await patiently(partial(self._read_pages, project))
        return list(self._found.values())

    async def _read_pages(self, project: GitLabClient) -> None:
        """Go on where it stopped."""
        async for page in project.issue_pages(self._since, only_open=False):
            of = {each.key: await self._rules_of(each) for each in page}
            feedback = [issue for issue in page if _is_feedback(issue, of[issue.key])]
            for start in range(0, len(feedback), READERS):
                batch = feedback[start : start + READERS]
                attempts = (
                    patiently(partial(self._restore, issue, of[issue.key])) for issue in batch
                )
                read = await asyncio.gather(*attempts)
                self._found |= {each.key: each for each in read if each is not None}
            contacts = sum(each.was_requested for each in self._found.values())
            self._progress(len(self._found), contacts)
            self._since = page[-1].updated_at

    async def _rules_of(self, issue: IssueSnapshot) -> Rules:
        return (await route_of(self._gitlab, self._routes, issue)).rules

    async def _restore(self, issue: IssueSnapshot, rules: Rules) -> Request | None:
        """Keep no customer's words."""
        if not asks_for_contact(issue, rules):
            plain = first_sight(Observation(issue=issue, at=self._now), rules)
            return replace(plain, comment=None)
        try:
            seen = await look(self._gitlab, rules, issue.key, None, self._now, reads_all=True)
        except Missing:
            return None  # deleted meanwhile
        if seen.problem is not None:
            raise seen.problem
        return replace(first_sight(seen, rules), comment=None)


def _is_feedback(issue: IssueSnapshot, rules: Rules) -> bool:
    if issue.key.iid == rules.link_issue:
        return False
    return is_plain_feedback(issue, rules) or asks_for_contact(issue, rules)
