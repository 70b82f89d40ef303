"""Both platforms, the bot between them and the time, which passes through the hours."""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Iterator
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

LONGEST_STEP = timedelta(hours=12)
"""Of the time that passes, where nothing is known to come."""
SETTLE_SECONDS = 10.0
"""How long the bot has to finish what is due before the time goes on: a fault may keep it."""
LOOK_AGAIN_SECONDS = 0.02


class TimePasses(Exception):
    """The time is on its way to another moment already."""


class World:
    """What ``ssat-bot local`` runs; it can begin anew."""

    sample: Sample
    bot: Bot
    traffic: Traffic
    troubles: Troubles
    tried: Tried

    def __init__(self, *, with_past: bool = True, begins_at: datetime | None = None) -> None:
        """Begin at a moment, by default now; the past lies before it."""
        self._with_past, self._begins_at = with_past, begins_at
        self._everything = contextlib.AsyncExitStack()
        self._playing: asyncio.Task[None] | None = None
        self.present = asyncio.Event()
        """Set while there is something to see: not between an end and a new beginning."""
        self.is_ready = False
        self.moving_to: datetime | None = None
        self.addresses: dict[str, str] = {}
        """Where the stand-ins are served, by the platform's name."""

    def _port(self, platform: str) -> int:
        """Return the port that a stand-in has had, or 0 for any: an address stays as it is."""
        return urlsplit(self.addresses.get(platform, "")).port or 0

    async def begin(self) -> None:
        """Serve the platforms, start the bot, and let the past days happen meanwhile."""
        everything = self._everything
        folder = everything.enter_context(tempfile.TemporaryDirectory(prefix="ssat-local-"))
        clock = LocalClock()
        if self._begins_at:
            clock.start_at(self._begins_at)
        sample = Sample(clock, with_past=self._with_past)
        traffic = Traffic(sample.clock)
        for platform in (sample.slack, sample.gitlab, sample.pagerduty):
            platform.traffic = traffic
        serving = {
            "Slack": serve_slack(sample.slack, port=self._port("Slack")),
            "GitLab": serve_gitlab(sample.gitlab, port=self._port("GitLab")),
            "PagerDuty": serve_pagerduty(sample.pagerduty, port=self._port("PagerDuty")),
        }
        for name, served in serving.items():
            url = await everything.enter_async_context(served)
            self.addresses[name] = url.removesuffix("/api/")
        sample.slack.unfurl_domains = {urlsplit(self.addresses["GitLab"]).netloc}
        bot = Bot(sample, Path(folder), self.addresses["PagerDuty"])
        everything.callback(bot.close)
        everything.push_async_callback(bot.kill)
        await bot.start()
        self.sample, self.bot, self.traffic = sample, bot, traffic
        self.troubles, self.tried = Troubles(sample, bot), Tried(bot)
        self._playing = asyncio.create_task(self._play())
        self.present.set()

    async def end(self) -> None:
        """Stop everything, and forget it."""
        self.present.clear()
        self.is_ready = False
        if self._playing:
            self._playing.cancel()
            await asyncio.gather(self._playing, return_exceptions=True)
        await self._everything.aclose()

    async def begin_anew(self) -> None:
        """Forget everything, and let the past days happen once more."""
        await self.end()
        await self.begin()

    async def ready(self) -> None:
        """Return when the past days have happened."""
        if self._playing:
            await self._playing

    async def _play(self) -> None:
        with self.tried.paused():
            try:
                await self.sample.play(self.pass_until)
            except (AssertionError, LookupError) as error:
                # Something is there to see all the same.
                log.error("sample_incomplete", problem=str(error))
        self.is_ready = True
        self.show()

    def show(self) -> None:
        """Let those who look at the page see what has changed."""
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
        hours, morning = settings.business_hours, timedelta(minutes=settings.ssat_digest or 0)
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
