"""Several projects, relations, groups and templates, as python-gitlab sees them."""

from asyncio import to_thread
from typing import TYPE_CHECKING, Any

import gitlab as python_gitlab
import pytest
import requests
from gitlab.exceptions import GitlabError, GitlabHttpError

from slackbot.local.gitlab import GitLab, Issue, Project, User

if TYPE_CHECKING:
    from tests.local.gitlab.conftest import Clock

Client = python_gitlab.Gitlab
LINKS = "/projects/7/issues/1/links"
MARKED = 'Please look.\n\n<!-- ssat-bot: {"decision": "1"} -->'


@pytest.fixture
def meta(gitlab: GitLab, bot: User, manager: User) -> Project:
    project = gitlab.add_project("example/team-meta", id=8)
    gitlab.add_member(project, bot, 20)
    gitlab.add_member(project, manager, 30)
    return project


@pytest.fixture
def target(gitlab: GitLab, meta: Project, manager: User) -> Issue:
    return gitlab.open_issue(meta, author=manager, title="Follow up")


async def get(client: Client, path: str, **query: Any) -> Any:
    return await to_thread(client.http_get, path, query_data=query)


async def post(client: Client, path: str, **attributes: Any) -> Any:
    return await to_thread(client.http_post, path, post_data=attributes)


async def refused(client: Client, path: str, **attributes: Any) -> tuple[int | None, str]:
    with pytest.raises(GitlabHttpError) as failure:
        await post(client, path, **attributes)
    return failure.value.response_code, str(failure.value.error_message)


async def relate(client: Client, **target: Any) -> Any:
    return await post(client, LINKS, **target)


# Relations: https://docs.gitlab.com/api/issue_links/


async def test_a_relation_is_shown_on_both_issues_and_told_by_notes(
    gitlab: GitLab, client: Client, issue: Issue, target: Issue
) -> None:
    remote = await to_thread((await to_thread(client.projects.get, 7)).issues.get, 1)
    made = await to_thread(
        remote.links.create, {"target_project_id": "example/team-meta", "target_issue_iid": 1}
    )
    assert len(made) == 2  # python-gitlab's source and target
    [there] = await get(client, LINKS)
    [back] = await get(client, "/projects/8/issues/1/links")
    assert (there["project_id"], there["iid"], there["link_type"]) == (8, 1, "relates_to")
    assert (back["project_id"], back["iid"], back["link_type"]) == (7, 1, "relates_to")
    assert there["issue_link_id"] == back["issue_link_id"]
    assert [note.body for note in issue.notes] == [
        "marked this issue as related to example/team-meta#1"
    ]
    assert [note.body for note in target.notes] == [
        "marked this issue as related to example/support/feedback#1"
    ]
    assert all(note.system for note in [*issue.notes, *target.notes])
    assert gitlab.violations == []


async def test_a_second_relation_is_a_conflict_from_whichever_side(
    client: Client, issue: Issue, target: Issue
) -> None:
    await relate(client, target_project_id=8, target_issue_iid=1)
    conflict = (409, "Issue(s) already assigned")
    assert await refused(client, LINKS, target_project_id=8, target_issue_iid=1) == conflict
    back = {"target_project_id": 7, "target_issue_iid": 1}
    assert await refused(client, "/projects/8/issues/1/links", **back) == conflict
    assert len(issue.links) == len(target.links) == 1


@pytest.mark.parametrize(
    ("asked", "status", "reason"),
    [
        ({}, 400, "target_project_id is missing, target_issue_iid is missing"),
        ({"target_project_id": 8}, 400, "target_issue_iid is missing"),
        (
            {"target_project_id": 8, "target_issue_iid": 1, "link_type": "likes"},
            400,
            "link_type does not have a valid value",
        ),
        ({"target_project_id": 7, "target_issue_iid": 1}, 422, "cannot be related to itself"),
        ({"target_project_id": 8, "target_issue_iid": 2}, 404, "404 Issue Not Found"),
        ({"target_project_id": 9, "target_issue_iid": 1}, 404, "404 Project Not Found"),
    ],
)
async def test_a_bad_relation_is_refused(
    client: Client, issue: Issue, target: Issue, asked: dict[str, Any], status: int, reason: str
) -> None:
    code, said = await refused(client, LINKS, **asked)
    assert code == status
    assert reason in said
    assert issue.links == target.links == []


@pytest.mark.parametrize("why", ["no member", "archived"])
async def test_a_relation_takes_rights_in_both_projects(
    gitlab: GitLab, client: Client, issue: Issue, target: Issue, bot: User, why: str
) -> None:
    if why == "archived":
        gitlab.archive_project(target.project)
    else:
        target.project.public = True
        gitlab.add_member(target.project, bot, 0)
    code, said = await refused(client, LINKS, target_project_id=8, target_issue_iid=1)
    assert code == 403
    assert "at least the Guest role in both" in said
    assert issue.links == []


async def test_a_relation_to_what_one_may_not_see_is_hidden(
    gitlab: GitLab, client: Client, issue: Issue, target: Issue, bot: User
) -> None:
    await relate(client, target_project_id=8, target_issue_iid=1)
    gitlab.add_member(target.project, bot, 0)
    assert await get(client, LINKS) == []


async def test_a_deleted_issue_takes_its_relations_along(
    gitlab: GitLab, client: Client, issue: Issue, target: Issue
) -> None:
    await relate(client, target_project_id=8, target_issue_iid=1)
    gitlab.delete_issue(target)
    assert await get(client, LINKS) == []


async def test_the_answer_to_a_relation_may_be_lost(
    gitlab: GitLab, client: Client, issue: Issue, target: Issue
) -> None:
    gitlab.faults.add(method="POST", path="/links$", drop=True, when="after")
    with pytest.raises(requests.ConnectionError):
        await relate(client, target_project_id=8, target_issue_iid=1)
    assert len(issue.links) == 1


# Other projects: https://docs.gitlab.com/api/issues/#create-an-issue


async def test_the_answer_to_a_new_issue_may_be_lost_and_a_second_one_is_a_violation(
    gitlab: GitLab, client: Client, meta: Project
) -> None:
    gitlab.faults.add(method="POST", path="/issues$", drop=True, when="after")
    wanted = {"title": "Follow up", "description": MARKED}
    with pytest.raises(requests.ConnectionError):
        await post(client, "/projects/8/issues", **wanted)
    assert list(meta.issues) == [1]
    assert gitlab.violations == []
    await post(client, "/projects/8/issues", **wanted)
    assert "a second issue in example/team-meta carries <!-- ssat-bot" in gitlab.violations[0]


async def test_quick_actions_in_a_description_are_executed(
    gitlab: GitLab, client: Client, meta: Project
) -> None:
    made = await post(client, "/projects/8/issues", title="Follow up", description="Hi\n\n/close")
    assert (made["description"], made["state"]) == ("Hi", "closed")
    assert meta.issues[1].quick_actions_executed == ["/close"]
    assert gitlab.violations == ["quick action executed by API: /close"]


async def test_an_issue_with_an_unknown_label_or_parameter_is_made_and_a_violation(
    gitlab: GitLab, client: Client, meta: Project
) -> None:
    made = await post(client, "/projects/8/issues", title="Follow up", labels="new", lables="typo")
    assert made["labels"] == meta.labels_created_silently == ["new"]
    assert gitlab.violations == [
        "POST of an issue ignores lables silently",
        "labels created the label 'new' silently",
    ]


async def test_strangers_see_a_public_project_and_open_issues_without_labels(
    gitlab: GitLab, client: Client, manager: User
) -> None:
    public = gitlab.add_project("example/public", id=9, public=True)
    gitlab.add_label(public, "bug")
    gitlab.open_issue(public, author=manager, title="Secret", confidential=True)
    made = await post(client, "/projects/9/issues", title="Hello", labels="bug")
    await post(client, "/projects/9/issues/2/notes", body="A comment")
    assert made["labels"] == []
    assert [each["iid"] for each in await get(client, "/projects/9/issues")] == [2]
    shown = await get(client, "/projects/9")
    assert (shown["visibility"], shown["permissions"]["project_access"]) == ("public", None)
    with pytest.raises(GitlabError):
        await to_thread(client.http_put, "/projects/9/issues/2", post_data={"title": "Bye"})


async def test_an_archived_project_is_shown_and_refuses_every_write(
    gitlab: GitLab, client: Client, meta: Project, target: Issue
) -> None:
    gitlab.archive_project(meta)
    forbidden = (403, "403 Forbidden")
    assert await refused(client, "/projects/8/issues", title="New") == forbidden
    assert await refused(client, "/projects/8/issues/1/notes", body="New") == forbidden
    assert await refused(client, "/projects/8/labels", name="new", color="#123456") == forbidden
    with pytest.raises(GitlabHttpError) as failure:
        await to_thread(client.http_put, "/projects/8/issues/1", post_data={"title": "New"})
    assert failure.value.response_code == 403
    assert (await get(client, "/projects/8"))["archived"] is True
    assert [each["title"] for each in await get(client, "/projects/8/issues")] == ["Follow up"]
    assert target.comments == []


async def test_where_issues_are_disabled_there_are_none(
    gitlab: GitLab, client: Client, meta: Project, target: Issue
) -> None:
    gitlab.disable_issues(meta)
    assert await refused(client, "/projects/8/issues", title="New") == (403, "403 Forbidden")
    assert await get(client, "/projects/8/issues") == []
    with pytest.raises(GitlabHttpError) as failure:
        await get(client, "/projects/8/issues/1")
    assert failure.value.response_code == 404
    shown = await get(client, "/projects/8")
    assert (shown["issues_enabled"], shown["issues_access_level"]) == (False, "disabled")


async def test_the_case_of_a_path_does_not_matter(client: Client, meta: Project) -> None:
    assert (await get(client, "/projects/Example%2FTEAM-meta"))["id"] == 8


@pytest.mark.parametrize("keyset", [True, False])
async def test_ones_own_issues_are_listed_newest_first_over_several_pages(
    gitlab: GitLab,
    client: Client,
    meta: Project,
    bot: User,
    manager: User,
    clock: "Clock",
    *,
    keyset: bool,
) -> None:
    for number in range(1, 31):
        clock.advance(seconds=number % 2)
        gitlab.open_issue(meta, author=bot if number % 3 else manager, title=f"issue {number}")
    query = {"scope": "created_by_me", "order_by": "created_at", "sort": "desc", "per_page": 7}
    if keyset:
        query |= {"pagination": "keyset"}
    listed = await to_thread(client.http_list, "/projects/8/issues", query, get_all=True)
    assert [each["iid"] for each in listed] == [n for n in range(30, 0, -1) if n % 3]


# Groups and templates


async def test_a_group_is_shown_by_path_and_number_to_those_inside(
    gitlab: GitLab, client: Client, project: Project, bot: User
) -> None:
    group = gitlab.add_group("example/support", "Support")
    gitlab.add_group("example/supp", "Another")
    for name in ("example%2Fsupport", "Example%2FSupport", str(group.id)):
        shown = await get(client, f"/groups/{name}", with_projects="false")
        assert (shown["id"], shown["full_path"], shown["name"]) == (
            group.id,
            "example/support",
            "Support",
        )
    with pytest.raises(GitlabHttpError) as failure:
        await get(client, "/groups/example%2Fsupp", with_projects="false")
    assert (failure.value.response_code, failure.value.error_message) == (
        404,
        "404 Group Not Found",
    )
    assert gitlab.violations == []
    await get(client, "/groups/example%2Fsupport")
    assert gitlab.violations == ["a group with its projects has a small rate"]


async def test_a_template_is_shown_to_those_who_see_the_project(
    gitlab: GitLab, client: Client, meta: Project, bot: User
) -> None:
    meta.issue_templates["Follow up"] = "## What happened"
    path = "/projects/8/templates/issues/Follow%20up"
    assert await get(client, path) == {"name": "Follow up", "content": "## What happened"}
    with pytest.raises(GitlabHttpError) as failure:
        await get(client, "/projects/8/templates/issues/other")
    assert failure.value.error_message == "404 Template Not Found"
    gitlab.add_member(meta, bot, 0)
    with pytest.raises(GitlabHttpError) as failure:
        await get(client, path)
    assert failure.value.error_message == "404 Project Not Found"
