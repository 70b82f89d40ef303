"""The words that several messages share, and those for errors. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from slackbot.blocks.elements import is_address, link
from slackbot.blocks.text import SOMEONE, count, duration, inert, moment, name, ordinal, shorten
from slackbot.platforms.errors import (
    Denied,
    PlatformError,
    Rejected,
    Throttled,
    Unreachable,
    Untrusted,
)
from slackbot.rules import refusals
from slackbot.rules.decision import (
    ENDS,
    Action,
    Channel,
    ChooseLabel,
    Closing,
    Miss,
    Step,
    StepKind,
)
from slackbot.rules.outreach import TEXT_LIMIT
from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.reading.query import DAYS, TARGETS
from slackbot.rules.reading.slack_ids import is_group
from slackbot.rules.refusals import Obstacle, Refusal
from slackbot.rules.request import IDLE, IDLE_DAYS, Person, Request, Rules, State, Wait
from slackbot.rules.timing.countdown import Left, Overdue
from slackbot.rules.timing.shifts import Schedule

# --- States and kinds --------------------------------------------------------------------------

STATE_MARKS = {
    State.OPEN: "💬",
    State.WAITING: "🟠",
    State.CLAIMED: "🔵",
    State.CONTACTED: "✅",
    State.CLOSED: "⚫",
    State.WITHDRAWN: "⚪",
    State.GONE: "⚫",
}
OVERDUE_MARK = "🔴"

SENTIMENT_MARKS: dict[Sentiment | None, str] = {
    Sentiment.POSITIVE: "🙂",
    Sentiment.NEUTRAL: "😐",
    Sentiment.NEGATIVE: "🙁",
    None: "💬",
}
SENTIMENT_WORDS: dict[Sentiment | None, str] = {
    Sentiment.POSITIVE: "Positive feedback",
    Sentiment.NEUTRAL: "Neutral feedback",
    Sentiment.NEGATIVE: "Negative feedback",
    None: "Feedback",
}
REVIEWS = {Sentiment.POSITIVE: "good", Sentiment.NEUTRAL: "neutral", Sentiment.NEGATIVE: "bad"}
INDIRECT = "indirect: told by an account team"
TO_BE_CONTACTED = "to be contacted, by its review"

CLOSINGS: dict[str, str] = {
    Closing.NOTHING_TO_DO: "no action is needed",
    Closing.READ: "the feedback has been read",
    Closing.NO_SURVEY: "this ticket should not have received a survey",
    Closing.DUPLICATE: "another feedback says the same",
    Closing.UNREACHABLE: "the customer can't be reached",
    Closing.OTHER: "for another reason",
}
MISSES: dict[str, str] = {
    Miss.TOO_MANY: "too much to do at the same time",
    Miss.NO_HANDOVER: "it was lost between two managers on duty",
    Miss.WRONG_PERSON: "it was assigned to the wrong person",
    Miss.WAITING_ON_OTHERS: "the answer depended on another team",
    Miss.NOT_SEEN: "nobody saw the request",
    Miss.OTHER: "for another reason",
}


@dataclass(frozen=True)
class ChannelWords:
    """A name for a list, and one for a sentence."""

    title: str
    how: str


CHANNELS = {
    Channel.EMAIL: ChannelWords("Email", "by email"),
    Channel.TICKET: ChannelWords("Zendesk ticket", "on the Zendesk ticket"),
    Channel.CALL: ChannelWords("Call", "by call"),
}


HOW: dict[str, str] = {channel.value: words.how for channel, words in CHANNELS.items()}
"""By what a record has, which another release may have written."""

# --- People and requests -----------------------------------------------------------------------


def someone(person: Person | None) -> str:
    """Name a person without a ping."""
    return name(person.name) if person else SOMEONE


def mention(person: Person | None) -> str:
    """Ping, or name who is not known in Slack."""
    return f"<@{person.slack_user}>" if person and person.slack_user else someone(person)


PEOPLE_SHOWN = 5


NAME_CHARACTERS = 40
"""The headline's room for a name."""


def short_name(text: str) -> str:
    """Make a name inert where Slack reads no markup."""
    return shorten(inert(text), NAME_CHARACTERS)


def bare(person: Person | None) -> str:
    """Name a person where Slack reads no markup."""
    return (short_name(person.name) if person else "") or "someone"


def owned_words(owner: Person, called: str) -> str:
    """Before a colleague acts. Slack may not know the owner."""
    return f"{called} owns this request{' and will be told' if owner.slack_user else ''}."


def whose_words(request: Request, who: Person) -> str:
    """End a form's heading with what the person has to know first."""
    warned = f"\n{exempt_words(request)}" if request.exempt else ""
    holder = request.holder
    if holder is None or who.is_same(holder):
        return warned
    return f"{warned}\n⚠️ {owned_words(holder, someone(holder))}"


def exempt_words(request: Request) -> str:
    """Warn before anybody writes to the customer."""
    return (
        f"🚫 Tickets of the kind {name(request.exempt or '')} should not receive surveys: check "
        "before you write to the customer"
    )


def history_words(earlier: Sequence[Request], zone: ZoneInfo) -> str:
    """``earlier`` is the feedback on the same ticket that came before, latest last."""
    said, last = f"{ordinal(len(earlier) + 1)} feedback on this ticket", earlier[-1]
    if last.contacted_at is not None:
        at = moment(last.contacted_at, zone)
        return f"{said}; the last was contacted by {someone(last.contacted_by)} on {at}"
    if last.is_gone or not last.is_open:
        what = f", a {REVIEWS[last.sentiment]} review," if last.sentiment else ""
        how = " without contact" if last.was_requested else ""
        by = f" by {name(last.closed_by)}" if last.closed_by else ""
        at = f" on {moment(last.closed_at, zone)}" if last.closed_at else ""
        return f"{said}; the last{what} was closed{how}{by}{at}"
    return f"{said}; {issue_link(last) or 'the last'} is still open"


def subject(feedback: Request) -> str:
    """For the middle of a sentence."""
    return f"ticket {feedback.ticket}" if feedback.ticket else f"feedback #{feedback.key.iid}"


def subject_link(feedback: Request) -> str:
    """Lead where the words say: to the ticket, else to the issue."""
    return link(feedback.ticket_url or _short_address(feedback.url), subject(feedback))


def organization_words(feedback: Request) -> str:
    """Follow whom it is about."""
    return f" · {name(feedback.organization)}" if feedback.organization else ""


def issue_link(feedback: Request) -> str | None:
    url = _short_address(feedback.url)
    return link(url, f"#{feedback.key.iid}") if is_address(url) else None


def project_link(moved_to: str) -> str:
    """Lead to where an issue was moved, if GitLab tells."""
    return link(_short_address(moved_to), "another project")


def _short_address(url: str) -> str:
    return url if len(url) <= URL_LIMIT else ""


URL_LIMIT = 300
"""Per row: all rows must fit into a message."""


def action_words(action: Action) -> str:
    """As in "claim by Avery"."""
    if isinstance(action, ChooseLabel):
        return f"label {name(action.label)}"
    return _ACTIONS[action.kind]


_ACTIONS = {
    "claim": "claim",
    "take_over": "takeover",
    "release": "release",
    "mark_contacted": "customer contacted",
    "clear_label": "label removed",
    "undo_contacted": "contact undone",
    "review": "review",
    "close": "closing",
    "close_idle": "closing",
    "kudos": "kudos",
    "reopen": "reopening",
    "note": "note",
    "wait": "wait",
    "explain": "explanation of the missed deadline",
    "follow_up": "follow-up issue",
    "tell": "mention",
}


def closed_words(request: Request) -> str:
    why = CLOSINGS.get(request.closed_because or "", "")
    return f"by {name(request.closed_by or '')}" + (f": {why}" if why else "")


def wait_words(wait: Wait) -> str:
    day = f"{wait.until:%a} {wait.until.day} {wait.until:%b}"
    return f"⏸️ waiting until {day} on: {name(wait.what, 120)}"


FOUND_BY_EMAIL = (
    "If your GitLab profile shows the email that you use in Slack, I'll find your account in a "
    "moment."
)
LINK_YOURSELF = "type `/ssat link &lt;gitlab username&gt;`"


def _ask_for_a_line(person: Person | None) -> str:
    user = person.slack_user if person else None
    return (
        "ask the bot's administrator to add this to the people file: "
        f'`{user or "slack-user-id"} = "gitlab-username"`'
    )


# --- Times -------------------------------------------------------------------------------------


def countdown_words(counted: Left | Overdue) -> str:
    match counted:
        case Left(hours=0):
            return "less than 1 business hour left"
        case Left(hours=hours):
            return f"{count(hours, 'business hour')} left"
        case Overdue(days=days) if days:
            return f"{count(days, 'day')} overdue"
        case Overdue(hours=0):
            return "less than 1 hour overdue"
        case Overdue(hours=hours):
            return f"{count(hours, 'hour')} overdue"


def promise_words(late: timedelta) -> str:
    """Say if it was on time: ``late`` is elapsed time after the deadline."""
    return f"{duration(late)} late" if late > timedelta(0) else "on time"


# --- Steps -------------------------------------------------------------------------------------


def step_words(step: Step, rules: Rules) -> str:
    where = " in GitLab" if step.in_gitlab else ""
    at = moment(step.at, rules.hours.timezone)
    return f"{_step_words(step, rules)}{where}{_told(step)} · {at}"


def _step_words(step: Step, rules: Rules) -> str:
    words = _STEPS[step.kind]
    if not isinstance(words, str):
        return words(step, rules)
    detail = name(step.detail or "", _DETAIL_LIMITS.get(step.kind, 80))
    return words.format(who=someone(step.who), other=mention(step.other), detail=detail)


_TELLS_OWNER = frozenset(
    {
        StepKind.CONTACTED,
        StepKind.UNCONTACTED,
        StepKind.LABELED,
        StepKind.SNOOZED,
        StepKind.WITHDRAWN,
        StepKind.LABEL_CLEARED,
        StepKind.REVIEWED,
        StepKind.NOTED,
        StepKind.WAITS,
        StepKind.CLOSED,
        StepKind.REOPENED,
        StepKind.EXPLAINED,
        StepKind.THANKED,
        StepKind.FOLLOWED_UP,
        StepKind.TOLD,
        StepKind.REROUTED,
    }
)


def _told(step: Step) -> str:
    """Mention the owner, unless they did it themselves."""
    if step.on_duty is not None:
        return _still_waiting(step, step.on_duty)
    owner = _other_owner(step)
    is_told = step.kind in _TELLS_OWNER and not (step.in_gitlab and step.kind in ENDS)
    return f" · owner: {mention(owner)}" if owner and is_told else ""


def _other_owner(step: Step) -> Person | None:
    return step.owner if step.owner and not step.owner.is_same(step.who) else None


def _still_waiting(step: Step, on_duty: Sequence[Person]) -> str:
    """Mention the owner, else who is on duty; never who did it."""
    owner = _other_owner(step)
    others = [each for each in on_duty if not each.is_same(step.who)][:PEOPLE_SHOWN]
    told = [owner] if owner and owner.slack_user else others
    people = f"{', '.join(mention(each) for each in told)}: " if told else ""
    if step.kind is StepKind.GONE or step.moved_to is not None:
        return f". {people}{'t' if told else 'T'}he customer may still be waiting"
    return f". {people}{'i' if told else 'I'}f the customer is still waiting, please reopen it"


def _contacted(step: Step, _: Rules) -> str:
    if step.in_gitlab:
        return f"✅ {someone(step.who)} marked the customer as contacted"
    how = f" {CHANNELS[Channel(step.detail)].how}" if step.detail else ""
    return f"✅ {someone(step.who)} contacted the customer{how}"


def whom_words(names: Sequence[str]) -> str:
    """Name who gets kudos, without a ping."""
    return ", ".join(map(name, names)) or "the whole team"


def _closed(step: Step, _: Rules) -> str:
    if step.detail == IDLE:
        return f"⚫ Closed: nobody acted on this good review for {IDLE_DAYS} days"
    if not step.in_gitlab:
        # The release before noted it in the other field.
        how = " without contact" if step.is_without_contact or step.is_partial else ""
        why = CLOSINGS.get(step.detail or "", "")
        return f"⚫ {someone(step.who)} closed this{how}: {why}"
    did = "closed the issue"
    if step.moved_to is not None:
        did = f"moved the issue to {project_link(step.moved_to)}"
    return f"⚫ No contact recorded: {someone(step.who)} {did}"


def _assigned(step: Step, _: Rules) -> str:
    owner = _other_owner(step)
    is_replaced = owner is not None and not owner.is_same(step.other)
    instead = f" instead of {mention(owner)}" if is_replaced else ""
    if step.other and step.other.is_same(step.who):
        return f"🔵 {someone(step.who)} assigned themselves{instead}"
    return f"🔵 {someone(step.who)} assigned {mention(step.other)}{instead}"


def _unassigned(step: Step, _: Rules) -> str:
    if step.other and step.other.is_same(step.who):
        return f"🟠 Unclaimed: {someone(step.who)} unassigned themselves"
    return f"🟠 Unclaimed: {someone(step.who)} unassigned {mention(step.other)}"


def _snoozed(step: Step, rules: Rules) -> str:
    until = f" until {moment(step.until, rules.hours.timezone)}" if step.until else ""
    return f"💤 {someone(step.who)} snoozed the reminders{until} ({name(step.detail or '', 400)})"


def _refused(step: Step, _: Rules) -> str:
    why = name(step.detail or "", 400)
    if not step.is_partial:
        return f"⚠️ {mention(step.who)}, your choice was not carried out: {why}"
    return (
        f"⚠️ {mention(step.who)}, GitLab accepted this but left out a part: {why}. "
        "Please do the rest in GitLab"
    )


def _unlinked(step: Step, rules: Rules) -> str:
    by_code = f"{LINK_YOURSELF}, or " if rules.can_link else ""
    return (
        f"{someone(step.who)} isn't known in GitLab, so the note on the issue names them and "
        f"nobody is assigned. To be linked, {by_code}{_ask_for_a_line(step.who)}"
    )


def _followed_up(step: Step, _: Rules) -> str:
    issue = link(_short_address(step.detail or ""), "follow-up issue")
    return f"🔗 {someone(step.who)} created a {issue}"


_STEPS: dict[StepKind, str | Callable[[Step, Rules], str]] = {
    StepKind.CLAIMED: "🔵 {who} claimed this request",
    StepKind.TAKEN_OVER: "🔵 {other}: {who} took over this request from you",
    StepKind.RELEASED: "🟠 {who} released this request",
    StepKind.LABELED: "🏷️ {who} chose the feedback label *{detail}*",
    StepKind.CONTACTED: _contacted,
    StepKind.ASSIGNED: _assigned,
    StepKind.UNASSIGNED: _unassigned,
    StepKind.CLOSED: _closed,
    StepKind.REOPENED: lambda step, _: (
        f"{someone(step.who)} reopened this" if step.who else "The issue was reopened"
    ),
    StepKind.WITHDRAWN: "⚪ {who} withdrew the contact request",
    StepKind.ASKED_AGAIN: "🟠 Contact was requested again",
    StepKind.UNCONTACTED: '🟠 {who} removed the "customer contacted" label',
    StepKind.LABEL_CLEARED: "🏷️ {who} removed the feedback label *{detail}*",
    StepKind.REVIEWED: lambda step, _: (
        f"📝 {someone(step.who)} reviewed this"
        + (": the customer should be contacted" if step.detail else "")
    ),
    StepKind.NOTED: "📝 {who} added a note to the feedback issue",
    StepKind.THANKED: lambda step, _: (
        f"🎉 {someone(step.who)} gave kudos to {name(step.detail or 'the whole team', 200)}"
    ),
    StepKind.WAITS: "⏸️ {who} is waiting on: {detail}",
    StepKind.EXPLAINED: lambda step, _: (
        f"📝 {someone(step.who)} explained the missed deadline: {MISSES.get(step.detail or '', '')}"
    ),
    StepKind.FOLLOWED_UP: _followed_up,
    StepKind.REROUTED: "↪️ The labels changed: the team *{detail}* has this now",
    StepKind.TOLD: "📣 {who} told {detail} in the feedback issue",
    StepKind.SNOOZED: _snoozed,
    StepKind.GONE: "⚫ The issue was deleted or moved",
    StepKind.REFUSED: _refused,
    StepKind.NOT_A_MEMBER: (
        "GitLab did not assign {who} because they aren't a member of the project. "
        "The note on the issue names them"
    ),
    StepKind.UNLINKED: _unlinked,
}
_DETAIL_LIMITS = {StepKind.WAITS: 200, StepKind.TOLD: 300}
"""In characters; 80 for the others."""


# --- What GitLab did not do --------------------------------------------------------------------

FAULT = "the bot has a fault, see its log"
TOKEN_REFUSED = "GitLab does not accept GITLAB_TOKEN"  # noqa: S105 - the name of a setting
CERTIFICATE_NOT_TRUSTED = "GitLab's certificate is not trusted"
_FOR_ADMINISTRATORS = frozenset({FAULT, TOKEN_REFUSED, CERTIFICATE_NOT_TRUSTED})


def problem_words(error: PlatformError) -> str:
    """Short: the record keeps it with a decision."""
    match error:
        case Rejected(code=code, reason=reason):
            return f"Error {code}: {reason}"
        case Untrusted():
            return CERTIFICATE_NOT_TRUSTED
        case Denied():
            return TOKEN_REFUSED
        case Throttled():
            return "too many requests"
        case Unreachable(status=int() as status):
            return f"error {status}"
        case _:
            return str(error)


def waiting_words(problem: str | None) -> str:
    """``problem`` is why GitLab lacks the decision."""
    if problem is None:
        return "Saved, updating GitLab"
    why = name(problem)
    if problem in _FOR_ADMINISTRATORS:
        return f"Saved; will be sent when the bot's administrator has fixed this ({why})"
    return f"Saved; will be sent when GitLab is back ({why})"


# --- Who is on duty ----------------------------------------------------------------------------

NOBODY_SCHEDULED = "the schedule names nobody now"
STRANGER_ON_DUTY = (
    "someone on duty isn't known in Slack: they need the same email there as in the schedule, or "
    "their PagerDuty id in the people file"
)
FROM_GROUP, FROM_PEOPLE_FILE = "a user group", "the people file"


def unknown_teams(names: Sequence[str]) -> str:
    tables = ", ".join(f"[duty.{each}]" for each in names)
    return f"no team of SSAT_ROUTES_FILE has such a name: {tables}"


def unread_schedule(schedule: Schedule) -> str:
    return f"The schedule {schedule.name} can't be read ({schedule.problem})"


# --- Refusals ----------------------------------------------------------------------------------


def refusal_words(refusal: Refusal) -> str:
    words = _REFUSALS[type(refusal)]
    return words if isinstance(words, str) else words(refusal)


def _not_yours(refusal: refusals.NotYours) -> str:
    if refusal.holder is None:
        return "Nobody owns this request, so there is nothing to release."
    return f"{someone(refusal.holder)} owns this request. Only they can release it. *Take over*?"


def _already_contacted(refusal: refusals.AlreadyContacted) -> str:
    who = someone(refusal.by) if refusal.by else "Someone"
    return f"{who} has already contacted this customer."


def _unknown_label(refusal: refusals.UnknownLabel) -> str:
    label = name(refusal.label)
    if not refusal.is_chosen:
        return (
            f"The project has no label {label}. Ask for it to be created in GitLab. Then try again."
        )
    return (
        f"The project has no label {label}, or has archived it. Choose another one, or ask for the "
        "label to be created in GitLab."
    )


def _label_not_set(refusal: refusals.LabelNotSet) -> str:
    lost = "".join(f" It took off the label {name(each)}." for each in refusal.lost)
    return (
        f"GitLab accepted the choice but did not set the label {name(refusal.label)}.{lost} Choose "
        "another one."
    )


def _label_changed(refusal: refusals.LabelChanged) -> str:
    if refusal.label is None:
        return "The feedback label was removed in GitLab in the meantime. Choose again."
    return (
        f"The feedback label was changed to {name(refusal.label)} in the meantime. Choose again if "
        "you want another one."
    )


def _not_a_manager(refusal: refusals.NotAManager) -> str:
    allowed = sorted(refusal.whom_to_ask - refusal.disabled)
    groups = [f"<!subteam^{each}>" for each in allowed if is_group(each)]
    people = [f"<@{each}>" for each in allowed if not is_group(each)]
    named = [*groups, *people][:10]
    ask = f" To take action, ask {', '.join(named)}." if named else ""
    return f"View only.{ask}{_disabled(refusal)}"


def _disabled(refusal: refusals.NotAManager) -> str:
    if not refusal.disabled:
        return ""
    groups = ", ".join(f"`{each}`" for each in sorted(refusal.disabled))
    return (
        f" The user group {groups} is disabled or deleted in Slack, so its members can't take "
        "action. Ask an owner of the workspace to enable it, or the bot's administrator to change "
        "SSAT_MANAGERS."
    )


OBSTACLES = {
    Obstacle.MISSING: (
        "GitLab has no such project, or hides it from the bot. Correct its path, or add the bot's "
        "user to the project"
    ),
    Obstacle.MOVED: "the project was moved. Set its new path, or its number",
    Obstacle.ARCHIVED: "the project is archived. Set another one",
    Obstacle.NO_ISSUES: "issues are disabled in the project. Enable them, or set another project",
    Obstacle.NO_MEMBER: (
        "the bot's user is not a member of the project. Add it with at least the Guest role"
    ),
}


def _no_follow_up(refusal: refusals.NoFollowUp) -> str:
    if refusal.obstacle is None:
        return f"GitLab did not create the follow-up issue: {name(refusal.reason, 200)}."
    return (
        f"No issue can be created in {name(refusal.project)}: {OBSTACLES[refusal.obstacle]} "
        "(SSAT_FOLLOW_UP_PROJECT). Ask the bot's administrator, then try again."
    )


def _not_in_gitlab(refusal: refusals.NotInGitLab) -> str:
    if refusal.is_group:
        return (
            f"GitLab has no group {name(refusal.name)}, or hides it from the bot. Enter this again "
            "with its path, such as gitlab-org/manage."
        )
    return (
        f"GitLab has no user {name(refusal.name)}. Enter this again with the username, which is "
        "the last part of their GitLab profile's address."
    )


_REFUSALS: dict[type[Refusal], str | Callable[[Any], str]] = {
    refusals.Unknown: "I no longer track this request. `/ssat` shows the open ones.",
    refusals.AlreadySettled: "Someone has already tried this again or dismissed it.",
    refusals.AlreadyYours: "You already own this request.",
    refusals.Incomplete: (
        "Slack sent only a part of this, so nothing was changed. Try again. If it happens again, "
        "do it in GitLab and tell the bot's administrator."
    ),
    refusals.FormNotOpened: (
        "Slack did not open the form just now. Nothing was changed; try again in a moment."
    ),
    refusals.AlreadyClaimed: lambda refusal: (
        f"{someone(refusal.holder)} owns this request. If you two have agreed on it, use *Take "
        "over* on the card."
    ),
    refusals.NotYours: _not_yours,
    refusals.HeldAgain: (
        "You were assigned in GitLab after you released this request. If you don't want it, "
        "*Release* it again."
    ),
    refusals.AssignedAgain: lambda refusal: (
        f"{someone(refusal.holder)} was assigned in GitLab after you took over this request. If "
        "you two have agreed on it, use *Take over* again."
    ),
    refusals.AlreadyContacted: _already_contacted,
    refusals.AlreadyOpen: "The issue is open in GitLab already.",
    refusals.NotContacted: "No contact with this customer is on record.",
    refusals.NotIdle: "Somebody has acted on this feedback in the meantime.",
    refusals.AlreadyThanked: lambda refusal: (
        f"{someone(refusal.by)} has already given kudos for this feedback."
    ),
    refusals.NobodyThere: (
        "Somebody you chose has left Slack, or is an app. Remove them, or leave this empty to "
        "thank the whole team."
    ),
    refusals.NotMissed: "The deadline was not missed, so there is nothing to explain.",
    refusals.InThePast: "That day has passed. Choose today or a later day.",
    refusals.AlreadyClosed: (
        "The issue is closed already. In the menu, *Add note…* adds words to it, and *Reopen…* "
        "opens it again."
    ),
    refusals.AskedForContact: (
        "This customer has asked for contact, so nothing was done. Contact them, or use *Close "
        "without contact…* in the menu."
    ),
    refusals.NoLongerRequested: "The contact request was withdrawn in GitLab.",
    refusals.IssueGone: "The issue was deleted or moved in GitLab.",
    refusals.SameLabel: "The request already has this feedback label.",
    refusals.UnknownLabel: _unknown_label,
    refusals.LabelNotSet: _label_not_set,
    refusals.LabelChanged: _label_changed,
    refusals.TextRequired: lambda refusal: TEXT_REQUIRED[refusal.kind],
    refusals.TextTooLong: (
        f"The text has more than {TEXT_LIMIT:,} characters. Shorten it here, or post it in GitLab "
        "yourself."
    ),
    refusals.NotABookingLink: (
        "This isn't a web address. Paste the whole link, such as https://calendar.example.com/you."
    ),
    refusals.NobodyNamed: lambda refusal: (
        "Name at least one group." if refusal.is_group else "Name or choose at least one person."
    ),
    refusals.TooManyNamed: lambda refusal: f"Name at most {refusal.most}.",
    refusals.NotInGitLab: _not_in_gitlab,
    refusals.NoKnownAccount: lambda refusal: (
        f"I don't know the GitLab account of {name(refusal.name)}. Type their GitLab username "
        "instead."
    ),
    refusals.TheBotItself: "That is the bot itself, which can't be told. Name somebody else.",
    refusals.NoFollowUp: _no_follow_up,
    refusals.InTheFuture: "That time is in the future.",
    refusals.BeforeTheRequest: "That time is before the customer asked for contact.",
    refusals.NameYourAccount: (
        "Which GitLab account is yours? Type its username without the @: "
        "`/ssat link your-gitlab-username`."
    ),
    refusals.LinksNotSetUp: lambda refusal: (
        "`/ssat link` isn't set up here: it needs GITLAB_OAUTH_CLIENT_ID or SSAT_LINK_ISSUE. "
        f"{FOUND_BY_EMAIL} Otherwise, {_ask_for_a_line(refusal.person)}"
    ),
    refusals.NoIssueForCodes: lambda refusal: (
        "The issue where people post their codes can't be found: SSAT_LINK_ISSUE needs a change. "
        f"Meanwhile, {_ask_for_a_line(refusal.person)}"
    ),
    refusals.NoSuchAccount: lambda refusal: (
        f"GitLab has no user {name(refusal.username)}. Your username is the last part of your "
        "GitLab profile's address."
    ),
    refusals.LinkedByFile: lambda refusal: (
        f"The people file says that you are {name(refusal.username)} in GitLab. If that's wrong, "
        "ask the bot's administrator to change your line there."
    ),
    refusals.LinkedAlready: lambda refusal: f"You are already linked to {name(refusal.username)}.",
    refusals.ActsAlready: lambda refusal: (
        f"You are linked to {name(refusal.username)}, and ssat-bot writes your choices under that "
        "name. `/ssat unlink` ends both."
    ),
    refusals.NotAuthorizable: (
        "GitLab doesn't accept the bot's application. Nothing was changed. Ask the bot's "
        "administrator to check GITLAB_OAUTH_CLIENT_ID."
    ),
    refusals.AccountTaken: lambda refusal: (
        f"Someone else is linked to {name(refusal.username)} in GitLab. If that account is yours, "
        "ask the bot's administrator to check `ssat-bot people list`, and then to run `ssat-bot "
        "people unlink`."
    ),
    refusals.GitLabSilent: (
        "GitLab isn't answering right now. Nothing was changed. Try again in a moment."
    ),
    refusals.TakesLonger: "That's taking too long right now. Try again in a moment.",
    refusals.DeadlinePassed: (
        "The deadline has passed. Reminders after the deadline can't be snoozed."
    ),
    refusals.ReasonRequired: "Give a reason, so that colleagues know.",
    refusals.OtherWorkspace: (
        "Only members of this workspace can take action or use `/ssat`. Ask a manager of the "
        "support team."
    ),
    refusals.Guest: "Guests can't take action or use `/ssat`. Ask a manager of the support team.",
    refusals.NotAHuman: "Only people can take action.",
    refusals.NotAManager: _not_a_manager,
    refusals.CannotTell: (
        "Slack isn't saying who you are right now. Nothing was changed. Try again."
    ),
}


TEXT_REQUIRED: dict[str, str] = {
    "mark_contacted": "Paste the text of the email. It belongs in the feedback issue.",
    "review": "Say in a sentence what the ticket and the feedback are about.",
    "note": "Write the note.",
    "wait": "Say what this feedback still depends on.",
    "undo_contacted": "Say why, so that colleagues understand the issue.",
    "close": "Say why in your own words.",
    "explain": "Say why in your own words.",
    "follow_up": "Give the issue a title.",
    "tell": "Write what they should know.",
}


def failure_words(reference: str) -> str:
    """Name the log's reference.

    Never say that nothing was recorded: the database may have failed after the commit.
    """
    return (
        "Something went wrong. Check the card: if it does *not* show your choice, try again. If "
        f"that fails too, give the bot's administrator this number: {reference}."
    )


# --- /ssat -------------------------------------------------------------------------------------

HELP: tuple[tuple[str, str], ...] = (
    ("", "Customers waiting to hear from a manager, by deadline; then untriaged feedback"),
    ("mine", "What you own, and what GitLab assigned to you while nobody owns it"),
    ("unclaimed", "What nobody owns"),
    ("overdue", "Customers who should have been contacted by now"),
    ("good", "Good reviews: their comments, kudos, and what closes by itself"),
    ("bad", "Bad reviews, with and without a contact request; `neutral` shows the neutral ones"),
    ("all", f"The queue, and what was done in the last {DAYS} days"),
    (f"done [{DAYS}d]", "What was done recently, newest first"),
    ("teams", "The queue of all teams; in a team's channel, `/ssat` shows that of the team"),
    ("show <issue, ticket or link>", "One feedback, or up to five"),
    ("duty", "The manager on duty, who is next, and what is not covered"),
    (
        "stats [30d] [by region] [csv]",
        "Trends: contact requests on time, feedback labels, and what has changed",
    ),
    ("link <gitlab username>", "Tell the bot your GitLab account"),
    ("unlink", "Take that back, and your permission to write under your name"),
    ("profile", "Your role, booking link and signature for emails to customers"),
    ("refresh", "Check GitLab now instead of within a minute"),
    ("help", "Show this help"),
)

COMBINED = "mine overdue"


def only_team(team: str) -> str:
    return f"Only the team *{team}*. `/ssat teams` shows all teams."


MENTIONED = (
    "I can't list the requests of one person. `/ssat mine` shows yours, and `/ssat` shows all of "
    "them with their owners."
)
NOTHING_NAMED = "This message names no ticket and no feedback issue."
SAY_WHICH = "Which one? Add a number or a link, for example `/ssat show 412345`."
REFRESHING = (
    "Checking GitLab now. Changes show on the cards and in `/ssat` as soon as GitLab answers."
)


def not_used(words: str) -> str:
    return (
        f"Not used: {name(words, 120)}. With a number or a link, `/ssat` shows that feedback, "
        f"up to {TARGETS} at once. To take action, use its buttons."
    )


def unknown_in_gitlab(person: Person, *, can_link: bool) -> str:
    otherwise = f"{LINK_YOURSELF}." if can_link else _ask_for_a_line(person)
    return (
        "I don't know your GitLab account yet, so what GitLab assigned to you isn't shown as "
        f"yours. {FOUND_BY_EMAIL} Otherwise, {otherwise}"
    )
