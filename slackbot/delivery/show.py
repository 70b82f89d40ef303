"""Bring one request and its card together: post it once, repaint it when stale, tell the steps."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from slackbot import metrics
from slackbot.blocks.card import (
    CARD_EVENT,
    CardView,
    SlackMessage,
    card_metadata,
    next_change,
    render_bare_card,
    render_card,
)
from slackbot.blocks.thread import STEP_EVENT, render_step, step_metadata
from slackbot.clock import Clock
from slackbot.delivery.worker import PLATFORM_TIMEOUT, Postponed
from slackbot.health import SLACK, Health
from slackbot.people import People
from slackbot.request import UNFINISHED, IssueKey, Person
from slackbot.store import cards
from slackbot.store.cards import Card, Message
from slackbot.store.database import Database
from slackbot.store.picture import Picture
from slackbot.triage import Step
from slackbot.views import Viewer
from slackbot.workspace import (
    Denied,
    Doubtful,
    Refused,
    SlackError,
    Throttled,
    Unsettled,
    Workspace,
)

log = structlog.get_logger()

CLOCK_MARGIN = timedelta(minutes=10)
"""How far Slack's clock and ours may differ when a message of ours is looked for."""

GONE_FROM_SLACK = frozenset({"message_not_found"})
TERMINAL = frozenset({"cant_update_message", "edit_window_closed"})
"""Slack will not repaint this card any more, and a second one would be one too many."""


class Exhibitor:
    """Runs the errands of the lane ``show``."""

    def __init__(
        self,
        database: Database,
        workspace: Workspace,
        people: People,
        viewer: Viewer,
        *,
        channel: str,
        health: Health,
        clock: Clock,
    ) -> None:
        self._database, self._workspace, self._people = database, workspace, people
        self._viewer, self._channel = viewer, channel
        self._health, self._clock = health, clock

    async def run(self, key: IssueKey) -> datetime | None:
        """Post or repaint the card of a request, then tell its steps in the thread.

        Returns:
            When the time left on the card reads differently.

        Raises:
            Postponed: Slack cannot be reached, throttles, or needs an administrator.
        """
        try:
            return await self._run(key)
        except Throttled as error:
            raise Postponed(str(error), timedelta(seconds=error.retry_after)) from error
        except Unsettled as error:
            raise Postponed(str(error), PLATFORM_TIMEOUT, is_unsettled=True) from error
        except SlackError as error:
            if isinstance(error, Denied):
                self._health.report(SLACK, str(error))
            raise Postponed(str(error)) from error

    async def _run(self, key: IssueKey) -> datetime | None:
        async with self._database.transaction() as tx:
            card = await cards.load_card(tx, key)
            picture = await self._viewer.picture(tx, key)
            view = await self._viewer.view(tx, picture) if picture else None
        if card is None or picture is None or view is None:
            return None
        if card.ts is None and not self._deserves_card(card, picture):
            return None
        card = await self._stand(card, view)
        await self._tell(card)
        return card.repaint_at

    def _deserves_card(self, card: Card, picture: Picture) -> bool:
        # A request that ended before anybody could see it needs no card, unless it may have one.
        return picture.request.state in UNFINISHED or card.posting_since is not None

    async def _stand(self, card: Card, view: CardView) -> Card:
        """Make the card stand in the channel as the record is now."""
        if card.ts is None and card.posting_since is not None:
            card = await self._adopt_if_posted(card)
        if card.ts is None:
            return await self._post(card, view)
        if not card.is_stale(view.now):
            return card
        return await self._repaint(card, view)

    async def _adopt_if_posted(self, card: Card) -> Card:
        """Look for a card whose post has had a doubtful outcome."""
        channel = await self._workspace.channel_id(self._channel)
        since = (card.posting_since or self._clock()) - CLOCK_MARGIN
        found = await self._workspace.find_message(
            channel, CARD_EVENT, str(card.key), since=since.timestamp()
        )
        if found is None:
            return card
        return await self._note_card(card, channel, found)

    async def _post(self, card: Card, view: CardView) -> Card:
        channel = await self._workspace.channel_id(self._channel)
        async with self._database.transaction() as tx:
            await cards.begin_posting(tx, card.key, self._clock())

        async def post(message: SlackMessage) -> str:
            answer = await self._workspace.call(
                "chat.postMessage",
                channel=channel,
                text=message.text,
                blocks=list(message.blocks),
                metadata=card_metadata(view.request),
                unfurl_links=False,
                unfurl_media=False,
            )
            return str(answer["ts"])

        try:
            ts = await self._draw(post, view)
        except Doubtful:
            raise
        except SlackError:
            async with self._database.transaction() as tx:
                await cards.forget_post(tx, card.key)  # certainly not posted
            raise
        metrics.POSTS.labels("card").inc()
        self._health.report(SLACK, None)
        log.info("card_posted", issue=str(card.key), channel=channel, ts=ts)
        return await self._note_card(card, channel, ts, view)

    async def _repaint(self, card: Card, view: CardView) -> Card:
        async def update(message: SlackMessage) -> str:
            await self._workspace.call(
                "chat.update",
                channel=card.channel,
                ts=card.ts,
                text=message.text,
                blocks=list(message.blocks),
                metadata=card_metadata(view.request),
            )
            return card.ts or ""

        try:
            await self._draw(update, view)
        except Refused as error:
            if error.code in GONE_FROM_SLACK:
                return await self._replace(card, view)
            if error.code not in TERMINAL:
                raise
            log.warning("card_not_repaintable", issue=str(card.key), problem=error.code)
        metrics.POSTS.labels("repaint").inc()
        self._health.report(SLACK, None)
        return await self._note_card(card, card.channel or "", card.ts or "", view)

    async def _replace(self, card: Card, view: CardView) -> Card:
        log.warning("card_deleted_in_slack", issue=str(card.key))
        async with self._database.transaction() as tx:
            await cards.forget_post(tx, card.key)
        if view.request.state not in UNFINISHED:
            return replace(card, ts=None, channel=None)
        return await self._post(replace(card, ts=None, posting_since=None), view)

    async def _draw(self, send: Callable[[SlackMessage], Awaitable[str]], view: CardView) -> str:
        try:
            return await send(render_card(view))
        except Refused as error:
            if error.code not in ("invalid_blocks", "msg_blocks_too_long", "msg_too_long"):
                raise
            # A card without the customer's words is better than a request that nobody sees.
            log.error("card_too_much_for_slack", issue=str(view.request.key), problem=error.code)
            return await send(render_bare_card(view))

    async def _note_card(
        self, card: Card, channel: str, ts: str, shown: CardView | None = None
    ) -> Card:
        """Note where a card stands, and what it shows if that is known."""
        painted = card.version if shown else 0
        repaint_at = next_change(shown) if shown else None
        async with self._database.transaction() as tx:
            await cards.adopt(tx, card.key, channel, ts, painted, repaint_at)
        return replace(
            card,
            channel=channel,
            ts=ts,
            painted=painted,
            repaint_at=repaint_at,
            posting_since=None,
        )

    async def _tell(self, card: Card) -> None:
        async with self._database.transaction() as tx:
            messages = await cards.unsent(tx, card.key)
        for message in messages:
            if card.ts is not None and not await self._was_told(card, message):
                await self._send(card, message)
            async with self._database.transaction() as tx:
                await cards.end_message(tx, message.id, self._clock())

    async def _was_told(self, card: Card, message: Message) -> bool:
        if message.begun_at is None:
            return False
        since = message.begun_at - CLOCK_MARGIN
        found = await self._workspace.find_message(
            card.channel or "",
            STEP_EVENT,
            str(message.id),
            since=since.timestamp(),
            thread=card.ts,
        )
        return found is not None

    async def _send(self, card: Card, message: Message) -> None:
        async with self._database.transaction() as tx:
            await cards.begin_message(tx, message.id, self._clock())
        shown = render_step(await self._in_slack(message.step), self._viewer.zone)
        try:
            await self._workspace.call(
                "chat.postMessage",
                channel=card.channel,
                thread_ts=card.ts,
                text=shown.text,
                blocks=list(shown.blocks),
                metadata=step_metadata(message.id),
                unfurl_links=False,
                unfurl_media=False,
            )
        except Doubtful:
            raise
        except Refused as error:
            # The thread is gone or takes no more: the record and GitLab have the step all the same.
            log.warning("step_not_told", issue=str(card.key), problem=error.code)
        except SlackError:
            async with self._database.transaction() as tx:
                await cards.abandon_message(tx, message.id)
            raise
        else:
            metrics.POSTS.labels("step").inc()

    async def _in_slack(self, step: Step) -> Step:
        team = (await self._workspace.identity()).team

        def known(person: Person | None) -> Person | None:
            return self._people.in_slack(person, team) if person else None

        return replace(step, who=known(step.who), other=known(step.other))
