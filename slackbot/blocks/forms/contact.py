"""The modal "Mark contacted". Pure."""

from datetime import datetime

from slackbot.blocks.elements import (
    Block,
    input_block,
    option,
    radio_buttons,
    text_input,
    ticked,
)
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.labels import LABEL, label_inputs
from slackbot.blocks.view import CardView
from slackbot.blocks.words import CHANNELS
from slackbot.rules.decision import Channel, MarkContacted
from slackbot.rules.handbook import TICKET_CHECKLIST
from slackbot.rules.outreach import TEXT_LIMIT

CHANNEL, TEXT, AT, CLOSE = "channel", "text", "at", "close"


def contact_inputs(view: CardView, text: str = "") -> list[Block]:
    """Preselect now as the time of contact; ``text`` is what was sent."""
    options = [option(words.title, channel.value) for channel, words in CHANNELS.items()]
    when = {"type": "datetimepicker", "initial_date_time": int(view.now.timestamp())}
    hint = (
        "Required for an email; optional for the ticket and for a call. "
        "It becomes a comment on the feedback issue; the bot does not keep it. "
        f"At most {TEXT_LIMIT} characters. Post a longer text in GitLab yourself."
    )
    return [
        input_block(
            CHANNEL,
            "How did you contact the customer?",
            radio_buttons(options, Channel.EMAIL),
            hint=f"On the ticket: {'; '.join(TICKET_CHECKLIST)}.",
        ),
        # Slack would insist on a required one for every channel: the submission is judged instead.
        input_block(
            TEXT,
            "What you sent",
            text_input(text, limit=TEXT_LIMIT, is_multiline=True),
            hint=hint,
            optional=True,
        ),
        input_block(AT, "When", when),
        *([] if view.label else label_inputs(view)),
        input_block(
            CLOSE,
            "Close the issue",
            ticked([option("Close the feedback issue", CLOSE)]),
            hint="Per the handbook; follow-up continues by email.",
            optional=True,
        ),
    ]


def read_contact(entered: Entered, now: datetime) -> MarkContacted:
    return MarkContacted(
        channel=entered.one_of(Channel, CHANNEL),
        text=entered.text(TEXT),
        at=entered.moment(AT) or now,
        label=entered.chosen(LABEL),
        close=entered.is_ticked(CLOSE),
    )
