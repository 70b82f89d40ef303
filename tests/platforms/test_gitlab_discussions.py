"""Threads over HTTP: read, answered, and read again as notes."""

from typing import Any

import pytest

from slackbot.local.gitlab import GitLab, Issue, Project, User
from slackbot.platforms.errors import Missing, Rejected, Unreachable
from slackbot.platforms.gitlab.client import GitLabClient, obstacle_in
from slackbot.rules.refusals import Obstacle
from tests.platforms.test_gitlab_issues import (
    KEY,
    META,
    Clock,
    bot,
    client,
    clock,
    feedback,
    gitlab,
    manager,
    meta,
)

__all__ = ["bot", "client", "clock", "feedback", "gitlab", "manager", "meta"]


async def thread_of(client: GitLabClient, issue: Issue, body: str) -> str:
    [found] = [each for each in await client.discussions(KEY) if each.notes[0].body == body]
    return found.id


async def test_a_reply_makes_a_thread_and_is_read_as_a_note_in_order(
    client: GitLabClient, gitlab: GitLab, feedback: Issue, manager: User, clock: Clock
) -> None:
    for body in ("first", "second"):
        gitlab.comment(feedback, body, manager)
        clock.forward(minutes=1)
    thread = await thread_of(client, feedback, "first")
    await client.reply(KEY, thread, "answer")
    clock.forward(minutes=1)
    await client.reply(KEY, thread, "more")

    found = await client.discussions(KEY)
    assert [[note.body for note in each.notes] for each in found] == [
        ["first", "answer", "more"],
        ["second"],
    ]
    assert found[0].id == thread
    assert found[0].notes[1].author == "ssat-bot"
    notes = await client.notes(KEY)
    assert [note.body for note in notes] == ["more", "answer", "second", "first"]
    assert gitlab.requests[1].body == {"body": "answer"}


async def test_all_pages_of_threads_are_read(
    client: GitLabClient, gitlab: GitLab, feedback: Issue, manager: User
) -> None:
    for number in range(120):
        gitlab.comment(feedback, f"note {number}", manager)
    assert len(await client.discussions(KEY)) == 120


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_reply_with_a_doubtful_outcome_is_not_repeated_by_itself(
    client: GitLabClient, gitlab: GitLab, feedback: Issue, manager: User, when: Any
) -> None:
    gitlab.comment(feedback, "first", manager)
    thread = await thread_of(client, feedback, "first")
    gitlab.faults.add(method="POST", drop=True, when=when)
    with pytest.raises(Unreachable):
        await client.reply(KEY, thread, "answer")
    assert len(feedback.comments) == 1 + (when == "after")


async def test_a_thread_that_takes_no_reply_is_said(
    client: GitLabClient, gitlab: GitLab, feedback: Issue, manager: User
) -> None:
    gitlab.edit(feedback, "Another title", by=manager)
    [told] = await client.discussions(KEY)
    with pytest.raises(Rejected, match="can not be replied to"):
        await client.reply(KEY, told.id, "answer")
    with pytest.raises(Unreachable):  # the issue is there, the thread is not
        await client.reply(KEY, "0" * 40, "answer")
    gitlab.delete_issue(feedback)
    with pytest.raises(Missing):
        await client.discussions(KEY)


async def test_what_is_in_the_way_of_an_issue_is_known(
    client: GitLabClient, gitlab: GitLab, meta: Project, bot: User
) -> None:
    assert obstacle_in(await client.project_at(META)) is None
    meta.public = True
    gitlab.add_member(meta, bot, 0)
    assert obstacle_in(await client.project_at(META)) is Obstacle.NO_MEMBER
    gitlab.disable_issues(meta)
    assert obstacle_in(await client.project_at(META)) is Obstacle.NO_ISSUES
    gitlab.archive_project(meta)
    assert obstacle_in(await client.project_at("8")) is Obstacle.ARCHIVED
    with pytest.raises(Missing):
        await client.project_at("gitlab-com/nothing")
    assert client.known is None  # that is the feedback project
