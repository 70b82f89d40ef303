"""GitLab's own notes say who was assigned, and who was taken off."""

from datetime import UTC, datetime

import pytest

from slackbot.platforms.gitlab.snapshot import Note
from slackbot.sync.writing.assignment import read_assignment


def note(body: str, *, is_system: bool = True) -> Note:
    at = datetime(2026, 2, 2, 9, 30, tzinfo=UTC)
    return Note(body=body, author="dana", by=None, is_system=is_system, at=at)


@pytest.mark.parametrize(
    ("body", "added", "removed"),
    [
        ("assigned to @avery", ["avery"], []),
        ("assigned to @avery, @blake.sample, and @d_1", ["avery", "blake.sample", "d_1"], []),
        ("unassigned @avery and @blake", [], ["avery", "blake"]),
        ("assigned to @blake and unassigned @avery", ["blake"], ["avery"]),
        ("assigned to @unassigned and unassigned @x", ["unassigned"], ["x"]),
        ("assigned to @avery- and unassigned @-b-", ["avery-"], ["-b-"]),  # GitLab allows that
    ],
)
def test_a_note_of_gitlab_names_who_was_assigned_and_taken_off(
    body: str, added: list[str], removed: list[str]
) -> None:
    found = read_assignment(note(body))
    assert found is not None
    assert [*found.added] == added
    assert [*found.removed] == removed


@pytest.mark.parametrize("body", ["changed the description", "was assigned to @avery", ""])
def test_any_other_note_of_gitlab_assigns_nobody(body: str) -> None:
    assert read_assignment(note(body)) is None


def test_a_person_who_writes_the_same_assigns_nobody() -> None:
    assert read_assignment(note("assigned to @avery", is_system=False)) is None
