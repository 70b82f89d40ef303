"""Read an issue with as much history as the comparison needs."""

import asyncio
from datetime import datetime

from slackbot.platforms.errors import PlatformError, Rejected, Throttled
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.platforms.gitlab.snapshot import BIRTH, IssueSnapshot, Note
from slackbot.rules.request import IssueKey, Request, Rules
from slackbot.rules.routes import Route, Routes
from slackbot.store.jobs import Postponed
from slackbot.sync.reading.observe import Observation


async def look(
    gitlab: GitLabClient,
    rules: Rules,
    key: IssueKey,
    known: Request | None,
    at: datetime,
    *,
    is_contested: bool = False,
    reads_all: bool = False,
) -> Observation:
    """Read the notes only where they may tell of another assignment, or of a move.

    Unless it ``reads_all``, it reads no history where there can be none.

    Raises:
        PlatformError: No answer, or (``Missing``) no such issue.
    """
    issue = await gitlab.read_issue(key)
    if known is None and not reads_all and _is_newborn(issue, rules, at):
        return Observation(issue=issue, at=at)
    needs_notes = (
        known is None
        or (issue.moved_to_id is not None and not known.moved_to)
        or _may_be_assigned_anew(issue, known, is_contested=is_contested)
    )
    try:
        # At the same time, but after the issue: its history must be no older than itself.
        events, notes = await asyncio.gather(
            gitlab.label_events(key), gitlab.notes(key) if needs_notes else _no_notes()
        )
        own_username = await gitlab.own_username() if notes else None
    except Throttled:  # GitLab says when it will answer
        raise
    except PlatformError as problem:
        return Observation(issue=issue, problem=problem, at=at)
    return Observation(
        issue=issue, label_events=events, notes=notes, own_username=own_username, at=at
    )


def _is_newborn(issue: IssueSnapshot, rules: Rules, at: datetime) -> bool:
    """Return whether it is as it was created a moment ago.

    GitLab dates an issue anew at each change, but for notes once a minute at most.
    """
    return (
        abs(at - issue.created_at) <= BIRTH
        and issue.updated_at == issue.created_at
        and not issue.comments
        and rules.contacted_label not in issue.labels  # by whom, its history says
    )


async def _no_notes() -> list[Note]:
    return []


def _may_be_assigned_anew(issue: IssueSnapshot, known: Request, *, is_contested: bool) -> bool:
    if known.is_provisional or issue.usernames != known.assignees:
        return True
    # Who was taken off and put on again has it from then on. For the holder that is news only if
    # it is about to be taken from them.
    is_held = known.holder is not None and known.holder.gitlab in issue.usernames
    is_news = bool(issue.usernames) and (is_contested or not is_held)
    return is_news and issue.updated_at != known.gitlab_updated_at


async def route_of(gitlab: GitLabClient, routes: Routes, issue: IssueSnapshot) -> Route:
    """Return whose feedback an issue is, if it is one."""
    return routes.of(await gitlab.project_of(issue), issue.labels)


async def check_unchanged(gitlab: GitLabClient, seen: IssueSnapshot) -> None:
    """Check just before a change: GitLab has no conditional update.

    Raises:
        Postponed: Somebody changed the issue; the next try spares that. Or it is out of sight.
    """
    try:
        now = await gitlab.read_issue(seen.key)
    except Rejected as error:
        raise Postponed(str(error)) from error
    if (now.usernames, now.labels, now.is_open) != (seen.usernames, seen.labels, seen.is_open):
        raise Postponed("somebody has just changed the issue in GitLab")
