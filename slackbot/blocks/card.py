"""The card of a feedback, and the messages in its thread. Pure.

Compact: on a phone two open cards fit the screen, and five finished ones.
"""

import zlib

from slackbot.blocks.answers.duty import duty_line
from slackbot.blocks.elements import (
    Block,
    actions,
    button,
    confirmation,
    context,
    label_options,
    link,
    message,
    quote,
    quoted,
    section,
    select,
    with_side,
)
from slackbot.blocks.menu import menu, offer_button
from slackbot.blocks.text import (
    capitalized,
    escape,
    name,
    one_line,
    plain_moment,
    short_moment,
    without_scope,
)
from slackbot.blocks.view import CardView
from slackbot.blocks.words import (
    HOW,
    INDIRECT,
    MISSES,
    OVERDUE_MARK,
    SENTIMENT_MARKS,
    SENTIMENT_WORDS,
    STATE_MARKS,
    TO_BE_CONTACTED,
    action_words,
    bare,
    closed_words,
    countdown_words,
    exempt_words,
    history_words,
    issue_link,
    promise_words,
    short_name,
    someone,
    step_words,
    subject,
    wait_words,
    waiting_words,
)
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.decision import Decision, MarkContacted, Step, typed_in
from slackbot.rules.offers import Offer
from slackbot.rules.request import UNFINISHED, IssueKey, Request, Rules, State

CLAIM, TAKE_OVER, RELEASE = Offer.CLAIM, Offer.TAKE_OVER, Offer.RELEASE
CHOOSE_LABEL, MARK_CONTACTED = "choose_label", Offer.MARK_CONTACTED
TRY_AGAIN, DISMISS = "try_again", "dismiss"

CARD_EVENT = "ssat_card"
"""Metadata of a card: only which issue."""
STEP_EVENT = "ssat_step"
"""Metadata of a message in a card's thread."""

COMMENT_CHARACTERS = 120
PROBLEM_CHARACTERS = 400
_PRIMARY = {"style": "primary"}


def render_card(view: CardView) -> SlackMessage:
    parts = _open_card(view) if _needs_work(view) else _finished_card(view)
    return SlackMessage(text=escape(notification(view)), blocks=tuple(parts))


def _needs_work(view: CardView) -> bool:
    return view.request.state in (*UNFINISHED, State.OPEN)


def _open_card(view: CardView) -> list[Block]:
    """Show first what matters to the customer, last what is administrative."""
    return [
        section(f"{_title(view, _headline(view))}\n{_facts(view)}"),
        *quoted(one_line(view.request.comment or ""), 1, COMMENT_CHARACTERS),
        *_small_print(view),
        *_pending(view),
        *_refused(view),
        *_buttons(view),
    ]


def _finished_card(view: CardView) -> list[Block]:
    """Two lines: what it was, and how it ended."""
    said = section(f"{_title(view, [_standing(view)])}\n{_ending(view)}")
    return [with_side(said, menu(view, without=())), *_pending(view), *_refused(view)]


def render_bare_card(view: CardView) -> SlackMessage:
    """Leave out the customer's words: Slack may refuse the full card."""
    blocks = [section(f"*{escape(headline(view))}*\n{_deadline(view)}"), *_bare_buttons(view)]
    return SlackMessage(text=escape(notification(view)), blocks=tuple(blocks))


def headline(view: CardView) -> str:
    """Say state and owner in one line: a mark alone is not enough.

    Inert in mrkdwn, but not escaped.
    """
    return " · ".join([*_headline(view), subject(view.request)])


def _headline(view: CardView) -> list[str]:
    said = [_standing(view)]
    if view.request.organization:
        said.append(short_name(view.request.organization))
    return said


def _title(view: CardView, said: list[str]) -> str:
    """Lead to the ticket."""
    ticket = view.request.ticket_url
    about = link(ticket, subject(view.request)) if ticket else subject(view.request)
    return f"*{escape(' · '.join(said))}* · {about}"


def _standing(view: CardView) -> str:
    request = view.request
    owner = f"claimed by {bare(request.holder)}" if request.holder else "unclaimed"
    if view.is_overdue:
        return f"{OVERDUE_MARK} Overdue, {owner}"
    mark = STATE_MARKS[request.state]
    match request.state:
        case State.OPEN:
            return _open_words(request, owner)
        case State.WAITING | State.CLAIMED:
            return f"{mark} {capitalized(owner)}"
        case State.CONTACTED if view.is_contact_pending:
            return "⏳ Contact saved, updating GitLab"
        case State.CONTACTED:
            is_open = ", issue open" if request.is_open else ""
            return f"{mark} Contacted{_promise(request)}{is_open}"
        case State.CLOSED:
            return f"{mark} {_closed_words(request)}"
        case State.WITHDRAWN:
            return f"{mark} Contact request withdrawn"
        case State.GONE:
            return f"{mark} No longer in GitLab"


def _open_words(request: Request, owner: str) -> str:
    what = f"{SENTIMENT_MARKS[request.sentiment]} {SENTIMENT_WORDS[request.sentiment]}"
    said = owner if request.holder else ""
    if request.reviewed_at:
        said = f"reviewed by {bare(request.reviewed_by)}"
    if request.is_to_be_contacted:
        said = TO_BE_CONTACTED
    return f"{what}, {said}" if said else what


def _closed_words(request: Request) -> str:
    if request.moved_to is not None:
        return "Moved without contact"
    return "Closed without contact" if request.was_requested else "Closed"


def notification(view: CardView) -> str:
    """For a phone's lock screen."""
    said = headline(view)
    if view.request.state in UNFINISHED:
        due = plain_moment(view.request.due_at, view.hours.timezone)
        said += f" · {time_left(view)}, due {due}"
    return said


def time_left(view: CardView) -> str:
    return countdown_words(view.left)


def _facts(view: CardView) -> str:
    """Say deadline, owner and score in one line."""
    request = view.request
    found = [_deadline(view)] if request.state in UNFINISHED else [_since(view)]
    found += [*_duty(view), *_assigned(view)]
    if request.score:
        found.append(f"score {name(request.score, 20)}")
    if request.is_indirect:
        found.append(INDIRECT)
    return " · ".join(found)


def _since(view: CardView) -> str:
    at = view.request.created_at or view.request.asked_at
    return f"since {short_moment(at, view.hours.timezone)}"


def _deadline(view: CardView) -> str:
    due = short_moment(view.request.due_at, view.hours.timezone)
    return f"*{time_left(view)}* ({due})" if view.request.state in UNFINISHED else f"due {due}"


def _duty(view: CardView) -> list[str]:
    """Only a new card pings who is on duty."""
    then = [
        each for each in view.request.responsible if not any(map(each.is_same, view.people_on_duty))
    ]
    said = [f"on duty when it was created: {', '.join(map(someone, then))}"] if then else []
    if view.on_duty is None or view.request.state is not State.WAITING:
        return said
    return [duty_line(view.on_duty), *said]


def _assigned(view: CardView) -> list[str]:
    """Leave out whom the card names already: the owner, or else who is on duty."""
    if view.request.holder:
        return []
    named = view.people_on_duty if view.request.state is State.WAITING else ()
    others = [someone(each) for each in view.assignees if each not in named]
    return [f"assigned to {', '.join(others)}"] if others else []


def _ending(view: CardView) -> str:
    request = view.request
    found: list[str] = []
    if request.state is State.CONTACTED and request.contacted_at is not None:
        how = HOW.get(request.contacted_how or "", "")
        who = someone(request.contacted_by) if request.contacted_by else ""
        found += filter(None, [f"{who} {how}".strip()])
    elif request.closed_by is not None:
        found.append(closed_words(request))
    if request.missed_because is not None:
        found.append(f"missed because {MISSES.get(request.missed_because, '')}")
    found.append(name(without_scope(view.label)) if view.label else "no feedback label")
    return " · ".join(found)


def _promise(request: Request) -> str:
    """Leave it out for those who had no deadline."""
    late = (request.contacted_at or request.due_at) - request.due_at
    return f" {promise_words(late)}" if request.was_requested else ""


def _small_print(view: CardView) -> list[Block]:
    said = [exempt_words(view.request)] if view.request.exempt else []
    if view.earlier:
        said.append(history_words(view.earlier, view.hours.timezone))
    if view.waits_on is not None:
        said.append(wait_words(view.waits_on))
    return [context(" · ".join(said))] if said else []


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
        buttons = refused_buttons(value, subject(view.request))
        blocks += [section(said), actions(buttons, f"refused-{decision.id}")]
    return blocks


def refused_buttons(value: str, about: str) -> list[Block]:
    """``value`` names issue and decision; ``about`` is for screen readers."""
    confirm = confirmation(
        "Dismiss this choice?",
        "It won't be sent to GitLab, and the text you entered will be deleted.",
        yes="Dismiss",
        no="Keep",
    )
    return [
        button("Try again", TRY_AGAIN, value, label=f"Try again, {about}"),
        button("Dismiss", DISMISS, value, confirm=confirm, label=f"Dismiss, {about}"),
    ]


def _buttons(view: CardView) -> list[Block]:
    more = menu(view)
    elements = [owner_buttons(view)[0], contact_button(view), *_label_select(view)]
    return [actions([*elements, *([more] if more else [])], actions_id(view.key, view.label))]


def _bare_buttons(view: CardView) -> list[Block]:
    if view.request.state not in UNFINISHED:
        return []
    return [actions([*owner_buttons(view), contact_button(view)])]


def contact_button(view: CardView) -> Block:
    made = offer_button(view, MARK_CONTACTED)
    return made | _PRIMARY if view.request.state is State.CLAIMED else made


def actions_id(key: IssueKey, label: str | None) -> str:
    """Name the block by issue and label.

    A select's value has no room for the issue. Slack shows a select of the same block as it was
    left. https://docs.slack.dev/reference/block-kit/blocks#block_id
    """
    return f"{key}:{zlib.crc32((label or '').encode())}"


def owner_buttons(view: CardView) -> list[Block]:
    if view.request.holder is None:
        return [offer_button(view, CLAIM) | _PRIMARY]
    return [offer_button(view, TAKE_OVER), offer_button(view, RELEASE)]


def _label_select(view: CardView) -> list[Block]:
    options = label_options(view.labels, view.label)
    if not options:
        return []
    confirm = confirmation(
        "Set this feedback label?",
        "GitLab gets the label and a note with your name. It replaces another feedback label.",
        yes="Set label",
        no="Cancel",
    )
    chosen = select("Feedback label", options, view.label)
    return [chosen | {"action_id": CHOOSE_LABEL, "confirm": confirm}]


# --- The thread --------------------------------------------------------------------------------


def render_step(step: Step, rules: Rules, refused: Decision | None = None) -> SlackMessage:
    """Give back what was typed for colleagues; what was sent to a customer is not for a channel."""
    told = message(step_words(step, rules))
    if refused is None or isinstance(refused.action, MarkContacted):
        return told
    return SlackMessage(text=told.text, blocks=(*told.blocks, *_typed(refused)))


def _typed(decision: Decision) -> list[Block]:
    return [quote(text) for text in typed_in(decision.action).values()]


def render_follow_up(step: Step, view: CardView, rules: Rules) -> SlackMessage:
    """For the direct messages of who created it for a feedback that has no card."""
    return message(f"{step_words(step, rules)}\n{_about(view)}")


def _about(view: CardView) -> str:
    return " · ".join(filter(None, [_title(view, _headline(view)), issue_link(view.request)]))


def render_refusal(step: Step, view: CardView, decision: Decision | None) -> SlackMessage:
    """For the direct messages of who made a choice that has no card: with what they typed."""
    said = f"⚠️ *Your choice was not carried out:* {name(step.detail or '', PROBLEM_CHARACTERS)}"
    blocks = [section(f"{said}\n{_about(view)}")]
    if decision is not None:
        blocks += _typed(decision)
        buttons = refused_buttons(f"{view.key}:{decision.id}", subject(view.request))
        blocks.append(actions(buttons))
    return SlackMessage(text=said, blocks=tuple(blocks))
