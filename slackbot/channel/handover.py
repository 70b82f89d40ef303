"""The hand-over at the change of duty, by direct message."""

from collections.abc import Iterator, Sequence
from datetime import datetime, time, timedelta

import structlog

from slackbot.blocks.handover import HANDOVER_EVENT, HandOver, render_handover
from slackbot.channel.digest import contacts
from slackbot.channel.views import Viewer
from slackbot.people.members import Members
from slackbot.platforms.patience import all_tried
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import Outbox
from slackbot.rules.decision import Action, ChooseLabel, MarkContacted
from slackbot.rules.request import Person, Request
from slackbot.rules.routes import Route
from slackbot.store import decisions, requests
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.messages import cards
from slackbot.store.people import DutyTurn, list_turns_since

log = structlog.get_logger()

MEMORY = timedelta(hours=12)
"""How late a hand-over still makes sense."""
MARGIN_DAYS = 2
"""Somebody's workday begins and ends on another day than the team's."""


class Handover:
    """Reconciles the queue ``HANDOVER``: one message a change and person."""

    def __init__(self, record: Record, members: Members, viewer: Viewer, outbox: Outbox) -> None:
        self._record, self._members = record, members
        self._viewer, self._outbox = viewer, outbox

    async def reconcile(self) -> datetime | None:
        """Tell each person in their own day; return when to tell who sleeps now.

        A person whose turn began and ended between two looks is told of its end only.

        Raises:
            PlatformError: Slack did not take one; the others have been told.
        """
        moments = await all_tried(map(self._tell_team, self._viewer.routes))
        return min(filter(None, moments), default=None)

    async def _tell_team(self, team: Route) -> datetime | None:
        async with self._record.transaction() as tx:
            turns = await list_turns_since(tx, team.name, self._earliest(team))
        follows = turns[0].on_duty.people if turns and turns[0].ended_at is None else ()
        ended = [turn for turn in turns if turn.ended_at is not None]
        moments = await all_tried(
            self._tell(team, person, turn, follows, is_outgoing=is_outgoing)
            for turn in ended
            for person, is_outgoing in _concerned(turn, follows, is_latest=turn == ended[0])
        )
        return min(filter(None, moments), default=None)

    def _earliest(self, team: Route) -> datetime:
        """Return since when a turn may have ended that somebody is still to be told of.

        All have been told of those before the last workday, however long the days off after it.
        """
        hours = team.reminders.hours
        today = self._record.now().astimezone(hours.timezone).date()
        workday = hours.workday_before(today - timedelta(days=MARGIN_DAYS))
        return datetime.combine(workday, time(), tzinfo=hours.timezone)

    async def _tell(
        self,
        team: Route,
        person: Person,
        ended: DutyTurn,
        follows: tuple[Person, ...],
        *,
        is_outgoing: bool,
    ) -> datetime | None:
        """Return when to try again if the person sleeps."""
        user, at = person.slack_user or "", ended.ended_at or ended.began_at
        # By the moment: a lost record counts turns anew.
        prefix = f"handover:{team.name}" if team.name else "handover"
        key = f"{prefix}:{int(at.timestamp())}:{user}"
        if await self._outbox.is_posted(key):
            return None
        rules, now = team.reminders, self._record.now()
        zone = await self._members.zone(user, rules.hours.timezone)
        ready_at = rules.quiet.end(min(at, now), zone, rules.hours)
        if now < ready_at:
            return ready_at
        if now > ready_at + MEMORY:
            await self._outbox.leave_out(key)
            return None

        async def draw(tx: Transaction) -> Sequence[SlackMessage]:
            hand_over = await self._hand_over(tx, team, ended, follows)
            return [render_handover(hand_over, is_outgoing=is_outgoing)]

        if await self._outbox.tell(user, draw, key=key, event=HANDOVER_EVENT):
            log.info("handed_over", is_outgoing=is_outgoing)
        return None

    async def _hand_over(
        self, tx: Transaction, team: Route, ended: DutyTurn, follows: tuple[Person, ...]
    ) -> HandOver:
        began_at, ended_at = ended.began_at, ended.ended_at or ended.began_at
        labeled = await cards.list_labeled_between(tx, began_at, ended_at)
        labeled |= {
            decision.key
            for decision in await decisions.list_decisions_between(tx, began_at, ended_at)
            if _names_cause(decision.action)
        }
        labeled = await self._viewer.of_team(tx, labeled, team.name)
        triaged = await requests.list_triaged_between(tx, began_at, ended_at)
        triaged = await self._viewer.of_team(tx, triaged, team.name)
        board = await self._viewer.board(tx, route=team.name)
        dependent = await self._viewer.dependent(tx, route=team.name)
        return HandOver(
            team=team.name if self._viewer.routes.are_several else "",
            before=ended.on_duty.people,
            after=follows,
            began_at=began_at,
            ended_at=ended_at,
            contacted=await contacts(tx, self._viewer, team.name, began_at, ended_at),
            labeled=len(labeled - triaged),
            triaged=len(triaged),
            left_open=board.waiting,
            untriaged=tuple(
                view
                for view in board.triage
                if view.request.awaits_triage and _is_before(view.request, ended_at)
            ),
            dependent=tuple(view for view in dependent if view.waits_on),
            to_close=tuple(await self._viewer.to_close(tx, route=team.name)),
            zone=team.rules.hours.timezone,
        )


def _is_before(request: Request, moment: datetime) -> bool:
    return (request.created_at or request.asked_at) < moment


def _names_cause(action: Action) -> bool:
    match action:
        case ChooseLabel():
            return True
        case MarkContacted(label=label):
            return label is not None
        case _:
            return False


def _concerned(
    ended: DutyTurn, follows: tuple[Person, ...], *, is_latest: bool
) -> Iterator[tuple[Person, bool]]:
    """Yield who is to be told, and whether their turn ends.

    A person who stays on duty is told the same as their new colleagues.
    """
    before = ended.on_duty.people
    stay = [each for each in before if any(each.is_same(other) for other in follows)]
    yield from ((each, True) for each in before if each.slack_user and each not in stay)
    if is_latest:
        yield from ((each, False) for each in follows if each.slack_user)
