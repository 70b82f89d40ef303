"""The API of a project's webhooks, as python-gitlab sees it."""

from asyncio import to_thread
from typing import TYPE_CHECKING, Any

import gitlab as python_gitlab
import pytest
from gitlab.exceptions import GitlabHttpError

from slackbot.local.gitlab import GitLab, Issue, Project, User

if TYPE_CHECKING:
    from tests.local.gitlab.conftest import Clock, Receiver

Client = python_gitlab.Gitlab
HOOKS = "/projects/7/hooks"
SIGNING_TOKEN = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.fixture
def maintainer(gitlab: GitLab, project: Project, bot: User) -> User:
    gitlab.add_member(project, bot, 40)
    return bot


async def get(client: Client, path: str, **query: Any) -> Any:
    return await to_thread(client.http_get, path, query_data=query)


async def post(client: Client, path: str, **attributes: Any) -> Any:
    # It would wait and ask again.
    return await to_thread(client.http_post, path, post_data=attributes, obey_rate_limit=False)


async def put(client: Client, path: str, **attributes: Any) -> Any:
    return await to_thread(client.http_put, path, post_data=attributes)


async def refused(client: Client, path: str, **attributes: Any) -> tuple[int | None, str]:
    with pytest.raises(GitlabHttpError) as failure:
        await post(client, path, **attributes)
    return failure.value.response_code, str(failure.value.error_message)


async def test_a_reporter_sees_no_hook_and_makes_none(client: Client) -> None:
    with pytest.raises(GitlabHttpError, match="403 Forbidden"):
        await get(client, HOOKS)
    assert (await refused(client, HOOKS, url="https://bot.example.com"))[0] == 403


@pytest.mark.usefixtures("maintainer")
async def test_a_new_hook_wants_pushes_unless_told_otherwise(client: Client) -> None:
    made = await post(client, HOOKS, url="https://bot.example.com", issues_events=True)
    assert (made["push_events"], made["issues_events"], made["note_events"]) == (True, True, False)
    assert made["enable_ssl_verification"] is True
    assert made["alert_status"] == "executable"
    assert await get(client, HOOKS) == [made]


@pytest.mark.usefixtures("maintainer")
async def test_tokens_are_never_told_and_another_url_drops_them(client: Client) -> None:
    tokens = {"token": "s3cret", "signing_token": SIGNING_TOKEN}
    made = await post(client, HOOKS, url="https://bot.example.com", **tokens)
    assert (made["token_present"], made["signing_token_present"]) == (True, True)
    assert not set(tokens.values()) & set(map(str, made.values()))
    path = f"{HOOKS}/{made['id']}"
    same = await put(client, path, url="https://bot.example.com", push_events=False)
    assert (same["token_present"], same["push_events"]) == (True, False)
    other = await put(client, path, url="https://other.example.com")
    assert (other["token_present"], other["signing_token_present"]) == (False, False)


@pytest.mark.usefixtures("maintainer")
async def test_what_no_hook_can_have_is_refused(client: Client) -> None:
    assert await refused(client, HOOKS) == (400, "url is missing")
    assert await refused(client, HOOKS, url="bot.example.com") == (422, "Invalid url given")
    status, words = await refused(
        client, HOOKS, url="https://bot.example.com", signing_token="whsec_c2hvcnQ="
    )
    assert (status, "32-byte key" in words) == (422, True)


@pytest.mark.usefixtures("maintainer")
async def test_a_hook_hears_only_what_it_is_set_to(
    gitlab: GitLab, client: Client, issue: Issue, manager: User, receiver: "Receiver"
) -> None:
    await post(client, HOOKS, url=receiver.url, issues_events=True)
    gitlab.comment(issue, "On it", manager)
    gitlab.close(issue, manager)
    await gitlab.hooks_settled()
    assert {headers["X-Gitlab-Event"] for headers, _ in receiver.received} == {"Issue Hook"}


@pytest.mark.usefixtures("maintainer")
async def test_a_test_tells_of_the_newest_issue_and_enables_the_hook_again(
    gitlab: GitLab, client: Client, issue: Issue, receiver: "Receiver", clock: "Clock"
) -> None:
    hook = gitlab.add_hook(issue.project, receiver.url)
    for _ in range(4):
        hook.failed(clock())
    shown = await get(client, f"{HOOKS}/{hook.id}")
    assert (shown["alert_status"], shown["disabled_until"]) == (
        "temporarily_disabled",
        "2026-11-06T14:01:00.123Z",
    )
    assert await post(client, f"{HOOKS}/{hook.id}/test/issues_events") == {"message": "201 Created"}
    assert len(receiver.received) == 1
    assert (await get(client, f"{HOOKS}/{hook.id}"))["alert_status"] == "executable"


@pytest.mark.usefixtures("maintainer")
async def test_a_test_that_fails_says_what_was_answered_and_is_in_the_log(
    gitlab: GitLab, client: Client, issue: Issue, receiver: "Receiver"
) -> None:
    hook = gitlab.add_hook(issue.project, receiver.url, token="s3cret")
    receiver.status = 401
    status, _ = await refused(client, f"{HOOKS}/{hook.id}/test/issues_events")
    assert status == 422
    [sent] = await get(client, f"{HOOKS}/{hook.id}/events")
    assert (sent["response_status"], sent["trigger"]) == ("401", "issues_hooks")
    assert sent["request_headers"]["X-Gitlab-Token"] == "[REDACTED]"
    hook.url = "http://127.0.0.1:1/"
    status, words = await refused(client, f"{HOOKS}/{hook.id}/test/issues_events")
    assert (status, "Not delivered" in words) == (422, True)
    newest = (await get(client, f"{HOOKS}/{hook.id}/events"))[0]
    assert newest["response_status"] == "internal error"


@pytest.mark.usefixtures("maintainer")
async def test_tests_need_an_issue_a_known_trigger_and_patience(
    gitlab: GitLab, client: Client, project: Project, receiver: "Receiver", manager: User
) -> None:
    hook = gitlab.add_hook(project, receiver.url)
    path = f"{HOOKS}/{hook.id}/test"
    assert (await refused(client, f"{path}/odd"))[0] == 400
    words = "Ensure the project has issues."
    assert await refused(client, f"{path}/issues_events") == (422, words)
    gitlab.open_issue(project, author=manager, title="First")
    for _ in range(4):
        await post(client, f"{path}/issues_events")
    status, _ = await refused(client, f"{path}/issues_events")
    assert status == 429


@pytest.mark.usefixtures("maintainer")
async def test_the_log_has_at_most_20_on_a_page(
    gitlab: GitLab, client: Client, project: Project, receiver: "Receiver"
) -> None:
    hook = gitlab.add_hook(project, receiver.url)
    with pytest.raises(GitlabHttpError, match="per_page does not have a valid value"):
        await get(client, f"{HOOKS}/{hook.id}/events", per_page=100)
