"""Lists of issues and notes: filters, order and pages."""

from asyncio import to_thread
from typing import TYPE_CHECKING, Any

import gitlab as python_gitlab
import pytest
import requests
from gitlab.exceptions import GitlabHttpError

from slackbot.local.gitlab import GitLab, Issue, Project, User

if TYPE_CHECKING:
    from tests.local.gitlab.conftest import Clock

Client = python_gitlab.Gitlab
ISSUES = "/projects/7/issues"


async def numbers(client: Client, **query: Any) -> list[int]:
    found = await to_thread(client.http_list, ISSUES, query_data=query, get_all=True)
    return [issue["iid"] for issue in found]


async def answer_to(client: Client, path: str, **query: Any) -> requests.Response:
    return await to_thread(client.http_request, "get", path, query_data=query)


@pytest.fixture
def issues(gitlab: GitLab, project: Project, manager: User, clock: "Clock") -> list[Issue]:
    made = []
    for number in range(1, 26):
        labels = ["satisfaction::bad"] if number % 2 else ["satisfaction::bad", "SSAT::Contact"]
        made.append(
            gitlab.open_issue(project, author=manager, title=f"Feedback {number}", labels=labels)
        )
        clock.advance(minutes=1)
    return made


async def test_labels_in_a_filter_must_all_be_there(client: Client, issues: list[Issue]) -> None:
    both = await numbers(client, labels="satisfaction::bad,SSAT::Contact")
    assert both == list(range(24, 0, -2))
    assert await numbers(client, labels="satisfaction::bad,unheard-of") == []
    assert await numbers(client, labels="None") == []


async def test_updated_after_is_inclusive(client: Client, issues: list[Issue]) -> None:
    last = issues[-1].updated_at
    assert await numbers(client, updated_after=last.isoformat()) == [25]
    later = last.replace(microsecond=last.microsecond + 1)
    assert await numbers(client, updated_after=later.isoformat()) == []


async def test_state_numbers_and_scope_narrow_a_list(
    gitlab: GitLab, client: Client, issues: list[Issue], manager: User, bot: User
) -> None:
    gitlab.close(issues[2], manager)
    gitlab.assign(issues[3], bot, by=manager)
    assert await numbers(client, state="closed") == [3]
    assert len(await numbers(client, state="opened")) == 24
    assert await numbers(client, **{"iids[]": [5, 7, 99]}) == [7, 5]
    assert await numbers(client, scope="assigned_to_me") == [4]
    assert gitlab.violations == []


async def test_an_issue_that_loses_its_label_leaves_the_list(
    gitlab: GitLab, client: Client, issues: list[Issue], manager: User
) -> None:
    gitlab.change_labels(issues[23], remove=["SSAT::Contact"], by=manager)
    assert 24 not in await numbers(client, labels="SSAT::Contact")


async def test_pages_by_number_tell_of_the_others(client: Client, issues: list[Issue]) -> None:
    answer = await answer_to(client, ISSUES, page=2, per_page=10, sort="asc")
    assert [issue["iid"] for issue in answer.json()] == list(range(11, 21))
    headers = {name: answer.headers[f"X-{name}"] for name in ("Total", "Total-Pages", "Next-Page")}
    assert headers == {"Total": "25", "Total-Pages": "3", "Next-Page": "3"}
    assert set(answer.links) == {"first", "prev", "next", "last"}


async def test_a_page_holds_twenty_unless_told_and_a_hundred_at_most(
    gitlab: GitLab, client: Client, issues: list[Issue], project: Project, manager: User
) -> None:
    assert len((await answer_to(client, ISSUES)).json()) == 20
    for number in range(80):
        gitlab.open_issue(project, author=manager, title=f"More {number}")
    answer = await answer_to(client, ISSUES, per_page=500)
    assert len(answer.json()) == 100
    assert answer.headers["X-Per-Page"] == "100"


async def test_pages_by_keyset_follow_the_cursor_past_what_was_seen(
    gitlab: GitLab, client: Client, issues: list[Issue], manager: User, clock: "Clock"
) -> None:
    query = {"pagination": "keyset", "order_by": "updated_at", "sort": "asc", "per_page": 10}
    first = await answer_to(client, ISSUES, **query)
    assert "X-Total" not in first.headers
    assert [issue["iid"] for issue in first.json()] == list(range(1, 11))
    gitlab.comment(issues[11], "moves to the end", manager)
    second = await answer_to(client, first.links["next"]["url"])
    third = await answer_to(client, second.links["next"]["url"])
    rest = [issue["iid"] for issue in second.json() + third.json()]
    assert rest == [11, *range(13, 26), 12]
    assert "next" not in third.links


async def test_the_client_walks_a_keyset_by_itself(client: Client, issues: list[Issue]) -> None:
    remote = await to_thread(client.projects.get, 7)

    def walk() -> list[int]:
        found = remote.issues.list(
            iterator=True,
            pagination="keyset",
            order_by="updated_at",
            per_page=4,
            labels=["SSAT::Contact"],
        )
        return [issue.iid for issue in found]

    assert await to_thread(walk) == list(range(24, 0, -2))


@pytest.mark.parametrize("order", ["created_at", "updated_at", "title"])
@pytest.mark.parametrize("direction", ["asc", "desc"])
async def test_a_keyset_and_numbered_pages_tell_the_same_in_the_same_order(
    client: Client, issues: list[Issue], order: str, direction: str
) -> None:
    for issue in issues[5:15]:  # several of the same moment and name stand by their ids
        issue.created_at, issue.updated_at, issue.title = (
            issues[5].created_at,
            issues[5].updated_at,
            "x",
        )
    query = {"order_by": order, "sort": direction, "per_page": 4}
    by_keyset = await numbers(client, pagination="keyset", **query)
    assert by_keyset == await numbers(client, **query)
    assert sorted(by_keyset) == list(range(1, 26))


@pytest.mark.parametrize("cursor", ["?", "bm90IGpzb24=", "WyJ5ZXN0ZXJkYXkiLCAxXQ=="])
async def test_a_cursor_of_ones_own_making_is_refused(
    client: Client, issues: list[Issue], cursor: str
) -> None:
    query = {"pagination": "keyset", "order_by": "updated_at", "cursor": cursor}
    with pytest.raises(GitlabHttpError) as failure:
        await answer_to(client, ISSUES, **query)
    assert failure.value.response_code == 400


@pytest.mark.parametrize(
    "query",
    [
        # not an order that GitLab knows
        {"order_by": "colour"},
        # open issues are `opened`
        {"state": "open"},
        # no moment
        {"updated_after": "yesterday"},
        # pages begin at one
        {"page": 0},
    ],
)
async def test_a_bad_value_is_refused(client: Client, query: dict[str, Any], url: str) -> None:
    with pytest.raises(GitlabHttpError) as failure:
        await answer_to(client, ISSUES, **query)
    assert failure.value.response_code == 400


async def test_an_unknown_parameter_is_ignored_but_counts_as_a_violation(
    gitlab: GitLab, client: Client, issues: list[Issue]
) -> None:
    assert len(await numbers(client, label="SSAT::Contact")) == 25
    assert gitlab.violations


async def test_search_on_issues_works_but_is_a_violation(
    gitlab: GitLab, client: Client, issues: list[Issue]
) -> None:
    assert await numbers(client, search="feedback 25") == [25]
    assert gitlab.violations == ["search= on issues has a tiny rate limit"]


async def test_notes_come_newest_first_unless_told(
    gitlab: GitLab, client: Client, issue: Issue, manager: User, clock: "Clock"
) -> None:
    for body in ("one", "two", "three"):
        clock.advance(seconds=1)
        gitlab.comment(issue, body, manager)
    path = f"{ISSUES}/1/notes"
    newest = (await answer_to(client, path, per_page=2)).json()
    oldest = (await answer_to(client, path, sort="asc", order_by="created_at")).json()
    assert [note["body"] for note in newest] == ["three", "two"]
    assert [note["body"] for note in oldest] == ["one", "two", "three"]
