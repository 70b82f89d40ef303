"""What an issue's own history says of its holder and contact, should the record be lost. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from slackbot.platforms.gitlab.snapshot import IssueSnapshot, LabelEvent, Note
from slackbot.rules.request import Person, Wait
from slackbot.sync.writing.assignment import Assignment, read_assignment
from slackbot.sync.writing.notes import PLANS_CONTACT, Marker, own_marks


@dataclass(frozen=True)
class _Asked:
    """The customer asks for contact."""


@dataclass(frozen=True)
class _ClosedInGitLab:
    """Somebody closes the issue there: what was said of an earlier closing is over."""


_Happening = Marker | Assignment | LabelEvent | _Asked | _ClosedInGitLab


@dataclass(frozen=True, kw_only=True)
class Past:
    """The fields are those of a request."""

    holder: Person | None = None
    held_since: datetime | None = None
    contacted_at: datetime | None = None
    contacted_by: Person | None = None
    contacted_how: str | None = None
    claimed_at: datetime | None = None
    reviewed_at: datetime | None = None
    reviewed_by: Person | None = None
    plans_contact: bool = False
    waits_on: Wait | None = None
    missed_because: str | None = None
    closed_because: str | None = None
    closed_by: str | None = None
    thanked_by: Person | None = None


def recall(
    issue: IssueSnapshot,
    notes: Sequence[Note],
    label_events: Sequence[LabelEvent],
    *,
    own_username: str | None,
    contacted_label: str,
    asked_at: datetime | None = None,
) -> Past:
    """Expect all notes, newest first; only markers by ``own_username`` count."""
    past = Past()
    names = _names_now(notes, issue)
    marks = _marks(notes, own_username, names)
    assignments = _assignments(notes, own_username, names)
    events = [(event.at, event) for event in label_events if event.label == contacted_label]
    asked = [(asked_at, _Asked())] if asked_at else []
    closings = _closings(issue, notes, own_username)
    dated: list[tuple[datetime, _Happening]] = [*asked, *marks, *assignments, *events, *closings]
    for _, happening in sorted(dated, key=lambda each: each[0]):
        past = _after(past, happening, issue)
    return _still_assigned(past, issue)


def _names_now(notes: Sequence[Note], issue: IssueSnapshot) -> Mapping[str, str]:
    """Recognize an account that has changed its name since: GitLab's notes keep the old one.

    It is assigned although no note says so, and the only one that notes say is assigned but isn't.
    """
    noted: dict[str, None] = {}
    for assignment in filter(None, map(read_assignment, reversed(notes))):
        noted.update(dict.fromkeys(assignment.added))
        for name in assignment.removed:
            noted.pop(name, None)
    lost = [name for name in noted if name not in issue.usernames]
    unheard_of = [name for name in issue.usernames if name not in noted]
    return dict(zip(lost, unheard_of, strict=True)) if len(lost) == len(unheard_of) == 1 else {}


def _marks(
    notes: Sequence[Note], own_username: str | None, names: Mapping[str, str]
) -> list[tuple[datetime, Marker]]:
    def called_now(mark: Marker) -> Marker:
        who = mark.person
        if who is None or who.gitlab is None:
            return mark
        return replace(mark, person=replace(who, gitlab=names.get(who.gitlab, who.gitlab)))

    # They count from when they reached GitLab: earlier changes have been judged.
    return [
        (note.at, replace(called_now(mark), at=mark.at or note.at))
        for note, mark in reversed([*own_marks(notes, own_username)])
    ]


def _assignments(
    notes: Sequence[Note], own_username: str | None, names: Mapping[str, str]
) -> list[tuple[datetime, Assignment]]:
    # The bot's own only follow its notes.
    found = [read_assignment(note) for note in reversed(notes) if note.author != own_username]
    return [(each.at, each.called(names)) for each in found if each]


def _closings(
    issue: IssueSnapshot, notes: Sequence[Note], own_username: str | None
) -> list[tuple[datetime, _ClosedInGitLab]]:
    """Return the last, unless it is one of which a note says why."""
    by = issue.closed_by and issue.closed_by.gitlab
    if issue.closed_at is None or by is None:
        return []
    has_said_why = by in {note.author for note, _ in own_marks(notes, own_username)}
    return [] if has_said_why else [(issue.closed_at, _ClosedInGitLab())]


def was_suggested(notes: Sequence[Note], own_username: str | None) -> bool:
    """Expect all notes, newest first; assignments after claims don't count."""
    marks, is_for_claim = dict(own_marks(notes, own_username)), False
    for note in reversed(notes):
        if note in marks:
            is_for_claim = marks[note].kind in ("claim", "take_over")
        assignment = read_assignment(note) if note.author == own_username else None
        if assignment and assignment.added:
            if not is_for_claim:
                return True
            is_for_claim = False
    return False


def _after(past: Past, happening: _Happening, issue: IssueSnapshot) -> Past:
    match happening:
        case Marker(kind="claim" | "take_over", person=Person() as who, at=at):
            return replace(past, holder=who, held_since=at, claimed_at=past.claimed_at or at)
        case Marker(kind="release"):
            return replace(past, holder=None, held_since=None)
        case Marker(kind="mark_contacted", person=who, at=at, contacted_at=contacted_at):
            at = contacted_at or at
            return replace(past, contacted_at=at, contacted_by=who, contacted_how=happening.how)
        case LabelEvent(is_added=False):
            return replace(past, contacted_at=None, contacted_by=None, contacted_how=None)
        case LabelEvent(at=at, by=who) if past.contacted_at is None:
            return replace(past, contacted_at=at, contacted_by=who)
        case Assignment():
            return _assigned(past, happening, issue)
        case _Asked():
            return replace(past, claimed_at=past.held_since, missed_because=None)
        case _ClosedInGitLab():
            return _closed(past, None, None)
        case Marker():
            return _reviewed(past, happening)
        case _:
            return past


def _reviewed(past: Past, mark: Marker) -> Past:
    match mark:
        case Marker(kind="reopen" | "undo_contacted"):
            return _closed(past, None, None)
        case Marker(kind="review", person=who, at=at, reason=reason):
            plans_contact = reason == PLANS_CONTACT
            return replace(past, reviewed_at=at, reviewed_by=who, plans_contact=plans_contact)
        case Marker(kind="close" | "close_idle", reason=reason, person=who):
            return _closed(past, reason, who)
        case Marker(kind="kudos", reason=reason, person=who):
            thanked = replace(past, thanked_by=who)
            return _closed(thanked, reason, who) if reason else thanked
        case Marker(kind="explain", reason=reason):
            return replace(past, missed_because=reason)
        case Marker(
            kind="wait",
            person=Person() as who,
            at=datetime() as at,
            what=str() as what,
            until=date() as until,
        ):
            return replace(past, waits_on=Wait(what=what, until=until, by=who, at=at))
        case _:
            return past


def _closed(past: Past, reason: str | None, who: Person | None) -> Past:
    return replace(past, closed_because=reason, closed_by=who.name if who else None)


def _assigned(past: Past, change: Assignment, issue: IssueSnapshot) -> Past:
    if past.holder is None and change.is_part_of_birth(issue):
        return past
    if change.added:
        newcomer = _newcomer(change, issue)
        holder = past.holder if newcomer.is_same(past.holder) else newcomer
        claimed_at = past.claimed_at or change.at
        return replace(past, holder=holder, held_since=change.at, claimed_at=claimed_at)
    if past.holder and past.holder.gitlab in change.removed:
        return replace(past, holder=None, held_since=None)
    return past


def _newcomer(change: Assignment, issue: IssueSnapshot) -> Person:
    known = [user.person for user in issue.assignees if user.username in change.added]
    return next(iter(known), Person(name=change.added[0], gitlab=change.added[0]))


def _still_assigned(past: Past, issue: IssueSnapshot) -> Past:
    """Let go of a holder by assignment alone who has lost it."""
    holder = past.holder
    if holder is None or holder.slack_user or holder.gitlab in issue.usernames:
        return past
    return replace(past, holder=None, held_since=None)
