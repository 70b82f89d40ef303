"""The figures of a period, from the record; and those of the week, in a channel."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from slackbot.blocks.answers.stats import CHART_BLOCK, STATS_EVENT, alt_of, charts, render_stats
from slackbot.channel.mornings import MorningPost
from slackbot.platforms.drawing import drawn_png
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.slack.client import SlackClient
from slackbot.platforms.slack.files import File, upload
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import Outbox, Outcome
from slackbot.rules.routes import Routes
from slackbot.rules.stats import Measure, Stats
from slackbot.rules.timing.deadline import BusinessHours
from slackbot.rules.timing.period import Period, Question, midnight, read_question
from slackbot.store.engine.database import Record
from slackbot.store.facts import load_known_since
from slackbot.store.stats import feedback_between

log = structlog.get_logger()

DAYS = frozenset({0, 1, 2})
"""From Monday to Wednesday: the bot may have been away on Monday."""
WEEK = timedelta(days=7)


class Trends:
    """Makes figures; ``retention`` is how long the record keeps what has ended."""

    def __init__(
        self, record: Record, routes: Routes, *, region_scope: str, retention: timedelta
    ) -> None:
        self._record, self._rules = record, routes.shared
        self._projects = [routes.key_of(each) for each in routes.projects]
        self._region_scope, self._retention = region_scope, retention

    def read(self, text: str) -> Question:
        """Read what a person asks.

        Raises:
            NotAsked: It is not understood.
        """
        return read_question(text, self._record.now().astimezone(self._rules.hours.timezone).date())

    async def stats(self, question: Question) -> Stats:
        period, zone = question.period, self._rules.hours.timezone
        since, until = midnight(period.before.start, zone), midnight(period.end, zone)
        found = [each async for each in feedback_between(self._record, since, until, self._rules)]
        now = self._record.now()
        async with self._record.transaction() as tx:
            # The figures are of all projects, so those of one alone compare with nothing.
            known = await load_known_since(tx, self._projects) or now
        measure = Measure(rules=self._rules, region_scope=self._region_scope, now=now)
        since = max(known, now - self._retention)
        return measure.stats(found, period, by=question.by, since=since)


async def picture_of(stats: Stats) -> File | None:
    """Draw the charts; ``None`` if there are none, or they can't be drawn."""
    drawn = charts(stats)
    png = await drawn_png([asdict(each) for each in drawn]) if drawn else None
    if png is None:
        return None
    return File(
        name=f"ssat-{stats.period.start}-to-{stats.period.last}.png",
        title="Trends",
        content=png,
        alt=alt_of(drawn),
    )


class WeeklyStats(MorningPost):
    """Reconciles the queue ``STATS``: the seven days before Monday, once."""

    event, prefix = STATS_EVENT, "stats:"

    def __init__(
        self,
        record: Record,
        slack: SlackClient,
        trends: Trends,
        outbox: Outbox,
        zone: ZoneInfo,
        channel: str,
        minute: int,
    ) -> None:
        hours = BusinessHours(timezone=zone, workdays=DAYS, opens=minute)
        super().__init__(record, outbox, hours, channel)
        self._slack, self._trends = slack, trends

    def _day(self, today: date) -> date:
        return today - timedelta(days=today.weekday())

    async def _stats(self, monday: date) -> Stats:
        return await self._trends.stats(Question(period=Period(start=monday - WEEK, end=monday)))

    async def _messages(self, day: date, now: datetime) -> Sequence[SlackMessage]:
        return render_stats(await self._stats(day))

    async def _posted(self, day: date, channel: str, outcome: Outcome) -> None:
        """Add a picture where the workspace takes no charts, if it can be: all is there as text."""
        await super()._posted(day, channel, outcome)
        if CHART_BLOCK in outcome.shown:
            return
        stats = await self._stats(day)
        try:
            if not stats.now.is_empty and (picture := await picture_of(stats)):
                await upload(self._slack, picture, channel, thread=outcome.ts)
        except PlatformError as error:
            log.warning("picture_not_sent", problem=str(error))
