"""Post a message once: begin, post, end; after a doubtful outcome look before repeating."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from slackbot import metrics
from slackbot.blocks.card import SlackMessage
from slackbot.clock import Clock
from slackbot.platforms.slack import QUIETLY, Doubtful, Refused, SlackError, Workspace
from slackbot.rules.request import IssueKey
from slackbot.store import jobs, outbox
from slackbot.store.database import Database
from slackbot.store.jobs import EVERY_ISSUE

log = structlog.get_logger()

CLOCK_MARGIN = timedelta(minutes=10)
"""How far Slack's clock and ours may differ when a message of ours is looked for."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a message goes: a channel or direct message by id, or a thread in it."""

    channel: str
    thread: str | None = None
    is_broadcast: bool = False
    """Whether a message in a thread shows in the channel, too."""


class OncePoster:
    """Posts messages that are never changed, each once over restarts and replicas.

    To be used by an errand only: its lease is what keeps two replicas from posting together.
    """

    def __init__(self, database: Database, workspace: Workspace, clock: Clock) -> None:
        self._database, self._workspace, self._clock = database, workspace, clock

    async def post(
        self,
        key: str,
        event: str,
        place: Place,
        message: SlackMessage,
        *,
        about: IssueKey = EVERY_ISSUE,
        look_since: datetime | None = None,
    ) -> bool:
        """Post a message unless it stands already; tell whether it was posted by this call.

        Args:
            key: What the message is, for ever; at most 128 characters.
            event: The event type of its metadata.
            place: Where it goes.
            message: The message.
            about: The issue with which it is forgotten.
            look_since: Since when a record that was lost may have posted it, if it may.

        Raises:
            SlackError: Slack did not take it; to be tried again.
            LeaseLost: Another process has the errand now.
        """
        async with self._database.transaction() as tx:
            known = await outbox.load_post(tx, key)
        if known is not None and known.ended_at is not None:
            return False
        since = known.begun_at - CLOCK_MARGIN if known else look_since
        if since is not None and await self._adopt(key, event, place, about, since):
            return False
        await self._workspace.turn("chat.postMessage")
        async with self._database.transaction() as tx:
            await jobs.confirm(tx)
            await outbox.begin_post(tx, key, about, self._clock())
        try:
            answer = await self._workspace.call_now(
                "chat.postMessage", **_arguments(key, event, place, message)
            )
        except Doubtful:
            raise
        except Refused as error:
            # Nothing that trying again would mend: the thread is gone, or the person takes nothing.
            log.warning("post_refused", post=event, issue=str(about), problem=error.code)
            await self._end(key, None)
            return False
        except SlackError:
            async with self._database.transaction() as tx:
                await outbox.abandon_post(tx, key)
            raise
        await self._end(key, str(answer["ts"]))
        metrics.POSTS.labels(event.removeprefix("ssat_")).inc()
        return True

    async def _adopt(
        self, key: str, event: str, place: Place, about: IssueKey, since: datetime
    ) -> bool:
        ts = await self._workspace.find_message(
            place.channel, event, key, since=since.timestamp(), thread=place.thread
        )
        if ts is None:
            return False
        async with self._database.transaction() as tx:
            await outbox.begin_post(tx, key, about, self._clock())
            await outbox.end_post(tx, key, self._clock(), ts)
        return True

    async def _end(self, key: str, ts: str | None) -> None:
        async with self._database.transaction() as tx:
            await outbox.end_post(tx, key, self._clock(), ts)


def _arguments(key: str, event: str, place: Place, message: SlackMessage) -> dict[str, object]:
    arguments: dict[str, object] = {
        "channel": place.channel,
        "text": message.text,
        "blocks": list(message.blocks),
        "metadata": {"event_type": event, "event_payload": {"key": key}},
        **QUIETLY,
    }
    if place.thread is not None:
        arguments["thread_ts"] = place.thread
        arguments["reply_broadcast"] = place.is_broadcast
    return arguments
