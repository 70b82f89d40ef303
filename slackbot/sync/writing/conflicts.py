"""What others changed in an issue since a decision was judged: that is left alone. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from slackbot.platforms.gitlab.client import IssueChange
from slackbot.platforms.gitlab.snapshot import LabelEvent, Note, StateEvent
from slackbot.rules.request import in_scope
from slackbot.sync.writing.assignment import read_assignment
from slackbot.sync.writing.notes import own_marks

T = TypeVar("T", Note, LabelEvent, StateEvent)

NOTED_WITHIN = timedelta(seconds=1)
"""GitLab saves a change first, and dates what it notes of it some milliseconds later."""


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
    """Expect notes newest first.

    Without a note of the decision, nothing was written that could be undone.
    """
    noted = [(note, mark) for note, mark in own_marks(notes, own) if mark.decision == decision]
    if not noted:
        return Conflicts()
    note, mark = noted[-1]
    span = min(mark.judged_by or note.at, note.at), note.at + NOTED_WITHIN
    state = None if mark.state is None else {mark.state}
    assigned = _unseen(reversed(notes), span, mark.assignees, _assigned)
    labelled = _unseen(label_events, span, mark.labels, _labelled)
    closed = _unseen(state_events, span, state, _closed)

    def is_theirs(event: LabelEvent | StateEvent) -> bool:
        return not (event.by and event.by.gitlab == own)

    theirs = [each for each in assigned if each.author != own and read_assignment(each)]
    return Conflicts(
        assignment=theirs[-1] if theirs else None,
        labels=frozenset(event.label for event in labelled if is_theirs(event)),
        state=any(map(is_theirs, closed)),
    )


def _unseen(
    history: Iterable[T],
    span: tuple[datetime, datetime],
    shown: Collection[str] | None,
    turns: Callable[[T], Mapping[str, bool]],
) -> list[T]:
    """Return the changes that were not in what was ``shown``, oldest first.

    All before the ``span`` were, and none after it. Within it, those were seen without which it
    would not have been shown like this; an older marker does not say what was.
    """
    seen, noted = span
    later = sorted((each for each in history if each.at > seen), key=_moment)
    doubtful = [turns(each) for each in later if each.at <= noted]
    return later if shown is None else later[_count_seen(doubtful, shown) :]


def _count_seen(changes: Sequence[Mapping[str, bool]], shown: Collection[str]) -> int:
    """Return how few of the first ``changes`` lead to what was ``shown``; 0 if none do.

    A change says what it put on (``True``) and what it took off: that was so just before.
    """
    standing: dict[str, bool] = {}
    for turned in reversed(changes):
        standing |= {name: not is_on for name, is_on in turned.items()}
    wanted = {name: name in shown for name in standing}
    for number, turned in enumerate(changes):
        if standing == wanted:
            return number
        standing |= turned
    return len(changes) if standing == wanted else 0


def _assigned(note: Note) -> Mapping[str, bool]:
    assignment = read_assignment(note)
    if assignment is None:
        return {}
    return dict.fromkeys(assignment.added, True) | dict.fromkeys(assignment.removed, False)


def _labelled(event: LabelEvent) -> Mapping[str, bool]:
    return {event.label: event.is_added}


def _closed(event: StateEvent) -> Mapping[str, bool]:
    return {"closed": event.is_closed}


def _moment(change: Note | LabelEvent | StateEvent) -> datetime:
    return change.at
