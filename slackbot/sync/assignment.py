"""What GitLab's own notes say of who was assigned to an issue. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from slackbot.platforms.snapshot import BIRTH, IssueSnapshot, Note
from slackbot.rules.request import Person

_BEGINNINGS = ("assigned to", "unassigned")
_USERNAME = re.compile(r"@([\w.-]*\w)")
_TAKEN_OFF = re.compile(r"(?<!@)\bunassigned ")


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One change of an issue's assignees: the usernames put on and taken off, by whom, when."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    author: str
    by: Person | None
    at: datetime

    def is_part_of_birth(self, issue: IssueSnapshot) -> bool:
        """Tell whether it only completes the issue's creation, and so is a suggestion.

        What creates the feedback issues also assigns the manager on duty, perhaps a moment later.
        Somebody who assigns themselves to what they have written means it.
        """
        if self.author != issue.author or self.author in self.added:
            return False
        return self.at - issue.created_at <= BIRTH


def read_assignment(note: Note) -> Assignment | None:
    """Read GitLab's note ``assigned to @a, @b and unassigned @c``; ``None`` for any other."""
    if not note.is_system or not note.body.startswith(_BEGINNINGS):
        return None
    added, _, removed = _TAKEN_OFF.sub("\n", note.body, count=1).partition("\n")
    return Assignment(
        added=tuple(_USERNAME.findall(added)),
        removed=tuple(_USERNAME.findall(removed)),
        author=note.author,
        by=note.by,
        at=note.at,
    )


def latest_assignment(notes: Iterable[Note]) -> Assignment | None:
    """Return the latest change of assignees that GitLab tells of, from notes newest first."""
    return next(filter(None, map(read_assignment, notes)), None)
