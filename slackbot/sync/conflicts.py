"""What others did to an issue since a decision was judged, so that it is left alone. Pure.

GitLab has no conditional update. A PUT whose outcome is unknown is repeated, perhaps much later; by
then its parts that somebody else has changed are theirs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from slackbot.platforms.gitlab import IssueChange
from slackbot.platforms.snapshot import LabelEvent, Note, StateEvent
from slackbot.rules.request import in_scope
from slackbot.sync.assignment import read_assignment
from slackbot.sync.notes import own_marks


@dataclass(frozen=True, kw_only=True)
class Overtaken:
    """Which parts of an issue somebody else has changed since."""

    assignment: Note | None = None
    """GitLab's own note of their latest assignment."""
    labels: frozenset[str] = frozenset()
    """The labels that somebody else put on or took off."""
    state: bool = False

    def spared(self, change: IssueChange, scope: str) -> IssueChange:
        """Return a change without what would undo theirs."""
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
        )


def overtaken(
    decision: UUID,
    own: str,
    notes: Sequence[Note],
    label_events: Iterable[LabelEvent],
    state_events: Iterable[StateEvent],
) -> Overtaken:
    """Compare with the note of a decision; without one, nothing was written that could be undone.

    Args:
        decision: The decision.
        own: The bot's own username.
        notes: All notes of the issue.
        label_events: When labels were put on and taken off.
        state_events: When the issue was closed and reopened.
    """
    since = _judged_by(decision, own, notes)
    if since is None:
        return Overtaken()
    return Overtaken(
        assignment=max(
            (note for note in notes if _is_assignment(note, own) and note.at > since),
            key=lambda note: note.at,
            default=None,
        ),
        labels=frozenset(
            event.label
            for event in label_events
            if event.at > since and not (event.by and event.by.gitlab == own)
        ),
        state=any(
            event.at > since and not (event.by and event.by.gitlab == own) for event in state_events
        ),
    )


def _is_assignment(note: Note, own: str) -> bool:
    return note.author != own and read_assignment(note) is not None


def _judged_by(decision: UUID, own: str, notes: Iterable[Note]) -> datetime | None:
    """Return from when the issue was by which a decision was judged.

    What somebody did between that reading and the note is theirs, too. Notes of an older release
    do not tell.
    """
    marks = own_marks(notes, own)
    return min(
        (mark.judged_by or note.at for note, mark in marks if mark.decision == decision),
        default=None,
    )
