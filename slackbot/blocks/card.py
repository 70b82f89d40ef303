"""The card of a request for contact: one picture of the record, however it gets to Slack. Pure."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from slackbot.blocks.duty import DutyView, duty_line
from slackbot.blocks.text import (
    Block,
    duration,
    escape,
    first_lines,
    moment,
    mrkdwn,
    name,
    one_line,
    plain,
    plain_moment,
    shorten,
)
from slackbot.blocks.words import (
    OVERDUE_MARK,
    STATE_MARKS,
    action_words,
    someone,
)
from slackbot.rules.deadline import BusinessHours
from slackbot.rules.decision import Decision, MarkContacted
from slackbot.rules.request import UNFINISHED, IssueKey, Person, Request, State

CLAIM, TAKE_OVER, RELEASE = "claim", "take_over", "release"
CHOOSE_LABEL, MARK_CONTACTED = "choose_label", "mark_contacted"
OPEN_ISSUE, OPEN_TICKET = "open_issue", "open_ticket"
TRY_AGAIN, DISMISS = "try_again", "dismiss"

CARD_EVENT = "ssat_card"
"""The event type in the metadata of a card; its payload says which issue, and nothing of it."""

COMMENT_LINES = 4
COMMENT_CHARACTERS = 400
DESCRIPTION_CHARACTERS = 300
PROBLEM_CHARACTERS = 400
OPTION_LIMIT = 75
OPTIONS_LIMIT = 100
SELECT_BUDGET = 5000
"""How much of a message's 12,000 characters the select may take."""

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
IN_HOURS = 2 * DAY
"""Up to here it is told in hours how late a contact is, then in days."""


@dataclass(frozen=True, kw_only=True)
class CardView:
    """What a card shows: the request as decided, and how much of that has reached GitLab."""

    request: Request
    pending: tuple[Decision, ...] = ()
    waits_because: str | None = None
    refused: tuple[tuple[Decision, str], ...] = ()
    labels: Mapping[str, str]
    scope: str
    hours: BusinessHours
    now: datetime
    on_duty: DutyView | None = None

    @property
    def key(self) -> IssueKey:
        """The issue."""
        return self.request.key

    @property
    def is_overdue(self) -> bool:
        """Whether the customer should have been contacted by now and was not."""
        return self.request.state in UNFINISHED and self.now >= self.request.due_at

    @property
    def is_contact_on_its_way(self) -> bool:
        """Whether GitLab does not know yet that the customer was contacted."""
        return any(isinstance(decision.action, MarkContacted) for decision in self.pending)

    @property
    def label(self) -> str | None:
        """The feedback label chosen."""
        return self.request.label_of(self.scope)


@dataclass(frozen=True, kw_only=True)
class SlackMessage:
    """A message: blocks, and the text that notifications show instead."""

    text: str
    blocks: tuple[Block, ...]


def render_card(view: CardView) -> SlackMessage:
    """Draw the card."""
    blocks: list[Block] = [
        {"type": "header", "text": plain(headline(view), 150)},
        {"type": "section", "fields": [mrkdwn(field) for field in _fields(view)]},
        *_duty(view),
        *_comment(view.request),
        *_on_the_way(view),
        *_refused(view),
        *_buttons(view),
    ]
    return SlackMessage(text=escape(notification(view)), blocks=tuple(blocks))


def render_bare_card(view: CardView) -> SlackMessage:
    """Draw a card without anything that people wrote, for when Slack refuses the full one."""
    text = mrkdwn(f"*Deadline*\n{_deadline(view)}")
    blocks = [
        {"type": "header", "text": plain(headline(view), 150)},
        {"type": "section", "text": text},
        *_bare_buttons(view),
    ]
    return SlackMessage(text=escape(notification(view)), blocks=tuple(blocks))


def headline(view: CardView) -> str:
    """Say in one line where the request stands; marks and words, for not everybody sees colours."""
    request = view.request
    about = subject(request)
    if view.is_overdue:
        holder = f"claimed by {_bare(request.holder)}" if request.holder else "unclaimed"
        return f"{OVERDUE_MARK} Overdue, {holder}: contact requested, {about}"
    mark = STATE_MARKS[request.state]
    match request.state:
        case State.WAITING:
            return f"{mark} Waiting: contact requested, {about}"
        case State.CLAIMED:
            return f"{mark} Claimed by {_bare(request.holder)}: contact requested, {about}"
        case State.CONTACTED if view.is_contact_on_its_way:
            return f"⏳ Contact recorded, on its way to GitLab: {about}"
        case State.CONTACTED:
            return f"{mark} Customer contacted: {about}"
        case State.CLOSED:
            return f"{mark} Closed without contact: {about}"
        case State.WITHDRAWN:
            return f"{mark} Withdrawn: {about}"
        case State.GONE:
            return f"{mark} No longer in GitLab: {about}"


def subject(request: Request) -> str:
    """Name what a request is about, in the middle of a sentence."""
    return f"ticket {request.ticket}" if request.ticket else f"feedback #{request.key.iid}"


def _bare(person: Person | None) -> str:
    """Name a person in plain text, where Slack reads no markup."""
    return (shorten(one_line(person.name), 40) if person else "") or "somebody"


def notification(view: CardView) -> str:
    """Say the whole in one sentence, as a phone's lock screen shows it."""
    said = headline(view)
    if view.request.state in UNFINISHED:
        said += (
            f" · {time_left(view)}, due {plain_moment(view.request.due_at, view.hours.timezone)}"
        )
    return said.replace("@", "\uff20")


def _fields(view: CardView) -> list[str]:
    request = view.request
    fields = [f"*Deadline*\n{_deadline(view)}", f"*Who has it*\n{_holder(view)}"]
    fields.append(f"*Feedback label*\n{_label(view)}")
    if request.organisation:
        fields.append(f"*Organisation*\n{name(request.organisation)}")
    if request.score:
        fields.append(f"*Score*\n{name(request.score)}")
    return fields


def _duty(view: CardView) -> list[Block]:
    """Tell who is on duty while nobody has the request; only a new card pings them."""
    if view.on_duty is None or view.request.state is not State.WAITING:
        return []
    return [{"type": "context", "elements": [mrkdwn(duty_line(view.on_duty))]}]


def _deadline(view: CardView) -> str:
    request, zone = view.request, view.hours.timezone
    due = moment(request.due_at, zone)
    if request.contacted_at is not None:
        return f"{_promise(view, request.contacted_at)}\n(due {due})"
    if request.state in UNFINISHED:
        return f"{due}\n*{time_left(view)}*"
    return due


def _promise(view: CardView, contacted_at: datetime) -> str:
    request = view.request
    took = duration(max(view.hours.between(request.asked_at, contacted_at), timedelta(0)))
    if contacted_at <= request.due_at:
        return f"✅ Kept: contacted after {took} of business time"
    late = duration(contacted_at - request.due_at)
    return f"{OVERDUE_MARK} Missed by {late}: contacted after {took} of business time"


def time_left(view: CardView) -> str:
    """Say how much business time is left until the deadline, or how long it has passed."""
    due = view.request.due_at
    if view.now >= due:
        return f"overdue by {_lateness(view.now - due)}"
    left = view.hours.between(view.now, due)
    return f"{left // HOUR} business h left" if left >= HOUR else "less than 1 h left"


def _lateness(late: timedelta) -> str:
    # In whole steps, so that it stays true until the card is painted again.
    if late < HOUR:
        return "less than 1 h"
    return f"{late // HOUR} h" if late < IN_HOURS else f"{late // DAY} d"


def next_change(view: CardView) -> datetime | None:
    """Return when the time left reads differently, ``None`` once no time is running."""
    if view.request.state not in UNFINISHED:
        return None
    now, due = view.now, view.request.due_at
    if now >= due:
        late = now - due
        step = HOUR if late < IN_HOURS else DAY
        return due + (late // step + 1) * step
    left = view.hours.between(now, due)
    if left < HOUR:
        return due
    # A full hour left reads the same until the next one has begun, be it after a weekend.
    full = view.hours.add(now, left % HOUR)
    return view.hours.next_opening(full) + timedelta(seconds=1)


def _holder(view: CardView) -> str:
    request = view.request
    if request.contacted_at is not None and request.contacted_by:
        return f"{someone(request.contacted_by)} contacted the customer"
    if request.holder and request.held_since:
        since = moment(request.held_since, view.hours.timezone)
        return f"{someone(request.holder)}\nsince {since}"
    if request.assignees:
        assigned = ", ".join(name(f"{username}") for username in request.assignees)
        return f"Nobody yet\n(assigned in GitLab: {assigned})"
    return "Nobody yet"


def _label(view: CardView) -> str:
    if view.label is None:
        return "Not chosen yet"
    description = view.labels.get(view.label)
    return (
        f"{name(view.label)}\n{name(description, DESCRIPTION_CHARACTERS)}"
        if description
        else name(view.label)
    )


def _comment(request: Request) -> list[Block]:
    if not request.comment:
        return []
    words = first_lines(request.comment, COMMENT_LINES, COMMENT_CHARACTERS)
    if not words:
        return []
    # Rich text carries plain text elements: nothing in it pings, links or formats.
    quote = {"type": "rich_text_quote", "elements": [{"type": "text", "text": words}]}
    return [{"type": "rich_text", "elements": [quote]}]


def _on_the_way(view: CardView) -> list[Block]:
    if not view.pending:
        return []
    what = ", ".join(
        f"{action_words(decision.action)} by {someone(decision.by)}"
        for decision in view.pending[:5]
    )
    because = f" ({name(view.waits_because)})" if view.waits_because else ""
    said = f"⏳ Recorded, not in GitLab yet: {what}{because}"
    return [{"type": "context", "elements": [mrkdwn(said)]}]


def _refused(view: CardView) -> list[Block]:
    blocks: list[Block] = []
    for decision, problem in view.refused[:3]:
        said = (
            f"⚠️ *Not in GitLab:* {action_words(decision.action)} by {someone(decision.by)}.\n"
            f"{name(problem, PROBLEM_CHARACTERS)}"
        )
        blocks.append({"type": "section", "text": mrkdwn(said)})
        value = f"{view.request.key}:{decision.id}"
        dismiss = button("Dismiss", DISMISS, value)
        dismiss["confirm"] = {
            "title": plain("Dismiss this choice?", 100),
            "text": plain("It will not reach GitLab, and a text with it is forgotten.", 300),
            "confirm": plain("Dismiss", 30),
            "deny": plain("Keep it", 30),
        }
        elements = [button("Try again", TRY_AGAIN, value), dismiss]
        blocks.append(
            {"type": "actions", "block_id": _refusal_id(decision.id), "elements": elements}
        )
    return blocks


def _refusal_id(decision: UUID) -> str:
    return f"refused-{decision}"


def _buttons(view: CardView) -> list[Block]:
    request = view.request
    elements: list[Block] = []
    if request.state in UNFINISHED:
        elements += holding_buttons(view)
        elements += _label_select(view)
        style = "primary" if request.state is State.CLAIMED else None
        elements.append(button("Mark contacted", MARK_CONTACTED, str(request.key), style=style))
    elif request.state is State.CONTACTED:
        elements += _label_select(view)
    if request.url.startswith(("https://", "http://")) and request.state is not State.GONE:
        elements.append(link_button("Open issue", OPEN_ISSUE, request.url))
    if request.ticket_url:
        elements.append(link_button("Open ticket", OPEN_TICKET, request.ticket_url))
    if not elements:
        return []
    return [
        {"type": "actions", "block_id": actions_id(request.key, view.label), "elements": elements}
    ]


def _bare_buttons(view: CardView) -> list[Block]:
    if view.request.state not in UNFINISHED:
        return []
    elements = holding_buttons(view)
    elements.append(button("Mark contacted", MARK_CONTACTED, str(view.request.key)))
    return [{"type": "actions", "elements": elements}]


def actions_id(key: IssueKey, label: str | None) -> str:
    """Name the block of buttons: by the issue, which a select's value has no room for.

    It changes with the chosen label, for Slack shows a select of the same block as it was left.
    https://docs.slack.dev/reference/block-kit/blocks#block_id
    """
    return f"{key}:{zlib.crc32((label or '').encode())}"


def holding_buttons(view: CardView) -> list[Block]:
    """Make the buttons that say who has an unfinished request."""
    key = str(view.request.key)
    if view.request.holder is None:
        return [button("Claim", CLAIM, key, style="primary")]
    # What the person saw: if somebody else has it by then, they are asked again.
    take_over = button("Take over", TAKE_OVER, f"{key}:{view.request.holder.handle}")
    take_over["confirm"] = {
        "title": plain("Take over?", 100),
        "text": plain(f"{_bare(view.request.holder)} has this request and will be told.", 300),
        "confirm": plain("Take over", 30),
        "deny": plain("Leave it", 30),
    }
    return [take_over, button("Release", RELEASE, key)]


def _label_select(view: CardView) -> list[Block]:
    options = label_options(view.labels, view.label)
    if not options:
        return []
    select: Block = {
        "type": "static_select",
        "action_id": CHOOSE_LABEL,
        "placeholder": plain("Feedback label", 150),
        "options": options,
    }
    chosen = [option for option in options if option["value"] == view.label]
    if chosen:
        select["initial_option"] = chosen[0]
    return [select]


def label_options(labels: Mapping[str, str], chosen: str | None) -> list[Block]:
    """List labels as options with their descriptions, within what a message has room for."""
    # The chosen one first: whatever there is no room for, it is not that.
    names = sorted(
        (label for label in labels if 0 < len(label) <= OPTION_LIMIT),
        key=lambda label: (label != chosen, label),
    )
    options = [_option(label, labels[label]) for label in names[:OPTIONS_LIMIT]]
    if _size(options) > SELECT_BUDGET:
        options = [_option(label, "") for label in names[:OPTIONS_LIMIT]]
    while _size(options) > SELECT_BUDGET:
        options.pop()
    return sorted(options, key=lambda option: str(option["value"]))


def _size(options: list[Block]) -> int:
    texts = [(one["text"], one.get("description", {"text": ""})) for one in options]
    return sum(len(text["text"]) * 2 + len(about["text"]) for text, about in texts)


def _option(label: str, description: str) -> Block:
    option: Block = {"text": plain(label, OPTION_LIMIT), "value": label}
    flat = one_line(description)
    if flat:
        option["description"] = plain(flat, OPTION_LIMIT)
    return option


def button(text: str, action: str, value: str, *, style: str | None = None) -> Block:
    """Make a button; its value says which issue, and nothing that is trusted."""
    made: Block = {
        "type": "button",
        "action_id": action,
        "text": plain(text),
        "value": value,
    }
    if style:
        made["style"] = style
    return made


def link_button(text: str, action: str, url: str) -> Block:
    """Make a button that opens a page."""
    return {"type": "button", "action_id": action, "text": plain(text), "url": url[:3000]}


def card_metadata(request: Request) -> dict[str, Any]:
    """Return what a card is known by when it must be found again; every member can read it."""
    return {"event_type": CARD_EVENT, "event_payload": {"key": str(request.key)}}
