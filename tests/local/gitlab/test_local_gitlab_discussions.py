"""Threads, as python-gitlab sees them."""

from asyncio import to_thread
from typing import Any

import gitlab as python_gitlab
import pytest
from gitlab.exceptions import GitlabCreateError, GitlabHttpError

from slackbot.local.gitlab import GitLab, Issue, Project, User

Client = python_gitlab.Gitlab


async def discussions(client: Client) -> Any:
    issue = client.projects.get(7, lazy=True).issues.get(1, lazy=True)
    return await to_thread(issue.discussions.list, get_all=True)


async def reply(client: Client, discussion: Any, body: str) -> Any:
    return await to_thread(discussion.notes.create, {"body": body})


async def test_each_note_is_a_discussion_until_it_gets_a_reply(
    gitlab: GitLab, client: Client, issue: Issue, manager: User
) -> None:
    for body in ("first", "second"):
        gitlab.comment(issue, body, manager)
    first, second = await discussions(client)
    assert first.attributes["individual_note"] is True
    assert first.attributes["notes"][0]["type"] is None

    made = await reply(client, first, "answer")
    assert made.attributes["type"] == "DiscussionNote"
    first, second = await discussions(client)
    assert first.attributes["individual_note"] is False
    assert [each["body"] for each in first.attributes["notes"]] == ["first", "answer"]
    assert {each["type"] for each in first.attributes["notes"]} == {"DiscussionNote"}
    assert second.attributes["individual_note"] is True
    remote = client.projects.get(7, lazy=True).issues.get(1, lazy=True)
    notes = await to_thread(remote.notes.list, get_all=True, sort="asc", order_by="created_at")
    assert [note.body for note in notes] == ["first", "second", "answer"]
    assert gitlab.violations == []


async def test_a_reply_to_an_internal_note_is_internal_and_hidden_from_guests(
    gitlab: GitLab, client: Client, issue: Issue, project: Project, manager: User, bot: User
) -> None:
    gitlab.comment(issue, "first", manager, internal=True)
    [first] = await discussions(client)
    assert (await reply(client, first, "answer")).attributes["internal"] is True
    gitlab.add_member(project, bot, 10)
    assert await discussions(client) == []
    with pytest.raises(GitlabCreateError) as failure:
        await reply(client, first, "more")
    assert failure.value.response_code == 404


async def test_commands_in_a_reply_are_executed_and_a_violation(
    gitlab: GitLab, client: Client, issue: Issue, manager: User
) -> None:
    gitlab.comment(issue, "first", manager)
    [first] = await discussions(client)
    await reply(client, first, "answer\n/close")
    assert issue.state == "closed"
    assert len(gitlab.violations) == 1


async def test_gitlabs_own_notes_and_unknown_threads_take_no_reply(
    gitlab: GitLab, client: Client, issue: Issue, manager: User
) -> None:
    gitlab.edit(issue, "Another title", by=manager)
    [told] = await discussions(client)
    with pytest.raises(GitlabCreateError) as failure:
        await reply(client, told, "answer")
    assert failure.value.response_code == 400
    path = "/projects/7/issues/1/discussions/abc/notes"
    with pytest.raises(GitlabHttpError) as missing:
        await to_thread(client.http_post, path, post_data={"body": "answer"})
    assert missing.value.response_code == 404


async def test_replies_count_as_notes(
    gitlab: GitLab, client: Client, issue: Issue, manager: User
) -> None:
    gitlab.comment(issue, "first", manager)
    [first] = await discussions(client)
    gitlab.notes_per_minute = 1
    await reply(client, first, "answer")
    path = f"/projects/7/issues/1/discussions/{first.id}/notes"
    with pytest.raises(GitlabHttpError) as failure:
        await to_thread(client.http_post, path, post_data={"body": "more"}, obey_rate_limit=False)
    assert failure.value.response_code == 429
