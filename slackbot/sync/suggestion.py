"""Assign the manager on duty to a request that nobody has: no claim."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import structlog

from slackbot.people.directory import Directory
from slackbot.platforms.errors import Rejected
from slackbot.platforms.gitlab.client import GitLabClient, IssueChange
from slackbot.platforms.gitlab.snapshot import GitLabUser
from slackbot.rules.request import IssueKey, Person, Request, Rules, State
from slackbot.store import requests
from slackbot.store.changes import save_changes
from slackbot.store.engine.database import Record
from slackbot.store.people import load_current_turn
from slackbot.sync.reading.observe import Observation, observe
from slackbot.sync.reading.read import check_unchanged
from slackbot.sync.reading.restore import was_suggested

log = structlog.get_logger()


class Suggestion:
    """Suggests the manager on duty, once for each request."""

    def __init__(self, record: Record, gitlab: GitLabClient, directory: Directory) -> None:
        self._record, self._gitlab, self._directory = record, gitlab, directory

    async def make(self, seen: Observation, rules: Rules) -> None:
        key = seen.issue.key
        async with self._record.transaction() as tx:
            request = await requests.load_request(tx, key)
            turn = await load_current_turn(tx, request.route) if request else None
        if turn is None or request is None or not _may_be_suggested(request):
            return
        account = await self._first_account(turn.on_duty.people)
        if account is None or await self._was_made(request):
            return
        await check_unchanged(self._gitlab, seen.issue)
        await self._note(key, suggested_to=account.username)
        issue = seen.issue
        try:
            change = IssueChange(assignee_ids=(account.id,))
            issue = await self._gitlab.change_issue(key, change)
        except Rejected as error:
            log.warning("not_assigned", issue=str(key), problem=error.code)
        await self._end(replace(seen, issue=issue, notes=(), at=self._record.now()), rules)

    async def _first_account(self, people: Iterable[Person]) -> GitLabUser | None:
        for person in people:
            if account := await self._directory.account(person):
                return account
        return None

    async def _was_made(self, request: Request) -> bool:
        """Return whether an earlier try came through, even if undone since."""
        if request.suggested_to is None:
            return False
        notes, own = await self._gitlab.notes(request.key), await self._gitlab.own_username()
        if not was_suggested(notes, own):
            return False
        await self._note(request.key, is_suggested=True, suggested_to=None)
        return True

    async def _note(self, key: IssueKey, **changes: Any) -> None:
        async with self._record.transaction() as tx:
            known = await requests.load_request(tx, key, lock=True)
            if known is not None:
                await requests.save_request(tx, replace(known, **changes))

    async def _end(self, seen: Observation, rules: Rules) -> None:
        async with self._record.transaction() as tx:
            before = await requests.load_request(tx, seen.issue.key, lock=True)
            if before is None:
                return
            suggested = replace(_suggested(before), assignees=seen.issue.usernames)
            after, steps = observe(suggested, seen, rules)
            await save_changes(tx, before, after, steps, self._record.now())


def _suggested(request: Request) -> Request:
    return replace(request, is_suggested=True, suggested_to=None)


def _may_be_suggested(request: Request) -> bool:
    return request.state is State.WAITING and not request.assignees and not request.is_suggested
