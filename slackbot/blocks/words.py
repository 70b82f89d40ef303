"""The bot's words: states, steps, refusals. The one place where errors become sentences. Pure."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from slackbot.blocks.text import moment, name
from slackbot.refusals import (
    AlreadyClaimed,
    AlreadyClosed,
    AlreadyContacted,
    AlreadySettled,
    AlreadyYours,
    BeforeTheRequest,
    CannotTell,
    Guest,
    InTheFuture,
    IssueGone,
    LabelChanged,
    NoLongerRequested,
    NotAHuman,
    NotAManager,
    NotYours,
    OtherWorkspace,
    Refusal,
    SameLabel,
    TextRequired,
    Unknown,
    UnknownLabel,
)
from slackbot.request import Person, State
from slackbot.triage import (
    Action,
    Channel,
    ChooseLabel,
    Claim,
    MarkContacted,
    Release,
    Step,
    StepKind,
    TakeOver,
)

STATE_MARKS = {
    State.WAITING: "🟠",
    State.CLAIMED: "🔵",
    State.CONTACTED: "✅",
    State.CLOSED: "⚫",
    State.WITHDRAWN: "⚪",
    State.GONE: "⚫",
}
OVERDUE_MARK = "🔴"

CHANNEL_WORDS = {
    Channel.EMAIL: "by e-mail",
    Channel.TICKET: "on the Zendesk ticket",
    Channel.CALL: "by call",
}


def someone(person: Person | None) -> str:
    """Name a person without pinging them."""
    return name(person.name) if person else "somebody"


def mention(person: Person | None) -> str:
    """Name a person so that Slack tells them; by name where they are not known in Slack."""
    return f"<@{person.slack_user}>" if person and person.slack_user else someone(person)


def action_words(action: Action) -> str:
    """Name an action, as in "Not in GitLab yet: claim by Avery"."""
    match action:
        case Claim():
            return "claim"
        case TakeOver():
            return "take-over"
        case Release():
            return "release"
        case ChooseLabel(label=label):
            return f"label {name(label)}"
        case MarkContacted():
            return "customer contacted"


def step_words(step: Step, zone: ZoneInfo) -> str:
    """Tell a step in the thread: who, what, when."""
    when = moment(step.at, zone)
    where = " in GitLab" if step.in_gitlab else ""
    return f"{_STEPS[step.kind](step)}{where} · {when}"


def _contacted(step: Step) -> str:
    how = f" {CHANNEL_WORDS[Channel(step.detail)]}" if step.detail else ""
    if step.in_gitlab:
        return f"✅ {someone(step.who)} marked the customer as contacted"
    return f"✅ {someone(step.who)} contacted the customer{how}"


def _assigned(step: Step) -> str:
    if step.other and step.other.is_same(step.who):
        return f"🔵 {someone(step.who)} assigned themselves"
    return f"🔵 {someone(step.who)} assigned {mention(step.other)}"


_STEPS: dict[StepKind, Callable[[Step], str]] = {
    StepKind.CLAIMED: lambda step: f"🔵 {someone(step.who)} claimed this request",
    StepKind.TAKEN_OVER: lambda step: (
        f"🔵 {mention(step.other)}: {someone(step.who)} has taken this request over from you"
    ),
    StepKind.RELEASED: lambda step: f"🟠 {someone(step.who)} released this request",
    StepKind.LABELLED: lambda step: (
        f"🏷️ {someone(step.who)} chose the feedback label *{name(step.detail or '')}*"
    ),
    StepKind.CONTACTED: _contacted,
    StepKind.ASSIGNED: _assigned,
    StepKind.UNASSIGNED: lambda step: (
        f"🟠 {someone(step.who)} unassigned {someone(step.other)}: nobody has this request"
    ),
    StepKind.CLOSED: lambda step: (
        f"⚫ {someone(step.who)} closed the issue without a contact on record"
    ),
    StepKind.REOPENED: lambda _: "The issue was reopened",
    StepKind.WITHDRAWN: lambda step: f"⚪ {someone(step.who)} withdrew the request for contact",
    StepKind.ASKED_AGAIN: lambda _: "🟠 Contact is requested again",
    StepKind.UNCONTACTED: lambda step: (
        f"🟠 {someone(step.who)} took the label back that says the customer was contacted"
    ),
    StepKind.GONE: lambda _: "⚫ The issue was deleted or moved",
    StepKind.REFUSED: lambda step: (
        f"⚠️ {mention(step.who)}: this did not reach GitLab: {name(step.detail or '', 400)}"
    ),
    StepKind.NOT_A_MEMBER: lambda step: (
        f"GitLab did not assign {someone(step.who)}: they are no member of the project. The note "
        "there names them"
    ),
    StepKind.UNLINKED: lambda step: (
        f"{someone(step.who)} is not known in GitLab, so the note there names them in place of an "
        f"assignment. To be linked: ask the bot's administrator for a line in the people file, "
        f'`{step.who.slack_user if step.who else ""} = "gitlab-username"`'
    ),
}


def refusal_words(refusal: Refusal) -> str:
    """Say why a choice was not accepted, and what to do instead."""
    return _REFUSALS[type(refusal)](refusal)


def _not_yours(refusal: NotYours) -> str:
    if refusal.holder is None:
        return "Nobody has this request, so there is nothing to release."
    return f"{someone(refusal.holder)} has this request; only they can release it. *Take over* it?"


def _label_changed(refusal: LabelChanged) -> str:
    if refusal.label is None:
        return "The feedback label was taken off in GitLab meanwhile. Choose again."
    return f"Meanwhile {name(refusal.label)} was chosen. Choose again if it should be another."


def _not_a_manager(refusal: NotAManager) -> str:
    allowed = sorted(refusal.whom_to_ask)
    groups = [f"<!subteam^{each}>" for each in allowed if each.startswith("S")]
    people = [f"<@{each}>" for each in allowed if not each.startswith("S")]
    return f"You may look, but not act. Those who may: {', '.join([*groups, *people][:10])}."


_REFUSALS: dict[type[Refusal], Callable[[Any], str]] = {
    Unknown: lambda _: "This request is not on record any more. `/ssat` shows what is open.",
    AlreadySettled: lambda _: "This has been tried again or dismissed already.",
    AlreadyYours: lambda _: "You have this request already.",
    AlreadyClaimed: lambda refusal: (
        f"{someone(refusal.holder)} has this request. If you agree with them, use *Take over* on "
        "the card."
    ),
    NotYours: _not_yours,
    AlreadyContacted: lambda refusal: f"{someone(refusal.by)} has contacted this customer already.",
    AlreadyClosed: lambda _: "The issue is closed in GitLab. Reopen it there to go on.",
    NoLongerRequested: lambda _: "The request for contact was withdrawn in GitLab.",
    IssueGone: lambda _: "The issue was deleted or moved in GitLab.",
    SameLabel: lambda _: "The request has this feedback label already.",
    UnknownLabel: lambda refusal: (
        f"The project has no label {name(refusal.label)}. Choose another, or ask for the label to "
        "be created in GitLab."
    ),
    LabelChanged: _label_changed,
    TextRequired: lambda _: "Paste the text of the e-mail: it belongs in the feedback issue.",
    InTheFuture: lambda _: "This moment lies in the future.",
    BeforeTheRequest: lambda _: "This is before the customer asked for contact.",
    OtherWorkspace: lambda _: (
        "Only members of this workspace can act here. Ask a manager of the support team."
    ),
    Guest: lambda _: "Guests cannot act here. Ask a manager of the support team.",
    NotAHuman: lambda _: "Only people can act here.",
    NotAManager: _not_a_manager,
    CannotTell: lambda _: (
        "Slack does not say who you are just now. Nothing was changed; try again."
    ),
}


def failure_words(reference: str) -> str:
    """Say that something unexpected went wrong, with the number under which the log has it."""
    return (
        "Something went wrong here, and your choice was *not* recorded. Try again; if it happens "
        f"again, give the bot's administrator this number: {reference}."
    )
