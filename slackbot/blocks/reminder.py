"""The reminders in a card's thread, and the word to the lead when nobody reacts. Pure."""

from collections.abc import Sequence

from slackbot.blocks.card import CardView, SlackMessage, subject, time_left
from slackbot.blocks.duty import PEOPLE_SHOWN
from slackbot.blocks.text import Block, moment, mrkdwn, plain
from slackbot.blocks.words import OVERDUE_MARK, mention, someone
from slackbot.rules.request import Person

REMINDER_EVENT = "ssat_reminder"
"""The event type in the metadata of a reminder; its payload says only which one it is."""
GAP_EVENT = "ssat_gap"
"""The event type in the metadata of the line that stands for many late reminders."""
SNOOZE = "snooze"

REMINDER_MARK, LEAD_MARK = "⏰", "🚨"


def render_reminder(view: CardView, to: Sequence[Person], *, is_missed: bool) -> SlackMessage:
    """Draw a reminder.

    Args:
        view: The request as its card shows it now.
        to: Who is reminded; nobody where nobody is known, or where it is for the channel only.
        is_missed: Whether earlier ones should have come and did not.
    """
    mark = OVERDUE_MARK if view.is_overdue else REMINDER_MARK
    said = f"{mark} {_addressed(_what(view), to)} {_why(view, to)}".rstrip()
    if is_missed:
        said += " (Late: the bot could not remind of it in time.)"
    return SlackMessage(text=said, blocks=(_section(said), *_buttons(view)))


def render_lead(view: CardView, lead: str) -> SlackMessage:
    """Draw the message that tells the lead of a deadline at which nobody has reacted.

    Args:
        view: The request as its card shows it now.
        lead: The id of a Slack user or user group.
    """
    whom = f"<!subteam^{lead}>" if lead.startswith("S") else f"<@{lead}>"
    due = moment(view.request.due_at, view.hours.timezone)
    said = (
        f"{LEAD_MARK} {whom}: the customer of {subject(view.request)} should have been contacted "
        f"by {due}, and nobody has reacted. {_holder(view)}"
    )
    return SlackMessage(text=said, blocks=(_section(said),))


def render_gap(requests: int) -> SlackMessage:
    """Draw the line that tells the channel of late reminders, which it would not see."""
    said = (
        f"{REMINDER_MARK} The bot could not remind in time: the reminders of {requests} requests "
        "came late and stand in the threads of their cards. `/ssat` shows all who wait now."
    )
    return SlackMessage(text=said, blocks=(_section(said),))


def _addressed(said: str, to: Sequence[Person]) -> str:
    if not to:
        return f"{said[:1].upper()}{said[1:]}"
    more = len(to) - PEOPLE_SHOWN
    named = [mention(each) for each in to[:PEOPLE_SHOWN]]
    return f"{' '.join([*named, f'and {more} more'] if more > 0 else named)}: {said}"


def _what(view: CardView) -> str:
    about = subject(view.request)
    left = time_left(view)
    if view.is_overdue:
        return f"the customer of {about} has not been contacted by the deadline: {left}."
    due = moment(view.request.due_at, view.hours.timezone)
    return f"{left} to contact the customer of {about}, until {due}."


def _why(view: CardView, to: Sequence[Person]) -> str:
    """Say why it is they who are reminded, where they have not claimed the request."""
    holder = view.request.holder
    if any(each.is_same(holder) for each in to):
        return ""
    return f"{_holder(view)} {_duty(view)}" if to else _holder(view)


def _duty(view: CardView) -> str:
    if view.on_duty and view.on_duty.problem:
        return "You were on duty last, as far as is known."
    return "You are on duty."


def _holder(view: CardView) -> str:
    holder = view.request.holder
    return f"{someone(holder)} has claimed it." if holder else "Nobody has claimed it."


def _section(said: str) -> Block:
    return {"type": "section", "text": mrkdwn(said)}


def _buttons(view: CardView) -> list[Block]:
    if view.is_overdue:
        return []  # what comes after the deadline cannot be snoozed
    button = {
        "type": "button",
        "action_id": SNOOZE,
        "text": plain("Snooze"),
        "value": str(view.request.key),
    }
    return [{"type": "actions", "elements": [button]}]
