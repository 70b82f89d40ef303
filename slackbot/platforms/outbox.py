"""The outbox: posts each message in Slack once.

Begin, take a turn, post, end; after a doubtful outcome look for the message by its metadata before
posting again. Slack has no idempotency key, so this is what keeps a message from appearing twice.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog

from slackbot import metrics
from slackbot.health import SLACK, Health
from slackbot.platforms.errors import PlatformError, Rejected, Unreachable
from slackbot.platforms.slack import SlackClient
from slackbot.rules.request import IssueKey
from slackbot.store import outbox
from slackbot.store.database import Record, Transaction

log = structlog.get_logger()

CLOCK_MARGIN = timedelta(minutes=10)
"""How far Slack's clock and ours may differ when the bot looks for its message."""
DAY = timedelta(days=1)
QUIETLY = {"unfurl_links": False, "unfurl_media": False}
"""Arguments of a post: Slack shows nothing of what a message links to."""
_TOO_MUCH = frozenset({"invalid_blocks", "msg_blocks_too_long", "msg_too_long"})


class Message(Protocol):
    """A message: blocks, and the text that notifications show instead."""

    @property
    def text(self) -> str:
        """The text."""

    @property
    def blocks(self) -> Sequence[Mapping[str, Any]]:
        """The blocks."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a message goes: a channel or direct message by id, or a thread in it."""

    channel: str
    thread: str | None = None
    is_broadcast: bool = False
    """Whether a message in a thread shows in the channel, too."""


Draw = Callable[[Transaction], Awaitable[Sequence[Message]]]
"""Draws a message from the record as it is when the turn has come.

Returns the message, or nothing if it is no longer wanted, or several: the next one is tried if the
one before is too much for Slack.
"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a message."""

    is_over: bool
    """Whether it is posted, or never will be; else it is tried again."""
    ts: str | None = None
    """Its ts in Slack."""


NOT_TAKEN, NEVER = Outcome(is_over=False), Outcome(is_over=True)


async def _note_nothing(_tx: Transaction, _outcome: Outcome) -> None:
    """Note nothing beside what the outbox notes itself."""


@dataclass(frozen=True, kw_only=True)
class Post:
    """A message to post once."""

    key: str
    """What the message is, for ever, in its metadata and in the record; at most 128 characters."""
    event: str
    """The event type of its metadata."""
    place: Place
    draw: Draw
    about: IssueKey | None = None
    """The issue with which it is forgotten."""
    look_since: datetime | None = None
    """Since when it may stand by a record that was lost, or by a release before, if it may."""
    note: Callable[[Transaction, Outcome], Awaitable[None]] = _note_nothing
    """Records what became of the message, in the transaction in which the outbox records it."""
    is_remembered: bool = True
    """Whether the outbox remembers that it was posted; else ``note`` sees to that."""
    must_stand: bool = False
    """Whether to try again if Slack rejects it; else it is left out then."""


def drawn(message: Message) -> Draw:
    """Return a ``Draw`` for a message that has been drawn already."""

    async def draw(_tx: Transaction) -> Sequence[Message]:
        return [message]

    return draw


class Outbox:
    """Posts messages, each once over restarts and replicas.

    Use it inside a job only: its lease keeps two replicas from posting together.

    Args:
        channel: The escalations channel, by name or id.
    """

    def __init__(self, record: Record, slack: SlackClient, health: Health, channel: str) -> None:
        self._record, self._slack = record, slack
        self._health, self._channel = health, channel

    async def channel(self) -> str:
        """Return the id of the escalations channel.

        Raises:
            PlatformError: Slack does not tell, or the bot does not see such a channel.
        """
        return await self._slack.channel_id(self._channel)

    async def is_posted(self, key: str) -> bool:
        """Return whether a message is posted, or never will be."""
        async with self._record.transaction() as tx:
            known = await outbox.load_entry(tx, key)
        return known is not None and known.ended_at is not None

    async def post(self, post: Post) -> bool:
        """Post a message unless it is posted already; return whether this call has posted it.

        Raises:
            PlatformError: Slack did not take it; try again.
            LeaseLost: Another process has the job now.
        """
        async with self._record.transaction() as tx:
            known = await outbox.load_entry(tx, post.key)
        if known is not None and known.ended_at is not None:
            return False
        begun = [moment for moment in (known and known.begun_at, post.look_since) if moment]
        if begun and await self._is_found(post, looked_from(min(begun), self._record.now())):
            return False
        await self._slack.turn("chat.postMessage")
        async with self._record.transaction() as tx:
            await outbox.begin(tx, post.key, post.about, self._record.now())
            messages = await post.draw(tx)
        if not messages:
            await self._note(post, NEVER)
            return False
        return await self._send(post, messages)

    async def _is_found(self, post: Post, since: datetime) -> bool:
        """Look for a message after a doubtful outcome; record where it is."""
        ts = await self._slack.find_message(
            post.place.channel,
            post.event,
            post.key,
            since=since.timestamp(),
            thread=post.place.thread,
        )
        if ts is None:
            return False
        async with self._record.transaction() as tx:
            await outbox.begin(tx, post.key, post.about, self._record.now())
        await self._note(post, Outcome(is_over=True, ts=ts))
        return True

    async def _send(self, post: Post, messages: Sequence[Message]) -> bool:
        try:
            answer = await send(
                self._slack, "chat.postMessage", messages, **_where(post.place), **_metadata(post)
            )
        except Unreachable:
            raise  # it may have been taken: the next try looks for it
        except Rejected as error:
            if post.must_stand:
                await self._note(post, NOT_TAKEN)
                raise
            # Trying again would change nothing: the thread is gone, or the person takes none.
            log.warning("post_rejected", post=post.event, issue=_name(post), problem=error.code)
            await self._note(post, NEVER)
            return False
        except PlatformError:
            await self._note(post, NOT_TAKEN)
            raise
        await self._note(post, Outcome(is_over=True, ts=str(answer["ts"])))
        self._health.report(SLACK, None)
        metrics.POSTS.labels(post.event.removeprefix("ssat_")).inc()
        return True

    async def _note(self, post: Post, outcome: Outcome) -> None:
        # In any case: it is what has happened in Slack, whoever has the job by now.
        async with self._record.transaction(in_any_case=True) as tx:
            if outcome.is_over and post.is_remembered:
                await outbox.end(tx, post.key, self._record.now(), outcome.ts)
            else:
                await outbox.abandon(tx, post.key)
            await post.note(tx, outcome)


def looked_from(begun_at: datetime, now: datetime) -> datetime:
    """Return from when on to look for a message that may have been posted.

    A beginning that lies ahead was noted while the clock was wrong: the last day is searched.
    """
    is_wrong = begun_at > now + CLOCK_MARGIN
    return now - DAY if is_wrong else begun_at - CLOCK_MARGIN


async def send(
    slack: SlackClient, method: str, messages: Sequence[Message], **arguments: object
) -> Any:
    """Call a method, after its turn was taken, with the first message that Slack can take.

    Raises:
        PlatformError: Slack did not take any of them.
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
    slack: SlackClient, method: str, message: Message, arguments: Mapping[str, object]
) -> Any:
    return await slack.call_now(method, text=message.text, blocks=list(message.blocks), **arguments)


def metadata(event: str, key: str) -> dict[str, object]:
    """Return the metadata by which the bot finds a message again; every member can read them."""
    return {"metadata": {"event_type": event, "event_payload": {"key": key}}}


def _metadata(post: Post) -> dict[str, object]:
    return metadata(post.event, post.key)


def _where(place: Place) -> dict[str, object]:
    where: dict[str, object] = {"channel": place.channel, **QUIETLY}
    if place.thread is not None:
        where |= {"thread_ts": place.thread, "reply_broadcast": place.is_broadcast}
    return where


def _name(post: Post) -> str | None:
    return str(post.about) if post.about else None
