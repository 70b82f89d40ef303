"""The digest in the channel, each workday morning."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import structlog

from slackbot.blocks.digest import DIGEST_EVENT, Contacts, Digest, render_digest
from slackbot.blocks.view import CardView
from slackbot.channel.mornings import MorningPost
from slackbot.channel.views import Viewer
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import Outbox
from slackbot.rules.request import IssueKey, Request, State
from slackbot.rules.routes import Route
from slackbot.rules.timing.deadline import MINUTES_IN_DAY
from slackbot.rules.timing.expiry import expiry_problem
from slackbot.rules.timing.period import midnight
from slackbot.rules.timing.reminders import DigestTime
from slackbot.rules.timing.shifts import Plan, Uncovered
from slackbot.store import decisions, requests
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.messages import cards, outbox
from slackbot.store.messages.kudos import list_kudos
from slackbot.store.people import PLAN

log = structlog.get_logger()

WINDOW_MINUTES = 3 * 60
"""Later, the day has begun without a digest."""
NOTES_READ = 200
"""The limit of feedbacks whose comments are read."""


class DailyDigest(MorningPost):
    """The digest of a team at one of its times."""

    event = DIGEST_EVENT

    def __init__(
        self,
        record: Record,
        has_response: Callable[[Request], Awaitable[bool]],
        viewer: Viewer,
        outbox: Outbox,
        team: Route,
        at: DigestTime,
        token_ends_on: Callable[[], date | None],
    ) -> None:
        self._team, self._at = team, at
        hours, zone = team.rules.hours, self._zone_of(at)
        # One that comes late leaves the channel to the next.
        later = [each.minute for each in team.digests if each.zone == at.zone]
        nexts = (each for each in later if each > at.minute)
        closes = min(at.minute + WINDOW_MINUTES, MINUTES_IN_DAY, *nexts)
        days = replace(hours, timezone=zone, opens=at.minute, closes=closes)
        super().__init__(record, outbox, days, team.channel)
        first = viewer.routes.first
        self.prefix = _prefix(first, team, at)
        self._prefixes = {each: _prefix(first, team, each) for each in team.digests}
        self._has_response, self._viewer = has_response, viewer
        self._token_ends_on = token_ends_on

    async def _messages(self, day: date, now: datetime) -> Sequence[SlackMessage]:
        digest = await self._digest(now, day)
        return () if digest.is_empty else (render_digest(digest),)

    async def _digest(self, now: datetime, today: date) -> Digest:
        zone, team = self._hours.timezone, self._team.name
        ends = midnight(today + timedelta(days=1), zone)
        async with self._record.transaction() as tx:
            last_day, since = await self._last(tx, today)
            until = self._counts_from(today, self._at)
            board = await self._viewer.board(tx, route=team)
            contacted = await contacts(tx, self._viewer, team, since, until)
            triaged = await self._own(tx, await requests.list_triaged_between(tx, since, until))
            dependent = await self._viewer.dependent(tx, route=team)
            plan = await PLAN.of(team).load(tx)
            closed_idle = await self._own(tx, await decisions.list_closed_idle(tx, since, until))
            kudos = await list_kudos(tx)
            thanked = await self._own(tx, [each.decision.key for each in kudos])
            kudos = [each for each in kudos if each.decision.key in thanked]
            ended = [view async for view in self._left_waiting(tx, since, until)]
        views = board.waiting
        due = [
            view
            for view in board.triage
            if view.request.awaits_triage and view.request.is_response_due(now)
        ]
        silent, unread = await self._without_response(due)
        told = {view.key for view in (*silent, *dependent)}
        untriaged = [
            view for view in board.triage if view.request.awaits_triage and view.key not in told
        ]
        untriaged.sort(key=lambda view: not view.request.is_to_be_contacted)
        later = [view for view in views if view.request.due_at > ends]
        unclaimed = [view for view in later if view.request.holder is None]
        return Digest(
            overdue=tuple(view for view in views if view.is_overdue),
            due_today=tuple(view for view in views if now < view.request.due_at <= ends),
            unclaimed=tuple(unclaimed),
            claimed_later=len(later) - len(unclaimed),
            ended=tuple(ended),
            unanswered=tuple(silent),
            waited=tuple(view for view in dependent if _is_back(view.request, last_day, today)),
            untriaged=tuple(untriaged),
            unread=unread,
            since=since,
            contacted=contacted,
            triaged=len(triaged),
            closed_idle=len(closed_idle),
            kudos=sum(each.problem is None for each in kudos),
            stuck_kudos=tuple(dict.fromkeys(each.problem for each in kudos if each.problem)),
            zone=zone,
            uncovered=self._uncovered(plan, now) if plan else (),
            token_problem=expiry_problem(self._token_ends_on(), now),
            hour=self._at.minute // 60,
        )

    def _uncovered(self, plan: Plan, now: datetime) -> tuple[Uncovered, ...]:
        """Look as far as the next working day, in whose morning it would be too late."""
        zone = self._hours.timezone
        next_day = next(self._hours.later_workdays(now)).astimezone(zone).date()
        until = midnight(next_day + timedelta(days=1), zone)
        return plan.uncovered(now, until, self._team.rules.hours)

    async def _own(self, tx: Transaction, keys: Iterable[IssueKey]) -> set[IssueKey]:
        return await self._viewer.of_team(tx, keys, self._team.name)

    async def _left_waiting(
        self, tx: Transaction, since: datetime, until: datetime
    ) -> AsyncIterator[CardView]:
        """Yield what ended without a contact, and whose customer still waits for one."""
        left = await cards.list_left_waiting_between(tx, since, until)
        for key in sorted(await self._own(tx, left)):
            view = await self._viewer.view(tx, key)
            if view is not None and _still_waits(view.request):
                yield view

    async def _last(self, tx: Transaction, today: date) -> tuple[date, datetime]:
        """Return the day of the team's last digest, else the last workday, and what it left."""
        now, found = self._counts_from(today, self._at), list[tuple[datetime, date]]()
        for at, prefix in self._prefixes.items():
            day = now.astimezone(self._zone_of(at)).date()
            before = day if self._counts_from(day, at) >= now else day + timedelta(days=1)
            last = await outbox.load_latest_key(tx, prefix, before=f"{prefix}{before}")
            if last is not None:
                day = date.fromisoformat(last.removeprefix(prefix))
                found.append((self._counts_from(day, at), day))
        if found:
            since, day = max(found)
            return day, since
        day = self._hours.workday_before(today)
        return day, midnight(day, self._hours.timezone)

    def _counts_from(self, day: date, at: DigestTime) -> datetime:
        """Return up to when a day's digest counts, and the next one from there.

        One a day leaves all of its day to the next; several count up to their times.
        """
        zone = self._zone_of(at)
        if len(self._prefixes) == 1:
            return midnight(day, zone)
        return datetime.combine(day, time(*divmod(at.minute, 60)), tzinfo=zone).astimezone(UTC)

    def _zone_of(self, at: DigestTime) -> ZoneInfo:
        return at.zone or self._team.rules.hours.timezone

    async def _without_response(self, due: Sequence[CardView]) -> tuple[list[CardView], int]:
        """Return also of how many the comments could not be read."""
        silent = [each for each in due if not each.request.comments]
        commented = [each for each in due if each.request.comments]
        read = 0
        try:
            for each in commented[:NOTES_READ]:
                silent += [] if await self._has_response(each.request) else [each]
                read += 1
        except PlatformError as error:
            log.warning("responses_not_read", problem=type(error).__name__)
        silent.sort(key=lambda each: each.request.created_at or each.request.asked_at)
        return silent, len(commented) - read


def _prefix(first: Route, team: Route, at: DigestTime) -> str:
    """Return that of an earlier release where there was a digest then, too."""
    if team.name == first.name and at == team.digests[0]:
        return "digest:"
    return f"digest:{team.name}:{at}:"


def _is_back(request: Request, last_day: date, today: date) -> bool:
    """Bring it back once: on its day, or in the first digest after it."""
    return request.waits_on is not None and last_day < request.waits_on.until <= today


def _still_waits(request: Request) -> bool:
    return request.is_requested and request.state in (State.CLOSED, State.GONE)


async def contacts(
    tx: Transaction, viewer: Viewer, team: str, since: datetime, until: datetime
) -> Contacts:
    """Begin with a full minute, because people pick minutes."""
    since = since.replace(second=0, microsecond=0)
    found = [
        request
        for request in await requests.list_contacted(tx, since, viewer.share_of(team))
        if request.contacted_at is not None and since <= request.contacted_at < until
    ]
    late = sum(request.is_late for request in found)
    return Contacts(on_time=len(found) - late, late=late)
