"""Initial responses: which feedback lacks one, and who is reminded of it, by direct message."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from slackbot.blocks.reminder import RESPONSE_EVENT, render_response_reminder
from slackbot.blocks.view import CardView
from slackbot.channel.views import Viewer
from slackbot.people.directory import Directory
from slackbot.people.members import Members
from slackbot.platforms.gitlab import GitLabClient
from slackbot.platforms.outbox import Outbox, Place, Post, drawn
from slackbot.platforms.patience import all_tried
from slackbot.platforms.slack import SlackClient
from slackbot.rules.reminders import ReminderRules
from slackbot.rules.request import Person, Request
from slackbot.rules.responses import Mark, mark_of, reminded_from
from slackbot.store import outbox
from slackbot.store.database import Record

log = structlog.get_logger()

EVERY = timedelta(minutes=15)
_BOT = re.compile(r"(?:project|group)_\d+_bot\w*")
"""Bots of access tokens:

https://docs.gitlab.com/user/project/settings/project_access_tokens/#bot-users-for-projects
"""


async def has_response(gitlab: GitLabClient, feedback: Request) -> bool:
    """Count the bot's notes: they are a manager's doing.

    Raises:
        PlatformError: GitLab does not tell.
    """
    if not feedback.comments:
        return False
    own, notes = await gitlab.own_username(), await gitlab.notes(feedback.key)
    people = [note for note in notes if not note.is_system and note.author != feedback.author]
    return any(note.author == own or not _BOT.fullmatch(note.author) for note in people)


class ResponseReminders:
    """Reconciles the queue ``RESPONSES``: the time and who is to respond."""

    def __init__(
        self,
        record: Record,
        slack: SlackClient,
        gitlab: GitLabClient,
        directory: Directory,
        members: Members,
        viewer: Viewer,
        outbox: Outbox,
        rules: ReminderRules,
    ) -> None:
        self._record, self._slack, self._gitlab = record, slack, gitlab
        self._directory, self._members = directory, members
        self._viewer, self._outbox, self._rules = viewer, outbox, rules

    async def reconcile(self) -> datetime | None:
        """Return when to look again.

        Raises:
            PlatformError: A platform did not answer; the others have been told.
        """
        if self._rules.is_off:
            return None
        now = self._record.now()
        async with self._record.transaction() as tx:
            views = await self._viewer.awaiting_response(tx)
        await all_tried(self._remind(view, now) for view in views)
        return now + EVERY

    async def _remind(self, view: CardView, now: datetime) -> None:
        mark = mark_of(view.request, now)
        if mark is None:
            return
        waiting = [each for each in await self._addressees(view) if each.slack_user]
        due = [person for person in waiting if await self._is_due(view, mark, person, now)]
        if not due or await has_response(self._gitlab, view.request):
            return
        for person in due:
            await self._tell(view, mark, person)

    async def _is_due(self, view: CardView, mark: Mark, person: Person, now: datetime) -> bool:
        zone = await self._members.zone(person.slack_user, self._viewer.zone)
        is_awake = self._rules.quiet.end(now, zone, self._rules.hours) <= now
        return is_awake and not await self._outbox.is_posted(_key(view, mark, person))

    async def _addressees(self, view: CardView) -> Sequence[Person]:
        """Return who has it, else who was on duty when it was created: handbook."""
        request = view.request
        assigned = [Person(name=each, gitlab=each) for each in request.assignees]
        for people in ([request.holder] if request.holder else assigned, request.responsible):
            known = [await self._directory.in_slack(each) for each in people]
            found = [each for each in known if await self._members.is_reachable(each)]
            if found:
                return found
        return ()

    async def _tell(self, view: CardView, mark: Mark, person: Person) -> None:
        key = _key(view, mark, person)
        channel = await self._slack.direct_messages(person.slack_user or "")
        if channel is None:
            async with self._record.transaction() as tx:
                await outbox.leave_out(tx, [key], view.key, self._record.now())
            return
        post = Post(
            key=key,
            event=RESPONSE_EVENT,
            place=Place(channel=channel),
            draw=drawn(render_response_reminder(view)),
            about=view.key,
            look_since=reminded_from(view.request),  # a lost record reminds nobody twice
        )
        if await self._outbox.post(post):
            log.info("response_reminded", issue=str(view.key), mark=mark)


def _key(view: CardView, mark: Mark, person: Person) -> str:
    return f"respond:{view.key}:{mark}:{person.slack_user}"
