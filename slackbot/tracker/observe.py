"""Compare an issue as GitLab has it with the record, and say what has changed. Pure.

Lost, doubled, reordered and echoed webhooks all end here, so all end in the same state.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from slackbot.deadline import BusinessHours
from slackbot.feedback import Feedback, is_request_for_contact, read_feedback
from slackbot.request import Person, Request, State
from slackbot.tracker.snapshot import WORK_ITEM_TYPE, IssueSnapshot, LabelEvent, Note
from slackbot.triage import Step, StepKind

BIRTH = timedelta(seconds=60)
"""A label put on this soon after the issue's creation was part of it, as integrations do."""

_ASSIGNED = re.compile(r"@([\w.-]*\w)")
"""Whom GitLab's note of an assignment names: several, where some were assigned before."""

COMMENT_LIMIT = 1500
"""How much of the customer's words the record keeps, in characters: what a card may show."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The settings that decide what counts as a request for contact, and until when."""

    contact_label: str
    contacted_label: str
    scope: str
    hours: BusinessHours
    deadline: timedelta


@dataclass(frozen=True, kw_only=True)
class Observation:
    """An issue as just read, with the history that the comparison may need."""

    issue: IssueSnapshot
    label_events: Sequence[LabelEvent] = ()
    assignment: Note | None = None
    """GitLab's own note of the latest assignment, where it tells."""
    at: datetime
    """When it was read, UTC."""

    @property
    def assigned_by(self) -> Person | None:
        """Who made the latest assignment, where GitLab tells."""
        return self.assignment.by if self.assignment else None


def may_matter(issue: IssueSnapshot, rules: Rules) -> bool:
    """Tell whether an issue that the record does not know is worth a closer look."""
    return issue.is_open and _asks_for_contact(issue, _read(issue), rules)


def looks_changed(request: Request, issue: IssueSnapshot) -> bool:
    """Tell whether a listed issue differs from the record, so that it is worth a closer look."""
    return (
        request.is_gone
        or request.is_open != issue.is_open
        or request.labels != issue.labels
        or request.assignees != issue.usernames
        or request.title != issue.title
        or request.gitlab_updated_at != issue.updated_at
    )


def observe(
    known: Request | None, seen: Observation, rules: Rules
) -> tuple[Request | None, tuple[Step, ...]]:
    """Return the request as it stands now, and the steps that were made in GitLab.

    Args:
        known: The request as the record has it, with the bot's own delivered decisions applied.
        seen: The issue as GitLab has it.
        rules: The settings.

    Returns:
        No request for an issue that is no request for contact and never was.
    """
    feedback = _read(seen.issue)
    is_requested = _is_requested(seen, feedback, rules)
    if known is None:
        if not (is_requested and seen.issue.is_open):
            return None, ()
        return _first_sight(seen, feedback, rules), ()
    now = _mirror(known, seen, feedback, is_requested, rules)
    now, contacted = _contact_in_gitlab(known, now, seen, rules)
    now, assigned = _assignment_in_gitlab(known, now, seen)
    steps = (*contacted, *assigned, *_other_steps(known, now, seen, rules))
    return now, steps


def gone(known: Request, at: datetime) -> tuple[Request, tuple[Step, ...]]:
    """Return the request of an issue that GitLab does not show any more."""
    if known.is_gone:
        return known, ()
    return replace(known, is_gone=True), (Step(kind=StepKind.GONE, at=at, in_gitlab=True),)


def _read(issue: IssueSnapshot) -> Feedback:
    return read_feedback(title=issue.title, description=issue.description, labels=issue.labels)


def _asks_for_contact(issue: IssueSnapshot, feedback: Feedback, rules: Rules) -> bool:
    if issue.type != WORK_ITEM_TYPE:
        return False  # an incident or a task is listed among the issues, too
    return is_request_for_contact(feedback, has_contact_label=rules.contact_label in issue.labels)


def _is_requested(seen: Observation, feedback: Feedback, rules: Rules) -> bool:
    if not _asks_for_contact(seen.issue, feedback, rules):
        return False
    if rules.contact_label in seen.issue.labels:
        return True
    # The description goes on saying it after somebody has taken the label off.
    return not any(
        event.label == rules.contact_label and not event.is_added for event in seen.label_events
    )


def asked_at(seen: Observation, feedback: Feedback, contact_label: str) -> datetime:
    """Return when contact was asked for, by design's rule: at birth, else when the label came."""
    born = seen.issue.created_at
    events = [event for event in seen.label_events if event.label == contact_label]
    removals = [event.at for event in events if not event.is_added]
    latest_removal = max(removals, default=None)
    added = [
        event.at
        for event in events
        if event.is_added and (latest_removal is None or event.at >= latest_removal)
    ]
    if not added:
        return born
    first = min(added)
    born_with_it = feedback.says_contact_requested or first - born <= BIRTH
    return born if latest_removal is None and born_with_it else first


def _first_sight(seen: Observation, feedback: Feedback, rules: Rules) -> Request:
    issue = seen.issue
    asked = asked_at(seen, feedback, rules.contact_label)
    request = Request(
        key=issue.key,
        url=issue.url,
        title=issue.title,
        asked_at=asked,
        due_at=rules.hours.add(asked, rules.deadline),
    )
    now = _mirror(request, seen, feedback, True, rules)
    now, _ = _contact_in_gitlab(request, now, seen, rules)
    return _assigned_before_sight(request, now, seen)


def _assigned_before_sight(known: Request, now: Request, seen: Observation) -> Request:
    # What an issue was born with is a suggestion, and GitLab need not have a note of it; whoever
    # was assigned since then has the request, though nobody was looking.
    if seen.assignment is None:
        return now
    return _assignment_in_gitlab(known, now, seen)[0]


def _mirror(
    known: Request, seen: Observation, feedback: Feedback, is_requested: bool, rules: Rules
) -> Request:
    issue = seen.issue
    now = replace(
        known,
        url=issue.url,
        title=issue.title,
        ticket=feedback.ticket,
        comment=(feedback.comment or "")[:COMMENT_LIMIT] or None,
        organisation=feedback.organisation,
        score=feedback.score,
        labels=issue.labels,
        assignees=issue.usernames,
        is_open=issue.is_open,
        is_requested=is_requested,
        is_gone=False,
        closed_by=None if issue.is_open else issue.closed_by,
        gitlab_updated_at=issue.updated_at,
    )
    if not is_requested:
        return now  # a withdrawn request keeps the deadline that it had
    asked = asked_at(seen, feedback, rules.contact_label)
    return replace(now, asked_at=asked, due_at=rules.hours.add(asked, rules.deadline))


def _contact_in_gitlab(
    known: Request, now: Request, seen: Observation, rules: Rules
) -> tuple[Request, tuple[Step, ...]]:
    has_label = rules.contacted_label in seen.issue.labels
    if has_label == (known.contacted_at is not None):
        return now, ()
    event = _latest(seen.label_events, rules.contacted_label)
    at, who = (event.at, event.by) if event else (seen.issue.updated_at, None)
    if not has_label:
        step = Step(kind=StepKind.UNCONTACTED, who=who, at=at, in_gitlab=True)
        return replace(now, contacted_at=None, contacted_by=None), (step,)
    step = Step(kind=StepKind.CONTACTED, who=who, at=at, in_gitlab=True)
    return replace(now, contacted_at=at, contacted_by=who), (step,)


def _assignment_in_gitlab(
    known: Request, now: Request, seen: Observation
) -> tuple[Request, tuple[Step, ...]]:
    if now.assignees == known.assignees:
        return now, ()
    if known.holder is None and _is_part_of_birth(seen):
        return now, ()
    newcomers = [user for user in seen.issue.assignees if user.username not in known.assignees]
    if newcomers:
        named = _ASSIGNED.findall(seen.assignment.body) if seen.assignment else ()
        latest = next((user for user in newcomers if user.username in named), newcomers[0])
        return _assigned(known, now, latest.person, seen)
    return _unassigned(known, now, seen)


def _is_part_of_birth(seen: Observation) -> bool:
    # What creates the feedback issues also assigns the manager on duty, perhaps a moment later:
    # that is a suggestion. Somebody who assigns what they have written themselves means it.
    issue, assignment = seen.issue, seen.assignment
    if assignment is None or assignment.author != issue.author:
        return False
    return assignment.at - issue.created_at <= BIRTH and issue.author not in issue.usernames


def _assigned(
    known: Request, now: Request, assignee: Person, seen: Observation
) -> tuple[Request, tuple[Step, ...]]:
    if assignee.is_same(known.holder):
        return now, ()
    at = seen.issue.updated_at
    step = Step(kind=StepKind.ASSIGNED, who=seen.assigned_by, other=assignee, at=at, in_gitlab=True)
    return replace(now, holder=assignee, held_since=at), (step,)


def _unassigned(
    known: Request, now: Request, seen: Observation
) -> tuple[Request, tuple[Step, ...]]:
    holder = known.holder
    # A holder whom GitLab does not know was never assigned there, so cannot be taken off there.
    if holder is None or holder.gitlab not in known.assignees or holder.gitlab in now.assignees:
        return now, ()
    step = Step(
        kind=StepKind.UNASSIGNED,
        who=seen.assigned_by,
        other=holder,
        at=seen.issue.updated_at,
        in_gitlab=True,
    )
    return replace(now, holder=None, held_since=None), (step,)


def _other_steps(known: Request, now: Request, seen: Observation, rules: Rules) -> Iterable[Step]:
    at = seen.issue.updated_at
    if known.is_open and not now.is_open and now.state is State.CLOSED:
        closer = Person(name=now.closed_by, gitlab=now.closed_by) if now.closed_by else None
        yield Step(kind=StepKind.CLOSED, who=closer, at=at, in_gitlab=True)
    if not known.is_open and now.is_open:
        yield Step(kind=StepKind.REOPENED, at=at, in_gitlab=True)
    if known.is_requested and not now.is_requested:
        event = _latest(seen.label_events, rules.contact_label)
        who = event.by if event and not event.is_added else None
        yield Step(kind=StepKind.WITHDRAWN, who=who, at=at, in_gitlab=True)
    # The label may have been taken off and put back since the last look.
    if now.is_requested and (not known.is_requested or now.asked_at > known.asked_at):
        yield Step(kind=StepKind.ASKED_AGAIN, at=now.asked_at, in_gitlab=True)
    before, after = known.label_of(rules.scope), now.label_of(rules.scope)
    if after and after != before:
        event = _latest(seen.label_events, after)
        who = event.by if event else None
        yield Step(kind=StepKind.LABELLED, who=who, at=at, detail=after, in_gitlab=True)


def _latest(events: Iterable[LabelEvent], label: str) -> LabelEvent | None:
    return max((event for event in events if event.label == label), key=_moment, default=None)


def _moment(event: LabelEvent) -> datetime:
    return event.at
