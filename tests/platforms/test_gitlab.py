"""The client of GitLab over HTTP: what it reads and writes, and what it makes of every trouble."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from slackbot import __version__
from slackbot.local.gitlab import GitLab, Issue, Project, User, serve
from slackbot.local.gitlab.faults import READ_ONLY
from slackbot.platforms.errors import (
    Denied,
    Missing,
    PlatformError,
    Rejected,
    Throttled,
    Unreachable,
    Unsettled,
)
from slackbot.platforms.gitlab import api as gitlab_api
from slackbot.platforms.gitlab.client import GitLabClient, IssueChange
from slackbot.platforms.pace import Allowance, Paces
from slackbot.rules.request import IssueKey, Person

PATH = "example/support/feedback"
CONTACT = "SSAT::Contact"
KEY = IssueKey(7, 1)
JSON = {"Content-Type": "application/json"}


class Clock:
    """A clock that moves only when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 6, 14, 0, 0, 123_456, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gitlab(clock: Clock) -> GitLab:
    return GitLab(clock=clock)


@pytest.fixture
def project(gitlab: GitLab) -> Project:
    project = gitlab.add_project(PATH, id=7)
    gitlab.add_label(project, "feedback::other", "Nothing else fits")
    gitlab.add_label(project, "feedback::known-issue", "The product has a bug")
    gitlab.add_label(project, "feedback::process::sfdc", "Of a deeper scope")
    gitlab.add_label(project, CONTACT, "See feedback::other")
    return project


@pytest.fixture
def manager(gitlab: GitLab, project: Project) -> User:
    user = gitlab.add_user("avery", "Avery Example", public_email="avery@example.com")
    gitlab.add_member(project, user, 30)
    return user


@pytest.fixture
def bot(gitlab: GitLab, project: Project) -> User:
    user = gitlab.add_user("ssat-bot", "SSAT bot", bot=True)
    gitlab.add_member(project, user, 20)
    return user


@pytest.fixture
def issue(gitlab: GitLab, project: Project, manager: User) -> Issue:
    return gitlab.open_issue(
        project,
        author=manager,
        title="Negative feedback for ticket 123456",
        description="They never answered.",
        labels=[CONTACT],
    )


@pytest.fixture
def token(gitlab: GitLab, bot: User) -> str:
    return gitlab.add_token(bot, scopes=("api",), expires_at=date(2027, 1, 31))


@pytest.fixture
async def url(gitlab: GitLab) -> AsyncIterator[str]:
    async with serve(gitlab) as url:
        yield url


@pytest.fixture
async def client(gitlab: GitLab, url: str, token: str) -> AsyncIterator[GitLabClient]:
    client = GitLabClient(url, token, PATH)
    yield client
    gitlab.faults.clear()
    await client.close()
    assert gitlab.violations == []


# What is read


@pytest.mark.parametrize("setting", [PATH, "7"])
async def test_the_project_is_found_by_path_and_by_number(
    url: str, token: str, setting: str
) -> None:
    client = GitLabClient(url, token, setting)
    try:
        found = await client.project()
        assert (found.id, found.path, found.access_level) == (7, PATH, 20)
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("setting", "project_id", "path", "is_it"),
    [
        ("7", 7, PATH, True),
        ("7", 8, PATH, False),
        (PATH, 8, PATH, True),
        (f"/{PATH.upper()}/", 8, PATH, True),  # GitLab does not mind the case of a path
        (PATH, 8, f"{PATH}-archive", False),
        (PATH, 8, None, False),
    ],
)
def test_a_project_is_known_by_path_or_number(
    setting: str, project_id: int, path: str | None, is_it: bool
) -> None:
    client = GitLabClient("http://gitlab.invalid", "token", setting)
    assert client.is_project(project_id, path) is is_it


async def test_a_renamed_project_is_known_by_its_number(
    gitlab: GitLab, client: GitLabClient, project: Project
) -> None:
    assert client.is_project(8, PATH)  # all that is known is the setting
    gitlab.rename_project(project, "elsewhere/renamed")
    found = await client.project()  # GitLab forwards
    assert (found.id, found.path) == (7, "elsewhere/renamed")
    assert client.is_project(7, "elsewhere/renamed")
    assert not client.is_project(8, PATH)  # another has taken the path
    assert "feedback::other" in await client.labels()
    assert [page async for page in client.issue_pages(only_open=True)] == []


async def test_an_issue_belongs_to_the_one_of_several_projects_that_it_is_in_though_renamed(
    gitlab: GitLab, url: str, bot: User, project: Project
) -> None:
    other = gitlab.add_project("example/other")
    gitlab.add_member(other, bot, 20)
    gitlab.add_label(other, "only here")
    author = gitlab.add_user("author", "Author")
    issues = [gitlab.open_issue(each, author=author, title="One") for each in (project, other)]
    client = GitLabClient(url, gitlab.add_token(bot), PATH, others=["example/other"])
    try:
        gitlab.rename_project(other, "elsewhere/renamed")
        found = [await client.read_issue(IssueKey(each.project.id, each.iid)) for each in issues]
        assert [await client.project_of(each) for each in found] == [PATH, "example/other"]
        assert client.is_project(other.id, None)
        assert not client.is_project(99, "example/elsewhere")
        assert "only here" in await client.labels(other.id)
        assert "only here" not in await client.labels(project.id)
        pages = [page async for page in client.projects[1].issue_pages(only_open=True)]
        assert [each.key.project for page in pages for each in page] == [other.id]
    finally:
        await client.close()


async def test_the_token_tells_its_scopes_and_expiry(client: GitLabClient) -> None:
    found = await client.token()
    assert (found.scopes, found.expires_on) == (frozenset({"api"}), date(2027, 1, 31))


@pytest.mark.parametrize(
    ("end", "said"),
    [("expired", "has expired"), ("revoked", "was revoked"), ("unknown", "is not valid")],
)
async def test_a_token_that_gitlab_refuses_is_named_with_why(
    gitlab: GitLab, url: str, bot: User, end: str, said: str
) -> None:
    token = gitlab.add_token(bot, expires_at=date(2000, 1, 1) if end == "expired" else None)
    if end == "revoked":
        gitlab.revoke_token(token)
    client = GitLabClient(url, "glpat-mistyped" if end == "unknown" else token, PATH)
    try:
        with pytest.raises(Denied) as denied:
            await client.project()
    finally:
        await client.close()
    assert denied.value.remedy == (
        f"GITLAB_TOKEN {said}: create another for the bot's account, and set it"
    )


def test_the_bot_tells_gitlab_its_name_and_version() -> None:
    client = GitLabClient("https://gitlab.example.com", "glpat-1", PATH).new_client()
    assert client.headers["User-Agent"] == f"ssat-bot/{__version__}"


async def test_a_token_may_have_no_expiry(gitlab: GitLab, url: str, bot: User) -> None:
    client = GitLabClient(url, gitlab.add_token(bot), PATH)
    try:
        assert (await client.token()).expires_on is None
    finally:
        await client.close()


async def test_the_bot_knows_its_own_username(client: GitLabClient) -> None:
    assert await client.own_username() == "ssat-bot"


async def test_an_issue_is_read_with_all_that_the_record_needs(
    gitlab: GitLab, client: GitLabClient, issue: Issue, manager: User, clock: Clock
) -> None:
    opened_at = clock().replace(microsecond=123_000)  # GitLab tells milliseconds
    clock.forward(minutes=1)
    gitlab.assign(issue, manager, by=manager)
    gitlab.close(issue, manager)
    found = await client.read_issue(KEY)
    assert found.key == KEY
    assert found.title == "Negative feedback for ticket 123456"
    assert found.description == "They never answered."
    assert (found.is_open, found.closed_by) == (False, Person(name=manager.name, gitlab="avery"))
    assert found.labels == {CONTACT}
    assert found.usernames == ("avery",)
    assert found.author == "avery"
    assert found.created_at == opened_at
    assert found.updated_at == opened_at + timedelta(minutes=1)
    assert found.url == f"{gitlab.url}/{PATH}/-/issues/1"
    assert found.type == "issue"


async def test_half_a_character_in_an_answer_is_dropped(
    gitlab: GitLab, client: GitLabClient, issue: Issue, manager: User
) -> None:
    issue.title, issue.description = "Negative \ud83d feedback", "They never answered. \ude00😀"
    manager.name = "Avery\ud83d"
    gitlab.comment(issue, "\ud83dSorry", manager)

    found = await client.read_issue(KEY)
    assert (found.title, found.description) == ("Negative  feedback", "They never answered. 😀")
    [note] = await client.notes(KEY)
    assert (note.body, note.by) == ("Sorry", Person(name="Avery", gitlab="avery"))


async def test_label_events_are_read_over_several_pages_oldest_first(
    gitlab: GitLab, client: GitLabClient, issue: Issue, manager: User, clock: Clock
) -> None:
    for _ in range(60):
        clock.forward(minutes=1)
        gitlab.change_labels(issue, remove=[CONTACT], by=manager)
        clock.forward(minutes=1)
        gitlab.change_labels(issue, add=[CONTACT], by=manager)
    issue.label_events.reverse()  # GitLab promises no order
    events = await client.label_events(KEY)
    assert len(events) == 121
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert [event.is_added for event in events] == [True] + [False, True] * 60
    assert events[0].by == Person(name="Avery Example", gitlab="avery")


async def test_label_events_of_deleted_labels_are_left_out(
    gitlab: GitLab, client: GitLabClient, project: Project, issue: Issue
) -> None:
    gitlab.delete_label(project, CONTACT)
    assert await client.label_events(KEY) == []


async def test_notes_are_read_over_several_pages_newest_first(
    gitlab: GitLab, client: GitLabClient, issue: Issue, manager: User, clock: Clock
) -> None:
    for number in range(150):
        clock.forward(seconds=1)
        gitlab.comment(issue, f"note {number}", manager)
    notes = [note for note in await client.notes(KEY) if not note.is_system]
    assert [note.body for note in notes] == [f"note {number}" for number in reversed(range(150))]
    assert {note.author for note in notes} == {"avery"}


async def test_every_label_of_the_project_is_read(
    gitlab: GitLab, client: GitLabClient, project: Project
) -> None:
    for number in range(120):
        gitlab.add_label(project, f"label {number}")
    assert set(await client.labels()) == {label.name for label in project.labels}


async def test_labels_come_with_their_descriptions(
    gitlab: GitLab, client: GitLabClient, project: Project
) -> None:
    gitlab.add_label(project, "feedback::no-words")
    assert await client.labels() == {
        CONTACT: "See feedback::other",
        "feedback::known-issue": "The product has a bug",
        "feedback::no-words": "",
        "feedback::other": "Nothing else fits",
        "feedback::process::sfdc": "Of a deeper scope",
    }


# Lists of issues


async def all_pages(
    client: GitLabClient, since: datetime | None = None, *, only_open: bool = False
) -> list[list[int]]:
    pages = client.issue_pages(since, only_open=only_open)
    return [[issue.key.iid for issue in page] async for page in pages]


def flat(pages: list[list[int]]) -> list[int]:
    return [iid for page in pages for iid in page]


@pytest.fixture
def many(gitlab: GitLab, project: Project, manager: User, clock: Clock) -> list[Issue]:
    """Issues 1 to 260, every third at the same moment as the one before."""
    found = []
    for number in range(1, 261):
        clock.forward(seconds=bool(number % 3))
        found.append(gitlab.open_issue(project, author=manager, title=f"issue {number}"))
    return found


async def test_open_issues_are_read_in_pages_in_order_and_none_is_missing(
    gitlab: GitLab, client: GitLabClient, many: list[Issue], manager: User
) -> None:
    gitlab.close(many[99], manager)
    pages = await all_pages(client, only_open=True)
    assert [len(page) for page in pages] == [100, 100, 59]
    assert flat(pages) == [number for number in range(1, 261) if number != 100]
    since = many[199].updated_at
    assert flat(await all_pages(client, since, only_open=True)) == list(range(200, 261))


async def test_changed_issues_are_read_from_a_moment_on_the_closed_ones_too(
    gitlab: GitLab, client: GitLabClient, many: list[Issue], manager: User, clock: Clock
) -> None:
    clock.forward(minutes=1)
    since = clock()
    gitlab.close(many[99], manager)
    clock.forward(minutes=1)
    gitlab.comment(many[4], "And another thing", manager)
    # The same moment in another zone is the same moment.
    elsewhere = since.astimezone(datetime.strptime("+0530", "%z").tzinfo)
    assert await all_pages(client, since) == [[100, 5]]
    assert await all_pages(client, elsewhere) == [[100, 5]]


async def test_a_reading_that_was_broken_off_is_taken_up_where_it_ended(
    gitlab: GitLab, client: GitLabClient, many: list[Issue]
) -> None:
    pages = client.issue_pages(many[0].created_at - timedelta(seconds=1), only_open=False)
    page = await anext(pages)
    seen, place = [issue.key.iid for issue in page], page[-1].updated_at
    assert seen == list(range(1, 101))
    gitlab.down()
    with pytest.raises(Unreachable):
        await anext(pages)
    gitlab.up()
    rest = flat(await all_pages(client, place))
    assert sorted({*seen, *rest}) == list(range(1, 261))
    assert rest == sorted(rest)
    assert len(rest) <= 162, "read again from the start, or nearly so"


async def test_known_issues_are_read_in_batches_and_a_deleted_one_is_missing(
    gitlab: GitLab, client: GitLabClient, many: list[Issue], manager: User
) -> None:
    gitlab.close(many[6], manager)
    gitlab.delete_issue(many[7])
    found = await client.these_issues(list(range(1, 251)))
    assert sorted(issue.key.iid for issue in found) == [n for n in range(1, 251) if n != 8]
    assert [issue.key.iid for issue in found if not issue.is_open] == [7]
    asked = [len(request.query["iids[]"]) for request in gitlab.requests]
    assert asked == [100, 100, 50]


async def test_no_known_issues_are_no_question(gitlab: GitLab, client: GitLabClient) -> None:
    assert await client.these_issues([]) == []
    assert gitlab.requests == []


# What is written


async def test_a_change_is_one_put_which_leaves_the_other_labels_alone(
    gitlab: GitLab, client: GitLabClient, issue: Issue, manager: User
) -> None:
    gitlab.change_labels(issue, ["feedback::other"], by=manager)
    change = IssueChange(
        add_labels=frozenset({"feedback::known-issue"}),
        remove_labels=frozenset({"feedback::other"}),
        assignee_ids=(manager.id,),
        close=True,
    )
    found = await client.change_issue(KEY, change)
    [put] = gitlab.requests
    assert put.method == "PUT"
    assert put.body == {
        "add_labels": "feedback::known-issue",
        "remove_labels": "feedback::other",
        "assignee_ids": [manager.id],
        "state_event": "close",
    }
    assert issue.labels == [CONTACT, "feedback::known-issue"]
    assert (found.labels, found.usernames) == (frozenset(issue.labels), ("avery",))
    assert not found.is_open


async def test_what_a_change_leaves_out_stays_as_it_is(
    gitlab: GitLab, client: GitLabClient, issue: Issue, manager: User
) -> None:
    gitlab.assign(issue, manager, by=manager)
    await client.change_issue(KEY, IssueChange(add_labels=frozenset({"feedback::other"})))
    assert gitlab.requests[-1].body == {"add_labels": "feedback::other"}
    assert issue.labels == [CONTACT, "feedback::other"]
    assert (issue.assigned_to, issue.state) == (["avery"], "opened")


async def test_nobody_is_assigned_by_a_zero(
    gitlab: GitLab, client: GitLabClient, issue: Issue, manager: User
) -> None:
    gitlab.assign(issue, manager, by=manager)
    found = await client.change_issue(KEY, IssueChange(assignee_ids=()))
    assert gitlab.requests[-1].body == {"assignee_ids": [0]}
    assert issue.assigned_to == []
    assert found.assignees == ()


async def test_a_note_is_posted_word_for_word(
    gitlab: GitLab, client: GitLabClient, issue: Issue
) -> None:
    await client.add_note(KEY, "> Sorry, <b>really</b>\n> /close")
    [note] = issue.comments
    assert (note.body, note.author.username) == ("> Sorry, <b>really</b>\n> /close", "ssat-bot")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_note_with_a_doubtful_outcome_is_not_posted_again_by_itself(
    gitlab: GitLab, client: GitLabClient, issue: Issue, when: Any
) -> None:
    gitlab.faults.add(method="POST", drop=True, when=when)
    with pytest.raises(Unreachable):
        await client.add_note(KEY, "once")
    assert [request.method for request in gitlab.requests] == ["POST"]
    assert len(issue.comments) == (when == "after")


# People


@pytest.mark.parametrize("username", ["avery", "Avery"])  # GitLab does not mind the case
async def test_an_account_is_found_by_its_username(
    client: GitLabClient, manager: User, username: str
) -> None:
    found = await client.users.named(username)
    assert found is not None
    assert (found.id, found.username, found.name) == (manager.id, "avery", "Avery Example")


async def test_nobody_has_an_unknown_username(client: GitLabClient, manager: User) -> None:
    assert await client.users.named("aver") is None


@pytest.mark.parametrize("email", ["avery@example.com", "Avery@Example.com"])
async def test_an_account_is_found_by_its_public_email(
    client: GitLabClient, manager: User, email: str
) -> None:
    found = await client.users.with_email(email)
    assert found is not None
    assert found.username == "avery"


async def test_an_email_that_is_not_public_finds_nobody(
    gitlab: GitLab, client: GitLabClient
) -> None:
    gitlab.add_user("casey", "Casey Example", email="casey@example.com")
    assert await client.users.with_email("casey@example.com") is None


async def test_an_email_that_fits_two_accounts_finds_nobody(
    gitlab: GitLab, client: GitLabClient, manager: User
) -> None:
    gitlab.add_user("avery2", "Avery Again", public_email="avery@example.com")
    assert await client.users.with_email("avery@example.com") is None


async def test_who_calls_himself_by_somebodys_email_is_not_taken_for_them(
    gitlab: GitLab, client: GitLabClient
) -> None:
    # GitLab's search= looks into names, too.
    impostor = {"id": 9, "username": "mallory", "name": "avery@example.com", "public_email": ""}
    gitlab.faults.add(path="/users$", status=200, headers=JSON, body=json.dumps([impostor]))
    assert await client.users.with_email("avery@example.com") is None


async def test_an_older_gitlab_does_not_say_which_email_it_found(
    gitlab: GitLab, client: GitLabClient
) -> None:
    account = {"id": 9, "username": "avery", "name": "Avery Example"}
    gitlab.faults.add(path="/users$", status=200, headers=JSON, body=json.dumps([account]))
    found = await client.users.with_email("avery@example.com")
    assert found is not None
    assert found.username == "avery"


# Trouble


async def _first_page(client: GitLabClient) -> object:
    return await anext(client.issue_pages(only_open=True))


Call = Callable[[GitLabClient], Coroutine[Any, Any, object]]
CALLS: dict[str, Call] = {
    "project": lambda client: client.project(),
    "token": lambda client: client.token(),
    "own_username": lambda client: client.own_username(),
    "read_issue": lambda client: client.read_issue(KEY),
    "issue_pages": _first_page,
    "these_issues": lambda client: client.these_issues([1]),
    "label_events": lambda client: client.label_events(KEY),
    "state_events": lambda client: client.state_events(KEY),
    "notes": lambda client: client.notes(KEY),
    "add_note": lambda client: client.add_note(KEY, "words"),
    "change_issue": lambda client: client.change_issue(KEY, IssueChange(close=True)),
    "labels": lambda client: client.labels(),
    "create_issue": lambda client: client.create_issue(PATH, "Follow up", "words"),
    "find_issue": lambda client: client.find_issue(PATH, UUID(int=1)),
    "find_open_issue": lambda client: client.find_open_issue(PATH, CONTACT),
    "notes_of": lambda client: client.notes_of(PATH, 1),
    "note_on": lambda client: client.note_on(PATH, 1, "words"),
    "group": lambda client: client.group("example/support"),
    "issue_template": lambda client: client.issue_template(PATH, "Follow up"),
    "users.named": lambda client: client.users.named("avery"),
    "users.with_email": lambda client: client.users.with_email("avery@example.com"),
    "users.members_by_email": lambda client: client.users.members_by_email(),
}


OF_GITLAB: list[dict[str, Any]] = [
    {"message": {"title": ["is bad"]}},
    {"message": ["Title is bad"]},
    {"error": "title is missing, add_labels[] is invalid"},
    {"error": "state_event does not have a valid value"},
    {"error": "add_labels, title are missing, at least one parameter must be provided"},
]
"""What it has against a change."""
OF_OTHERS: list[dict[str, Any]] = [
    {"error": "blocked by WAF"},
    {"message": "blocked"},
    {"message": {}},
    {"error": "This request is invalid"},
    {"error": {"code": "blocked"}},
]


def answers(status: int, *bodies: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"status": status, "headers": JSON, "body": json.dumps(body)} for body in bodies]


TOO_NARROW = {"error": "insufficient_scope", "error_description": "The request requires more."}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_every_call_names_every_trouble_by_its_remedy(
    gitlab: GitLab, client: GitLabClient, issue: Issue, manager: User, call: Call
) -> None:
    client.paces = Paces(dict.fromkeys(gitlab_api.PACES, Allowance(per_second=99, burst=99)))
    maintenance = {"headers": JSON, "body": json.dumps({"message": READ_ONLY})}
    page = {"body": "<html>Request blocked</html>"}
    troubles: list[tuple[dict[str, Any], type[PlatformError]]] = [
        ({"status": 401}, Denied),
        ({"status": 400}, Rejected),
        ({"status": 403}, Rejected),
        ({"status": 403, "headers": JSON, "body": json.dumps(TOO_NARROW)}, Rejected),
        *((each, Rejected) for each in answers(400, *OF_GITLAB)),
        *((each, Rejected) for each in answers(422, *OF_GITLAB)),
        ({"status": 422, "headers": JSON, "body": '{"message": "422 Unprocessable"}'}, Rejected),
        ({"status": 413, **page}, Rejected),  # a second try would be as large
        # These say nothing about what was asked.
        ({"status": 403, **maintenance}, Unreachable),
        ({"status": 401, **page}, Unreachable),
        ({"status": 403, **page}, Unreachable),
        ({"status": 404, **page}, Unreachable),
        ({"status": 422, **page}, Unreachable),
        ({"status": 404, "headers": JSON, "body": '{"message": "Not Found"}'}, Unreachable),
        ({"status": 403, "headers": JSON, "body": '"403 Forbidden"'}, Unreachable),
        ({"status": 422, "headers": JSON, "body": "5"}, Unreachable),
        *((each, Unreachable) for each in answers(400, *OF_OTHERS)),
        *((each, Unreachable) for each in answers(422, *OF_OTHERS)),
        ({"status": 403, "body": '{"message": "403 Forbidden"}'}, Unreachable),  # as text/html
        ({"status": 407}, Unreachable),
        ({"status": 451}, Unreachable),
        ({"status": 409}, Unreachable),  # a lock that somebody else holds just now
        ({"status": 500}, Unreachable),  # with a page of HTML
        ({"status": 502, "headers": JSON, "body": "{"}, Unreachable),
        ({"status": 200}, Unreachable),  # a page of HTML that pretends to be the answer
        ({"status": 200, "headers": JSON, "body": "{"}, Unreachable),
        ({"drop": True}, Unreachable),
    ]
    for trouble, expected in troubles:
        gitlab.faults.add(**trouble)
        with pytest.raises(PlatformError) as caught:
            await call(client)
        assert type(caught.value) is expected, trouble
        if trouble.get("status") == 200:  # GitLab, or what is before it, has answered
            assert "GitLab is failing" in str(caught.value)
    gitlab.faults.add(status=429, headers={"Retry-After": "17"}, body="Retry later\n")
    with pytest.raises(Throttled) as throttled:
        await call(client)
    assert throttled.value.retry_after == 17
    assert len(gitlab.requests) == len(troubles) + 1, "nothing is tried again in a thread"


@pytest.mark.parametrize(
    "call",
    ["read_issue", "label_events", "state_events", "notes", "add_note", "change_issue"],
)
async def test_a_404_about_an_issue_is_believed_only_if_the_list_lacks_it_too(
    gitlab: GitLab,
    client: GitLabClient,
    project: Project,
    issue: Issue,
    bot: User,
    call: str,
) -> None:
    gitlab.faults.add(status=404)
    with pytest.raises(Unreachable):
        await CALLS[call](client)
    gitlab.add_member(project, bot, 0)
    with pytest.raises(Unreachable):
        await CALLS[call](client)
    gitlab.add_member(project, bot, 20)
    gitlab.delete_issue(issue)
    with pytest.raises(Missing):
        await CALLS[call](client)


async def test_a_refusal_carries_status_and_reason(gitlab: GitLab, client: GitLabClient) -> None:
    reason = {"message": {"title": ["can't be blank " * 100]}}
    gitlab.faults.add(status=422, headers=JSON, body=json.dumps(reason))
    with pytest.raises(Rejected) as caught:
        await client.change_issue(KEY, IssueChange(close=True))
    assert caught.value.code == "422"
    said = str(caught.value).removeprefix("GitLab answered 422: ")
    assert "can't be blank" in said
    assert len(said) <= 300


async def test_a_deleted_issue_is_missing_and_a_guest_is_refused(
    gitlab: GitLab, client: GitLabClient, project: Project, bot: User, issue: Issue
) -> None:
    gitlab.add_member(project, bot, 10)
    with pytest.raises(Rejected) as caught:
        await client.change_issue(KEY, IssueChange(close=True))
    assert (type(caught.value), caught.value.code) == (Rejected, "403")
    gitlab.delete_issue(issue)
    with pytest.raises(Missing):
        await client.read_issue(KEY)


async def test_a_revoked_token_is_an_administrators_matter_and_is_not_told(
    gitlab: GitLab, client: GitLabClient, token: str
) -> None:
    gitlab.revoke_token(token)
    with pytest.raises(Denied) as caught:
        await client.project()
    assert "GITLAB_TOKEN" in str(caught.value)
    assert token not in str(caught.value)


async def test_a_gitlab_that_hangs_is_given_up(
    gitlab: GitLab, url: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gitlab_api, "TIMEOUT_SECONDS", 0.05)
    client = GitLabClient(url, token, PATH)
    gitlab.faults.add(hang=3600, times=None)
    try:
        with pytest.raises(Unreachable) as reading:
            await asyncio.wait_for(client.project(), 5)
        with pytest.raises(Unreachable) as writing:
            await asyncio.wait_for(client.add_note(KEY, "once"), 5)
        with pytest.raises(Unreachable) as changing:
            await asyncio.wait_for(client.change_issue(KEY, IssueChange(close=True)), 5)
        # After a change one has to wait until GitLab is surely through with it.
        assert not reading.value.is_unsettled
        assert type(writing.value) is type(changing.value) is Unsettled
    finally:
        gitlab.faults.clear()
        await client.close()


async def test_a_gitlab_that_is_not_there_is_unreachable(token: str) -> None:
    client = GitLabClient("http://127.0.0.1:1", token, PATH)
    try:
        with pytest.raises(Unreachable):
            await client.project()
    finally:
        await client.close()


async def test_throttled_notes_are_held_back_and_reading_goes_on(
    gitlab: GitLab, client: GitLabClient, issue: Issue
) -> None:
    gitlab.notes_per_minute = 1
    await client.add_note(KEY, "one")
    for _ in range(3):
        with pytest.raises(Throttled) as caught:
            await client.add_note(KEY, "two")
        assert 30 < caught.value.retry_after <= 60
    posts = [request.status for request in gitlab.requests if request.method == "POST"]
    assert posts == [201, 429], "GitLab is asked no more until the time has come"
    assert (await client.read_issue(KEY)).key == KEY
    await client.change_issue(KEY, IssueChange(close=True))
    assert issue.state == "closed"


async def test_throttled_reading_is_held_back_and_notes_go_on(
    gitlab: GitLab, client: GitLabClient, issue: Issue
) -> None:
    gitlab.faults.add(method="GET", status=429, headers={"Retry-After": "40"})
    for _ in range(3):
        with pytest.raises(Throttled):
            await client.read_issue(KEY)
    assert len(gitlab.requests) == 1
    await client.add_note(KEY, "one")
    assert [note.body for note in issue.comments] == ["one"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({"Retry-After": "40"}, 40),
        ({"Retry-After": "0"}, 1),  # never at once
        # some proxy's form, by its own clock
        (
            {
                "Retry-After": "Fri, 06 Nov 2026 15:00:50 GMT",
                "Date": "Fri, 06 Nov 2026 15:00:00 GMT",
            },
            50,
        ),
        ({"Retry-After": "soon"}, 60),
        ({"Retry-After": "1795892217"}, 3600),
        ({}, 60),
    ],
)
async def test_a_throttled_call_says_how_long_to_wait(
    gitlab: GitLab, client: GitLabClient, header: dict[str, str], seconds: float
) -> None:
    gitlab.faults.add(status=429, headers=header, body="Retry later\n")
    with pytest.raises(Throttled) as caught:
        await client.project()
    assert caught.value.retry_after == seconds


async def test_calls_under_way_hold_up_neither_the_event_loop_nor_each_other(
    gitlab: GitLab, client: GitLabClient, issue: Issue
) -> None:
    gitlab.faults.add(method="POST", hang=3600)
    hanging = asyncio.create_task(client.add_note(KEY, "late"))
    await gitlab.wait_for(lambda: len(gitlab.requests) == 1)
    # The stand-in answers on this same event loop: a call that blocked it would never end.
    async with asyncio.timeout(5):
        found = await asyncio.gather(*(client.read_issue(KEY) for _ in range(12)))
    assert len(found) == 12
    assert not hanging.done()
    gitlab.faults.release()
    await hanging
    assert [note.body for note in issue.comments] == ["late"]


async def test_several_calls_are_under_way_at_once(
    gitlab: GitLab, client: GitLabClient, issue: Issue
) -> None:
    gitlab.faults.add(hang=3600, times=None)
    calls = [asyncio.create_task(client.read_issue(KEY)) for _ in range(4)]
    await gitlab.wait_for(lambda: len(gitlab.requests) == 4)
    gitlab.faults.clear()
    assert {found.key for found in await asyncio.gather(*calls)} == {KEY}
