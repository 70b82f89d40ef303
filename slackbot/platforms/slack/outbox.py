"""The outbox: posts each message once, though Slack has no idempotency key."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from slackbot import metrics
from slackbot.health import SLACK, Health
from slackbot.platforms.errors import PlatformError, Rejected, Unreachable
from slackbot.platforms.slack.client import SlackClient
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.request import IssueKey
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.messages import outbox
from slackbot.store.messages.outbox import Entry

log = structlog.get_logger()

CLOCK_MARGIN = timedelta(minutes=10)
"""Slack's against ours."""
DAY = timedelta(days=1)
QUIETLY = {"unfurl_links": False, "unfurl_media": False}
_TOO_MUCH = frozenset({"invalid_blocks", "msg_blocks_too_long", "msg_too_long"})


@dataclass(frozen=True, kw_only=True)
class Place:
    """A channel or direct message by id, or a thread in it."""

    channel: str
    thread: str | None = None
    is_broadcast: bool = False


Draw = Callable[[Transaction], Awaitable[Sequence[SlackMessage]]]
"""Draws a message when its turn has come.

None: no longer wanted. Several: each is tried if Slack cannot take the one before.
"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    is_over: bool
    """Posted, or never will be; else it is tried again."""
    ts: str | None = None
    shown: tuple[str, ...] = ()
    """The types of the blocks that Slack took, of several messages that were tried."""


NOT_TAKEN, NEVER = Outcome(is_over=False), Outcome(is_over=True)


async def _note_nothing(_tx: Transaction, _outcome: Outcome) -> None:
    """Note nothing."""


@dataclass(frozen=True, kw_only=True)
class Post:
    key: str
    """For ever; at most 128 characters."""
    event: str
    place: Place
    draw: Draw
    about: IssueKey | None = None
    """The message is forgotten with it."""
    look_since: datetime | None = None
    """It may stand since then, by a lost record or an earlier release."""
    note: Callable[[Transaction, Outcome], Awaitable[None]] = _note_nothing
    """Records the outcome, in the outbox's transaction."""
    is_remembered: bool = True
    """Else ``draw`` and ``note`` record how far it has come."""
    must_stand: bool = False
    """Try again if Slack rejects it; else leave it out."""


def drawn(*messages: SlackMessage) -> Draw:
    async def draw(_tx: Transaction) -> Sequence[SlackMessage]:
        return messages

    return draw


class Outbox:
    """Begins, takes a turn, posts, ends; after doubt looks for the message first.

    Use it inside a job only: its lease keeps two replicas from posting together.
    """

    def __init__(
        self,
        record: Record,
        slack: SlackClient,
        health: Health,
    ) -> None:
        self._record, self._slack, self._health = record, slack, health

    async def channel(self, named: str) -> str:
        """Return the id of a channel.

        Raises:
            PlatformError: Slack does not tell, or the bot sees no such channel.
        """
        return await self._slack.channel_id(named)

    async def is_posted(self, key: str) -> bool:
        """Return whether it is posted, or never will be."""
        async with self._record.transaction() as tx:
            known = await outbox.load_entry(tx, key)
        return known is not None and known.ended_at is not None

    async def post(self, post: Post) -> bool:
        """Post once; return whether this call did.

        Raises:
            PlatformError: Slack did not take it; try again.
            LeaseLost: Another process has the job now.
        """
        known = await self._known(post)
        if known is not None and known.ended_at is not None:
            return False
        begun = [moment for moment in (known and known.begun_at, post.look_since) if moment]
        if begun and await self._is_found(post, looked_from(min(begun), self._record.now())):
            return False
        await self._slack.turn("chat.postMessage")
        async with self._record.transaction() as tx:
            if post.is_remembered:
                await outbox.begin(tx, post.key, post.about, self._record.now())
            messages = await post.draw(tx)
        if not messages:
            await self._note(post, NEVER)
            return False
        return await self._send(post, messages)

    async def tell(
        self,
        user: str,
        draw: Draw,
        *,
        key: str,
        event: str,
        about: IssueKey | None = None,
        look_since: datetime | None = None,
    ) -> bool:
        """Post a direct message, as ``post`` does; leave it out if the person can have none."""
        if await self.is_posted(key):
            return False
        channel = await self._slack.direct_messages(user)
        if channel is None:
            await self.leave_out(key, about)
            return False
        place = Place(channel=channel)
        post = Post(
            key=key, event=event, place=place, draw=draw, about=about, look_since=look_since
        )
        return await self.post(post)

    async def leave_out(self, key: str, about: IssueKey | None = None) -> None:
        """Do not post it any more: its moment has passed, or it has no place."""
        async with self._record.transaction() as tx:
            await outbox.leave_out(tx, [key], about, self._record.now())

    async def _known(self, post: Post) -> Entry | None:
        if not post.is_remembered:
            return None
        async with self._record.transaction() as tx:
            return await outbox.load_entry(tx, post.key)

    async def _is_found(self, post: Post, since: datetime) -> bool:
        ts = await self._slack.find_message(
            post.place.channel,
            post.event,
            post.key,
            since=since.timestamp(),
            thread=post.place.thread,
        )
        if ts is None:
            return False
        if post.is_remembered:
            async with self._record.transaction() as tx:
                await outbox.begin(tx, post.key, post.about, self._record.now())
        await self._note(post, Outcome(is_over=True, ts=ts))
        return True

    async def _send(self, post: Post, messages: Sequence[SlackMessage]) -> bool:
        try:
            where = _where(post.place) | metadata(post.event, post.key)
            answer = await send(self._slack, "chat.postMessage", messages, **where)
        except Unreachable:
            raise  # it may have been taken: the next try looks for it
        except Rejected as error:
            if post.must_stand:
                await self._note(post, NOT_TAKEN)
                raise
            # For good: the thread is gone, or the person takes none.
            issue = str(post.about) if post.about else None
            log.warning("post_rejected", post=post.event, issue=issue, problem=error.code)
            await self._note(post, NEVER)
            return False
        except PlatformError:
            await self._note(post, NOT_TAKEN)
            raise
        taken = (answer.get("message") or {}).get("blocks") or ()
        shown = tuple(str(each.get("type")) for each in taken)
        await self._note(post, Outcome(is_over=True, ts=str(answer["ts"]), shown=shown))
        self._health.report(SLACK, None)
        metrics.POSTS.labels(post.event.removeprefix("ssat_")).inc()
        return True

    async def _note(self, post: Post, outcome: Outcome) -> None:
        # In any case: it has happened, whoever has the job.
        async with self._record.transaction(in_any_case=True) as tx:
            if post.is_remembered and outcome.is_over:
                await outbox.end(tx, post.key, self._record.now(), outcome.ts)
            elif post.is_remembered:
                await outbox.abandon(tx, post.key)
            await post.note(tx, outcome)


def looked_from(begun_at: datetime, now: datetime) -> datetime:
    """Search the last day if ``begun_at`` lies ahead: the clock was wrong."""
    is_wrong = begun_at > now + CLOCK_MARGIN
    return now - DAY if is_wrong else begun_at - CLOCK_MARGIN


async def send(
    slack: SlackClient, method: str, messages: Sequence[SlackMessage], **arguments: object
) -> Any:
    """Send the first message that Slack can take, after ``turn``.

    Raises:
        PlatformError: Slack took none.
    """
    *others, last = messages
    for message in others:
        try:
            return await _call(slack, method, message, arguments)
        except Rejected as error:
            if error.code not in _TOO_MUCH:
                raise
            log.error("message_too_much_for_slack", problem=error.code, text=len(message.text))
    return await _call(slack, method, last, arguments)


async def _call(
    slack: SlackClient, method: str, message: SlackMessage, arguments: Mapping[str, object]
) -> Any:
    return await slack.call_now(method, text=message.text, blocks=list(message.blocks), **arguments)


def metadata(event: str, key: str) -> dict[str, dict[str, Any]]:
    """Every member can read it."""
    return {"metadata": {"event_type": event, "event_payload": {"key": key}}}


def _where(place: Place) -> dict[str, object]:
    where: dict[str, object] = {"channel": place.channel, **QUIETLY}
    if place.thread is not None:
        where |= {"thread_ts": place.thread, "reply_broadcast": place.is_broadcast}
    return where
