"""The API as python-gitlab sees it: who may do what, and what an update does."""

from asyncio import to_thread
from datetime import date
from typing import TYPE_CHECKING, Any

import gitlab as python_gitlab
import pytest
from gitlab.exceptions import GitlabAuthenticationError, GitlabError, GitlabHttpError

from slackbot.local.gitlab import GitLab, Issue, Project, User

if TYPE_CHECKING:
    from tests.local.gitlab.conftest import Clock

Client = python_gitlab.Gitlab


async def put(client: Client, issue: Issue, **attributes: Any) -> dict[str, Any]:
    path = f"/projects/{issue.project.id}/issues/{issue.iid}"
    answer = await to_thread(client.http_put, path, post_data=attributes)
    assert isinstance(answer, dict)
    return answer


async def get(client: Client, path: str, **query: Any) -> Any:
    return await to_thread(client.http_get, path, query_data=query)


def status_of(failure: pytest.ExceptionInfo[GitlabError]) -> int | None:
    return failure.value.response_code


async def test_the_client_learns_who_it_is_and_when_its_token_ends(
    gitlab: GitLab, bot: User, url: str
) -> None:
    token = gitlab.add_token(bot, scopes=("api",), expires_at=date(2027, 1, 31))
    with Client(url, private_token=token) as client:
        await to_thread(client.auth)
        assert client.user is not None
        assert client.user.username == "ssat-bot"
        own = await to_thread(client.personal_access_tokens.get, "self")
    assert own.scopes == ["api"]
    assert own.expires_at == "2027-01-31"
    assert own.active is True


async def test_a_bearer_token_serves_as_well(gitlab: GitLab, bot: User, url: str) -> None:
    with Client(url, oauth_token=gitlab.add_token(bot)) as client:
        assert (await get(client, "/user"))["username"] == "ssat-bot"


@pytest.mark.parametrize("end", ["unknown", "revoked", "expired"])
async def test_a_token_that_is_no_good_is_refused(
    gitlab: GitLab, bot: User, url: str, clock: "Clock", end: str
) -> None:
    token = gitlab.add_token(bot, expires_at=date(2026, 11, 7))
    if end == "revoked":
        gitlab.revoke_token(token)
    if end == "expired":
        clock.advance(hours=10)
    with (
        Client(url, private_token="unknown" if end == "unknown" else token) as client,
        pytest.raises(GitlabAuthenticationError) as failure,
    ):
        await get(client, "/user")
    said = {
        "unknown": "401 Unauthorized",
        "revoked": "Token was revoked. You have to re-authorize from the user.",
        "expired": "Token is expired. You can either do re-authorization or token refresh.",
    }
    assert said[end] in str(failure.value.response_body)


async def test_a_project_is_found_by_number_and_by_path(client: Client, project: Project) -> None:
    by_path = await to_thread(client.projects.get, "example/support/feedback")
    by_number = await to_thread(client.projects.get, 7)
    assert by_path.id == by_number.id == project.id


async def test_a_project_is_hidden_from_those_who_are_not_members(
    gitlab: GitLab, client: Client, project: Project, bot: User
) -> None:
    gitlab.add_member(project, bot, 0)
    with pytest.raises(GitlabError) as failure:
        await to_thread(client.projects.get, 7)
    assert status_of(failure) == 404
    assert failure.value.error_message == "404 Project Not Found"


async def test_a_guest_may_comment_but_not_edit(
    gitlab: GitLab, client: Client, project: Project, bot: User, issue: Issue
) -> None:
    gitlab.add_member(project, bot, 10)
    found = await to_thread((await to_thread(client.projects.get, 7)).issues.get, issue.iid)
    await to_thread(found.notes.create, {"body": "Hello"})
    with pytest.raises(GitlabHttpError) as failure:
        await put(client, issue, state_event="close")
    assert status_of(failure) == 403
    assert issue.state == "opened"


async def test_a_token_that_may_only_read_cannot_write(
    gitlab: GitLab, bot: User, url: str, issue: Issue
) -> None:
    with Client(url, private_token=gitlab.add_token(bot, scopes=("read_api",))) as client:
        await get(client, "/projects/7/issues/1")
        with pytest.raises(GitlabHttpError) as failure:
            await put(client, issue, state_event="close")
    assert status_of(failure) == 403


async def test_a_guest_does_not_see_what_is_confidential(
    gitlab: GitLab, client: Client, project: Project, bot: User, manager: User
) -> None:
    secret = gitlab.open_issue(project, author=manager, title="Secret", confidential=True)
    assert (await get(client, f"/projects/7/issues/{secret.iid}"))["confidential"] is True
    gitlab.add_member(project, bot, 10)
    assert await get(client, "/projects/7/issues") == []
    with pytest.raises(GitlabHttpError) as failure:
        await get(client, f"/projects/7/issues/{secret.iid}")
    assert status_of(failure) == 404


async def test_one_put_labels_assigns_and_closes(
    gitlab: GitLab, client: Client, issue: Issue, manager: User, clock: "Clock"
) -> None:
    clock.advance(minutes=5)
    answer = await put(
        client,
        issue,
        add_labels="feedback::known-issue",
        remove_labels="SSAT::Contact",
        assignee_ids=[manager.id],
        state_event="close",
    )
    assert answer["labels"] == ["feedback::known-issue"]
    assert answer["assignee"]["username"] == "avery"
    assert answer["closed_at"] == answer["updated_at"] == "2026-11-06T14:05:00.123Z"
    assert answer["closed_by"]["username"] == "ssat-bot"
    assert answer["web_url"] == f"{gitlab.url}/example/support/feedback/-/issues/1"
    assert [(e.action, e.label and e.label.name) for e in issue.label_events] == [
        ("add", "SSAT::Contact"),
        ("add", "feedback::known-issue"),
        ("remove", "SSAT::Contact"),
    ]
    assert [event.state for event in issue.state_events] == ["closed"]
    assert [note.body for note in issue.notes if note.system] == ["assigned to @avery"]
    assert gitlab.violations == []


async def test_the_client_reads_who_labelled_and_who_closed(
    gitlab: GitLab, client: Client, issue: Issue, manager: User, clock: "Clock"
) -> None:
    clock.advance(hours=1)
    gitlab.change_labels(issue, remove=["SSAT::Contact"], by=manager)
    gitlab.close(issue, manager)
    gitlab.reopen(issue, manager)
    found = await to_thread((await to_thread(client.projects.get, 7)).issues.get, 1)
    labels = await to_thread(found.resourcelabelevents.list, get_all=True)
    states = await to_thread(found.resourcestateevents.list, get_all=True)
    assert [(e.action, e.label["name"], e.created_at) for e in labels] == [
        ("add", "SSAT::Contact", "2026-11-06T14:00:00.130Z"),
        ("remove", "SSAT::Contact", "2026-11-06T15:00:00.130Z"),
    ]
    assert [(e.state, e.user["username"]) for e in states] == [
        ("closed", "avery"),
        ("reopened", "avery"),
    ]
    assert found.closed_at is None


async def test_put_with_labels_replaces_all_and_is_a_violation(
    gitlab: GitLab, client: Client, issue: Issue
) -> None:
    await put(client, issue, labels="feedback::other")
    assert issue.labels == ["feedback::other"]
    assert gitlab.violations == ["PUT with labels replaces every label"]


async def test_an_unknown_label_is_created_silently_for_case_matters(
    gitlab: GitLab, client: Client, project: Project, issue: Issue
) -> None:
    await put(client, issue, add_labels="ssat::contact")
    assert project.labels_created_silently == ["ssat::contact"]
    assert issue.labels == ["SSAT::Contact", "ssat::contact"]
    assert len(gitlab.violations) == 1


@pytest.mark.parametrize(
    ("premium", "label", "left"),
    [
        # paid: the newer label of a scope drives the older one out
        (True, "feedback::other", ["feedback::other"]),
        # free: labels of one scope live side by side
        (False, "feedback::other", ["feedback::known-issue", "feedback::other"]),
        # the scope is all before the last "::", so these are of two scopes
        (
            True,
            "feedback::known-issue::old",
            ["feedback::known-issue", "feedback::known-issue::old"],
        ),
    ],
)
async def test_scoped_labels_exclude_each_other_on_paid_tiers(
    gitlab: GitLab, project: Project, manager: User, premium: bool, label: str, left: list[str]
) -> None:
    gitlab.premium = premium
    gitlab.add_label(project, "feedback::known-issue::old")
    issue = gitlab.open_issue(
        project, author=manager, title="Scopes", labels=["feedback::known-issue"]
    )
    gitlab.change_labels(issue, add=[label], by=manager)
    assert issue.labels == left


async def test_assignees_are_replaced_and_strangers_dropped_without_a_word(
    gitlab: GitLab, client: Client, issue: Issue, manager: User, bot: User
) -> None:
    stranger = gitlab.add_user("stranger", "Robin Stranger")
    await put(client, issue, assignee_ids=[manager.id, bot.id])
    assert issue.assigned_to == ["avery", "ssat-bot"]
    await put(client, issue, assignee_ids=[stranger.id, bot.id])
    assert issue.assigned_to == ["ssat-bot"]
    await put(client, issue, assignee_ids=[stranger.id])
    assert issue.assigned_to == ["ssat-bot"]
    await put(client, issue, assignee_ids=[])
    assert issue.assigned_to == []


async def test_the_free_tier_keeps_only_the_first_assignee(
    gitlab: GitLab, client: Client, issue: Issue, manager: User, bot: User
) -> None:
    gitlab.premium = False
    await put(client, issue, assignee_ids=[bot.id, manager.id])
    assert issue.assigned_to == ["ssat-bot"]


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        # nothing that can be changed
        ({}, "at least one parameter must be provided"),
        # only `close` and `reopen` are known
        ({"state_event": "closed"}, "state_event does not have a valid value"),
        # a title there must be
        ({"title": "  "}, "can't be blank"),
        # and not a long one
        ({"title": "x" * 256}, "too long"),
    ],
)
async def test_a_bad_put_is_refused(
    client: Client, issue: Issue, attributes: dict[str, Any], reason: str
) -> None:
    with pytest.raises(GitlabHttpError) as failure:
        await put(client, issue, **attributes)
    assert status_of(failure) == 400
    assert reason in str(failure.value)


async def test_what_is_not_there_is_not_found(gitlab: GitLab, client: Client, issue: Issue) -> None:
    gitlab.delete_issue(issue)
    for path in ("/projects/7/issues/1", "/users/999999", "/nothing", "/projects/8"):
        with pytest.raises(GitlabHttpError) as failure:
            await get(client, path)
        assert status_of(failure) == 404


async def test_users_are_found_by_username_and_only_public_email(
    gitlab: GitLab, client: Client, manager: User
) -> None:
    def names(**query: Any) -> list[str]:
        return [user.username for user in client.users.list(get_all=True, **query)]

    assert await to_thread(names, username="AVERY") == ["avery"]
    assert await to_thread(names, search="avery@example.com") == ["avery"]
    assert await to_thread(names, search="very@example.com") == []
    assert await to_thread(names, search="bot@example.com") == []
    assert await to_thread(names, search="example") == ["avery"]
    assert (await to_thread(client.users.get, manager.id)).name == "Avery Example"


async def test_members_are_listed_with_their_roles(client: Client, manager: User) -> None:
    project = await to_thread(client.projects.get, 7)
    members = await to_thread(project.members_all.list, get_all=True)
    one = await to_thread(project.members_all.get, manager.id)
    assert {m.username: m.access_level for m in members} == {"avery": 30, "ssat-bot": 20}
    assert one.access_level == 30


async def test_labels_are_listed_and_made_once(
    client: Client, project: Project, gitlab: GitLab
) -> None:
    remote = await to_thread(client.projects.get, 7)
    made = {"name": "ssat-manager-contacted-customer", "color": "#123456"}
    await to_thread(remote.labels.create, made)
    with pytest.raises(GitlabError) as failure:
        await to_thread(remote.labels.create, made)
    assert status_of(failure) == 409
    labels = await to_thread(remote.labels.list, get_all=True)
    assert [label.name for label in labels] == sorted(label.name for label in project.labels)
    assert project.labels_created_silently == []


async def test_a_renamed_label_shows_on_issues_that_are_not_touched(
    gitlab: GitLab, client: Client, project: Project, issue: Issue, clock: "Clock"
) -> None:
    clock.advance(minutes=1)
    gitlab.rename_label(project, "SSAT::Contact", "SSAT::Call")
    shown = await get(client, "/projects/7/issues/1")
    assert shown["labels"] == ["SSAT::Call"]
    assert shown["updated_at"] == "2026-11-06T14:00:00.123Z"


async def test_a_deleted_label_leaves_events_without_label(
    gitlab: GitLab, client: Client, project: Project, issue: Issue
) -> None:
    gitlab.delete_label(project, "SSAT::Contact")
    events = await get(client, "/projects/7/issues/1/resource_label_events")
    assert [event["label"] for event in events] == [None]
    assert issue.labels == []


async def test_the_ghost_inherits_from_a_deleted_user(
    gitlab: GitLab, client: Client, issue: Issue, manager: User
) -> None:
    gitlab.assign(issue, manager, by=manager)
    gitlab.comment(issue, "On it", manager)
    gitlab.delete_user(manager)
    shown = await get(client, "/projects/7/issues/1")
    assert shown["author"]["username"] == "ghost"
    assert shown["author"]["name"] == "Ghost User"
    assert shown["assignees"] == []
    notes = await get(client, "/projects/7/issues/1/notes")
    assert {note["author"]["username"] for note in notes} == {"ghost"}


async def test_an_issue_made_by_api_gets_the_next_number(
    client: Client, issue: Issue, project: Project
) -> None:
    remote = await to_thread(client.projects.get, 7)
    made = await to_thread(
        remote.issues.create, {"title": "Positive feedback", "labels": ["satisfaction::bad"]}
    )
    assert made.iid == 2
    assert project.issues[2].labels == ["satisfaction::bad"]


async def test_requests_are_written_down(gitlab: GitLab, client: Client, issue: Issue) -> None:
    await get(client, "/projects/example%2Fsupport%2Ffeedback/issues", state="opened")
    await put(client, issue, state_event="close")
    listed, closed = gitlab.requests
    assert listed.path == "/api/v4/projects/example%2Fsupport%2Ffeedback/issues"
    assert (listed.query, listed.status) == ({"state": ["opened"]}, 200)
    assert (closed.method, closed.body) == ("PUT", {"state_event": "close"})
    assert closed.username == "ssat-bot"


async def test_a_word_that_a_scene_forgot_to_add_is_named(
    gitlab: GitLab, issue: Issue, manager: User
) -> None:
    with pytest.raises(LookupError, match="add_label"):
        gitlab.change_labels(issue, add=["no-such-label"], by=manager)


async def test_a_form_serves_as_well_as_json(client: Client, issue: Issue, manager: User) -> None:
    def send() -> int:
        return client.session.put(
            f"{client.api_url}/projects/7/issues/1",
            data={"add_labels": "feedback::other", "assignee_ids[]": [str(manager.id)]},
            headers={"PRIVATE-TOKEN": client.private_token or ""},
        ).status_code

    assert await to_thread(send) == 200
    assert issue.labels == ["SSAT::Contact", "feedback::other"]
    assert issue.assigned_to == ["avery"]


async def test_internal_notes_are_hidden_from_guests(
    gitlab: GitLab, client: Client, project: Project, bot: User, issue: Issue, manager: User
) -> None:
    gitlab.comment(issue, "between us", manager, internal=True)
    gitlab.comment(issue, "for all", manager)
    assert len(await get(client, "/projects/7/issues/1/notes")) == 2
    gitlab.add_member(project, bot, 10)
    notes = await get(client, "/projects/7/issues/1/notes")
    assert [note["body"] for note in notes] == ["for all"]


async def test_an_archived_label_stays_where_it_is_until_it_is_restored(
    gitlab: GitLab, client: Client, project: Project, issue: Issue
) -> None:
    gitlab.archive_label(project, "SSAT::Contact")
    gitlab.archive_label(project, "feedback::other")
    await put(client, issue, add_labels="feedback::other")
    assert issue.labels == ["SSAT::Contact"]
    gitlab.archive_label(project, "feedback::other", archived=False)
    await put(client, issue, add_labels="feedback::other")
    assert issue.labels == ["SSAT::Contact", "feedback::other"]
