"""Compare an issue as GitLab has it with the record, and say what has changed. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from slackbot.platforms.errors import PlatformError
from slackbot.platforms.gitlab.snapshot import (
    BIRTH,
    WORK_ITEM_TYPE,
    IssueSnapshot,
    LabelEvent,
    Note,
)
from slackbot.rules.decision import Step, StepKind
from slackbot.rules.reading.exempt import exempt_kind
from slackbot.rules.reading.feedback import is_feedback, is_request_for_contact
from slackbot.rules.request import UNFINISHED, Person, Request, Rules, State, triaged
from slackbot.sync.reading.moving import address_after_move
from slackbot.sync.reading.restore import Past, recall, was_suggested
from slackbot.sync.writing.assignment import Assignment, latest_assignment

COMMENT_LIMIT = 1500
"""Characters: what a card may show."""


@dataclass(frozen=True, kw_only=True)
class Observation:
    """An issue as just read, with its history as far as needed."""

    issue: IssueSnapshot
    label_events: Sequence[LabelEvent] = ()
    notes: Sequence[Note] = ()
    """Newest first: all at first sight, later where somebody else is assigned."""
    own_username: str | None = None
    """Only the bot's notes tell of decisions."""
    problem: PlatformError | None = None
    """Why GitLab did not tell the history. No customer is hidden by that."""
    at: datetime
    """UTC."""

    @property
    def assignment(self) -> Assignment | None:
        return latest_assignment(self.notes)

    @property
    def assigned_by(self) -> Person | None:
        return self.assignment.by if self.assignment else None


def may_matter(issue: IssueSnapshot, rules: Rules) -> bool:
    return issue.is_open and asks_for_contact(issue, rules)


def asks_for_contact(issue: IssueSnapshot, rules: Rules) -> bool:
    """Return what an issue says now, whatever its history."""
    return _asks_for_contact(issue, is_labeled=rules.contact_label in issue.labels)


def is_plain_feedback(issue: IssueSnapshot, rules: Rules) -> bool:
    """Return whether it is a feedback, though perhaps nobody asks for contact.

    All members of the workspace may see what it says, so no other issue counts.
    """
    if issue.type != WORK_ITEM_TYPE or issue.key.iid == rules.link_issue:
        return False
    return is_feedback(issue.feedback, issue.title)


def listed(issue: IssueSnapshot, rules: Rules, at: datetime) -> Request | None:
    """See for the first time what asks for no contact, as a list shows it.

    Its history is read once somebody acts on it, or once it changes.
    """
    if not issue.is_open or not is_plain_feedback(issue, rules):
        return None
    request = first_sight(Observation(issue=issue, at=at), rules)
    has_history = issue.comments > 0 or issue.updated_at != issue.created_at
    return replace(request, is_provisional=has_history)


def looks_changed(request: Request, issue: IssueSnapshot, rules: Rules) -> bool:
    return (
        request.is_gone
        or request.is_open != issue.is_open
        or request.labels != issue.labels
        or request.assignees != issue.usernames
        or request.title != issue.title
        or request.route != rules.route
        or request.gitlab_updated_at != issue.updated_at
        or (request.state is State.OPEN and request.comments != issue.comments)
    )


def observe(
    known: Request | None, seen: Observation, rules: Rules
) -> tuple[Request | None, tuple[Step, ...]]:
    """Return the request now, and the steps made in GitLab; ``None`` if it is no feedback.

    ``known`` includes the bot's own delivered decisions. However webhooks come, all end here alike.
    """
    is_requested = _is_requested(seen, rules, known)
    is_tracked = is_requested or is_plain_feedback(seen.issue, rules)
    if known is None:
        is_new = is_tracked and seen.issue.is_open
        return (first_sight(seen, rules) if is_new else None), ()
    if not is_tracked and not known.was_requested:
        return None, ()
    known = _as_called_now(known, seen.issue)
    if known.is_provisional and seen.problem is None:
        now = replace(first_sight(seen, rules), responsible=known.responsible)
        # Nobody has asked again: only now is it known when they asked.
        return now, tuple(_other_steps(replace(known, asked_at=now.asked_at), now, seen, rules))
    now = _mirror(known, seen, is_requested, rules)
    now, contacted = _contact_in_gitlab(known, now, seen, rules)
    now, assigned = _assignment_in_gitlab(known, now, seen)
    now = triaged(known, _since_asked(known, now), rules.scope)
    steps = (*contacted, *assigned, *_other_steps(known, now, seen, rules))
    if seen.problem is None:
        return now, steps
    comes_back = known.state not in UNFINISHED and now.state in UNFINISHED
    if not known.is_provisional and not comes_back:
        return known, ()  # what else is new waits for the history
    return replace(now, is_provisional=True), steps


def gone(known: Request, at: datetime) -> tuple[Request, tuple[Step, ...]]:
    if known.is_gone:
        return known, ()
    now = replace(known, is_gone=True, triage=None)
    return now, (Step(kind=StepKind.GONE, at=at, in_gitlab=True),)


def _as_called_now(known: Request, issue: IssueSnapshot) -> Request:
    """Call people as GitLab does now: an account that changes its name is still the same."""
    names = {name: _name_now(name, number, issue) for name, number in known.accounts.items()}
    holder = known.holder
    if holder is not None and holder.gitlab in names:
        holder = replace(holder, gitlab=names[holder.gitlab])
    assignees = tuple(sorted(names.get(name, name) for name in known.assignees))
    return replace(known, assignees=assignees, holder=holder)


def _name_now(name: str, number: int, issue: IssueSnapshot) -> str:
    if now := next((user.username for user in issue.assignees if user.id == number), None):
        return now
    # Another account may have taken the name.
    return f"{name}#{number}" if name in issue.usernames else name


def _asks_for_contact(issue: IssueSnapshot, *, is_labeled: bool) -> bool:
    if issue.type != WORK_ITEM_TYPE:
        return False  # incidents and tasks are listed, too
    return is_request_for_contact(issue.feedback, has_contact_label=is_labeled)


def _is_requested(seen: Observation, rules: Rules, known: Request | None = None) -> bool:
    is_labeled = _is_labeled(known, seen, rules)
    if not _asks_for_contact(seen.issue, is_labeled=is_labeled):
        return False
    # The description still says it after the label was taken off.
    if seen.problem is not None:
        return is_labeled or known is None or known.is_requested
    return is_labeled or not _is_taken_off(seen.label_events, rules.contact_label)


def _is_labeled(known: Request | None, seen: Observation, rules: Rules) -> bool:
    """Whether the contact label is on the issue, maybe by an unknown name."""
    label = rules.contact_label
    if label in seen.issue.labels or known is None:
        return label in seen.issue.labels
    # Renaming a label leaves no trace in issues. Nobody who asked may be forgotten.
    return _was_labeled(known, rules) and not _is_taken_off(seen.label_events, label)


def _was_labeled(known: Request, rules: Rules) -> bool:
    return known.by_label or rules.contact_label in known.labels


def _is_taken_off(events: Sequence[LabelEvent], label: str) -> bool:
    """Whether somebody took a label off: GitLab tells of every time."""
    removed = _latest(events, label, is_added=False)
    added = _latest(events, label, is_added=True)
    return removed is not None and (added is None or removed.at >= added.at)


def asked_at(seen: Observation, contact_label: str) -> datetime:
    """Follow the design: at birth, else when the label came."""
    born = seen.issue.created_at
    events = [event for event in seen.label_events if event.label == contact_label]
    last = _latest(events, contact_label, is_added=True)
    if last and contact_label in seen.issue.labels:  # the history may be later than the issue
        events = [event for event in events if event.at <= last.at]
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
    born_with_it = seen.issue.feedback.says_contact_requested or first - born <= BIRTH
    return born if latest_removal is None and born_with_it else first


def first_sight(seen: Observation, rules: Rules) -> Request:
    """Use nothing of the record, so that this also restores a lost one."""
    issue = seen.issue
    is_requested = _is_requested(seen, rules)
    was_requested = is_requested or _was_asked(seen, rules)
    asked = issue.created_at
    if was_requested:
        asked = asked_at(_while_requested(seen, rules), rules.contact_label)
    past = past_of(seen, rules, asked)
    if rules.contacted_label not in issue.labels:
        past = replace(past, contacted_at=None, contacted_by=None, contacted_how=None)
    request = Request(
        key=issue.key,
        url=issue.url,
        title=issue.title,
        was_requested=was_requested,
        asked_at=asked,
        due_at=rules.due_at(asked, issue.feedback.score, issue.labels),
        is_suggested=was_suggested(seen.notes, seen.own_username),
        is_provisional=seen.problem is not None,
        **vars(past),
    )
    now = _mirror(request, seen, is_requested, rules)
    now = _contact_in_gitlab(request, now, seen, rules)[0]
    return triaged(None, _since_asked(now, now), rules.scope)


def _was_asked(seen: Observation, rules: Rules) -> bool:
    """Whether contact was asked for at some time, though no longer."""
    is_of_contact = any(event.label == rules.contact_label for event in seen.label_events)
    return is_of_contact or _asks_for_contact(seen.issue, is_labeled=False)


def _since_asked(known: Request, now: Request) -> Request:
    """Keep what was said since the customer asked; a customer who asks again begins anew."""
    if now.claimed_at is None and now.holder is not None and now.held_since is not None:
        now = replace(now, claimed_at=now.held_since)
    if now.is_open:
        now = replace(now, closed_because=None)
    if now.asked_at <= known.asked_at:
        return now
    # Who owned it then still does.
    return replace(now, claimed_at=now.held_since, missed_because=None)


def past_of(seen: Observation, rules: Rules, asked: datetime | None = None) -> Past:
    return recall(
        seen.issue,
        seen.notes,
        seen.label_events,
        own_username=seen.own_username,
        contacted_label=rules.contacted_label,
        asked_at=asked,
    )


def _while_requested(seen: Observation, rules: Rules) -> Observation:
    """Leave out the label removal that withdrew a request."""
    if rules.contact_label in seen.issue.labels:
        return seen
    last = _latest(seen.label_events, rules.contact_label)
    events = [event for event in seen.label_events if event is not last or event.is_added]
    return replace(seen, label_events=events)


def _mirror(known: Request, seen: Observation, is_requested: bool, rules: Rules) -> Request:
    issue, feedback = seen.issue, seen.issue.feedback
    now = replace(
        known,
        url=issue.url,
        title=issue.title,
        route=rules.route,
        ticket=feedback.ticket,
        comment=(feedback.comment or "")[:COMMENT_LIMIT] or None,
        organization=feedback.organization,
        score=feedback.score,
        sentiment=feedback.sentiment,
        is_indirect=feedback.is_indirect,
        next_action=feedback.next_action,
        exempt=exempt_kind(
            rules.exempt,
            organization=feedback.organization,
            labels=issue.labels | feedback.tags,
            description=issue.description or "",
        ),
        author=issue.author,
        comments=issue.comments,
        created_at=issue.created_at,
        labels=issue.labels,
        assignees=issue.usernames,
        accounts={user.username: user.id for user in issue.assignees},
        is_open=issue.is_open,
        is_requested=is_requested,
        was_requested=known.was_requested or is_requested,
        by_label=_is_labeled(known, seen, rules),
        says_contact=feedback.says_contact_requested or rules.contact_label in issue.labels,
        is_gone=False,
        closed_by=_closed_by(known, issue),
        closed_at=None if issue.is_open else issue.closed_at,
        moved_to=address_after_move(issue, seen.notes),
        gitlab_updated_at=issue.updated_at,
    )
    if now.moved_to == "":
        now = replace(now, moved_to=known.moved_to or "")  # its note was read before
    if not is_requested:
        return now  # a withdrawn request keeps its deadline
    if seen.problem is not None:
        asked = known.asked_at if known.is_requested else issue.updated_at
    elif now.by_label and rules.contact_label not in issue.labels:
        asked = known.asked_at  # its events went with the label's name
    else:
        asked = asked_at(seen, rules.contact_label)
    due_at = rules.due_at(asked, now.score, now.labels)
    return replace(now, asked_at=asked, due_at=due_at)


def _closed_by(known: Request, issue: IssueSnapshot) -> str | None:
    if issue.is_open:
        return None
    # The bot closed it for a person.
    if known.closed_because is not None:
        return known.closed_by
    return issue.closed_by.name if issue.closed_by else None


def _contact_in_gitlab(
    known: Request, now: Request, seen: Observation, rules: Rules
) -> tuple[Request, tuple[Step, ...]]:
    has_label = rules.contacted_label in seen.issue.labels
    if has_label == (known.contacted_at is not None):
        return now, ()
    if not has_label and not _is_taken_off(seen.label_events, rules.contacted_label):
        return now, ()  # label renamed or deleted; the contact happened
    event = _latest(seen.label_events, rules.contacted_label, is_added=has_label)
    at, who = (event.at, event.by) if event else (seen.issue.updated_at, None)
    if not has_label:
        step = Step(kind=StepKind.UNCONTACTED, who=who, at=at, in_gitlab=True)
        return replace(now, contacted_at=None, contacted_by=None, contacted_how=None), (step,)
    step = Step(kind=StepKind.CONTACTED, who=who, at=at, in_gitlab=True)
    return replace(now, contacted_at=at, contacted_by=who), (step,)


def _assignment_in_gitlab(
    known: Request, now: Request, seen: Observation
) -> tuple[Request, tuple[Step, ...]]:
    assignment = seen.assignment
    anew = _assigned_anew(known, seen)
    if now.assignees == known.assignees and not anew:
        return now, ()
    if known.holder is None and assignment and assignment.is_part_of_birth(seen.issue):
        return now, ()
    if known.holder is None and assignment and assignment.author == seen.own_username:
        # Claims have notes: this suggestion's answer was lost.
        return replace(now, is_suggested=True, suggested_to=None), ()
    newcomers = [user for user in seen.issue.assignees if user.username not in known.assignees]
    newcomers = newcomers or [user for user in seen.issue.assignees if user.username in anew]
    if newcomers:
        named = assignment.added if assignment else ()
        latest = next((user for user in newcomers if user.username in named), newcomers[0])
        return _assigned(known, now, latest.person, seen)
    return _unassigned(known, now, seen)


def _assigned_anew(known: Request, seen: Observation) -> set[str]:
    """Name those whom somebody else took off and put on again."""
    assignment, before = seen.assignment, known.gitlab_updated_at
    if assignment is None or before is None or assignment.author == seen.own_username:
        return set()
    if assignment.is_part_of_birth(seen.issue):  # its note is later than the issue
        return set()
    return set(assignment.added) & set(known.assignees) if assignment.at > before else set()


def _assigned(
    known: Request, now: Request, assignee: Person, seen: Observation
) -> tuple[Request, tuple[Step, ...]]:
    assignment = seen.assignment
    at = assignment.at if assignment else seen.issue.updated_at
    if assignee.is_same(known.holder):
        # No news, but somebody means it, whatever Slack said before.
        is_meant = assignment is not None and assignment.author != seen.own_username
        return replace(now, held_since=at) if is_meant else now, ()
    step = Step(kind=StepKind.ASSIGNED, who=seen.assigned_by, other=assignee, at=at, in_gitlab=True)
    return replace(now, holder=assignee, held_since=at), (step,)


def _unassigned(
    known: Request, now: Request, seen: Observation
) -> tuple[Request, tuple[Step, ...]]:
    holder = known.holder
    # GitLab never assigned a holder it does not know.
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
    # GitLab closes an issue a moment before it says that it was moved.
    is_moved = known.moved_to is None and now.moved_to is not None
    if (is_moved or (known.is_open and not now.is_open)) and now.state is State.CLOSED:
        who, moved_to = seen.issue.closed_by, now.moved_to
        yield Step(kind=StepKind.CLOSED, who=who, at=at, in_gitlab=True, moved_to=moved_to)
    # A file of routes that has changed is no news of this issue.
    if known.route and now.route != known.route and now.labels != known.labels:
        yield Step(kind=StepKind.REROUTED, at=at, detail=now.route, in_gitlab=True)
    if not known.is_open and now.is_open:
        yield Step(kind=StepKind.REOPENED, at=at, in_gitlab=True)
    if known.is_requested and not now.is_requested:
        event = _latest(seen.label_events, rules.contact_label)
        who = event.by if event and not event.is_added else None
        yield Step(kind=StepKind.WITHDRAWN, who=who, at=at, in_gitlab=True)
    # The label may have gone and come back since.
    if now.is_requested and (not known.is_requested or now.asked_at > known.asked_at):
        yield Step(kind=StepKind.ASKED_AGAIN, at=now.asked_at, in_gitlab=True)
    before, after = known.label_of(rules.scope), now.label_of(rules.scope)
    event = _putting_on(known, seen, after) if after and after != before else None
    if event:
        yield Step(kind=StepKind.LABELED, who=event.by, at=at, detail=after, in_gitlab=True)


def _putting_on(known: Request, seen: Observation, label: str) -> LabelEvent | None:
    """Return how a label was put on since the last look.

    A renamed label has the new name in old events, and its issue is unchanged.
    """
    before = known.gitlab_updated_at
    event = _latest(seen.label_events, label, is_added=True)
    if event is None or before is None:
        return event
    return event if seen.issue.updated_at != before and event.at > before else None


def _latest(
    events: Iterable[LabelEvent], label: str, *, is_added: bool | None = None
) -> LabelEvent | None:
    """Return how a label was put on or taken off last, or either of both.

    The history is read after the issue, so the last of both may be later than what that shows.
    """
    own = [event for event in events if event.label == label and is_added in (None, event.is_added)]
    return max(reversed(own), key=_moment, default=None)  # of two at once the later in the list


def _moment(event: LabelEvent) -> datetime:
    return event.at
