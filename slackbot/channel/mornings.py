"""What is posted once, in the morning of some days, as soon as the record has caught up."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

import structlog

from slackbot.platforms.patience import all_tried
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import Outbox, Outcome, Place, Post, drawn
from slackbot.rules.timing.deadline import BusinessHours
from slackbot.rules.timing.period import midnight
from slackbot.store import jobs
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.jobs import IssueQueue, PeriodicQueue, Postponed

log = structlog.get_logger()

PATIENCE = timedelta(minutes=5)
SOON = timedelta(seconds=2)


class MorningPosts:
    """Reconciles a queue of posts; one that has to wait holds none of the others up."""

    def __init__(self, posts: Iterable["MorningPost"]) -> None:
        self._posts = tuple(posts)

    async def reconcile(self) -> datetime:
        """Return when the next is due.

        Raises:
            Postponed: The record is to catch up first.
            PlatformError: Slack did not take one.
        """
        put_off: list[Postponed] = []

        async def tried(post: MorningPost) -> datetime | None:
            try:
                return await post.reconcile()
            except Postponed as postponed:
                put_off.append(postponed)
                return None

        moments = await all_tried(map(tried, self._posts))
        if put_off:
            raise put_off[0]
        return min(filter(None, moments))


class MorningPost(ABC):
    """A post a day: what a day's ``hours`` have not seen by their end is left out."""

    event: str
    prefix: str
    """Of its keys in the outbox, which end with the day."""

    def __init__(self, record: Record, outbox: Outbox, hours: BusinessHours, channel: str) -> None:
        self._record, self._outbox = record, outbox
        self._hours, self._channel = hours, channel
        self._waits_since: datetime | None = None

    @abstractmethod
    async def _messages(self, day: date, now: datetime) -> Sequence[SlackMessage]:
        """Return several if Slack may not take the first, none if there is nothing to say."""

    def _day(self, today: date) -> date:
        """Return the day whose post is due today."""
        return today

    async def reconcile(self) -> datetime:
        """Return when the next is due.

        Raises:
            Postponed: The record is to catch up first.
            PlatformError: Slack did not take it.
        """
        now = self._record.now()
        if not self._hours.is_open(now):
            return self._hours.next_opening(now)
        await self._post(now)
        # What is posted or left out rests until they close.
        length = timedelta(minutes=self._hours.closes - self._hours.opens)
        return self._hours.next_opening(now + length)

    async def _post(self, now: datetime) -> None:
        day = self._day(now.astimezone(self._hours.timezone).date())
        key, outcomes = f"{self.prefix}{day}", list[Outcome]()
        if await self._outbox.is_posted(key):
            return
        await self._catch_up(now)
        messages = await self._messages(day, now)
        if not messages:
            await self._outbox.leave_out(key)
            return

        async def note(_tx: Transaction, outcome: Outcome) -> None:
            outcomes.append(outcome)

        place = Place(channel=await self._outbox.channel(self._channel))
        post = Post(
            key=key,
            event=self.event,
            place=place,
            draw=drawn(*messages),
            look_since=midnight(day, self._hours.timezone),
            note=note,
        )
        if await self._outbox.post(post):
            await self._posted(day, place.channel, outcomes[-1])

    async def _posted(self, day: date, channel: str, outcome: Outcome) -> None:
        log.info("morning_posted", post=self.event, day=str(day))

    async def _catch_up(self, now: datetime) -> None:
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
