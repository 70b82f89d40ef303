"""Who is reminded of an initial response, by direct message."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import structlog

from slackbot import metrics
from slackbot.blocks.reminder import RESPONSE_EVENT, render_response_reminder
from slackbot.blocks.view import CardView
from slackbot.channel.views import Viewer
from slackbot.logs import about_issue
from slackbot.people.directory import Directory
from slackbot.people.members import Members
from slackbot.platforms.patience import all_tried
from slackbot.platforms.slack.outbox import Outbox, drawn
from slackbot.rules.request import Person, Request
from slackbot.rules.timing.reminders import ReminderRules
from slackbot.rules.timing.responses import Mark, mark_of, needs_response, reminded_from
from slackbot.store.engine.database import Record

log = structlog.get_logger()

EVERY = timedelta(minutes=15)


class ResponseReminders:
    """Reconciles the queue ``RESPONSES``: the time and who is to respond."""

    def __init__(
        self,
        record: Record,
        has_response: Callable[[Request], Awaitable[bool]],
        directory: Directory,
        members: Members,
        viewer: Viewer,
        outbox: Outbox,
    ) -> None:
        self._record, self._has_response = record, has_response
        self._directory, self._members = directory, members
        self._viewer, self._outbox = viewer, outbox

    async def reconcile(self) -> datetime | None:
        """Return when to look again.

        Raises:
            PlatformError: A platform did not answer; the others have been told.
        """
        if all(route.reminders.is_off for route in self._viewer.routes):
            return None
        now = self._record.now()
        async with self._record.transaction() as tx:
            views = await self._viewer.awaiting_response(tx)
        await all_tried(about_issue(view.key, self._remind(view, now)) for view in views)
        return now + EVERY

    async def _remind(self, view: CardView, now: datetime) -> None:
        if self._rules(view).is_off or not needs_response(view.request, now):
            return
        waiting = [each for each in await self._addressees(view) if each.slack_user]
        found = [(person, await self._due(view, person, now)) for person in waiting]
        due = [(person, mark) for person, mark in found if mark is not None]
        if not due or await self._has_response(view.request):
            return
        for person, mark in due:
            await self._tell(view, mark, person)

    async def _due(self, view: CardView, person: Person, now: datetime) -> Mark | None:
        rules, own = self._rules(view), self._directory.working_hours(person)
        slack_zone = await self._members.zone(person.slack_user, rules.hours.timezone)
        zone = own.zone if own else slack_zone
        quiet = rules.quiet_for(own.awake if own else None)
        if quiet.end(now, zone, rules.hours) > now:
            return None
        mark = mark_of(view.request, now, zone, rules)
        return None if await self._outbox.is_posted(_key(view, mark, person)) else mark

    def _rules(self, view: CardView) -> ReminderRules:
        """Return those of its team."""
        return self._viewer.routes.of_request(view.request).reminders

    async def _addressees(self, view: CardView) -> Sequence[Person]:
        """Return who has it, else who was on duty when it was created: handbook."""
        request = view.request
        assigned = [Person(name=each, gitlab=each) for each in request.assignees]
        owners = [request.holder] if request.holder else assigned
        return await self._directory.first_reachable(owners, request.responsible)

    async def _tell(self, view: CardView, mark: Mark, person: Person) -> None:
        is_told = await self._outbox.tell(
            person.slack_user or "",
            drawn(render_response_reminder(view)),
            key=_key(view, mark, person),
            event=RESPONSE_EVENT,
            about=view.key,
            look_since=reminded_from(view.request),  # a lost record reminds nobody twice
        )
        if is_told:
            metrics.REMINDERS.labels("response").inc()
            log.info("response_reminded", issue=str(view.key), mark=mark)


def _key(view: CardView, mark: Mark, person: Person) -> str:
    return f"respond:{view.key}:{mark}:{person.slack_user}"
