"""Many requests found at once: what is due soon gets its card now, a summary tells of the rest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from slackbot.blocks.reminder import SUMMARY_EVENT, Summary, render_summary
from slackbot.blocks.view import CardView
from slackbot.platforms.patience import all_tried
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import Outbox, Outcome, Place, Post
from slackbot.rules.request import Request
from slackbot.rules.routes import Route, Routes
from slackbot.rules.timing.deadline import BusinessHours
from slackbot.store import facts, jobs, requests
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.facts import CatchUp
from slackbot.store.jobs import IssueQueue, Postponed
from slackbot.store.messages import cards

log = structlog.get_logger()

NEAR = timedelta(hours=24)
"""Business time."""
FRESH = timedelta(minutes=5)
"""A request that is newer than this is no part of a catch-up."""
PATIENCE = timedelta(hours=1)
"""For issues that GitLab does not show."""
LOOKS_A_SECOND = 10
"""A guess."""


class Backlog:
    """Keeps back the cards that can wait; reconciles the queue ``SUMMARY``."""

    def __init__(self, record: Record, outbox: Outbox, routes: Routes) -> None:
        self._record, self._outbox, self._routes = record, outbox, routes

    async def card_waits_until(self, tx: Transaction, view: CardView) -> datetime | None:
        """Return ``None`` if the card is to come now."""
        request = view.request
        if request.holder or view.pending or view.refused:
            return None  # somebody sees to it
        route = self._routes.of_request(request)
        catch_up = await facts.CATCH_UP.of(route.name).load(tx)
        if catch_up is None or not _is_part(catch_up, request):
            return None
        return near_at(request.due_at, self._record.now(), route.rules.hours)

    async def reconcile(self) -> None:
        """Post each team's summary, once, when the found issues have been looked at.

        Raises:
            Postponed: Some have not.
        """
        await all_tried(map(self._sum_up, self._routes))

    async def _sum_up(self, route: Route) -> None:
        fact = facts.CATCH_UP.of(route.name)
        async with self._record.transaction() as tx:
            catch_up = await fact.load(tx)
            left = await jobs.count(tx, IssueQueue.SYNC)
        if catch_up is None or catch_up.is_told:
            return
        # Once begun, it may stand already: look at once.
        is_begun = catch_up.posting_since is not None
        if left and not is_begun and catch_up.at <= self._record.now() < catch_up.at + PATIENCE:
            seconds = min(max(left / LOOKS_A_SECOND, 1), 60)
            raise Postponed(f"{left} issues are to be looked at first", timedelta(seconds=seconds))
        channel = await self._outbox.channel(route.channel)
        await self._outbox.post(
            Post(
                key=catch_up.key,
                event=SUMMARY_EVENT,
                place=Place(channel=channel),
                draw=partial(self._draw, route),
                note=partial(self._note, route),
                look_since=catch_up.posting_since,
                is_remembered=False,
                must_stand=True,
            )
        )

    async def _draw(self, route: Route, tx: Transaction) -> Sequence[SlackMessage]:
        """Note what the summary says, in case it is posted without our knowing."""
        fact, hours = facts.CATCH_UP.of(route.name), route.rules.hours
        catch_up = await fact.load(tx)
        if catch_up is None:
            return []
        now = self._record.now()
        shown = await cards.list_posted_before(tx, catch_up.begun_at)  # by a lost record, too
        found = [
            each
            for each in await requests.list_unfinished(tx)
            if self._routes.of_request(each) is route
            and _is_part(catch_up, each)
            and each.key not in shown
        ]
        later = [each for each in found if near_at(each.due_at, now, hours)]
        overdue = sum(each.due_at <= now for each in found)
        noted = replace(
            catch_up,
            posting_since=catch_up.posting_since or now,
            later=frozenset(str(each.key) for each in later),
        )
        await fact.save(tx, noted)
        summary = Summary(
            away=catch_up.at - catch_up.since if catch_up.since else None,
            overdue=overdue,
            near=len(found) - len(later) - overdue,
            later=len(later),
            near_hours=NEAR // timedelta(hours=1),
        )
        # All may be done by now.
        return [render_summary(summary)] if summary.total else []

    async def _note(self, route: Route, tx: Transaction, outcome: Outcome) -> None:
        fact = facts.CATCH_UP.of(route.name)
        catch_up = await fact.load(tx)
        if catch_up is not None:
            ended = replace(catch_up, is_told=outcome.is_over, posting_since=None)
            await fact.save(tx, ended)


def near_at(due_at: datetime, now: datetime, hours: BusinessHours) -> datetime | None:
    """Return ``None`` if it is near already or has passed."""
    if due_at <= now:
        return None
    left = hours.between(now, due_at)
    return hours.add(now, left - NEAR) if left > NEAR else None


def _is_part(catch_up: CatchUp, request: Request) -> bool:
    if catch_up.is_told:
        return str(request.key) in catch_up.later
    is_after = catch_up.since is None or request.asked_at >= catch_up.since
    return is_after and request.asked_at < catch_up.at - FRESH
