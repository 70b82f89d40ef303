"""The figures of a period, from the record; and those of the week, in a channel."""

from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog

from slackbot.blocks.stats import CHART_BLOCK, STATS_EVENT, alt_of, charts, render_stats
from slackbot.channel.catching_up import CatchingUp
from slackbot.platforms.drawing import drawn_png
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.outbox import Outbox, Outcome, Place, Post, drawn
from slackbot.platforms.slack import SlackClient
from slackbot.platforms.slack_files import File, may_upload, upload
from slackbot.rules.period import NotAsked, Period, Question, read_question
from slackbot.rules.request import Rules
from slackbot.rules.stats import Measure, Stats, stats_of
from slackbot.store.database import Record, Transaction
from slackbot.store.stats import feedback_between

log = structlog.get_logger()

KEY = "stats:"
"""Its key in the outbox ends with the Monday."""
MONDAY = 0
WEEK = timedelta(days=7)


class Trends:
    """Makes figures; ``retention`` is how long the record keeps what has ended."""

    def __init__(
        self, record: Record, rules: Rules, *, region_scope: str, retention: timedelta
    ) -> None:
        self._record, self._rules = record, rules
        self._region_scope, self._retention = region_scope, retention

    def read(self, text: str) -> Question | NotAsked:
        return read_question(text, self.today)

    @property
    def today(self) -> date:
        return self._record.now().astimezone(self._rules.hours.timezone).date()

    async def stats(self, question: Question) -> Stats:
        zone = self._rules.hours.timezone
        since, _ = question.period.before.bounds(zone)
        _, until = question.period.bounds(zone)
        found = [each async for each in feedback_between(self._record, since, until, self._rules)]
        return stats_of(
            found,
            question.period,
            measure_of(self._rules, self._region_scope, self._record.now()),
            by=question.by,
            kept_days=self._retention.days,
        )


def measure_of(rules: Rules, region_scope: str, now: datetime) -> Measure:
    return Measure(hours=rules.hours, scope=rules.scope, region_scope=region_scope, now=now)


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


class WeeklyStats:
    """Reconciles the queue ``STATS``: on Monday, the seven days before."""

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
        self._record, self._slack, self._trends = record, slack, trends
        self._outbox, self._zone = outbox, zone
        self._channel, self._at = channel, time(*divmod(minute, 60))
        self._catching_up = CatchingUp(record)

    async def reconcile(self) -> datetime:
        """Return when the next is due; what no Monday has seen is left out.

        Raises:
            Postponed: The record is to catch up first.
            PlatformError: Slack did not take it.
        """
        now = self._record.now()
        today = now.astimezone(self._zone).date()
        if today.weekday() == MONDAY:
            if now < self._begins(today):
                return self._begins(today)
            await self._post(today, now)
        return self._begins(today + timedelta(days=7 - today.weekday()))

    def _begins(self, day: date) -> datetime:
        return datetime.combine(day, self._at, tzinfo=self._zone).astimezone(UTC)

    async def _post(self, monday: date, now: datetime) -> None:
        key, outcomes = f"{KEY}{monday}", list[Outcome]()
        if await self._outbox.is_posted(key):
            return
        await self._catching_up.wait(now)
        question = Question(period=Period(start=monday - WEEK, end=monday))
        stats = await self._trends.stats(question)
        messages = render_stats(stats)

        async def note(_tx: Transaction, outcome: Outcome) -> None:
            outcomes.append(outcome)

        place = Place(channel=await self._slack.channel_id(self._channel))
        post = Post(
            key=key,
            event=STATS_EVENT,
            place=place,
            draw=drawn(*messages),
            look_since=self._begins(monday),
            note=note,
        )
        if not await self._outbox.post(post):
            return
        log.info("stats_posted", monday=str(monday))
        posted = outcomes[-1]
        if len(messages) > 1 and CHART_BLOCK not in posted.shown:
            await self._add_picture(stats, place.channel, posted.ts)

    async def _add_picture(self, stats: Stats, channel: str, thread: str | None) -> None:
        """Try once: the figures are there as text."""
        try:
            if not await may_upload(self._slack):
                return
            if picture := await picture_of(stats):
                await upload(self._slack, picture, channel, thread=thread)
        except PlatformError as error:
            log.warning("picture_not_sent", problem=str(error))
