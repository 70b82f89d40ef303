"""Misfortunes on order, rate limits, waiting, and the page for people."""

import asyncio
from asyncio import to_thread
from typing import Any

import gitlab as python_gitlab
import pytest
import requests
from gitlab.exceptions import GitlabHttpError

from slackbot.local.gitlab import GitLab, Issue, Project, User, serve

Client = python_gitlab.Gitlab
ISSUE = "/projects/7/issues/1"


async def close(client: Client) -> Any:
    return await to_thread(client.http_put, ISSUE, post_data={"state_event": "close"})


@pytest.mark.parametrize(("when", "state"), [("before", "opened"), ("after", "closed")])
async def test_an_error_strikes_before_or_after_the_effect(
    gitlab: GitLab, client: Client, issue: Issue, when: Any, state: str
) -> None:
    gitlab.faults.add(method="PUT", path=r"/issues/\d+$", status=503, when=when)
    with pytest.raises(GitlabHttpError) as failure:
        await close(client)
    assert failure.value.response_code == 503
    assert issue.state == state
    assert gitlab.requests[-1].status == 503
    assert (await close(client))["state"] == "closed"


@pytest.mark.parametrize(("when", "state"), [("before", "opened"), ("after", "closed")])
async def test_a_connection_drops_before_or_after_the_effect(
    gitlab: GitLab, client: Client, issue: Issue, when: Any, state: str
) -> None:
    gitlab.faults.add(method="PUT", drop=True, when=when)
    with pytest.raises(requests.ConnectionError):
        await close(client)
    assert issue.state == state
    assert gitlab.requests[-1].status is None


async def test_a_hanging_request_goes_on_when_released(
    gitlab: GitLab, client: Client, issue: Issue
) -> None:
    gitlab.faults.add(path="/issues", hang=3600)
    closing = asyncio.create_task(close(client))
    await gitlab.wait_for(lambda: len(gitlab.requests) == 1)
    assert issue.closed_at is None
    gitlab.faults.release()
    await closing
    assert issue.state == "closed"


async def test_a_client_with_a_timeout_gives_up_on_a_hanging_request(
    gitlab: GitLab, client: Client, issue: Issue
) -> None:
    gitlab.faults.add(hang=3600, times=None)
    with pytest.raises(requests.Timeout):
        await to_thread(client.http_get, ISSUE, timeout=0.05)
    gitlab.faults.clear()


async def test_while_down_everything_is_a_bad_gateway(
    gitlab: GitLab, client: Client, issue: Issue
) -> None:
    gitlab.down()
    with pytest.raises(GitlabHttpError) as failure:
        await close(client)
    assert failure.value.response_code == 502
    assert b"<html>" in (failure.value.response_body or b"")
    gitlab.up()
    await close(client)
    assert issue.state == "closed"


async def test_the_sixty_first_note_of_a_minute_is_refused_with_a_wait(
    gitlab: GitLab, client: Client, issue: Issue
) -> None:
    moment = 1000.0
    gitlab.monotonic = lambda: moment
    gitlab.notes_per_minute = 2
    post = client.projects.get(7, lazy=True).issues.get(1, lazy=True).notes.create
    await to_thread(post, {"body": "one"})
    moment += 20
    await to_thread(post, {"body": "two"})

    def third() -> requests.Response:
        return client.session.post(
            f"{client.api_url}{ISSUE}/notes",
            json={"body": "three"},
            headers={"PRIVATE-TOKEN": client.private_token or ""},
        )

    answer = await to_thread(third)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "40")
    assert answer.headers["Content-Type"].startswith("text/plain")
    moment += 40
    assert (await to_thread(third)).status_code == 201
    assert [note.body for note in issue.comments] == ["one", "two", "three"]


async def test_too_many_requests_are_refused(gitlab: GitLab, client: Client, issue: Issue) -> None:
    gitlab.requests_per_minute = 1
    await to_thread(client.http_get, ISSUE)
    with pytest.raises(GitlabHttpError) as failure:
        await to_thread(client.http_get, ISSUE, obey_rate_limit=False)
    assert failure.value.response_code == 429


async def test_waiting_ends_when_the_state_changes(
    gitlab: GitLab, client: Client, issue: Issue
) -> None:
    closing = asyncio.create_task(close(client))
    await gitlab.wait_for(lambda: issue.state == "closed")
    await closing


async def test_waiting_in_vain_ends_with_an_error(gitlab: GitLab) -> None:
    with pytest.raises(TimeoutError):
        await gitlab.wait_for(lambda: False, timeout=0.01)


async def test_people_see_a_page_that_escapes_what_others_wrote(
    gitlab: GitLab, project: Project, manager: User, url: str
) -> None:
    issue = gitlab.open_issue(
        project,
        author=manager,
        title="<b>Angry</b>",
        description="<script>alert(1)</script>",
        labels=["SSAT::Contact"],
        assignees=[manager],
    )
    gitlab.comment(issue, "<img src=x>", manager)
    page = await to_thread(requests.get, f"{url}/example/support/feedback/-/issues/1", timeout=5)
    assert page.status_code == 200
    assert "<script>" not in page.text
    assert "<img" not in page.text
    for words in ("&lt;b&gt;Angry", "SSAT::Contact", "Avery Example (@avery)", "&lt;img src=x&gt;"):
        assert words in page.text
    missing = await to_thread(requests.get, f"{url}/example/-/issues/9", timeout=5)
    assert missing.status_code == 404


async def test_the_server_stops_though_a_request_hangs(gitlab: GitLab, bot: User) -> None:
    gitlab.faults.add(hang=3600)
    async with asyncio.timeout(5):
        async with serve(gitlab) as url:
            with Client(url, private_token=gitlab.add_token(bot), timeout=10) as client:
                asking = asyncio.create_task(to_thread(client.http_get, "/user"))
                await gitlab.wait_for(lambda: len(gitlab.requests) == 1)
        await asyncio.gather(asking, return_exceptions=True)
