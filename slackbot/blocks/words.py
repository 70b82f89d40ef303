"""The bot's words: states, steps, refusals. The one place where errors become sentences. Pure."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from slackbot.blocks.text import moment, name
from slackbot.rules.decision import (
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
from slackbot.rules.feedback import Sentiment
from slackbot.rules.refusals import (
    AccountTaken,
    AlreadyClaimed,
    AlreadyClosed,
    AlreadyContacted,
    AlreadySettled,
    AlreadyYours,
    AssignedAgain,
    BeforeTheRequest,
    CannotTell,
    DeadlinePassed,
    FormNotOpened,
    GitLabSilent,
    Guest,
    HeldAgain,
    Incomplete,
    InTheFuture,
    IssueGone,
    LabelChanged,
    LinkedAlready,
    LinkedByFile,
    LinksNotSetUp,
    NameYourAccount,
    NoLongerRequested,
    NoSuchAccount,
    NotAHuman,
    NotAManager,
    NotYours,
    OtherWorkspace,
    ReasonRequired,
    Refusal,
    SameLabel,
    TakesLonger,
    TextRequired,
    Unknown,
    UnknownLabel,
)
from slackbot.rules.request import Person, State

STATE_MARKS = {
    State.WAITING: "🟠",
    State.CLAIMED: "🔵",
    State.CONTACTED: "✅",
    State.CLOSED: "⚫",
    State.WITHDRAWN: "⚪",
    State.GONE: "⚫",
}
OVERDUE_MARK = "🔴"

SENTIMENT_WORDS: dict[Sentiment | None, str] = {
    Sentiment.POSITIVE: "🙂 Positive feedback",
    Sentiment.NEUTRAL: "😐 Neutral feedback",
    Sentiment.NEGATIVE: "🙁 Negative feedback",
    None: "Feedback",
}

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
    until = f" until {moment(step.until, zone)}" if step.until else ""
    return f"{_STEPS[step.kind](step)}{where}{until} · {when}"


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
    StepKind.SNOOZED: lambda step: (
        f"💤 {someone(step.who)} snoozed the reminders ({name(step.detail or '', 400)})"
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
        "assignment. To be linked: `/ssat link <gitlab username>`, or ask the bot's administrator "
        f"for a line in the people file, `{step.who.slack_user if step.who else ''} = "
        '"gitlab-username"`'
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
    allowed = sorted(refusal.whom_to_ask - refusal.disabled)
    groups = [f"<!subteam^{each}>" for each in allowed if each.startswith("S")]
    people = [f"<@{each}>" for each in allowed if not each.startswith("S")]
    named = [*groups, *people][:10]
    those = f" Those who may: {', '.join(named)}." if named else ""
    return f"You may look, but not act.{those}{_disabled(refusal)}"


def _disabled(refusal: NotAManager) -> str:
    if not refusal.disabled:
        return ""
    groups = ", ".join(f"`{each}`" for each in sorted(refusal.disabled))
    return (
        f" The user group {groups} is disabled in Slack, or gone, so its members cannot act: ask "
        "an owner of the workspace to enable it, or the bot's administrator to change "
        "SSAT_MANAGERS."
    )


_REFUSALS: dict[type[Refusal], Callable[[Any], str]] = {
    Unknown: lambda _: "This request is not on record any more. `/ssat` shows what is open.",
    Incomplete: lambda _: (
        "Slack sent only a part of this, so nothing was changed. Try again; if that happens once "
        "more, do it in GitLab and tell the bot's administrator."
    ),
    FormNotOpened: lambda _: (
        "Slack did not open the form just now. Nothing was changed; try again in a moment."
    ),
    AlreadySettled: lambda _: "This has been tried again or dismissed already.",
    AlreadyYours: lambda _: "You have this request already.",
    AlreadyClaimed: lambda refusal: (
        f"{someone(refusal.holder)} has this request. If you agree with them, use *Take over* on "
        "the card."
    ),
    NotYours: _not_yours,
    HeldAgain: lambda _: (
        "You were assigned in GitLab after you released this request. *Release* it again if you "
        "do not have it."
    ),
    AssignedAgain: lambda refusal: (
        f"{someone(refusal.holder)} was assigned in GitLab after you took this request over. If "
        "you agree with them, use *Take over* again."
    ),
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
    NameYourAccount: lambda _: (
        "Say which GitLab account is yours, by its username and without an @: "
        "`/ssat link your-gitlab-username`."
    ),
    LinksNotSetUp: lambda _: (
        "People cannot link themselves yet: the bot's administrator has to set SSAT_LINK_ISSUE to "
        "the number of an issue in the feedback project, on which codes are left."
    ),
    NoSuchAccount: lambda refusal: (
        f"GitLab knows nobody by the username {name(refusal.username)}. It stands in the address "
        "of your GitLab profile, behind the last slash."
    ),
    LinkedByFile: lambda refusal: (
        f"The people file says that you are {name(refusal.username)} in GitLab. If that is wrong, "
        "ask the bot's administrator to change your line there."
    ),
    LinkedAlready: lambda refusal: f"You are linked to {name(refusal.username)} already.",
    AccountTaken: lambda refusal: (
        f"Somebody else is linked to {name(refusal.username)} in GitLab. If that account is yours, "
        "ask the bot's administrator to look: `ssat-bot people list`, and then `ssat-bot people "
        "unlink`."
    ),
    GitLabSilent: lambda _: (
        "GitLab does not answer just now. Nothing was changed; try again in a moment."
    ),
    TakesLonger: lambda _: "That takes too long just now; try again in a moment.",
    DeadlinePassed: lambda _: "The deadline has passed: what comes after it cannot be snoozed.",
    ReasonRequired: lambda _: "Say why, so that colleagues know.",
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
    """Say that something unexpected went wrong, with the number under which the log has it.

    Not that nothing was recorded: the database may have gone away between the record and its word.
    """
    return (
        "Something went wrong here. Look at the card: if it does *not* show your choice, try "
        f"again; if that happens once more, give the bot's administrator this number: {reference}."
    )
