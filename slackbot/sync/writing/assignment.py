"""What GitLab's own notes say of an issue's assignees. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from slackbot.platforms.gitlab.snapshot import BIRTH, IssueSnapshot, Note
from slackbot.rules.request import Person

_BEGINNINGS = ("assigned to", "unassigned")
_USERNAME = re.compile(r"@([\w.-]*[\w-])")
_TAKEN_OFF = re.compile(r"(?<!@)\bunassigned ")


@dataclass(frozen=True, kw_only=True)
class Assignment:
    added: tuple[str, ...]
    removed: tuple[str, ...]
    author: str
    by: Person | None
    at: datetime

    def is_part_of_birth(self, issue: IssueSnapshot) -> bool:
        """Return whether it is only a suggestion: new feedback issues get the manager on duty.

        Who assigns themselves to their own issue means it.
        """
        if self.author != issue.author or self.author in self.added:
            return False
        return self.at - issue.created_at <= BIRTH

    def called(self, names: Mapping[str, str]) -> "Assignment":
        """Use other ``names`` for those that people had then."""
        return replace(
            self,
            added=tuple(names.get(name, name) for name in self.added),
            removed=tuple(names.get(name, name) for name in self.removed),
        )


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
    """Expect notes newest first."""
    return next(filter(None, map(read_assignment, notes)), None)
