"""Notes by API, and the quick actions that GitLab finds in them."""

from asyncio import to_thread
from typing import TYPE_CHECKING

import gitlab as python_gitlab
import pytest
from gitlab.exceptions import GitlabCreateError

from slackbot.local.gitlab import GitLab, Issue, Project, User
from slackbot.local.gitlab.quick_actions import extract

if TYPE_CHECKING:
    from gitlab.v4.objects import ProjectIssueNote

Client = python_gitlab.Gitlab


async def post(client: Client, body: str, **more: object) -> "ProjectIssueNote":
    project = client.projects.get(7, lazy=True)
    issue = project.issues.get(1, lazy=True)
    return await to_thread(issue.notes.create, {"body": body, **more})


async def test_a_note_is_posted(gitlab: GitLab, client: Client, issue: Issue) -> None:
    note = await post(client, "Claimed by Avery", internal=True)
    assert note.internal is True
    assert [(n.body, n.internal, n.by_api) for n in issue.comments] == [
        ("Claimed by Avery", True, True)
    ]
    assert gitlab.violations == []


@pytest.mark.parametrize("body", ["", "  \n ", "\r\n"])
async def test_an_empty_note_is_refused(client: Client, issue: Issue, body: str) -> None:
    with pytest.raises(GitlabCreateError) as failure:
        await post(client, body)
    assert failure.value.response_code == 400
    assert issue.notes == []


@pytest.mark.parametrize(
    ("body", "left", "executed"),
    [
        # the plain case
        ("Done\n/close", "Done", ["/close"]),
        # carriage returns are deleted before lines are looked at
        ("Done\r\n/close\r\n", "Done", ["/close"]),
        ("Done\n\r/close", "Done", ["/close"]),
        # case does not matter, arguments are kept
        ('a\n/LABEL ~"feedback::other"\nb', "a\nb", ['/label ~"feedback::other"']),
        # a hidden marker is an HTML block of one line
        ("<!-- marker -->\n/close", "<!-- marker -->", ["/close"]),
        # a heading is a line of its own
        ("# Title\n/close", "# Title", ["/close"]),
        # a blank line ends a quote
        ("> quoted\n\n/close", "> quoted", ["/close"]),
        # a blank line ends a list
        ("- item\n\n/close", "- item", ["/close"]),
        # a quote that is empty has no paragraph to go on with
        (">\n/close", ">", ["/close"]),
        # code that stands in a quote ends with the quote
        ("> ```\n> code\n/close", "> ```\n> code", ["/close"]),
        # a long quote that is never closed protects nothing
        (">>>\n/close", ">>>", ["/close"]),
    ],
)
def test_commands_are_taken_out(body: str, left: str, executed: list[str]) -> None:
    rest, actions = extract(body)
    assert rest == left
    assert [str(action) for action in actions] == executed


@pytest.mark.parametrize(
    "body",
    [
        # quoted lines, and what goes on with their paragraph
        "> /close",
        "> quoted\n/close",
        # fenced code, open to the end if it is not closed
        "```\n/close\n```",
        "~~~text\n/close",
        "````\n```\n/close\n````",
        # a quote of several lines
        ">>>\n/close\n>>>",
        # HTML blocks, up to the end or a blank line
        "<pre>\n\n/close\n</pre>",
        "<div>\n/close\n</div>",
        "<!--\n/close\n-->",
        # list items, and what goes on with them
        "- /close",
        "- item\n/close",
        # not at the start of the line
        " /close",
        "please /close",
        # not a command
        "/closed",
        "/etc/passwd",
        "/close/",
    ],
)
def test_words_that_look_like_commands_stay(body: str) -> None:
    assert extract(body) == (body, [])


async def test_a_command_by_api_is_executed_and_is_a_violation(
    gitlab: GitLab, client: Client, issue: Issue
) -> None:
    note = await post(client, "Thanks\n/close\n/label ~feedback::other\n/assign @avery")
    assert note.body == "Thanks"
    assert issue.state == "closed"
    assert issue.labels == ["SSAT::Contact", "feedback::other"]
    assert issue.assigned_to == ["avery"]
    assert issue.quick_actions_executed == ["/close", "/label ~feedback::other", "/assign @avery"]
    assert len(gitlab.violations) == 3


async def test_commands_alone_answer_202_and_make_no_note(
    gitlab: GitLab, client: Client, issue: Issue
) -> None:
    await post(client, "/close")
    assert gitlab.requests[-1].status == 202
    assert issue.comments == []
    assert issue.state == "closed"


async def test_a_guest_executes_nothing(
    gitlab: GitLab, client: Client, issue: Issue, project: Project, bot: User
) -> None:
    gitlab.add_member(project, bot, 10)
    note = await post(client, "Thanks\n/close")
    assert note.body == "Thanks"
    assert issue.state == "opened"
    assert issue.quick_actions_executed == []


async def test_a_person_may_use_quick_actions(gitlab: GitLab, issue: Issue, manager: User) -> None:
    note = gitlab.comment(issue, "/unlabel ~SSAT::Contact\n/close", manager)
    assert note is None
    assert issue.labels == []
    assert issue.state == "closed"
    assert gitlab.violations == []


async def test_the_same_marker_in_two_notes_is_a_violation(
    gitlab: GitLab, client: Client, issue: Issue
) -> None:
    await post(client, '<!-- ssat-bot: {"decision": "1"} --> claimed')
    await post(client, '<!-- ssat-bot: {"decision": "2"} --> released')
    assert gitlab.violations == []
    await post(client, '<!-- ssat-bot: {"decision": "1"} --> claimed')
    assert len(gitlab.violations) == 1
