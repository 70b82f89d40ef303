"""Bring one request and its card together: post, render, tell the steps."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from slackbot import metrics
from slackbot.blocks.card import (
    CARD_EVENT,
    STEP_EVENT,
    render_bare_card,
    render_card,
    render_follow_up,
    render_refusal,
    render_step,
)
from slackbot.blocks.view import CardView
from slackbot.channel.adoption import CardAdoption
from slackbot.channel.backlog import Backlog
from slackbot.channel.views import Viewer
from slackbot.people.directory import Directory
from slackbot.platforms.errors import Denied, PlatformError, Rejected, Unreachable, lands_by
from slackbot.platforms.slack.client import SlackClient
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import (
    Outbox,
    Outcome,
    Place,
    Post,
    looked_from,
    metadata,
    send,
)
from slackbot.rules.decision import Decision, Step, StepKind
from slackbot.rules.request import UNFINISHED, IssueKey, Person, State, deserves_card
from slackbot.rules.routes import Route
from slackbot.store import jobs
from slackbot.store.decisions import load_decision
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.jobs import CLOCKS_DIFFER, IssueQueue, Postponed
from slackbot.store.messages import cards
from slackbot.store.messages.cards import Card, QueuedStep

log = structlog.get_logger()


GONE_FROM_SLACK = frozenset({"message_not_found"})
MOVED_AGAIN_AFTER = timedelta(minutes=5)
"""Until then somebody may have invited the bot."""
TERMINAL = frozenset({"cant_update_message", "edit_window_closed"})
"""Slack will not render this card again; a second one would be too many."""


class CardSync:
    """Reconciles the queue ``CARD``."""

    def __init__(
        self,
        record: Record,
        slack: SlackClient,
        directory: Directory,
        viewer: Viewer,
        outbox: Outbox,
        backlog: Backlog,
        adoption: CardAdoption,
    ) -> None:
        self._record, self._slack, self._directory = record, slack, directory
        self._viewer, self._outbox = viewer, outbox
        self._backlog, self._adoption = backlog, adoption

    async def reconcile(self, key: IssueKey) -> datetime | None:
        """Return when the card reads differently, or a rendering without an answer has landed.

        Raises:
            Postponed: The second channel takes nothing; no customer waits there.
        """
        await self._adopt(key)
        try:
            later = await self._bring_together(key)
            metrics.way_to_card.over(key)  # nothing was to be shown, or it is
            return later
        except Denied as error:
            if (elsewhere := await self._elsewhere(key)) is None:
                raise
            raise Postponed(f"SSAT_BAD_CHANNEL {elsewhere}: {error}") from error

    async def _adopt(self, key: IssueKey) -> None:
        """Of several teams, ask only for the channel that is to be posted to."""
        routes = self._viewer.routes
        if not routes.are_several:
            await self._adoption.ensure(routes.first)
            return
        async with self._record.transaction() as tx:
            shown = await self._load(tx, key)
        # What has been begun has a channel, too: it is looked for there first.
        if shown is not None and shown[0].channel is None:
            await self._adoption.ensure(self._route_of(shown[1]))

    def _route_of(self, view: CardView) -> Route:
        return self._viewer.routes.of_request(view.request)

    async def _bring_together(self, key: IssueKey) -> datetime | None:
        async with self._record.transaction() as tx:
            shown = await self._load(tx, key)
            if shown is None:
                return None
            card, outline = shown
            # Those that come later enqueue this job again.
            steps = await cards.list_queued_steps(tx, key)
            is_without = card.ts is None and not self._deserves_card(card, outline)
            if not is_without and card.ts is None and card.posting_since is None:
                later = await self._backlog.card_waits_until(tx, outline)
                if later is not None:
                    return later
        if is_without:
            await self._tell(card, steps)
            return None
        if card.ts is None:
            card = await self._post(card, outline)
        card, again_at = await self._in_its_place(card, outline)
        if self._is_stale(card, outline):
            card = await self._render(card)
        await self._tell(card, steps)
        landed_by = lands_by(card.rendering_since, self._record.now())
        return min(filter(None, (card.repaint_at, landed_by, again_at)), default=None)

    async def _elsewhere(self, key: IssueKey) -> str | None:
        """Return the second channel if the card stands there, or is to."""
        async with self._record.transaction() as tx:
            shown = await self._load(tx, key)
        if shown is None:
            return None
        card, outline = shown
        route = self._route_of(outline)
        if route.bad_channel is None:
            return None
        if card.ts is None:
            is_elsewhere = outline.request.state is State.OPEN
        else:
            is_elsewhere = card.channel != await self._outbox.channel(route.channel)
        return route.bad_channel if is_elsewhere else None

    async def _load(self, tx: Transaction, key: IssueKey) -> tuple[Card, CardView] | None:
        """Load no more than it takes to see what is to be done."""
        card, outline = await cards.load_card(tx, key), await self._viewer.outline(tx, key)
        return (card, outline) if card and outline else None

    async def _view(self, tx: Transaction, key: IssueKey) -> CardView:
        """Load all, and again: the card may have waited for its turn."""
        view = await self._viewer.view(tx, key)
        if view is None:
            raise LookupError(f"the record of {key} is gone")
        return view

    async def _post(self, card: Card, outline: CardView) -> Card:
        """Post it once, where its team looks, or return it as found where it was begun."""
        route = self._route_of(outline)
        named = route.channel_of(outline.request)
        if card.posting_since and card.channel not in (None, self._slack.known_channel(named)):
            card = await self._looked_for(card)
            if card.ts is not None:
                return card
            await self._adoption.ensure(route)
        return await self._post_in(await self._outbox.channel(named), card)

    async def _looked_for(self, card: Card) -> Card:
        """Look in the channel that it may stand in, though another team may have it by now."""
        channel, since = card.channel or "", card.posting_since or self._record.now()
        since = looked_from(since, self._record.now())
        try:
            ts = await self._slack.find_message(
                channel, CARD_EVENT, str(card.key), since=since.timestamp()
            )
        except Denied as error:
            if not error.is_about_channel:
                raise
            # A customer waits, and its team can't read that channel either.
            log.warning("card_not_looked_for", issue=str(card.key), problem=str(error))
            ts = None
        if ts is None:
            return await self._forgotten(card)
        async with self._record.transaction(in_any_case=True) as tx:
            return await self._note(tx, card.key, channel, ts, None)

    async def _post_in(self, channel: str, card: Card) -> Card:
        drawn: tuple[Card, CardView] | None = None
        posted = card

        async def draw(tx: Transaction) -> Sequence[SlackMessage]:
            nonlocal drawn
            posting = await cards.begin_posting(tx, card.key, channel, self._record.now())
            drawn = posting, await self._view(tx, card.key)
            return _messages(drawn[1])

        async def note(tx: Transaction, outcome: Outcome) -> None:
            nonlocal posted
            if outcome.ts is None:
                await cards.forget_post(tx, card.key)
            else:
                posted = await self._note(tx, card.key, channel, outcome.ts, drawn)

        post = Post(
            key=str(card.key),
            event=CARD_EVENT,
            place=Place(channel=channel),
            draw=draw,
            note=note,
            about=card.key,
            look_since=card.posting_since,
            is_remembered=False,
            must_stand=True,
        )
        if await self._outbox.post(post):
            metrics.way_to_card.shown(card.key)
            log.info("card_posted", issue=str(card.key), channel=channel)
        return posted

    def _is_stale(self, card: Card, view: CardView) -> bool:
        """Return whether the card shows something old, or may."""
        now = self._record.now()
        landed_by = lands_by(card.rendering_since, now)
        if card.is_stale(now) or (landed_by is not None and landed_by <= now):
            return True
        # A wrong clock planned a change so much later.
        change, planned = view.changes_at, card.repaint_at
        return bool(change and planned and planned > change + CLOCKS_DIFFER)

    async def _render(self, card: Card) -> Card:
        await self._slack.turn("chat.update")
        now = self._record.now()
        async with self._record.transaction() as tx:
            card = await cards.load_card(tx, card.key) or card
            view = await self._view(tx, card.key)
            await cards.note_rendering(tx, card.key, now)
        if card.ts is None or card.channel is None:
            return card
        # An earlier rendering may still land after this.
        landed_by = lands_by(card.rendering_since, now)
        earlier = card.rendering_since if landed_by and landed_by > now else None
        try:
            await send(
                self._slack,
                "chat.update",
                _messages(view),
                channel=card.channel,
                ts=card.ts,
                **metadata(CARD_EVENT, str(card.key)),
            )
        except Unreachable:
            raise  # it may land yet
        except PlatformError as error:
            async with self._record.transaction(in_any_case=True) as tx:
                await cards.note_rendering(tx, card.key, earlier)
            code = error.code if isinstance(error, Rejected) else None
            if code in GONE_FROM_SLACK:
                return await self._replace(card, view)
            if code not in TERMINAL:
                raise
            log.warning("card_not_renderable", issue=str(card.key), problem=code)
        metrics.POSTS.labels("card_update").inc()
        metrics.way_to_card.shown(card.key)
        # In any case: this may have overwritten something newer.
        async with self._record.transaction(in_any_case=True) as tx:
            shown = replace(card, rendering_since=earlier), view
            return await self._note(tx, card.key, card.channel, card.ts, shown)

    async def _note(
        self,
        tx: Transaction,
        key: IssueKey,
        channel: str,
        ts: str,
        shown: tuple[Card, CardView] | None,
    ) -> Card:
        # Reminders wait for the thread. An older release that posts a card enqueues none.
        jobs.enqueue(tx, IssueQueue.REMINDERS, [key], self._record.now())
        if shown is None:
            return await cards.adopt(tx, key, channel, ts, 0)
        card, view = shown
        return await cards.adopt(
            tx, key, channel, ts, card.version, view.changes_at, card.rendering_since
        )

    async def _replace(self, card: Card, view: CardView) -> Card:
        """Post a deleted card anew if a customer still waits."""
        log.warning("card_deleted_in_slack", issue=str(card.key))
        card = await self._forgotten(card)
        is_wanted = view.request.state in UNFINISHED or view.refused
        return await self._post(card, view) if is_wanted else card

    async def _forgotten(self, card: Card) -> Card:
        """Return it as one that is not posted."""
        async with self._record.transaction() as tx:
            await cards.forget_post(tx, card.key)
        return replace(card, ts=None, channel=None, posting_since=None, rendering_since=None)

    async def _in_its_place(self, card: Card, view: CardView) -> tuple[Card, datetime | None]:
        """Move a card that is misplaced, and say when to try that again.

        A channel that takes no card leaves it where others see it.
        """
        route = self._route_of(view)
        try:
            if not await self._is_misplaced(card, view):
                return card, None
            await self._adoption.ensure(route)
            await self._slack.check_channel(route.channel_of(view.request))
        except Denied as error:
            log.warning("card_not_moved", issue=str(card.key), problem=str(error))
            return card, self._record.now() + MOVED_AGAIN_AFTER
        return await self._move(card, view), None

    async def _is_misplaced(self, card: Card, view: CardView) -> bool:
        """Return whether the card stands in another channel than its team looks at.

        Of what has ended it stays: who looks for it finds it where it was.
        """
        if card.ts is None or view.request.state not in (*UNFINISHED, State.OPEN):
            return False
        route = self._route_of(view)
        if view.request.route != route.name:
            return False  # the file of routes has changed since the issue was read: that goes first
        if not self._viewer.routes.are_several:
            is_waiting = view.request.state in UNFINISHED
            if route.bad_channel is None or not is_waiting:
                return False
        elif view.request.state is State.OPEN and (
            route.bad_channel is None or card.channel in await self._channels(route)
        ):
            return False
        return card.channel != await self._outbox.channel(route.channel_of(view.request))

    async def _channels(self, route: Route) -> set[str]:
        return {await self._outbox.channel(each) for each in route.channels}

    async def _move(self, card: Card, view: CardView) -> Card:
        """Take the card to where its team looks."""
        log.info("card_moved", issue=str(card.key))
        with contextlib.suppress(Rejected, Denied):  # it is gone, or the channel is
            await self._slack.call("chat.delete", channel=card.channel, ts=card.ts)
        return await self._post(await self._forgotten(card), view)

    def _deserves_card(self, card: Card, view: CardView) -> bool:
        # One that ended unseen needs no card, unless one may stand, or somebody is to be told of a
        # refusal.
        request, rules = view.request, self._viewer.rules_of(view.request)
        is_refused = bool(view.refused) and request.was_requested
        is_wanted = deserves_card(request, rules, self._record.now())
        return is_wanted or card.posting_since is not None or is_refused

    async def _tell(self, card: Card, steps: Sequence[QueuedStep]) -> None:
        """Tell the thread; where there is none, only who has to know."""
        for step in steps:
            if told := await self._told(card, step.step):
                await self._outbox.post(self._post_of(card.key, step, *told))
            else:
                async with self._record.transaction() as tx:
                    await cards.end_message(tx, step.id, self._record.now())

    async def _told(self, card: Card, step: Step) -> tuple[Place, SlackMessage] | None:
        """Return where what is told, ``None`` if nobody has to know."""
        if card.ts is None or card.channel is None:
            return await self._told_privately(card, step)
        refused = await self._refused(card.key, step)
        message = render_step(await self._in_slack(step), self._viewer.rules, refused)
        return Place(channel=card.channel, thread=card.ts), message

    async def _told_privately(self, card: Card, step: Step) -> tuple[Place, SlackMessage] | None:
        if step.kind not in (StepKind.REFUSED, StepKind.FOLLOWED_UP):
            return None
        step = await self._in_slack(step)
        user = step.who.slack_user if step.who else None
        channel = await self._slack.direct_messages(user) if user else None
        if channel is None:
            return None
        async with self._record.transaction() as tx:
            view = await self._view(tx, card.key)
        if step.kind is StepKind.FOLLOWED_UP:
            return Place(channel=channel), render_follow_up(step, view, self._viewer.rules)
        refused = await self._refused(card.key, step)
        return Place(channel=channel), render_refusal(step, view, refused)

    async def _refused(self, key: IssueKey, step: Step) -> Decision | None:
        if step.decision is None:
            return None
        async with self._record.transaction() as tx:
            found = await load_decision(tx, key, step.decision)
        return found.decision if found else None

    def _post_of(
        self, key: IssueKey, step: QueuedStep, place: Place, message: SlackMessage
    ) -> Post:
        async def draw(tx: Transaction) -> Sequence[SlackMessage]:
            await cards.begin_message(tx, step.id, self._record.now())
            return [message]

        async def note(tx: Transaction, outcome: Outcome) -> None:
            # A gone thread takes no step: the record and GitLab have it.
            noted = cards.end_message if outcome.is_over else cards.abandon_message
            await noted(tx, step.id, self._record.now())

        return Post(
            key=str(step.id),
            event=STEP_EVENT,
            place=place,
            draw=draw,
            about=key,
            look_since=step.begun_at,
            note=note,
            is_remembered=False,
        )

    async def _in_slack(self, step: Step) -> Step:
        async def known(person: Person | None) -> Person | None:
            return await self._directory.known_in_slack(person) if person else None

        owner, on_duty = await known(step.owner), step.on_duty
        if on_duty is not None:  # a customer may wait: somebody must read it
            owner = await self._directory.reachable(owner) if owner else None
            on_duty = tuple([await self._directory.known_in_slack(each) for each in on_duty])
        return replace(
            step,
            who=await known(step.who),
            other=await known(step.other),
            owner=owner,
            on_duty=on_duty,
        )


def _messages(view: CardView) -> list[SlackMessage]:
    """Add one without the customer's words: better than a request nobody sees."""
    return [render_card(view), render_bare_card(view)]
