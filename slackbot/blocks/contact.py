"""The modal "Mark contacted". Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from slackbot.blocks.elements import (
    Block,
    input_block,
    label_options,
    modal,
    option,
    radio_buttons,
    section,
    select,
    ticked,
)
from slackbot.blocks.text import name
from slackbot.blocks.words import CHANNELS, subject, whose_words
from slackbot.rules.decision import Channel, MarkContacted
from slackbot.rules.refusals import Incomplete
from slackbot.rules.request import Person, Request

CALLBACK = "contact"
CHANNEL, TEXT, AT, LABEL, CLOSE = "channel", "text", "at", "label", "close"
TEXT_LIMIT = 3000
"""Slack's limit of a text input."""

FIELD_BLOCKS = {"text": TEXT, "at": AT}
"""The input for each field of ``InvalidField``."""


def contact_modal(
    request: Request, who: Person, *, labels: Mapping[str, str], scope: str, now: datetime
) -> Block:
    """Preselect ``now`` as the time of contact; ``who`` opens it."""
    about = f"*{subject(request).capitalize()}*"
    if request.organization:
        about += f" · {name(request.organization)}"
    when = {"type": "datetimepicker", "initial_date_time": int(now.timestamp())}
    is_labeled = request.label_of(scope) is not None
    return modal(
        "Mark contacted",
        [
            section(about + whose_words(request, who)),
            _channel_input(),
            _text_input(),
            input_block(AT, "When", when),
            *([] if is_labeled else _label_input(labels)),
            _close_input(),
        ],
        submit="Save contact",
        callback=CALLBACK,
        about=str(request.key),
    )


def _channel_input() -> Block:
    options = [option(words.title, channel.value) for channel, words in CHANNELS.items()]
    return input_block(CHANNEL, "How did you contact the customer?", radio_buttons(options))


def _text_input() -> Block:
    element = {"type": "plain_text_input", "multiline": True, "max_length": TEXT_LIMIT}
    hint = (
        "Required for an email; optional for the ticket and for a call. "
        "It becomes a comment on the feedback issue; the bot does not keep it. "
        f"At most {TEXT_LIMIT} characters. Post a longer text in GitLab yourself."
    )
    # Slack would insist on a required one for every channel: the submission is judged instead.
    return input_block(TEXT, "What you sent", element, hint=hint, optional=True)


def _label_input(labels: Mapping[str, str]) -> list[Block]:
    options = label_options(labels, None)
    if not options:
        return []
    element = select("Why did the customer give this feedback?", options)
    return [input_block(LABEL, "Feedback label", element, optional=True)]


def _close_input() -> Block:
    return input_block(
        CLOSE,
        "Close the issue",
        ticked([option("Close the feedback issue", "close")]),
        hint="Per the handbook; follow-up continues by email.",
        optional=True,
    )


def read_contact(values: Mapping[str, Any], now: datetime) -> MarkContacted:
    """Read ``view.state.values``; ``now`` is the default time of contact.

    Raises:
        Incomplete: It is no submission of this modal.
    """
    try:
        channel = Channel(values[CHANNEL][CHANNEL]["selected_option"]["value"])
        text = values[TEXT][TEXT].get("value")
        picked = values[AT][AT].get("selected_date_time")
        label = (_element(values, LABEL).get("selected_option") or {}).get("value")
        close = bool(_element(values, CLOSE).get("selected_options"))
        at = datetime.fromtimestamp(int(picked), UTC) if picked else now
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as error:
        raise Incomplete from error
    return MarkContacted(channel=channel, text=text or None, at=at, label=label, close=close)


def _element(values: Mapping[str, Any], block: str) -> Mapping[str, Any]:
    element: Mapping[str, Any] = values.get(block, {}).get(block, {})
    return element
