"""The modal "Mark contacted": how the customer was contacted, and what was sent. Pure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from slackbot.blocks.card import label_options, subject
from slackbot.blocks.text import Block, mrkdwn, name, plain
from slackbot.rules.decision import Channel, MarkContacted
from slackbot.rules.refusals import Incomplete
from slackbot.rules.request import Request

CALLBACK = "contact"
CHANNEL, TEXT, AT, LABEL, CLOSE = "channel", "text", "at", "label", "close"
TEXT_LIMIT = 3000
"""Slack's limit of a text input."""

FIELD_BLOCKS = {"text": TEXT, "at": AT}
"""The input that each field of ``InvalidField`` stands for."""

CHANNEL_OPTIONS = {
    Channel.EMAIL: "E-mail",
    Channel.TICKET: "Zendesk ticket",
    Channel.CALL: "Call",
}
_CLOSE_OPTION = {"text": plain("Close the feedback issue"), "value": "close"}


def contact_modal(
    request: Request, *, labels: Mapping[str, str], scope: str, now: datetime
) -> Block:
    """Draw the modal for a request.

    Args:
        request: The request as decided so far.
        labels: The project's feedback labels with their descriptions.
        scope: Their scope.
        now: The moment at which it is opened, the default of when the customer was contacted.
    """
    about = f"*{subject(request).capitalize()}*"
    if request.organisation:
        about += f" · {name(request.organisation)}"
    blocks = [
        {"type": "section", "text": mrkdwn(about)},
        _channel_input(),
        _text_input(),
        _input(
            AT,
            "When",
            {"type": "datetimepicker", "initial_date_time": int(now.timestamp())},
        ),
    ]
    if request.label_of(scope) is None:
        blocks += _label_input(labels)
    blocks.append(_close_input())
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": str(request.key),
        "title": plain("Mark contacted", 24),
        "submit": plain("Record contact", 24),
        "close": plain("Cancel", 24),
        "blocks": blocks,
    }


def _input(block: str, label: str, element: Block, **more: Any) -> Block:
    return {
        "type": "input",
        "block_id": block,
        "label": plain(label, 2000),
        "element": {"action_id": block, **element},
        **more,
    }


def _channel_input() -> Block:
    options = [
        {"text": plain(text), "value": channel.value} for channel, text in CHANNEL_OPTIONS.items()
    ]
    element = {"type": "radio_buttons", "options": options, "initial_option": options[0]}
    return _input(CHANNEL, "How was the customer contacted?", element)


def _text_input() -> Block:
    element = {"type": "plain_text_input", "multiline": True, "max_length": TEXT_LIMIT}
    hint = (
        "Required for an e-mail. It becomes a comment on the feedback issue and is not kept by "
        f"the bot. At most {TEXT_LIMIT} characters; put a longer one in GitLab yourself."
    )
    return _input(TEXT, "Text that was sent", element, optional=True, hint=plain(hint, 2000))


def _label_input(labels: Mapping[str, str]) -> list[Block]:
    options = label_options(labels, None)
    if not options:
        return []
    element = {
        "type": "static_select",
        "placeholder": plain("Why was the feedback given?", 150),
        "options": options,
    }
    return [_input(LABEL, "Feedback label", element, optional=True)]


def _close_input() -> Block:
    element = {
        "type": "checkboxes",
        "options": [_CLOSE_OPTION],
        "initial_options": [_CLOSE_OPTION],
    }
    hint = "The handbook closes the issue here; what follows goes on by e-mail."
    return _input(CLOSE, "Then", element, optional=True, hint=plain(hint, 2000))


def read_contact(values: Mapping[str, Any], now: datetime) -> MarkContacted:
    """Read a submission of the modal.

    Args:
        values: ``view.state.values`` of the submission.
        now: The moment of the submission; the default of when.

    Raises:
        Incomplete: It is not a submission of this modal.
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
