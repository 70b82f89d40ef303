"""What people may do with a feedback, and its effect. Pure; moments are UTC."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal
from uuid import UUID

from slackbot.rules import refusals
from slackbot.rules.reading.characters import is_visible
from slackbot.rules.refusals import Refusal
from slackbot.rules.request import (
    IDLE,
    THANKED,
    UNFINISHED,
    IssueKey,
    Person,
    Request,
    Rules,
    State,
    Wait,
    in_scope,
    triaged,
)

DAY_EVERYWHERE = timedelta(hours=12)
"""Somewhere it is still yesterday."""
CLOCK_TOLERANCE = timedelta(minutes=1)
"""By how much two clocks may differ."""
WAITS_LIMIT = 200
"""In characters, of what a feedback waits on."""


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


@dataclass(frozen=True, kw_only=True)
class ClearLabel:
    """``label`` is the one that the person saw."""

    kind: Literal["clear_label"] = "clear_label"
    label: str


@dataclass(frozen=True, kw_only=True)
class UndoContacted:
    """``text`` says why."""

    kind: Literal["undo_contacted"] = "undo_contacted"
    text: str | None
    reopen: bool = True


@dataclass(frozen=True, kw_only=True)
class Review:
    """Handbook, "Handling 'Bad' Reviews": the template's answers."""

    kind: Literal["review"] = "review"
    summary: str | None
    to_do: str | None
    """Empty: nothing."""
    contact: bool
    tell_csm: bool | None = None
    """``None`` where the team does not ask this."""
    label: str | None = None
    replaces: str | None = None
    """The label of the scope when it was reviewed."""


class Closing(StrEnum):
    """Why a feedback is closed without a contact."""

    NOTHING_TO_DO = "nothing_to_do"
    READ = "read"
    NO_SURVEY = "no_survey"
    DUPLICATE = "duplicate"
    UNREACHABLE = "unreachable"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Close:
    kind: Literal["close"] = "close"
    reason: Closing
    text: str | None = None
    leaves_waiting: bool = False
    """The person saw that the customer asked for contact, and has not been contacted."""


@dataclass(frozen=True, kw_only=True)
class CloseIdle:
    """The bot's own: handbook, "After 7 days of inactivity"."""

    kind: Literal["close_idle"] = "close_idle"


@dataclass(frozen=True, kw_only=True)
class Kudos:
    """Handbook, "Handling 'Good' Reviews"."""

    kind: Literal["kudos"] = "kudos"
    thanks: tuple[Person, ...] = ()
    """Empty: the whole team."""
    text: str | None = None
    close: bool = True


@dataclass(frozen=True, kw_only=True)
class Reopen:
    kind: Literal["reopen"] = "reopen"
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class AddNote:
    kind: Literal["note"] = "note"
    text: str | None


@dataclass(frozen=True, kw_only=True)
class WaitFor:
    """Handbook: what is left open has an "outstanding dependency"."""

    kind: Literal["wait"] = "wait"
    text: str | None
    until: date

    @property
    def what(self) -> str:
        """As much as a row may show."""
        return (self.text or "")[:WAITS_LIMIT]


class Miss(StrEnum):
    """Why a deadline was missed."""

    TOO_MANY = "too_many"
    NO_HANDOVER = "no_handover"
    WRONG_PERSON = "wrong_person"
    WAITING_ON_OTHERS = "waiting_on_others"
    NOT_SEEN = "not_seen"
    OTHER = "other"


@dataclass(frozen=True, kw_only=True)
class Explain:
    kind: Literal["explain"] = "explain"
    reason: Miss
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class NewIssue:
    """An issue that the bot has created in another project."""

    key: IssueKey
    url: str


@dataclass(frozen=True, kw_only=True)
class FollowUp:
    """Handbook: "Create a new Issue to discuss the feedback"."""

    kind: Literal["follow_up"] = "follow_up"
    title: str | None
    text: str | None
    is_confidential: bool = True
    created: NewIssue | None = None
    """Noted as soon as GitLab has it."""


@dataclass(frozen=True, kw_only=True)
class Tell:
    """Handbook: "Tag the manager" of those who took part, or "a product group for awareness"."""

    kind: Literal["tell"] = "tell"
    names: tuple[str, ...]
    """Usernames, or paths of groups."""
    people: tuple[Person, ...] = ()
    """Chosen in Slack: their usernames are not known yet."""
    is_group: bool = False
    text: str | None

    @property
    def told(self) -> str:
        return ", ".join([*self.names, *(each.name for each in self.people)])


Action = (
    Claim
    | TakeOver
    | Release
    | ChooseLabel
    | ClearLabel
    | MarkContacted
    | UndoContacted
    | Review
    | Close
    | CloseIdle
    | Kudos
    | Reopen
    | AddNote
    | WaitFor
    | Explain
    | FollowUp
    | Tell
)


def has_happened(action: Action) -> bool:
    """Return whether it holds whatever GitLab says by then: its text belongs in the issue."""
    return isinstance(action, MarkContacted)


TEXTS = ("title", "text", "summary", "to_do")
"""What people typed: forgotten once GitLab has it."""


def typed_in(action: Action) -> dict[str, str]:
    """Return what the person typed."""
    typed = {name: getattr(action, name, None) for name in TEXTS}
    return {name: text for name, text in typed.items() if text}


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
        return refusals.IssueGone()
    match action:
        case Claim() | TakeOver():
            return _judge_claim(request, action, who, now)
        case Release():
            return _judge_release(request, action, who, now)
        case ChooseLabel():
            return _judge_label(request, action, labels, scope)
        case ClearLabel(label=label):
            current = request.label_of(scope)
            return None if current == label else refusals.LabelChanged(current)
        case _:
            refusal = _judge_course(request, action, now) or _judge_text(action)
            return refusal or _judge_values(request, action, now, labels)


def _judge_course(request: Request, action: Action, now: datetime) -> Refusal | None:
    """Judge by how far the feedback has come."""
    match action:
        case MarkContacted():
            return refuse_contact(request)
        case UndoContacted() if request.contacted_at is None:
            return refusals.NotContacted()
        case Close() | CloseIdle() | WaitFor() if not request.is_open:
            return refusals.AlreadyClosed()
        case CloseIdle() if not request.is_idle(now):
            return refusals.NotIdle()
        case Kudos() if request.thanked_by is not None:
            return refusals.AlreadyThanked(request.thanked_by)
        case Close(leaves_waiting=False) | Kudos(close=True) if request.state in UNFINISHED:
            return refusals.AskedForContact()
        case Reopen() if request.is_open:
            return refusals.AlreadyOpen()
        case Explain() if not request.is_missed(now):
            return refusals.NotMissed()
        case _:
            return None


def _judge_text(action: Action) -> Refusal | None:
    """Judge whether it says what belongs in the issue."""
    match action:
        case Tell(names=(), people=()):
            return refusals.NobodyNamed("names", is_group=action.is_group)
        case Review(summary=text):
            field = "summary"
        case FollowUp(title=text):
            field = "title"
        case (
            MarkContacted(channel=Channel.EMAIL, text=text)
            | UndoContacted(text=text)
            | Close(reason=Closing.OTHER, text=text)
            | Explain(reason=Miss.OTHER, text=text)
            | AddNote(text=text)
            | WaitFor(text=text)
            | Tell(text=text)
        ):
            field = "text"
        case _:
            return None
    return None if is_visible(text or "") else refusals.TextRequired(field, action.kind)


def _judge_values(
    request: Request, action: Action, now: datetime, labels: Iterable[str]
) -> Refusal | None:
    match action:
        case MarkContacted(at=at) if at > now + CLOCK_TOLERANCE:
            return refusals.InTheFuture("at")
        case MarkContacted(at=at) if at < request.asked_at.replace(second=0, microsecond=0):
            return refusals.BeforeTheRequest("at")  # people pick minutes
        case WaitFor(until=until) if until < (now - DAY_EVERYWHERE).date():
            return refusals.InThePast("until")
        case MarkContacted(label=str() as label) | Review(label=str() as label):
            return None if label in labels else refusals.UnknownLabel(label)
        case _:
            return None


def _judge_claim(
    request: Request, action: Claim | TakeOver, who: Person, now: datetime
) -> Refusal | None:
    if finished := why_finished(request):
        return finished
    if request.holder is None:
        return None
    if who.is_same(request.holder):
        return refusals.AlreadyYours()
    # They confirmed a name: if someone else got there first, ask again.
    if isinstance(action, TakeOver) and action.holder.is_same(request.holder):
        return (
            refusals.AssignedAgain(request.holder) if _is_held_again(request, action, now) else None
        )
    return refusals.AlreadyClaimed(request.holder)


def _judge_release(request: Request, action: Release, who: Person, now: datetime) -> Refusal | None:
    if not who.is_same(request.holder):
        return refusals.NotYours(request.holder)
    return refusals.HeldAgain() if _is_held_again(request, action, now) else None


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
            return refusals.AlreadyContacted(request.contacted_by)
        case State.CLOSED:
            return refusals.AlreadyClosed()
        case State.WITHDRAWN:
            return refusals.NoLongerRequested()
        case _:
            return None


def _judge_label(
    request: Request, action: ChooseLabel, labels: Iterable[str], scope: str
) -> Refusal | None:
    if action.label not in labels:
        return refusals.UnknownLabel(action.label)
    current = request.label_of(scope)
    if current == action.label:
        return refusals.SameLabel()
    if current != action.replaces:
        return refusals.LabelChanged(current)
    return None


def refuse_contact(request: Request) -> Refusal | None:
    """Let a closed or withdrawn request be marked: the contact happened."""
    if request.is_gone:
        return refusals.IssueGone()
    return (
        refusals.AlreadyContacted(request.contacted_by)
        if request.state is State.CONTACTED
        else None
    )


def apply(request: Request, decision: Decision, rules: Rules) -> Request:
    return triaged(request, _apply(request, decision, rules), rules.scope, decision.at)


def _apply(request: Request, decision: Decision, rules: Rules) -> Request:
    match decision.action:
        case Claim() | TakeOver():
            claimed_at = request.claimed_at or decision.at
            return replace(
                request, holder=decision.by, held_since=decision.at, claimed_at=claimed_at
            )
        case Release():
            return replace(request, holder=None, held_since=None)
        case ChooseLabel(label=label):
            return replace(request, labels=relabel(request.labels, label, rules.scope))
        case ClearLabel(label=label):
            return replace(request, labels=request.labels - {label})
        case MarkContacted() as contact:
            labels = request.labels | {rules.contacted_label}
            if contact.label and request.label_of(rules.scope) is None:
                labels = relabel(labels, contact.label, rules.scope)
            return replace(
                request,
                labels=labels,
                contacted_at=contact.at,
                contacted_by=decision.by,
                contacted_how=contact.channel,
                is_open=request.is_open and not contact.close,
            )
        case UndoContacted(reopen=reopen):
            return replace(
                request,
                labels=request.labels - {rules.contacted_label},
                contacted_at=None,
                contacted_by=None,
                contacted_how=None,
                is_open=request.is_open or reopen,
                closed_because=None if reopen else request.closed_because,
            )
        case _:
            return _reviewed(request, decision, rules)


def _reviewed(request: Request, decision: Decision, rules: Rules) -> Request:
    match decision.action:
        case Review(label=label, contact=contact):
            labels = relabel(request.labels, label, rules.scope) if label else request.labels
            return replace(
                request,
                labels=labels,
                reviewed_at=decision.at,
                reviewed_by=decision.by,
                plans_contact=contact,
            )
        case Close(reason=reason):
            return _closed(request, decision.by, reason)
        case CloseIdle():
            return _closed(request, decision.by, IDLE)
        case Kudos(close=close):
            thanked = replace(request, thanked_by=decision.by)
            is_closed = close and request.is_open
            return _closed(thanked, decision.by, THANKED) if is_closed else thanked
        case Reopen():
            return replace(request, is_open=True, closed_because=None)
        case WaitFor(what=what, until=until):
            wait = Wait(what=what, until=until, by=decision.by, at=decision.at)
            return replace(request, waits_on=wait)
        case Explain(reason=reason):
            return replace(request, missed_because=reason)
        case _:
            return request


def _closed(request: Request, by: Person, reason: str) -> Request:
    return replace(request, is_open=False, closed_by=by.name, closed_because=reason)


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
    """A release leaves steps of a kind unknown to it to those that know it."""

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
    LABEL_CLEARED = "label_cleared"
    REVIEWED = "reviewed"
    NOTED = "noted"
    THANKED = "thanked"
    WAITS = "waits"
    EXPLAINED = "explained"
    FOLLOWED_UP = "followed_up"
    TOLD = "told"
    REROUTED = "rerouted"
    """Another team has it now."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """What happened.

    ``who`` is nobody where GitLab does not say. ``other`` is the colleague in a take-over or
    assignment; ``detail`` a label or team, what is undone, the reason of a refusal or snooze, the
    new issue's address, or who was told.
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
    is_without_contact: bool = False
    """A person has closed it although its customer waits."""
    decision: UUID | None = None
    """Which was refused."""

    @property
    def leaves_waiting(self) -> bool:
        return self.on_duty is not None


REASSIGNS = frozenset({StepKind.ASSIGNED, StepKind.UNASSIGNED})
ENDS = frozenset({StepKind.CLOSED, StepKind.GONE})
"""With them a request ends that nobody has withdrawn."""


def ends_unheard(step: Step, before: Request, after: Request) -> bool:
    """Return whether a request ended, though its customer waits for a contact."""
    return step.kind in ENDS and before.state in UNFINISHED and after.is_requested


_STEP_KINDS: Mapping[str, StepKind] = {
    "claim": StepKind.CLAIMED,
    "take_over": StepKind.TAKEN_OVER,
    "release": StepKind.RELEASED,
    "choose_label": StepKind.LABELED,
    "clear_label": StepKind.LABEL_CLEARED,
    "mark_contacted": StepKind.CONTACTED,
    "undo_contacted": StepKind.UNCONTACTED,
    "review": StepKind.REVIEWED,
    "close": StepKind.CLOSED,
    "close_idle": StepKind.CLOSED,
    "kudos": StepKind.THANKED,
    "reopen": StepKind.REOPENED,
    "note": StepKind.NOTED,
    "wait": StepKind.WAITS,
    "explain": StepKind.EXPLAINED,
    "follow_up": StepKind.FOLLOWED_UP,
    "tell": StepKind.TOLD,
}


def step_of(decision: Decision, before: Request) -> Step:
    """``before`` lacks the decision."""
    action, owner = decision.action, before.holder
    step = Step(
        kind=_STEP_KINDS[action.kind],
        who=decision.by,
        at=decision.at,
        detail=_detail_of(action),
        owner=owner,
    )
    match action:
        case TakeOver(holder=holder) if holder.is_same(owner):
            return replace(step, other=owner)
        case TakeOver():  # the colleague has let go meanwhile
            return replace(step, kind=StepKind.CLAIMED)
        case MarkContacted(at=contacted_at):
            return replace(step, at=contacted_at)
        case Close(leaves_waiting=leaves_waiting):
            return replace(step, is_without_contact=leaves_waiting)
        case _:
            return step


def _detail_of(action: Action) -> str | None:
    match action:
        case (
            ChooseLabel(label=detail)
            | ClearLabel(label=detail)
            | MarkContacted(channel=detail)
            | Close(reason=detail)
            | Explain(reason=detail)
            | WaitFor(what=detail)
            | FollowUp(created=NewIssue(url=detail))
            | Tell(told=detail)
        ):
            return detail
        case Review(contact=True):
            return "contact"
        case CloseIdle():
            return IDLE
        case Kudos(thanks=thanks):
            return ", ".join(each.name for each in thanks)
        case _:
            return None
