"""The card of a contact request, and the messages in its thread. Pure."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from slackbot.blocks.duty import DutyView, duty_line
from slackbot.blocks.elements import (
    Block,
    actions,
    button,
    confirmation,
    context,
    fields,
    header,
    is_address,
    label_options,
    link_button,
    message,
    quote,
    section,
    select,
)
from slackbot.blocks.text import (
    escape,
    first_lines,
    inert,
    moment,
    name,
    plain_moment,
    shorten,
)
from slackbot.blocks.words import (
    OVERDUE_MARK,
    STATE_MARKS,
    action_words,
    countdown_words,
    owned_words,
    promise_words,
    someone,
    step_words,
    subject,
    waiting_words,
)
from slackbot.platforms.message import SlackMessage
from slackbot.rules import countdown
from slackbot.rules.countdown import Left, Overdue
from slackbot.rules.deadline import BusinessHours
from slackbot.rules.decision import Decision, MarkContacted, Step
from slackbot.rules.request import UNFINISHED, IssueKey, Person, Request, Rules, State

CLAIM, TAKE_OVER, RELEASE = "claim", "take_over", "release"
CHOOSE_LABEL, MARK_CONTACTED = "choose_label", "mark_contacted"
OPEN_ISSUE, OPEN_TICKET = "open_issue", "open_ticket"
TRY_AGAIN, DISMISS = "try_again", "dismiss"

CARD_EVENT = "ssat_card"
"""Metadata of a card: only which issue."""
STEP_EVENT = "ssat_step"
"""Metadata of a message in a card's thread."""

COMMENT_LINES = 4
COMMENT_CHARACTERS = 400
DESCRIPTION_CHARACTERS = 300
PROBLEM_CHARACTERS = 400
NAME_CHARACTERS = 40
"""The headline's room for a name."""


@dataclass(frozen=True, kw_only=True)
class CardView:
    """The request as decided, and how much of that has reached GitLab."""

    request: Request
    pending: tuple[Decision, ...] = ()
    waits_because: str | None = None
    refused: tuple[tuple[Decision, str], ...] = ()
    labels: Mapping[str, str]
    scope: str
    hours: BusinessHours
    now: datetime
    on_duty: DutyView | None = None
    url: str | None = None
    """Of the card."""

    @property
    def key(self) -> IssueKey:
        return self.request.key

    @cached_property
    def left(self) -> Left | Overdue:
        """The time to the deadline."""
        return countdown.countdown(self.request.due_at, self.now, self.hours)

    @property
    def is_overdue(self) -> bool:
        return self.request.is_overdue(self.now)

    @property
    def changes_at(self) -> datetime | None:
        """When the time left reads differently, ``None`` once none runs."""
        if self.request.state not in UNFINISHED:
            return None
        return countdown.next_change(self.request.due_at, self.now, self.hours)

    @property
    def is_contact_pending(self) -> bool:
        """Whether GitLab does not know of the contact yet."""
        return any(isinstance(decision.action, MarkContacted) for decision in self.pending)

    @property
    def label(self) -> str | None:
        return self.request.label_of(self.scope)


def render_card(view: CardView) -> SlackMessage:
    blocks: list[Block] = [
        header(headline(view)),
        fields(_fields(view)),
        *_duty(view),
        *_comment(view.request),
        *_pending(view),
        *_refused(view),
        *_buttons(view),
    ]
    return SlackMessage(text=escape(notification(view)), blocks=tuple(blocks))


def render_bare_card(view: CardView) -> SlackMessage:
    """Leave out the customer's words: Slack may refuse the full card."""
    blocks = [
        header(headline(view)),
        section(f"*Deadline*\n{_deadline(view)}"),
        *_bare_buttons(view),
    ]
    return SlackMessage(text=escape(notification(view)), blocks=tuple(blocks))


def headline(view: CardView) -> str:
    """Say state and owner in one line: a mark alone is not enough.

    Inert in mrkdwn, but not escaped.
    """
    said = [_standing(view)]
    if view.request.organization:
        said.append(_short(view.request.organization))
    return " · ".join(filter(None, [*said, subject(view.request)]))


def _standing(view: CardView) -> str:
    request = view.request
    owner = f"claimed by {_bare(request.holder)}" if request.holder else "unclaimed"
    if view.is_overdue:
        return f"{OVERDUE_MARK} Overdue, {owner}"
    mark = STATE_MARKS[request.state]
    match request.state:
        case State.WAITING | State.CLAIMED:
            return f"{mark} {owner[:1].upper()}{owner[1:]}"
        case State.CONTACTED if view.is_contact_pending:
            return "⏳ Contact saved, updating GitLab"
        case State.CONTACTED:
            return f"{mark} Customer contacted"
        case State.CLOSED:
            return f"{mark} {'Closed' if request.moved_to is None else 'Moved'} without contact"
        case State.WITHDRAWN:
            return f"{mark} Contact request withdrawn"
        case State.GONE:
            return f"{mark} No longer in GitLab"


def _short(text: str) -> str:
    return shorten(inert(text), NAME_CHARACTERS)


def _bare(person: Person | None) -> str:
    """Name a person where Slack reads no markup."""
    return (_short(person.name) if person else "") or "someone"


def notification(view: CardView) -> str:
    """For a phone's lock screen."""
    said = headline(view)
    if view.request.state in UNFINISHED:
        due = plain_moment(view.request.due_at, view.hours.timezone)
        said += f" · {time_left(view)}, due {due}"
    return said


def time_left(view: CardView) -> str:
    return countdown_words(view.left)


def _fields(view: CardView) -> list[str]:
    request = view.request
    found = [
        f"*Deadline*\n{_deadline(view)}",
        f"*Owner*\n{_owner(view)}",
        f"*Feedback label*\n{_label(view)}",
    ]
    if request.organization:
        found.append(f"*Organization*\n{name(request.organization)}")
    if request.score:
        found.append(f"*Score*\n{name(request.score)}")
    return found


def _duty(view: CardView) -> list[Block]:
    """Only a new card pings who is on duty."""
    if view.on_duty is None or view.request.state is not State.WAITING:
        return []
    return [context(duty_line(view.on_duty))]


def _deadline(view: CardView) -> str:
    request = view.request
    due = moment(request.due_at, view.hours.timezone)
    if request.contacted_at is not None:
        return f"{_promise(view, request.contacted_at)}\n(due {due})"
    if request.state in UNFINISHED:
        return f"{due}\n*{time_left(view)}*"
    return due


def _promise(view: CardView, contacted_at: datetime) -> str:
    request, between = view.request, view.hours.between
    none = timedelta(0)
    return promise_words(
        late=max(contacted_at - request.due_at, none),
        took=max(between(request.asked_at, contacted_at), none),
        limit=between(request.asked_at, request.due_at),
    )


def _owner(view: CardView) -> str:
    request = view.request
    if request.contacted_at is not None and request.contacted_by:
        return f"{someone(request.contacted_by)} contacted the customer"
    if request.holder and request.held_since:
        since = moment(request.held_since, view.hours.timezone)
        return f"{someone(request.holder)}\nsince {since}"
    if request.assignees:
        assigned = ", ".join(_assignee(view, username) for username in request.assignees)
        return f"Unclaimed\n(assigned to {assigned} in GitLab)"
    return "Unclaimed"


def _assignee(view: CardView, username: str) -> str:
    """Mostly this is the manager on duty, whose name is known."""
    assignee = Person(name=username, gitlab=username)
    people = view.on_duty.people if view.on_duty else ()
    return someone(next((each for each in people if assignee.is_same(each)), assignee))


def _label(view: CardView) -> str:
    if view.label is None:
        return "Not chosen yet"
    description = view.labels.get(view.label)
    said = [name(view.label)] + ([name(description, DESCRIPTION_CHARACTERS)] if description else [])
    return "\n".join(said)


def _comment(request: Request) -> list[Block]:
    words = first_lines(request.comment or "", COMMENT_LINES, COMMENT_CHARACTERS)
    return [quote(words)] if words else []


def _pending(view: CardView) -> list[Block]:
    if not view.pending:
        return []
    what = ", ".join(
        f"{action_words(decision.action)} by {someone(decision.by)}"
        for decision in view.pending[:5]
    )
    return [context(f"⏳ {waiting_words(view.waits_because)}: {what}")]


def _refused(view: CardView) -> list[Block]:
    blocks: list[Block] = []
    for decision, problem in view.refused[:3]:
        what = f"{action_words(decision.action)} by {someone(decision.by)}"
        said = f"⚠️ *GitLab rejected this:* {what}\n{name(problem, PROBLEM_CHARACTERS)}"
        value = f"{view.request.key}:{decision.id}"
        confirm = confirmation(
            "Dismiss this choice?",
            "It won't be sent to GitLab, and the text you entered will be deleted.",
            yes="Dismiss",
            no="Keep",
        )
        buttons = [
            button("Try again", TRY_AGAIN, value),
            button("Dismiss", DISMISS, value, confirm=confirm),
        ]
        blocks += [section(said), actions(buttons, f"refused-{decision.id}")]
    return blocks


def _buttons(view: CardView) -> list[Block]:
    request = view.request
    labels = _label_select(view)
    elements: list[Block] = []
    if request.state in UNFINISHED:
        style = "primary" if request.state is State.CLAIMED else None
        contacted = button("Mark contacted", MARK_CONTACTED, str(request.key), style=style)
        elements += [*owner_buttons(view), *labels, contacted]
    elif request.state is State.CONTACTED:
        elements += labels
    issue = request.moved_to or request.url
    if is_address(issue) and request.state is not State.GONE:
        elements.append(link_button("Open issue", OPEN_ISSUE, issue))
    if request.ticket_url:
        elements.append(link_button("Open ticket", OPEN_TICKET, request.ticket_url))
    return [actions(elements, actions_id(request.key, view.label))] if elements else []


def _bare_buttons(view: CardView) -> list[Block]:
    if view.request.state not in UNFINISHED:
        return []
    contacted = button("Mark contacted", MARK_CONTACTED, str(view.request.key))
    return [actions([*owner_buttons(view), contacted])]


def actions_id(key: IssueKey, label: str | None) -> str:
    """Name the block by issue and label.

    A select's value has no room for the issue. Slack shows a select of the same block as it was
    left. https://docs.slack.dev/reference/block-kit/blocks#block_id
    """
    return f"{key}:{zlib.crc32((label or '').encode())}"


def owner_buttons(view: CardView) -> list[Block]:
    key, holder = str(view.request.key), view.request.holder
    if holder is None:
        return [button("Claim", CLAIM, key, style="primary")]
    # The owner whom they see: if it is someone else by then, they are asked again.
    take_over = button(
        "Take over",
        TAKE_OVER,
        f"{key}:{holder.handle}",
        confirm=confirmation(
            "Take over?",
            owned_words(holder, _bare(holder)),
            yes="Take over",
            no="Cancel",
        ),
    )
    return [take_over, button("Release", RELEASE, key)]


def _label_select(view: CardView) -> list[Block]:
    options = label_options(view.labels, view.label)
    if not options:
        return []
    return [select("Feedback label", options, view.label) | {"action_id": CHOOSE_LABEL}]


# --- The thread --------------------------------------------------------------------------------


def render_step(step: Step, rules: Rules) -> SlackMessage:
    return message(step_words(step, rules))
