"""Bring kudos to where they are read: the channel, and the week's review issue."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

import structlog

from slackbot.blocks.forms.kudos import (
    ABOUT_KUDOS_EVENT,
    KUDOS_EVENT,
    channel_problem,
    render_arrived,
    render_kudos,
    render_missing,
    week_problem,
)
from slackbot.logs import about_issue
from slackbot.platforms.errors import Denied, Missing, Rejected
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.platforms.patience import all_tried
from slackbot.platforms.slack.message import SlackMessage
from slackbot.platforms.slack.outbox import Outbox, Place, Post, drawn
from slackbot.rules.request import IssueKey, Request
from slackbot.rules.timing.week import ReviewWeek
from slackbot.store import requests
from slackbot.store.engine.database import Record, Transaction
from slackbot.store.messages import kudos as store
from slackbot.store.messages.kudos import KudosRecord
from slackbot.sync.writing.notes import comment_of_kudos, own_marks

log = structlog.get_logger()

EVERY = timedelta(minutes=30)
"""How often what is missing is looked for."""
KEPT_FOR = timedelta(days=30)
"""After that nobody wants to read it: the feedback issue has it."""


class KudosSync:
    """Reconciles the queue ``KUDOS``."""

    def __init__(
        self,
        record: Record,
        gitlab: GitLabClient,
        outbox: Outbox,
        channel: str | None,
        week: ReviewWeek | None,
    ) -> None:
        self._record, self._gitlab, self._outbox = record, gitlab, outbox
        self._channel, self._week = channel, week

    async def reconcile(self) -> datetime | None:
        """Return when to look again for what is missing.

        Raises:
            PlatformError: One could not be tried; the others have been.
        """
        async with self._record.transaction() as tx:
            found = await store.list_kudos(tx)
        are_there = await all_tried(
            about_issue(each.decision.key, self._bring(each)) for each in found
        )
        return None if all(are_there) else self._record.now() + EVERY

    async def _bring(self, each: KudosRecord) -> bool:
        """Return whether it is where it belongs, or never will be."""
        decision = each.decision
        async with self._record.transaction() as tx:
            request = await requests.load_request(tx, decision.key)
        is_old = self._record.now() >= decision.at + KEPT_FOR
        if request is None or is_old:
            log.warning("kudos_given_up", issue=str(decision.key))
            await self._forget(each)
            return True
        places = (self._bring_to_channel, self._bring_to_week)
        brought = await all_tried(bring(each, request) for bring in places)
        problems = [problem for _, problem in brought if problem]
        is_there = all(arrived for arrived, _ in brought)
        if problems:
            missing = render_missing(decision, request, problems)
            await self._tell(each, "\n".join(problems), missing)
        elif is_there and each.problem:
            await self._tell(each, None, render_arrived(request))
        if is_there:
            await self._forget(each)
        return is_there

    async def _forget(self, each: KudosRecord) -> None:
        async with self._record.transaction() as tx:
            await store.forget_kudos(tx, each.decision.id)

    async def _bring_to_channel(
        self, each: KudosRecord, request: Request
    ) -> tuple[bool, str | None]:
        """Return whether it is there, and what keeps it from there."""
        decision, key = each.decision, f"kudos:{each.decision.id}"
        if self._channel is None or await self._outbox.is_posted(key):
            return True, None

        async def draw(tx: Transaction) -> Sequence[SlackMessage]:
            latest = await requests.load_request(tx, decision.key) or request
            return [render_kudos(decision, each.kudos, latest)]

        try:
            post = Post(
                key=key,
                event=KUDOS_EVENT,
                place=Place(channel=await self._outbox.channel(self._channel)),
                draw=draw,
                about=decision.key,
                look_since=decision.at,
                must_stand=True,
            )
            if await self._outbox.post(post):
                log.info("kudos_posted", issue=str(decision.key))
        except (Denied, Rejected) as error:
            if isinstance(error, Denied) and not error.is_about_channel:
                raise
            log.warning("kudos_not_posted", issue=str(decision.key), problem=error.code)
            return False, channel_problem(self._channel, error.code)
        return True, None

    async def _bring_to_week(self, each: KudosRecord, request: Request) -> tuple[bool, str | None]:
        """Return whether its comment is there, and what keeps it from there."""
        if self._week is None or each.is_in_week:
            return True, None
        try:
            return await self._comment(each, request, self._week), None
        except Rejected as error:
            log.warning("kudos_not_in_week", issue=str(each.decision.key), problem=error.code)
            return False, week_problem(self._week.project, error.code)

    async def _comment(self, each: KudosRecord, request: Request, week: ReviewWeek) -> bool:
        """Return whether it is there: else this week's issue is yet to come."""
        decision = each.decision
        if each.week is None or not await self._has_comment(each, request, each.week):
            issue = await self._gitlab.find_open_issue(week.project, week.label)
            if issue is None or not week.takes(issue.created_at, self._record.now()):
                return False
            await self._write(each, request, issue.key)
        async with self._record.transaction(in_any_case=True) as tx:
            await store.end_comment(tx, decision.id, self._record.now())
        log.info("kudos_in_week", issue=str(decision.key))
        return True

    async def _write(self, each: KudosRecord, request: Request, week: IssueKey) -> None:
        """Look first: a lost record may have written it."""
        if await self._has_comment(each, request, week):
            return
        async with self._record.transaction() as tx:
            await store.begin_comment(tx, each.decision.id, week)
        body = comment_of_kudos(each.decision, each.kudos, request)
        await self._gitlab.note_on(week.project, week.iid, body)

    async def _has_comment(self, each: KudosRecord, request: Request, week: IssueKey) -> bool:
        """Look since the feedback was created, by GitLab's clock: ours may have been wrong."""
        own, since = await self._gitlab.own_username(), request.created_at
        try:
            notes = await self._gitlab.notes_of(week.project, week.iid, since)
        except Missing:  # deleted, with the comment
            return False
        return any(mark.decision == each.decision.id for _, mark in own_marks(notes, own))

    async def _tell(self, each: KudosRecord, problem: str | None, message: SlackMessage) -> None:
        """Tell the person what is missing, and when it no longer is: each once."""
        if problem == each.problem:
            return
        user, decision = each.decision.by.slack_user, each.decision
        if user is not None:
            said = sha256((problem or "").encode()).hexdigest()[:16]
            await self._outbox.tell(
                user,
                drawn(message),
                key=f"about_kudos:{decision.id}:{said}",
                event=ABOUT_KUDOS_EVENT,
                about=decision.key,
            )
        async with self._record.transaction() as tx:
            await store.note_problem(tx, decision.id, problem)
