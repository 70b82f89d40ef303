"""What people may do with a contact request, and its effect. Pure; moments are UTC."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from slackbot.rules.characters import is_visible
from slackbot.rules.refusals import (
    AlreadyClaimed,
    AlreadyClosed,
    AlreadyContacted,
    AlreadyYours,
    AssignedAgain,
    BeforeTheRequest,
    HeldAgain,
    InTheFuture,
    IssueGone,
    LabelChanged,
    NoLongerRequested,
    NotYours,
    Refusal,
    SameLabel,
    TextRequired,
    UnknownLabel,
)
from slackbot.rules.request import UNFINISHED, IssueKey, Person, Request, Rules, State, in_scope

CLOCK_TOLERANCE = timedelta(minutes=1)
"""By how much two clocks may differ."""


class Channel(StrEnum):
    """Handbook, "If the customer should be contacted"."""

    EMAIL = "email"
    TICKET = "ticket"
    CALL = "call"


@dataclass(frozen=True, kw_only=True)
class Claim:
    kind: Literal["claim"] = "claim"


@dataclass(frozen=True, kw_only=True)
class TakeOver:
    """Claim what a colleague holds: ``holder`` and ``since`` are as the person saw them.

    Who is assigned in GitLab after the click keeps the request.
    """

    kind: Literal["take_over"] = "take_over"
    holder: Person
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Release:
    """``since`` as with a take-over."""

    kind: Literal["release"] = "release"
    since: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ChooseLabel:
    """``replaces`` is the label of the scope at the click."""

    kind: Literal["choose_label"] = "choose_label"
    label: str
    replaces: str | None = None


@dataclass(frozen=True, kw_only=True)
class MarkContacted:
    """``text`` is what was sent, forgotten once delivered."""

    kind: Literal["mark_contacted"] = "mark_contacted"
    channel: Channel
    text: str | None
    at: datetime
    label: str | None = None
    close: bool = True


Action = Claim | TakeOver | Release | ChooseLabel | MarkContacted


@dataclass(frozen=True, kw_only=True)
class Decision:
    """A choice that the record holds until GitLab has it."""

    id: UUID
    key: IssueKey
    by: Person
    at: datetime
    action: Action


def decide(
    request: Request,
    action: Action,
    who: Person,
    now: datetime,
    *,
    labels: Iterable[str],
    scope: str,
) -> Refusal | None:
    """Judge an action after all earlier decisions: ``None`` allows it.

    The same rule judges the click, at ``now``, and on delivery what GitLab says by then.
    """
    if request.is_gone:
        return IssueGone()
    match action:
        case Claim() | TakeOver():
            return _judge_claim(request, action, who, now)
        case Release():
            return _judge_release(request, action, who, now)
        case ChooseLabel():
            return _judge_label(request, action, labels, scope)
        case MarkContacted():
            return _judge_contact(request, action, now, labels)


def _judge_claim(
    request: Request, action: Claim | TakeOver, who: Person, now: datetime
) -> Refusal | None:
    if finished := why_finished(request):
        return finished
    if request.holder is None:
        return None
    if who.is_same(request.holder):
        return AlreadyYours()
    # They confirmed a name: if someone else got there first, ask again.
    if isinstance(action, TakeOver) and action.holder.is_same(request.holder):
        return AssignedAgain(request.holder) if _is_held_again(request, action, now) else None
    return AlreadyClaimed(request.holder)


def _judge_release(request: Request, action: Release, who: Person, now: datetime) -> Refusal | None:
    if not who.is_same(request.holder):
        return NotYours(request.holder)
    return HeldAgain() if _is_held_again(request, action, now) else None


def _is_held_again(request: Request, action: TakeOver | Release, now: datetime) -> bool:
    seen, since = action.since, request.held_since
    # Two clocks, GitLab's and ours: in doubt, ask again.
    return bool(seen and since and since > max(seen, now - CLOCK_TOLERANCE))


def confirmed(action: Action, request: Request) -> Action:
    """Return an action as wanted by one who sees who owns the request now."""
    if isinstance(action, TakeOver | Release):
        return replace(action, since=request.held_since)
    return action


def why_finished(request: Request) -> Refusal | None:
    match request.state:
        case State.CONTACTED:
            return AlreadyContacted(request.contacted_by)
        case State.CLOSED:
            return AlreadyClosed()
        case State.WITHDRAWN:
            return NoLongerRequested()
        case _:
            return None


def _judge_label(
    request: Request, action: ChooseLabel, labels: Iterable[str], scope: str
) -> Refusal | None:
    if action.label not in labels:
        return UnknownLabel(action.label)
    current = request.label_of(scope)
    if current == action.label:
        return SameLabel()
    if current != action.replaces:
        return LabelChanged(current)
    return None


def _judge_contact(
    request: Request, action: MarkContacted, now: datetime, labels: Iterable[str]
) -> Refusal | None:
    # A closed or withdrawn request may be marked: the contact happened.
    if request.state is State.CONTACTED:
        return AlreadyContacted(request.contacted_by)
    if action.channel is Channel.EMAIL and not is_visible(action.text or ""):
        return TextRequired("text")
    if action.at > now + CLOCK_TOLERANCE:
        return InTheFuture("at")
    if action.at < request.asked_at.replace(second=0, microsecond=0):  # people pick minutes
        return BeforeTheRequest("at")
    if action.label is not None and action.label not in labels:
        return UnknownLabel(action.label)
    return None


def apply(request: Request, decision: Decision, rules: Rules) -> Request:
    match decision.action:
        case Claim() | TakeOver():
            return replace(request, holder=decision.by, held_since=decision.at)
        case Release():
            return replace(request, holder=None, held_since=None)
        case ChooseLabel(label=label):
            return replace(request, labels=relabel(request.labels, label, rules.scope))
        case MarkContacted() as contact:
            labels = request.labels | {rules.contacted_label}
            if contact.label and request.label_of(rules.scope) is None:
                labels = relabel(labels, contact.label, rules.scope)
            return replace(
                request,
                labels=labels,
                contacted_at=contact.at,
                contacted_by=decision.by,
                is_open=request.is_open and not contact.close,
            )


def holder_after(holder: Person | None, decisions: Iterable[Decision]) -> Person | None:
    for decision in decisions:
        match decision.action:
            case Claim() | TakeOver():
                holder = decision.by
            case Release():
                holder = None
    return holder


def relabel(labels: frozenset[str], chosen: str, scope: str) -> frozenset[str]:
    return frozenset(name for name in labels if not in_scope(name, scope)) | {chosen}


class StepKind(StrEnum):
    """A release cannot read steps of a kind unknown to it."""

    CLAIMED = "claimed"
    TAKEN_OVER = "taken_over"
    RELEASED = "released"
    LABELED = "labelled"
    CONTACTED = "contacted"
    ASSIGNED = "assigned"
    UNASSIGNED = "unassigned"
    CLOSED = "closed"
    REOPENED = "reopened"
    WITHDRAWN = "withdrawn"
    ASKED_AGAIN = "asked_again"
    UNCONTACTED = "uncontacted"
    GONE = "gone"
    REFUSED = "refused"
    UNLINKED = "unlinked"
    """The claimer has no known GitLab account."""
    NOT_A_MEMBER = "not_a_member"
    """GitLab does not assign the claimer: they are no project member."""
    SNOOZED = "snoozed"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happened.

    ``who`` is nobody where GitLab does not say. ``other`` is the colleague in a take-over or
    assignment; ``detail`` a label, what is undone, or the reason of a refusal or snooze.
    ``in_gitlab`` is for GitLab's own pages; ``until`` ends a snooze. ``owner`` is whose request it
    was before; ``on_duty`` is set where a customer may still be waiting, though the request ended.
    """

    kind: StepKind
    at: datetime
    who: Person | None = None
    other: Person | None = None
    detail: str | None = None
    in_gitlab: bool = False
    until: datetime | None = None
    owner: Person | None = None
    on_duty: tuple[Person, ...] | None = None
    moved_to: str | None = None
    """Of a closed issue, as in ``Request``."""
    is_partial: bool = False
    """Refused was only what ``detail`` says: GitLab accepted the change but left it out."""

    @property
    def leaves_waiting(self) -> bool:
        return self.on_duty is not None


REASSIGNS = frozenset({StepKind.ASSIGNED, StepKind.UNASSIGNED})
ENDS = frozenset({StepKind.CLOSED, StepKind.GONE})
"""With them a request ends that nobody has withdrawn."""


def ends_unheard(step: Step, before: Request, after: Request) -> bool:
    """Return whether a request ended, though its customer waits for a contact."""
    return step.kind in ENDS and before.state in UNFINISHED and after.is_requested


def step_of(decision: Decision, before: Request) -> Step:
    """``before`` lacks the decision."""
    return replace(_step_of(decision, before), owner=before.holder)


def _step_of(decision: Decision, before: Request) -> Step:
    by, at = decision.by, decision.at
    match decision.action:
        case Claim():
            return Step(kind=StepKind.CLAIMED, who=by, at=at)
        case TakeOver(holder=holder):
            # The colleague may have let go meanwhile.
            if not holder.is_same(before.holder):
                return Step(kind=StepKind.CLAIMED, who=by, at=at)
            return Step(kind=StepKind.TAKEN_OVER, who=by, other=before.holder, at=at)
        case Release():
            return Step(kind=StepKind.RELEASED, who=by, at=at)
        case ChooseLabel(label=label):
            return Step(kind=StepKind.LABELED, who=by, at=at, detail=label)
        case MarkContacted(channel=channel, at=contacted_at):
            return Step(kind=StepKind.CONTACTED, who=by, at=contacted_at, detail=channel.value)
