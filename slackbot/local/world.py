"""Both platforms, the bot between them and the time, which passes through the hours."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from datetime import time as clock_time
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import structlog

from slackbot.local.bot import Bot
from slackbot.local.clock import LocalClock
from slackbot.local.gitlab import serve as serve_gitlab
from slackbot.local.pagerduty import serve as serve_pagerduty
from slackbot.local.sample import Sample
from slackbot.local.slack import serve as serve_slack
from slackbot.local.traffic import Traffic
from slackbot.local.tried import Tried
from slackbot.local.troubles import Troubles

log = structlog.get_logger()

LONGEST_STEP = timedelta(days=2)
"""Of the time that passes, where nothing is known to come."""
SETTLE_SECONDS = 10.0
"""How long the bot has to finish what is due before the time goes on: a fault may keep it."""
LOOK_AGAIN_SECONDS = 0.02


class TimePasses(Exception):
    """The time is on its way to another moment already."""


class World:
    """One run of everything, from its beginning to its end.

    Args:
        with_past: Whether the days of the sample happen first.
        begins_at: The moment at which people come, aware; by default now. The past lies before it.
        addresses: Where the stand-ins are to be served, by the platform's name; else anywhere.
    """

    sample: Sample
    bot: Bot
    traffic: Traffic
    troubles: Troubles
    tried: Tried

    def __init__(
        self,
        *,
        with_past: bool = True,
        begins_at: datetime | None = None,
        addresses: Mapping[str, str] | None = None,
    ) -> None:
        self.with_past, self.begins_at = with_past, begins_at
        self.addresses = dict(addresses or {})
        self.moving_to: datetime | None = None
        self._everything = contextlib.AsyncExitStack()
        self._playing: asyncio.Task[None] | None = None
        self._has_past = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """Whether the past days have happened."""
        return self._has_past.is_set()

    async def ready(self) -> None:
        """Return when the past days have happened."""
        await self._has_past.wait()

    async def begin(self) -> None:
        """Serve the platforms, start the bot, and let the past days happen meanwhile."""
        everything = self._everything
        folder = everything.enter_context(tempfile.TemporaryDirectory(prefix="ssat-local-"))
        clock = LocalClock()
        if self.begins_at:
            clock.start_at(self.begins_at)
        sample = self.sample = Sample(clock, with_past=self.with_past)
        sample.pagerduty.changed = self.show
        self.traffic = Traffic(sample.clock)
        for platform in (sample.slack, sample.gitlab, sample.pagerduty):
            platform.traffic = self.traffic
        serving = {
            "Slack": serve_slack(sample.slack, port=self._port("Slack")),
            "GitLab": serve_gitlab(sample.gitlab, port=self._port("GitLab")),
            "PagerDuty": serve_pagerduty(sample.pagerduty, port=self._port("PagerDuty")),
        }
        for name, served in serving.items():
            url = await everything.enter_async_context(served)
            self.addresses[name] = url.removesuffix("/api/")
        sample.slack.unfurl_domains = {urlsplit(self.addresses["GitLab"]).netloc}
        bot = self.bot = Bot(sample, Path(folder), self.addresses["PagerDuty"])
        everything.callback(bot.close)
        everything.push_async_callback(bot.kill)
        await bot.start()
        self.troubles, self.tried = Troubles(sample, bot), Tried(bot)
        self._playing = asyncio.create_task(self._play())

    def _port(self, platform: str) -> int:
        return urlsplit(self.addresses.get(platform, "")).port or 0

    async def end(self) -> None:
        """Stop everything, and forget it."""
        if self._playing:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)
        await self._everything.aclose()

    async def _play(self) -> None:
        with self.tried.paused():
            try:
                await self.sample.play(self.pass_until)
            except Exception:
                # Something is there to see all the same.
                log.exception("sample_incomplete")
        self._has_past.set()
        self.show()

    def show(self) -> None:
        """Let the pages that are open show what has changed."""
        self.sample.slack.changed()

    # Time

    async def pass_until(self, moment: datetime) -> None:
        """Let the time pass up to a moment: whatever comes before it happens at its own time.

        Raises:
            TimePasses: It is on its way already.
        """
        with self._on_the_way(moment):
            while (now := self.sample.clock()) < moment:
                await self.settled()
                stops = [each for each in self._moments(now) if each > now]
                self.sample.clock.move_to(min([moment, now + LONGEST_STEP, *stops]))
                self.bot.wake()
                self.show()
            await self.settled()

    @contextlib.contextmanager
    def _on_the_way(self, moment: datetime) -> Iterator[None]:
        if self.moving_to is not None:
            raise TimePasses("The time is on its way already. Wait until it has arrived.")
        self.moving_to = moment
        try:
            yield
        finally:
            self.moving_to = None
            self.show()

    def _moments(self, now: datetime) -> Iterator[datetime]:
        """Yield when the bot may next have something to say."""
        yield from self.bot.next_moments()
        for schedule in self.sample.pagerduty.schedules.values():
            yield from (turn.start for turn in schedule.later)
            if schedule.until:
                yield schedule.until
        settings = self.bot.settings
        first = settings.ssat_digest[0].minute if settings.ssat_digest else 0
        hours, morning = settings.business_hours, timedelta(minutes=first)
        today = datetime.combine(now.astimezone(hours.timezone), clock_time(), hours.timezone)
        for day in (today, hours.next_opening(today + timedelta(days=1))):
            yield day + morning
        zones = {ZoneInfo(user.tz) for user in self.sample.slack.users.values() if user.tz}
        for quiet_in in zones:
            yield settings.ssat_quiet_hours.end(now, quiet_in, hours)

    async def settled(self) -> None:
        """Wait until nothing is under way, and nothing is due."""
        until = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < until:
            await self.sample.gitlab.hooks_settled()
            if self.bot.is_idle():
                return
            await self.sample.slack.next_change(LOOK_AGAIN_SECONDS)
