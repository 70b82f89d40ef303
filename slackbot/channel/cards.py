"""Bring one request and its card together: post it once, repaint it when stale, tell the steps."""

from dataclasses import replace
from datetime import datetime
from typing import Any

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
from slackbot.channel.adoption import Founding
from slackbot.channel.backlog import CatchingUp
from slackbot.channel.views import Viewer
from slackbot.clock import Clock
from slackbot.health import SLACK, Health
from slackbot.people.directory import People
from slackbot.platforms.post_once import CLOCK_MARGIN
from slackbot.platforms.slack import (
    QUIETLY,
    Doubtful,
    Refused,
    SlackError,
    Workspace,
)
from slackbot.platforms.waiting import waiting_for_slack
from slackbot.rules.decision import Step
from slackbot.rules.request import UNFINISHED, IssueKey, Person
from slackbot.store import cards, jobs
from slackbot.store.cards import Card, Message
from slackbot.store.database import Database, Transaction
from slackbot.store.jobs import EVERY_ISSUE, Lane, LeaseLost
from slackbot.store.picture import Picture

log = structlog.get_logger()


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
        catching_up: CatchingUp,
        founding: Founding,
        *,
        channel: str,
        health: Health,
        clock: Clock,
    ) -> None:
        self._database, self._workspace, self._people = database, workspace, people
        self._viewer, self._channel = viewer, channel
        self._catching_up, self._founding = catching_up, founding
        self._health, self._clock = health, clock

    async def run(self, key: IssueKey) -> datetime | None:
        """Post or repaint the card of a request, then tell its steps in the thread.

        About ``EVERY_ISSUE``, tell of all the requests that were found at once.

        Returns:
            When the card is due, or the time left on it reads differently.

        Raises:
            Postponed: Slack cannot be reached, throttles, or needs an administrator.
        """
        with waiting_for_slack(self._health):
            return await self._run(key)

    async def _run(self, key: IssueKey) -> datetime | None:
        await self._founding.ensure()
        if key == EVERY_ISSUE:
            await self._catching_up.tell()
            return None
        async with self._database.transaction() as tx:
            shown = await self._load(tx, key)
        if shown is None:
            return None
        card, picture, _ = shown
        if card.ts is None and not self._deserves_card(card, picture):
            return None
        if card.ts is None and card.posting_since is None:
            async with self._database.transaction() as tx:
                later = await self._catching_up.card_waits_until(tx, picture)
            if later is not None:
                return later
        card = await self._stand(card)
        await self._tell(card)
        return card.repaint_at

    async def _load(self, tx: Transaction, key: IssueKey) -> tuple[Card, Picture, CardView] | None:
        """Return a card, what the record says of its request, and how that looks now."""
        card = await cards.load_card(tx, key)
        picture = await self._viewer.picture(tx, key)
        if card is None or picture is None:
            return None
        return card, picture, await self._viewer.view(tx, picture)

    async def _latest(self, tx: Transaction, card: Card) -> tuple[Card, CardView]:
        """Return a card and its view as they are once it is its turn: it may have waited."""
        shown = await self._load(tx, card.key)
        if shown is None:
            raise LookupError(f"the record of {card.key} is gone")
        return shown[0], shown[2]

    def _deserves_card(self, card: Card, picture: Picture) -> bool:
        # A request that ended before anybody could see it needs no card, unless it may have one, or
        # somebody chose something that did not reach GitLab: where else would they be told?
        is_unfinished = picture.request.state in UNFINISHED
        return is_unfinished or card.posting_since is not None or bool(picture.refused)

    async def _stand(self, card: Card) -> Card:
        """Make the card stand in the channel as the record is now."""
        if card.ts is None and card.posting_since is not None:
            card = await self._adopt_if_posted(card)
        if card.ts is None:
            return await self._post(card)
        if not card.is_stale(self._clock()):
            return card
        return await self._repaint(card)

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

    async def _post(self, card: Card) -> Card:
        channel = await self._workspace.channel_id(self._channel)
        await self._workspace.turn("chat.postMessage")
        async with self._database.transaction() as tx:
            await jobs.confirm(tx)
            await cards.begin_posting(tx, card.key, self._clock())
            card, view = await self._latest(tx, card)
        try:
            answer = await self._draw(view, "chat.postMessage", channel=channel, **QUIETLY)
        except Doubtful:
            raise
        except SlackError:
            async with self._database.transaction() as tx:
                await cards.forget_post(tx, card.key)  # certainly not posted
            raise
        metrics.POSTS.labels("card").inc()
        self._health.report(SLACK, None)
        ts = str(answer["ts"])
        log.info("card_posted", issue=str(card.key), channel=channel, ts=ts)
        return await self._note_card(card, channel, ts, view)

    async def _repaint(self, card: Card) -> Card:
        await self._workspace.turn("chat.update")
        async with self._database.transaction() as tx:
            card, view = await self._latest(tx, card)
        channel, ts = card.channel or "", card.ts or ""
        try:
            await self._draw(view, "chat.update", channel=channel, ts=ts)
        except Refused as error:
            if error.code in GONE_FROM_SLACK:
                return await self._replace(card, view)
            if error.code not in TERMINAL:
                raise
            log.warning("card_not_repaintable", issue=str(card.key), problem=error.code)
        metrics.POSTS.labels("repaint").inc()
        self._health.report(SLACK, None)
        return await self._note_card(card, channel, ts, view)

    async def _replace(self, card: Card, view: CardView) -> Card:
        log.warning("card_deleted_in_slack", issue=str(card.key))
        async with self._database.transaction() as tx:
            await cards.forget_post(tx, card.key)
        card = replace(card, ts=None, channel=None, posting_since=None)
        is_wanted = view.request.state in UNFINISHED or view.refused
        return await self._post(card) if is_wanted else card

    async def _draw(self, view: CardView, method: str, **where: Any) -> Any:
        """Send a card to Slack by a method whose turn it is."""

        async def send(message: SlackMessage) -> Any:
            return await self._workspace.call_now(
                method,
                text=message.text,
                blocks=list(message.blocks),
                metadata=card_metadata(view.request),
                **where,
            )

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
            is_ours = await jobs.is_ours(tx)
            if is_ours:
                await cards.adopt(tx, card.key, channel, ts, painted, repaint_at)
                # What was to be said in its thread can be said now. Asked at each repaint, for a
                # replica of an older release, which knows no reminders, may have posted it.
                await jobs.ask(tx, Lane.REMIND, [card.key], self._clock())
            else:  # what has just been painted may be older than what another has
                await cards.make_stale(tx, card.key)
        if not is_ours:
            raise LeaseLost
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
        shown = render_step(await self._in_slack(message.step), self._viewer.zone)
        await self._workspace.turn("chat.postMessage")
        async with self._database.transaction() as tx:
            await jobs.confirm(tx)
            await cards.begin_message(tx, message.id, self._clock())
        try:
            await self._workspace.call_now(
                "chat.postMessage",
                channel=card.channel,
                thread_ts=card.ts,
                text=shown.text,
                blocks=list(shown.blocks),
                metadata=step_metadata(message.id),
                **QUIETLY,
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
        await self._people.learn()

        def known(person: Person | None) -> Person | None:
            return self._people.in_slack(person, team) if person else None

        return replace(step, who=known(step.who), other=known(step.other))
