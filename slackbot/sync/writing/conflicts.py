"""What others changed in an issue since a decision was judged: that is left alone. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from slackbot.platforms.gitlab.client import IssueChange
from slackbot.platforms.gitlab.snapshot import LabelEvent, Note, StateEvent
from slackbot.rules.request import in_scope
from slackbot.sync.writing.assignment import read_assignment
from slackbot.sync.writing.notes import own_marks


@dataclass(frozen=True, kw_only=True)
class Conflicts:
    """Needed because GitLab has no conditional update, and a PUT may be repeated late."""

    assignment: Note | None = None
    """GitLab's own note of it."""
    labels: frozenset[str] = frozenset()
    state: bool = False

    def without_conflicts(self, change: IssueChange, scope: str) -> IssueChange:
        touched = set(self.labels)
        if any(in_scope(label, scope) for label in self.labels):
            touched |= {
                label
                for label in change.add_labels | change.remove_labels
                if in_scope(label, scope)
            }
        return replace(
            change,
            assignee_ids=None if self.assignment else change.assignee_ids,
            add_labels=change.add_labels - touched,
            remove_labels=change.remove_labels - touched,
            close=change.close and not self.state,
            reopen=change.reopen and not self.state,
        )


def conflicts_since(
    decision: UUID,
    own: str,
    notes: Sequence[Note],
    label_events: Iterable[LabelEvent],
    state_events: Iterable[StateEvent],
) -> Conflicts:
    """Without a note of the decision, nothing was written that could be undone."""
    since = _judged_by(decision, own, notes)
    if since is None:
        return Conflicts()

    def is_theirs(event: LabelEvent | StateEvent) -> bool:
        return event.at > since and not (event.by and event.by.gitlab == own)

    return Conflicts(
        assignment=max(
            (note for note in notes if _is_assignment(note, own) and note.at > since),
            key=lambda note: note.at,
            default=None,
        ),
        labels=frozenset(event.label for event in label_events if is_theirs(event)),
        state=any(map(is_theirs, state_events)),
    )


def _is_assignment(note: Note, own: str) -> bool:
    return note.author != own and read_assignment(note) is not None


def _judged_by(decision: UUID, own: str, notes: Iterable[Note]) -> datetime | None:
    """Count what others did between that reading and the note as theirs."""
    # What has told the moment of the reading, perhaps a proxy, may have a wrong clock.
    return min(
        (
            min(mark.judged_by or note.at, note.at)
            for note, mark in own_marks(notes, own)
            if mark.decision == decision
        ),
        default=None,
    )
