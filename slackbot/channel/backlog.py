"""Many requests found at once, at the first start or after a gap: no flood, and nobody forgotten.

What is overdue or due soon gets its card at once, the oldest deadline first. The others wait for
theirs until they are due soon, and one summary tells of them all.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from slackbot.blocks.card import CardView
from slackbot.blocks.reminder import SUMMARY_EVENT, Summary, render_summary
from slackbot.platforms.message import SlackMessage
from slackbot.platforms.outbox import Outbox, Outcome, Place, Post
from slackbot.rules.deadline import BusinessHours
from slackbot.rules.request import Request
from slackbot.store import cards, facts, jobs, requests
from slackbot.store.database import Record, Transaction
from slackbot.store.facts import CatchUp
from slackbot.store.jobs import IssueQueue, Postponed

log = structlog.get_logger()

NEAR = timedelta(hours=24)
"""Of business time: what is due within it does not wait for its card."""
FRESH = timedelta(minutes=5)
"""Who asked within so long before is served like anybody who asks while somebody looks."""
PATIENCE = timedelta(hours=1)
"""How long the summary waits for issues that GitLab does not show."""
LOOKS_A_SECOND = 10
"""About how many issues the queue ``SYNC`` sees to; only to guess how long it will take."""


class Backlog:
    """Keeps cards back that can wait after a catch-up; reconciles the queue ``SUMMARY``."""

    def __init__(self, record: Record, outbox: Outbox, hours: BusinessHours) -> None:
        self._record, self._outbox, self._hours = record, outbox, hours

    async def card_waits_until(self, tx: Transaction, view: CardView) -> datetime | None:
        """Return until when the first card of a request can wait, ``None`` if it is to come now."""
        request = view.request
        if request.holder or view.pending or view.refused:
            return None  # somebody has seen to it already
        catch_up = await facts.CATCH_UP.load(tx)
        if catch_up is None or not _is_part(catch_up, request):
            return None
        return near_at(request.due_at, self._record.now(), self._hours)

    async def reconcile(self) -> None:
        """Post the summary, once, when the issues that were found have been looked at.

        Raises:
            Postponed: Some have not.
        """
        async with self._record.transaction() as tx:
            catch_up = await facts.CATCH_UP.load(tx)
            left = await jobs.count(tx, IssueQueue.SYNC)
        if catch_up is None or catch_up.is_told:
            return
        # What may have been posted already is looked for at once, whatever is left.
        is_begun = catch_up.posting_since is not None
        if left and not is_begun and catch_up.at <= self._record.now() < catch_up.at + PATIENCE:
            seconds = min(max(left / LOOKS_A_SECOND, 1), 60)
            raise Postponed(f"{left} issues are to be looked at first", timedelta(seconds=seconds))
        channel = await self._outbox.channel()
        await self._outbox.post(
            Post(
                key=catch_up.key,
                event=SUMMARY_EVENT,
                place=Place(channel=channel),
                draw=self._draw,
                note=self._note,
                look_since=catch_up.posting_since,
                is_remembered=False,
                must_stand=True,
            )
        )

    async def _draw(self, tx: Transaction) -> Sequence[SlackMessage]:
        """Count, and note what the summary says in case that it is posted without our knowing."""
        catch_up = await facts.CATCH_UP.load(tx)
        if catch_up is None:
            return []
        now = self._record.now()
        shown = await cards.list_posted_before(tx, catch_up.begun_at)  # though the record was lost
        found = [
            each
            for each in await requests.list_unfinished(tx)
            if _is_part(catch_up, each) and each.key not in shown
        ]
        later = [each for each in found if near_at(each.due_at, now, self._hours)]
        overdue = sum(each.due_at <= now for each in found)
        noted = replace(
            catch_up, posting_since=now, later=frozenset(str(each.key) for each in later)
        )
        await facts.CATCH_UP.save(tx, noted)
        summary = Summary(
            away=catch_up.at - catch_up.since if catch_up.since else None,
            overdue=overdue,
            near=len(found) - len(later) - overdue,
            later=len(later),
            near_hours=NEAR // timedelta(hours=1),
        )
        # In GitLab all may have been seen to meanwhile.
        return [render_summary(summary)] if summary.total else []

    async def _note(self, tx: Transaction, outcome: Outcome) -> None:
        catch_up = await facts.CATCH_UP.load(tx)
        if catch_up is not None:
            ended = replace(catch_up, is_told=outcome.is_over, posting_since=None)
            await facts.CATCH_UP.save(tx, ended)


def near_at(due_at: datetime, now: datetime, hours: BusinessHours) -> datetime | None:
    """Return when a deadline will be near, ``None`` if it is already or has passed."""
    if due_at <= now:
        return None
    left = hours.between(now, due_at)
    return hours.add(now, left - NEAR) if left > NEAR else None


def _is_part(catch_up: CatchUp, request: Request) -> bool:
    """Whether a request was made while nobody looked, and not after."""
    if catch_up.is_told:
        return str(request.key) in catch_up.later
    is_after = catch_up.since is None or request.asked_at >= catch_up.since
    return is_after and request.asked_at < catch_up.at - FRESH
