"""What GitLab's REST answers say, read leniently."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from slackbot.platforms.gitlab.snapshot import (
    GitLabUser,
    parse_issue,
    parse_label_event,
    parse_moment,
    parse_note,
    parse_person,
)
from slackbot.rules.request import IssueKey, Person

FIXTURES = Path(__file__).parents[1] / "fixtures" / "gitlab"
ISSUE: dict[str, Any] = json.loads((FIXTURES / "rest.gitlab4j.issue.json").read_text())
EVENTS: list[dict[str, Any]] = json.loads(
    (FIXTURES / "rest.gitlab4j.label-events.json").read_text()
)
LEAST: dict[str, Any] = {
    "project_id": 4,
    "iid": 1,
    "created_at": "2026-01-30T15:00:00Z",
    "updated_at": "2026-01-30T15:00:00Z",
}
ALEX = {"id": 9, "username": "alex", "name": "Alex Example"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A hook of a GitLab that runs in Europe
        ("2026-01-31 19:03:35 +0100", datetime(2026, 1, 31, 18, 3, 35, tzinfo=UTC)),
        ("2026-07-31 19:03:35 -0330", datetime(2026, 7, 31, 22, 33, 35, tzinfo=UTC)),
        # A hook of gitlab.com
        ("2018-03-23 17:35:53 UTC", datetime(2018, 3, 23, 17, 35, 53, tzinfo=UTC)),
        # ISO, as newer hooks and REST have it
        ("2013-12-03T17:15:43Z", datetime(2013, 12, 3, 17, 15, 43, tzinfo=UTC)),
        ("2016-01-04T15:31:46.176Z", datetime(2016, 1, 4, 15, 31, 46, 176_000, tzinfo=UTC)),
        ("2026-01-31T19:03:35.001+01:00", datetime(2026, 1, 31, 18, 3, 35, 1000, tzinfo=UTC)),
        # No zone at all is taken for UTC.
        ("2026-01-31T19:03:35", datetime(2026, 1, 31, 19, 3, 35, tzinfo=UTC)),
        ("2026-01-31", datetime(2026, 1, 31, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_in_each_of_gitlabs_formats(text: str, expected: datetime) -> None:
    assert parse_moment(text) == expected
    assert parse_moment(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01T00:00:00Z", "1738350000 UTC"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_moment(text)


@pytest.mark.parametrize(
    "name",
    [
        "webhook.issue.open.json",
        "webhook.gogitlab.issue.json",
        "webhook.zulip.issue_opened_null_description.json",
    ],
)
def test_every_captured_time_can_be_read(name: str) -> None:
    attributes = json.loads((FIXTURES / name).read_text())["object_attributes"]
    assert parse_moment(attributes["created_at"]) <= parse_moment(attributes["updated_at"])


def test_a_captured_issue_is_read() -> None:
    issue = parse_issue(ISSUE)
    assert issue.key == IssueKey(4, 1)
    assert issue.url == "http://example.com/example/example/-/issues/1"
    assert issue.title == "Ut commodi ullam eos dolores perferendis nihil sunt."
    assert issue.description == "Omnis vero earum sunt corporis dolor et placeat."
    assert not issue.is_open
    assert issue.labels == frozenset()
    # It names an `assignee`, which GitLab keeps for old clients; `assignees` is absent when empty.
    assert issue.usernames == ()
    assert issue.author == "person-2"
    assert issue.closed_by == Person(name="Person 2", gitlab="person-2")
    assert issue.type == "issue"
    assert issue.created_at == datetime(2016, 1, 4, 15, 31, 46, 176_000, tzinfo=UTC)


def test_an_issue_may_lack_nearly_everything() -> None:
    issue = parse_issue(LEAST)
    assert (issue.title, issue.description, issue.url) == ("", None, "")
    assert issue.is_open
    assert issue.author == "ghost"
    assert issue.assignees == ()
    assert issue.closed_by is None


@pytest.mark.parametrize("name", ["labels", "assignees", "author", "closed_by", "title"])
def test_null_says_as_much_as_nothing(name: str) -> None:
    assert parse_issue(LEAST | {name: None}) == parse_issue(LEAST)


def test_assignees_and_labels_are_read() -> None:
    other = {"id": 3, "username": "aaron", "name": None}
    issue = parse_issue(
        LEAST | {"assignees": [ALEX, other], "labels": ["SSAT::Contact", "a b"], "state": "opened"}
    )
    assert issue.usernames == ("aaron", "alex")
    assert issue.assignees[0] == GitLabUser(id=9, username="alex", name="Alex Example")
    assert issue.assignees[1].name == "aaron"
    assert issue.labels == {"SSAT::Contact", "a b"}
    assert issue.is_open


@pytest.mark.parametrize(
    ("issue_type", "expected"),
    [("issue", "issue"), ("INCIDENT", "incident"), ("task", "task"), (None, "issue")],
)
def test_the_kind_of_work_item_is_read(issue_type: str | None, expected: str) -> None:
    assert parse_issue(LEAST | {"issue_type": issue_type}).type == expected


def test_captured_label_events_are_read() -> None:
    events = [parse_label_event(each) for each in EVENTS]
    first, second = events[:2]
    assert first is not None
    assert second is not None
    assert (first.label, first.is_added) == ("a1", True)
    assert (second.label, second.is_added) == ("p1", False)
    assert first.at == datetime(2018, 8, 20, 13, 38, 20, 77_000, tzinfo=UTC)
    assert first.by == Person(name="Person 2", gitlab="person-2")
    assert len([event for event in events if event]) == len(EVENTS)


def test_the_event_of_a_deleted_label_says_nothing() -> None:
    assert parse_label_event(EVENTS[0] | {"label": None}) is None


@pytest.mark.parametrize(
    "user", [None, {}, {"id": 1, "username": "ghost", "name": "Ghost User"}, {"name": "Nobody"}]
)
def test_a_deleted_user_is_nobody(user: dict[str, Any] | None) -> None:
    assert parse_person(user) is None
    event = parse_label_event(EVENTS[0] | {"user": user})
    assert event is not None
    assert event.by is None


def test_a_note_is_read() -> None:
    data = {"body": "Hello", "author": ALEX, "system": True, "created_at": "2026-01-30T15:00:00Z"}
    note = parse_note(data)
    assert (note.body, note.author, note.is_system) == ("Hello", "alex", True)
    assert note.by == Person(name="Alex Example", gitlab="alex")


def test_a_note_of_a_deleted_user_is_read() -> None:
    note = parse_note({"body": None, "author": None, "created_at": "2026-01-30T15:00:00Z"})
    assert (note.body, note.author, note.by, note.is_system) == ("", "ghost", None, False)
