"""Many requests found at once, at the first start or after a gap: no flood, and nobody forgotten.

What is overdue or due soon gets its card at once, the oldest deadline first. The others wait for
theirs until they are due soon, and one summary tells of them all.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from slackbot import metrics
from slackbot.blocks.summary import SUMMARY_EVENT, Summary, render_summary, summary_metadata
from slackbot.clock import Clock
from slackbot.platforms.post_once import CLOCK_MARGIN
from slackbot.platforms.slack import QUIETLY, Doubtful, SlackError, Workspace
from slackbot.rules.deadline import BusinessHours
from slackbot.rules.request import Request
from slackbot.store import cards, facts, jobs, record
from slackbot.store.database import Database, Transaction
from slackbot.store.facts import CatchUp
from slackbot.store.jobs import Lane
from slackbot.store.picture import Picture
from slackbot.worker import Postponed

log = structlog.get_logger()

FEW = 10
"""So many requests at once are no flood: each gets its card."""
NEAR = timedelta(hours=24)
"""Of business time: what is due within it does not wait for its card."""
FRESH = timedelta(minutes=5)
"""Who asked within so long before is served like anybody who asks while somebody looks."""
PATIENCE = timedelta(hours=1)
"""How long the summary waits for issues that GitLab does not show."""
LOOKS_A_SECOND = 10
"""About how many issues the lane ``sync`` sees to; only to guess how long it will take."""


class CatchingUp:
    """Begins catch-ups, keeps cards back that can wait, and tells the channel once."""

    def __init__(
        self,
        database: Database,
        workspace: Workspace,
        hours: BusinessHours,
        *,
        channel: str,
        clock: Clock,
    ) -> None:
        self._database, self._workspace, self._hours = database, workspace, hours
        self._channel, self._clock = channel, clock

    async def begin(self, tx: Transaction, at: datetime, since: datetime | None) -> None:
        """Note that a reading has found many requests; noting it again changes nothing.

        Args:
            tx: The transaction in which they are asked for, so that no card comes before.
            at: When the reading began.
            since: When the poll before it ended; ``None`` at the first start.
        """
        last = await facts.load_catch_up(tx)
        if last is None or last.is_told:
            log.info("catching_up", since=since.isoformat() if since else None)
            last = CatchUp(key=at.isoformat(), at=at, since=since)
        await facts.save_catch_up(tx, replace(last, at=at))

    async def ask_to_tell(self, tx: Transaction) -> None:
        """Ask for the summary if the channel has not been told yet."""
        catch_up = await facts.load_catch_up(tx)
        if catch_up is not None and not catch_up.is_told:
            about = [jobs.EVERY_ISSUE]
            await jobs.ask(tx, Lane.SHOW, about, self._clock(), urgent=True)

    async def card_waits_until(self, tx: Transaction, picture: Picture) -> datetime | None:
        """Return until when the first card of a request can wait, ``None`` if it is to come now."""
        request = picture.request
        if request.holder or picture.pending or picture.refused:
            return None  # somebody has seen to it already
        catch_up = await facts.load_catch_up(tx)
        if catch_up is None or not _is_part(catch_up, request):
            return None
        return near_at(request.due_at, self._clock(), self._hours)

    async def tell(self) -> None:
        """Post the summary, once, when the issues that were found have been looked at.

        Raises:
            Postponed: Some have not.
            SlackError: Slack did not take it.
        """
        async with self._database.transaction() as tx:
            catch_up = await facts.load_catch_up(tx)
            left = await jobs.count(tx, Lane.SYNC)
        if catch_up is None or catch_up.is_told:
            return
        if catch_up.posting_since is not None and await self._is_posted(catch_up):
            await self._end(told=True)
            return
        if left and self._clock() < catch_up.at + PATIENCE:
            seconds = min(max(left / LOOKS_A_SECOND, 1), 60)
            raise Postponed(f"{left} issues are to be looked at first", timedelta(seconds=seconds))
        await self._post(catch_up)

    async def _is_posted(self, catch_up: CatchUp) -> bool:
        channel = await self._workspace.channel_id(self._channel)
        since = (catch_up.posting_since or catch_up.at) - CLOCK_MARGIN
        found = await self._workspace.find_message(
            channel, SUMMARY_EVENT, catch_up.key, since=since.timestamp()
        )
        return found is not None

    async def _post(self, catch_up: CatchUp) -> None:
        channel = await self._workspace.channel_id(self._channel)
        await self._workspace.turn("chat.postMessage")
        summary = await self._begin_posting(catch_up)
        if summary.total == 0:  # all has been seen to in GitLab meanwhile
            await self._end(told=True)
            return
        shown = render_summary(summary)
        try:
            await self._workspace.call_now(
                "chat.postMessage",
                channel=channel,
                text=shown.text,
                blocks=list(shown.blocks),
                metadata=summary_metadata(catch_up.key),
                **QUIETLY,
            )
        except Doubtful:
            raise
        except SlackError:
            await self._end(told=False)  # certainly not posted
            raise
        await self._end(told=True)
        metrics.POSTS.labels("summary").inc()
        log.info("summary_posted", requests=summary.total, later=summary.later)

    async def _begin_posting(self, catch_up: CatchUp) -> Summary:
        """Count, and note what the summary says in case that it gets posted without our knowing."""
        now = self._clock()
        async with self._database.transaction() as tx:
            await jobs.confirm(tx)
            shown = await cards.posted_before(tx, catch_up.begun_at)  # though the record was lost
            found = [
                each
                for each in await record.unfinished_requests(tx)
                if _is_part(catch_up, each) and each.key not in shown
            ]
            later = [each for each in found if near_at(each.due_at, now, self._hours)]
            overdue = sum(each.due_at <= now for each in found)
            noted = replace(
                catch_up, posting_since=now, later=frozenset(str(each.key) for each in later)
            )
            await facts.save_catch_up(tx, noted)
        return Summary(
            away=catch_up.at - catch_up.since if catch_up.since else None,
            overdue=overdue,
            near=len(found) - len(later) - overdue,
            later=len(later),
            near_hours=NEAR // timedelta(hours=1),
        )

    async def _end(self, *, told: bool) -> None:
        async with self._database.transaction() as tx:
            catch_up = await facts.load_catch_up(tx)
            if catch_up is not None:
                await facts.save_catch_up(tx, replace(catch_up, is_told=told, posting_since=None))


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
