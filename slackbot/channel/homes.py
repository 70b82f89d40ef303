"""Keep the App Homes up to date that people have open."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from slackbot import metrics
from slackbot.blocks.answers.duty import TeamDuty
from slackbot.blocks.answers.home import HomeView, render_closed_home, render_home
from slackbot.blocks.answers.queue import Asker, Board
from slackbot.blocks.elements import Block
from slackbot.blocks.words import refusal_words
from slackbot.channel.views import Viewer
from slackbot.people.admission import Admission
from slackbot.platforms.errors import PlatformError, Rejected, Unreachable, lands_by
from slackbot.platforms.slack.client import SlackClient
from slackbot.rules.reading.query import DAYS, Listing, read_query
from slackbot.rules.refusals import CannotTell, NotAllowed
from slackbot.rules.request import Person
from slackbot.store.engine.database import Record
from slackbot.store.jobs import Postponed
from slackbot.store.messages import homes
from slackbot.store.messages.homes import OpenHome

log = structlog.get_logger()

OPEN_FOR = timedelta(hours=8)
"""After an opening; Slack does not tell of closing."""
MEMORY = timedelta(days=2)
"""After that, so that none is forgotten while a clock is a day fast."""
AGAIN_AFTER = timedelta(hours=1)
"""For the time left, while nothing else changes."""

HASH_CONFLICT = "hash_conflict"


class HomeSync:
    """Reconciles the queue ``HOMES``, on one replica at a time.

    Args:
        seek: Starts a background search for the GitLab account of a person who has none on record.
    """

    def __init__(
        self,
        record: Record,
        slack: SlackClient,
        admission: Admission,
        viewer: Viewer,
        *,
        seek: Callable[[Person], None],
    ) -> None:
        self._record, self._slack = record, slack
        self._admission, self._viewer = admission, viewer
        self._seek = seek

    async def reconcile(self) -> datetime | None:
        """Return when to look again: of a passing deadline nothing else tells.

        Raises:
            Postponed: Slack does not say who somebody is.
        """
        since = self._record.now() - OPEN_FOR
        async with self._record.transaction() as tx:
            await homes.forget_homes(tx, since - MEMORY)
            found = await homes.list_opened_since(tx, since)
            if not found:
                return None
            board = await self._viewer.board(tx, days=DAYS)
            duties = await self._viewer.team_duties(tx)
        unknown = [home.user for home in found if not await self._bring_up(home, board, duties)]
        if unknown:
            raise Postponed("Slack does not say who somebody is")
        ahead = [view.request.due_at for view in board.waiting]
        ahead += filter(None, (lands_by(home.rendering_since, board.now) for home in found))
        return min(
            [self._record.now() + AGAIN_AFTER, *(each for each in ahead if each > board.now)]
        )

    async def _bring_up(self, home: OpenHome, board: Board, duties: Sequence[TeamDuty]) -> bool:
        """Return whether it is known what the person may see."""
        try:
            shown = await self._draw(home, board, duties)
        except CannotTell:
            return False
        checksum = hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
        now = self._record.now()
        landed_by = lands_by(home.rendering_since, now)
        has_landed = landed_by is not None and landed_by <= now
        if has_landed:
            home = replace(home, rendering_since=None)
        if has_landed or home.is_awaited or checksum != home.chosen.checksum:
            await self._publish(home, shown, checksum)
        return True

    async def _draw(self, home: OpenHome, board: Board, duties: Sequence[TeamDuty]) -> Block:
        try:
            person, may_act = await self._admission.look(home.chosen.team, home.user)
        except CannotTell:
            raise
        except NotAllowed as refusal:
            return render_closed_home(refusal_words(refusal))
        self._seek(person)
        query = read_query(home.chosen.asked)
        return render_home(
            HomeView(
                board=board,
                listing=query if isinstance(query, Listing) else Listing(),
                asker=Asker(person=person, may_act=may_act, can_link=self._viewer.rules.can_link),
                duties=duties,
            )
        )

    async def _publish(self, home: OpenHome, shown: Block, checksum: str) -> None:
        await self._slack.turn("views.publish")
        async with self._record.transaction() as tx:
            await homes.note_rendering(tx, home.user, self._record.now())
        try:
            await self._slack.call_now("views.publish", user_id=home.user, view=shown)
        except Unreachable:
            raise  # it may land yet
        except PlatformError as error:
            async with self._record.transaction(in_any_case=True) as tx:
                await homes.note_rendering(tx, home.user, home.rendering_since)
            if not isinstance(error, Rejected):
                raise
            if error.code == HASH_CONFLICT:  # somebody published in between
                raise Postponed(str(error)) from error
            # They left, or the app has no home.
            log.warning("home_rejected", user=home.user, problem=error.code)
            async with self._record.transaction() as tx:
                await homes.forget_home(tx, home.user)
            metrics.HOMES.labels("rejected").inc()
            return
        # In any case: this may have overwritten something newer.
        async with self._record.transaction(in_any_case=True) as tx:
            await homes.save_published(tx, home, checksum)
            # An earlier rendering may still land after this.
            await homes.note_rendering(tx, home.user, home.rendering_since)
        metrics.HOMES.labels("published").inc()
