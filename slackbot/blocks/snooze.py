"""The modal "Snooze": for how long, and why. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from slackbot.blocks.card import subject
from slackbot.blocks.text import Block, moment, mrkdwn, plain
from slackbot.rules.refusals import Incomplete
from slackbot.rules.reminders import SnoozeFor, snoozed_until
from slackbot.rules.request import Request

CALLBACK = "snooze"
UNTIL, REASON = "until", "reason"
REASON_LIMIT = 300

OPTIONS = {
    SnoozeFor.HOUR: "For 1 hour",
    SnoozeFor.FOUR_HOURS: "For 4 hours",
    SnoozeFor.TOMORROW: "Until tomorrow, 9:00",
    SnoozeFor.DEADLINE: "Until the deadline",
}


def snooze_modal(request: Request, *, zone: ZoneInfo, now: datetime) -> Block:
    """Draw the modal for a request whose deadline lies ahead.

    Args:
        request: The request as decided so far.
        zone: The time zone of the person who asks.
        now: The current moment.
    """
    due = moment(request.due_at, zone)
    about = f"*{subject(request).capitalize()}*, due {due}. At the deadline a reminder comes."
    options = [
        {"text": plain(text), "value": choice.value}
        for choice, text in OPTIONS.items()
        if choice is SnoozeFor.DEADLINE
        or snoozed_until(choice, now, zone, request.due_at) < request.due_at
    ]
    until = {
        "type": "radio_buttons",
        "action_id": UNTIL,
        "options": options,
        "initial_option": options[0],
    }
    reason = {"type": "plain_text_input", "action_id": REASON, "max_length": REASON_LIMIT}
    hint = "Everybody in the channel can read it in the thread."
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": str(request.key),
        "title": plain("Snooze reminders", 24),
        "submit": plain("Snooze", 24),
        "close": plain("Cancel", 24),
        "blocks": [
            {"type": "section", "text": mrkdwn(about)},
            {
                "type": "input",
                "block_id": UNTIL,
                "label": plain("No reminders", 2000),
                "element": until,
            },
            {
                "type": "input",
                "block_id": REASON,
                "label": plain("Why?", 2000),
                "element": reason,
                "hint": plain(hint, 2000),
            },
        ],
    }


def read_snooze(values: Mapping[str, Any]) -> tuple[SnoozeFor, str]:
    """Read a submission of the modal: for how long, and the reason.

    Raises:
        Incomplete: It is not a submission of this modal.
    """
    try:
        choice = SnoozeFor(values[UNTIL][UNTIL]["selected_option"]["value"])
        reason = values[REASON][REASON].get("value") or ""
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Incomplete from error
    return choice, str(reason)
