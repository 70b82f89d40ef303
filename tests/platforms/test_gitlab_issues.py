"""Issues of other projects over HTTP: made once, found again, related, and commented on."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from slackbot.local.gitlab import GitLab, Issue, Project, User, serve
from slackbot.platforms.errors import Missing, Rejected, Unreachable
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.rules.request import IssueKey

META = "gitlab-com/support/support-team-meta"
MARK = UUID("11111111-2222-4333-8444-555555555555")
MARKED = f'Please look.\n\n<!-- ssat-bot: {{"decision": "{MARK}"}} -->'
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
def bot(gitlab: GitLab) -> User:
    return gitlab.add_user("ssat-bot", "SSAT bot", bot=True)


@pytest.fixture
def manager(gitlab: GitLab) -> User:
    return gitlab.add_user("avery", "Avery Example")


@pytest.fixture
def feedback(gitlab: GitLab, bot: User, manager: User) -> Issue:
    project = gitlab.add_project("example/support/feedback", id=7)
    gitlab.add_member(project, bot, 20)
    gitlab.add_member(project, manager, 30)
    return gitlab.open_issue(project, author=manager, title="Negative feedback")


@pytest.fixture
def meta(gitlab: GitLab, bot: User, manager: User) -> Project:
    project = gitlab.add_project(META, id=8)
    gitlab.add_member(project, bot, 20)
    gitlab.add_member(project, manager, 30)
    gitlab.add_label(project, "SSAT::Follow-up")
    gitlab.add_label(project, "SSAT review")
    return project


@pytest.fixture
async def client(gitlab: GitLab, bot: User) -> AsyncIterator[GitLabClient]:
    async with serve(gitlab) as url:
        client = GitLabClient(url, gitlab.add_token(bot), "example/support/feedback")
        yield client
        gitlab.faults.clear()
        await client.close()
    assert gitlab.violations == []


# Made once


@pytest.mark.parametrize("project", [META, META.upper(), "8", 8])
async def test_an_issue_is_made_in_a_project_by_path_or_number(
    client: GitLabClient, gitlab: GitLab, meta: Project, project: int | str
) -> None:
    made = await client.create_issue(project, "Follow up", MARKED)
    issue = meta.issues[1]
    assert (made.url, made.title) == (f"{gitlab.url}/{META}/-/issues/1", "Follow up")
    assert abs(made.created_at - issue.created_at) < timedelta(milliseconds=1)
    assert made.key == IssueKey(8, 1)
    assert (issue.title, issue.description, issue.author.username) == (
        "Follow up",
        MARKED,
        "ssat-bot",
    )
    assert not issue.confidential
    assert gitlab.requests[-1].body == {
        "title": "Follow up",
        "description": MARKED,
        "confidential": False,
    }


async def test_an_issue_is_confidential_if_asked(client: GitLabClient, meta: Project) -> None:
    await client.create_issue(META, "Follow up", MARKED, confidential=True)
    assert meta.issues[1].confidential
    assert await client.find_issue(META, MARK)


@pytest.mark.parametrize("path", ["example.com/Team.meta_2-0", "_a/b.c-d"])
async def test_a_path_may_have_odd_characters(
    client: GitLabClient, gitlab: GitLab, bot: User, path: str
) -> None:
    gitlab.add_member(gitlab.add_project(path), bot, 20)
    made = await client.create_issue(path, "Follow up", MARKED)
    assert await client.find_issue(path, MARK) == made
    await client.note_on(path, 1, "Thank you")
    assert [note.body for note in await client.notes_of(path, 1)] == ["Thank you"]


@pytest.mark.parametrize("path", ["", "..", "../8", "a b/ä?#%2F", "8/issues/1"])
async def test_a_path_that_is_none_names_no_project(
    client: GitLabClient, meta: Project, path: str
) -> None:
    calls: list[Awaitable[object]] = [
        client.create_issue(path, "Follow up", MARKED),
        client.find_issue(path, MARK),
        client.find_open_issue(path, "SSAT review"),
        client.note_on(path, 1, "Thank you"),
    ]
    for call in calls:
        with pytest.raises(Missing):
            await call
    assert await client.issue_template(path, "Follow up") is None
    assert not meta.issues


@pytest.mark.parametrize("fault", [{"drop": True}, {"status": 502}])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_issue_whose_answer_was_lost_is_found_and_not_made_again(
    client: GitLabClient, gitlab: GitLab, meta: Project, when: Any, fault: dict[str, Any]
) -> None:
    gitlab.faults.add(method="POST", path="/issues$", when=when, **fault)
    with pytest.raises(Unreachable):
        await client.create_issue(META, "Follow up", MARKED)
    found = await client.find_issue(META, MARK)
    assert (found is not None) == (when == "after")
    if found is None:
        found = await client.create_issue(META, "Follow up", MARKED)
    assert list(meta.issues) == [found.key.iid]


async def test_an_issue_is_found_after_it_was_closed_and_edited(
    client: GitLabClient, gitlab: GitLab, meta: Project, manager: User
) -> None:
    made = await client.create_issue(META, "Follow up", MARKED)
    gitlab.edit(meta.issues[1], "Done", f"{MARKED}\n\nUpdate: done", by=manager)
    gitlab.close(meta.issues[1], manager)
    found = await client.find_issue(META, MARK)
    assert found is not None
    assert (found.key, found.title) == (made.key, "Done")


async def test_no_other_issue_is_taken_for_it(
    client: GitLabClient, gitlab: GitLab, meta: Project, bot: User, manager: User
) -> None:
    another = UUID(int=MARK.int + 1)
    others = gitlab.add_project("gitlab-com/support/others")
    for project, author, description in [
        (meta, manager, MARKED),  # copied from elsewhere
        (meta, bot, f"About {MARK}"),
        (meta, bot, MARKED.replace(str(MARK), str(another))),
        (meta, bot, None),
        (others, bot, MARKED),
    ]:
        gitlab.open_issue(project, author=author, title="Another", description=description)
    assert await client.find_issue(META, MARK) is None


async def test_an_issue_is_found_among_many_newest_first(
    client: GitLabClient, gitlab: GitLab, meta: Project, bot: User, clock: Clock
) -> None:
    first = gitlab.open_issue(meta, author=bot, title="First", description=MARKED)
    for number in range(150):
        clock.forward(seconds=number % 2)  # some at the same moment
        gitlab.open_issue(meta, author=bot, title=f"issue {number}")
    found = await client.find_issue(META, MARK)
    assert found is not None
    assert found.key.iid == first.iid
    assert len(gitlab.requests) == 2
    assert "search" not in gitlab.requests[0].query


async def test_no_issue_older_than_asked_is_looked_at(
    client: GitLabClient, gitlab: GitLab, meta: Project, bot: User, clock: Clock
) -> None:
    for number in range(150):
        gitlab.open_issue(meta, author=bot, title=f"issue {number}")
    clock.forward(minutes=1)
    since = clock()
    gitlab.open_issue(meta, author=bot, title="Follow up", description=MARKED)
    elsewhere = since.astimezone(datetime.strptime("+0530", "%z").tzinfo)
    assert await client.find_issue(META, MARK, elsewhere)
    assert await client.find_issue(META, MARK, since + timedelta(seconds=1)) is None
    assert len(gitlab.requests) == 2


async def test_a_search_that_breaks_off_is_no_answer(
    client: GitLabClient, gitlab: GitLab, meta: Project, bot: User
) -> None:
    for number in range(101):
        gitlab.open_issue(meta, author=bot, title=f"issue {number}")
    page: dict[str, Any] = {"method": "GET", "path": "/issues$"}
    gitlab.faults.add(hang=0, **page)
    gitlab.faults.add(status=502, **page)
    with pytest.raises(Unreachable):
        await client.find_issue(META, MARK)


# Where it can't be


async def writes(client: GitLabClient) -> list[tuple[type[Rejected], str]]:
    """Return how GitLab refuses a new issue and a note."""
    refusals = []
    for call in (client.create_issue(META, "Follow up", MARKED), client.note_on(META, 1, "Hi")):
        with pytest.raises(Rejected) as caught:
            await call
        refusals.append((type(caught.value), caught.value.code))
    return refusals


async def test_a_project_that_the_bot_may_not_see_is_missing(
    client: GitLabClient, gitlab: GitLab, meta: Project, bot: User, manager: User
) -> None:
    gitlab.open_issue(meta, author=manager, title="Review", labels=["SSAT review"])
    gitlab.add_member(meta, bot, 0)
    assert await writes(client) == [(Missing, "404"), (Missing, "404")]
    with pytest.raises(Missing):
        await client.find_issue(META, MARK)
    with pytest.raises(Missing):
        await client.find_open_issue(META, "SSAT review")
    with pytest.raises(Missing):
        await client.notes_of(META, 1)
    assert list(meta.issues) == [1]


async def test_an_archived_project_is_read_and_not_written(
    client: GitLabClient, gitlab: GitLab, meta: Project, bot: User
) -> None:
    old = gitlab.open_issue(
        meta, author=bot, title="Old", description=MARKED, labels=["SSAT review"]
    )
    gitlab.archive_project(meta)
    assert await writes(client) == [(Rejected, "403"), (Rejected, "403")]
    assert await client.find_issue(META, MARK)
    assert await client.find_open_issue(META, "SSAT review")
    assert await client.notes_of(META, 1) == []
    assert old.comments == []


async def test_a_project_without_issues_has_none_to_write_on(
    client: GitLabClient, gitlab: GitLab, meta: Project, bot: User
) -> None:
    gitlab.open_issue(meta, author=bot, title="Old", description=MARKED, labels=["SSAT review"])
    gitlab.disable_issues(meta)
    assert await writes(client) == [(Rejected, "403"), (Missing, "404")]
    assert await client.find_issue(META, MARK) is None
    assert await client.find_open_issue(META, "SSAT review") is None


async def test_a_moved_project_is_read_and_says_that_it_moved(
    client: GitLabClient, gitlab: GitLab, meta: Project, bot: User
) -> None:
    gitlab.open_issue(meta, author=bot, title="Old", description=MARKED)
    gitlab.rename_project(meta, "gitlab-com/support/renamed")
    assert await client.find_issue(META, MARK)
    with pytest.raises(Rejected) as caught:
        await client.create_issue(META, "Follow up", MARKED)
    assert caught.value.code == "405"
    assert "moved project" in caught.value.reason


async def test_a_bad_title_is_rejected(client: GitLabClient, meta: Project) -> None:
    for title in ("", " ", "x" * 256):
        with pytest.raises(Rejected) as caught:
            await client.create_issue(META, title, MARKED)
        assert caught.value.code == "400"
        assert "title" in caught.value.reason
    assert not meta.issues


# Related


@pytest.fixture
def follow_up(gitlab: GitLab, meta: Project, bot: User) -> Issue:
    return gitlab.open_issue(meta, author=bot, title="Follow up", description=MARKED)


OTHER = IssueKey(8, 1)


async def test_two_issues_are_related_once_from_whichever_side(
    client: GitLabClient, gitlab: GitLab, feedback: Issue, follow_up: Issue
) -> None:
    await client.link_issue(KEY, OTHER)
    await client.link_issue(KEY, OTHER)
    await client.link_issue(OTHER, KEY)
    [link] = feedback.links
    assert follow_up.links == [link]
    assert link.other(feedback) is follow_up
    posts = [each for each in gitlab.requests if each.method == "POST"]
    assert [each.status for each in posts] == [201, 409, 409]
    assert posts[0].body == {
        "target_project_id": 8,
        "target_issue_iid": 1,
        "link_type": "relates_to",
    }


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_relation_with_a_doubtful_outcome_is_repeated(
    client: GitLabClient, gitlab: GitLab, feedback: Issue, follow_up: Issue, when: Any
) -> None:
    gitlab.faults.add(method="POST", path="/links$", drop=True, when=when)
    with pytest.raises(Unreachable):
        await client.link_issue(KEY, OTHER)
    await client.link_issue(KEY, OTHER)
    assert len(feedback.links) == len(follow_up.links) == 1


async def test_another_conflict_is_not_taken_for_a_relation(
    client: GitLabClient, gitlab: GitLab, feedback: Issue, follow_up: Issue
) -> None:
    gitlab.faults.add(method="POST", path="/links$", status=409)
    with pytest.raises(Unreachable):
        await client.link_issue(KEY, OTHER)
    assert feedback.links == []


async def test_an_issue_is_not_related_to_itself_or_where_the_bot_is_no_member(
    client: GitLabClient, gitlab: GitLab, feedback: Issue, manager: User
) -> None:
    public = gitlab.add_project("example/product", id=9, public=True)
    gitlab.open_issue(public, author=manager, title="A bug")
    for other, code, words in [
        (KEY, "422", "cannot be related to itself"),
        (IssueKey(9, 1), "403", "Guest role in both"),
    ]:
        with pytest.raises(Rejected) as caught:
            await client.link_issue(KEY, other)
        assert (type(caught.value), caught.value.code) == (Rejected, code)
        assert words in caught.value.reason
    assert feedback.links == []


async def test_an_issue_that_is_not_there_is_related_to_nothing(
    client: GitLabClient,
    gitlab: GitLab,
    feedback: Issue,
    follow_up: Issue,
    meta: Project,
    bot: User,
) -> None:
    gitlab.faults.add(method="POST", path="/links$", status=404)
    with pytest.raises(Unreachable):  # a replica that is behind
        await client.link_issue(KEY, OTHER)
    with pytest.raises(Missing):
        await client.link_issue(KEY, IssueKey(8, 2))
    gitlab.add_member(meta, bot, 0)
    with pytest.raises(Missing):
        await client.link_issue(KEY, OTHER)
    gitlab.add_member(meta, bot, 20)
    gitlab.add_member(feedback.project, bot, 0)
    with pytest.raises(Unreachable):  # the feedback project is out of sight for a while
        await client.link_issue(KEY, OTHER)
    gitlab.add_member(feedback.project, bot, 20)
    gitlab.delete_issue(feedback)
    with pytest.raises(Missing):
        await client.link_issue(KEY, OTHER)


# The week's issue


async def test_the_newest_open_issue_with_a_label_is_found(
    client: GitLabClient, gitlab: GitLab, meta: Project, manager: User, clock: Clock
) -> None:
    def opened(title: str, *labels: str, **more: Any) -> Issue:
        clock.forward(days=1)
        return gitlab.open_issue(meta, author=manager, title=title, labels=labels, **more)

    assert await client.find_open_issue(META, "SSAT review") is None
    opened("Week 1", "SSAT review")
    opened("Week 2", "SSAT review", "SSAT::Follow-up")
    gitlab.close(opened("Week 3", "SSAT review"), manager)
    opened("Another", "SSAT::Follow-up")
    opened("A task", "SSAT review", issue_type="task")
    found = await client.find_open_issue(META, "SSAT review")
    assert found is not None
    assert (found.key.iid, found.title) == (2, "Week 2")
    assert await client.find_open_issue(META, "ssat REVIEW") is None


async def test_notes_are_written_and_read_in_another_project(
    client: GitLabClient, gitlab: GitLab, follow_up: Issue, manager: User, clock: Clock
) -> None:
    for number in range(120):
        gitlab.comment(follow_up, f"note {number}", manager)
    clock.forward(minutes=1)
    await client.note_on(META, 1, "Kudos to Avery")
    assert len(await client.notes_of(META, 1)) == 121
    [note] = await client.notes_of(8, 1, since=clock() - timedelta(seconds=1))
    assert (note.body, note.author) == ("Kudos to Avery", "ssat-bot")


@pytest.mark.parametrize(
    "call",
    [lambda client: client.notes_of(META, 1), lambda client: client.note_on(META, 1, "Hi")],
    ids=["notes_of", "note_on"],
)
async def test_a_404_about_an_issue_elsewhere_is_believed_only_if_the_list_lacks_it_too(
    client: GitLabClient,
    gitlab: GitLab,
    follow_up: Issue,
    call: Callable[[GitLabClient], Awaitable[object]],
) -> None:
    gitlab.faults.add(status=404)
    with pytest.raises(Unreachable):
        await call(client)
    gitlab.delete_issue(follow_up)
    with pytest.raises(Missing):
        await call(client)


# Groups and templates


@pytest.mark.parametrize(
    "path", ["gitlab-org/plan/product-planning", "GitLab-Org/Plan/product-planning"]
)
async def test_a_group_is_found_by_its_path(
    client: GitLabClient, gitlab: GitLab, path: str
) -> None:
    group = gitlab.add_group("gitlab-org/plan/product-planning", "Product Planning", public=True)
    assert await client.group(path) == group.path


async def test_a_group_that_the_bot_may_not_see_is_none(
    client: GitLabClient, gitlab: GitLab, bot: User
) -> None:
    group = gitlab.add_group("example/secret")
    assert await client.group("example/secret") is None
    group.members[bot] = 10
    assert await client.group("example/secret")


@pytest.mark.parametrize(
    "path", ["", ".", "..", "../version", "a b", "ä", "a//b", "/a", "a/", "a?b"]
)
async def test_what_is_no_path_of_a_group_is_not_asked_for(
    client: GitLabClient, gitlab: GitLab, path: str
) -> None:
    assert await client.group(path) is None
    assert gitlab.requests == []


async def test_a_group_is_not_mentioned_by_its_number(client: GitLabClient, gitlab: GitLab) -> None:
    group = gitlab.add_group("gitlab-org/plan", public=True)
    assert await client.group(str(group.id)) is None


async def test_a_template_is_read_by_its_name(client: GitLabClient, meta: Project) -> None:
    meta.issue_templates["Follow up (SSAT) 2.0"] = "## What happened\n"
    meta.issue_templates["empty"] = ""
    assert await client.issue_template(META, "Follow up (SSAT) 2.0") == "## What happened\n"
    assert await client.issue_template(META, "Follow up") is None
    assert await client.issue_template(META, "../issues") is None
    assert await client.issue_template("no/project", "Follow up (SSAT) 2.0") is None


async def test_a_failing_gitlab_is_no_answer_about_groups_and_templates(
    client: GitLabClient, gitlab: GitLab, meta: Project
) -> None:
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: client.group("gitlab-org/plan"),
        lambda: client.issue_template(META, "Follow up"),
    ]
    blocked = {"status": 404, "headers": JSON, "body": json.dumps({"message": "blocked"})}
    for call in calls:
        for fault in ({"status": 502}, blocked):
            gitlab.faults.add(**fault)
            with pytest.raises(Unreachable):
                await call()
