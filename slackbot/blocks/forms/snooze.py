"""The modal "Snooze". Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from slackbot.blocks.elements import (
    Block,
    input_block,
    modal,
    option,
    radio_buttons,
    section,
    text_input,
)
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.text import moment
from slackbot.blocks.words import someone, subject, whose_words
from slackbot.rules.offers import Offer
from slackbot.rules.request import Person, Request
from slackbot.rules.timing.reminders import SnoozeFor, snoozed_until

UNTIL, REASON = "until", "reason"
REASON_LIMIT = 300

OPTIONS = {
    SnoozeFor.HOUR: "For 1 hour",
    SnoozeFor.FOUR_HOURS: "For 4 hours",
    SnoozeFor.TOMORROW: "Until tomorrow, 9:00",
    SnoozeFor.DEADLINE: "Until the deadline",
}


def snooze_modal(request: Request, who: Person, *, zone: ZoneInfo, now: datetime) -> Block:
    """For a deadline ahead; ``zone`` is that of the person who opens it."""
    due = moment(request.due_at, zone)
    reminded = _reminded(request.holder, who)
    about = f"*{subject(request).capitalize()}* is due {due}. {reminded} then."
    options = [
        option(text, choice.value)
        for choice, text in OPTIONS.items()
        if choice is SnoozeFor.DEADLINE
        or snoozed_until(choice, now, zone, request.due_at) < request.due_at
    ]
    return modal(
        "Snooze reminders",
        [
            section(about + whose_words(request, who)),
            input_block(UNTIL, "Pause reminders", radio_buttons(options, options[0]["value"])),
            input_block(
                REASON,
                "Why?",
                text_input(limit=REASON_LIMIT),
                hint="Everyone in the channel can read this in the thread.",
            ),
        ],
        submit="Snooze",
        callback=Offer.SNOOZE,
        about=str(request.key),
    )


def _reminded(holder: Person | None, who: Person) -> str:
    if holder is None:
        return "The manager on duty will be reminded"
    return "You'll be reminded" if who.is_same(holder) else f"{someone(holder)} will be reminded"


def read_snooze(entered: Entered) -> tuple[SnoozeFor, str]:
    return entered.one_of(SnoozeFor, UNTIL), entered.text(REASON) or ""
