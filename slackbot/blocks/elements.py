"""Parts of Block Kit, within Slack's limits: https://docs.slack.dev/reference/block-kit. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from slackbot.blocks.text import escape, first_lines, one_line, shorten, without_scope
from slackbot.platforms.slack.message import SlackMessage

Block = dict[str, Any]

OPTION_LIMIT = 75
OPTIONS_LIMIT = 100
URL_LIMIT = 3000
LABELS_BUDGET = 5000
"""The feedback labels' share of a message's 12,000 characters."""


# --- Text --------------------------------------------------------------------------------------


def mrkdwn(text: str) -> Block:
    """Make a text in which Slack adds no pings or links."""
    return {"type": "mrkdwn", "text": text, "verbatim": True}


def plain(text: str, limit: int = 75) -> Block:
    """Cut to Slack's limit for its place."""
    return {"type": "plain_text", "text": shorten(text, limit), "emoji": True}


def is_address(url: str) -> bool:
    return url.startswith(("https://", "http://"))


def link(url: str, text: str) -> str:
    """Link in mrkdwn; without an address it stays a text."""
    return f"<{escape(url).replace('|', '%7C')}|{text}>" if is_address(url) else text


# --- Blocks ------------------------------------------------------------------------------------


def section(text: str) -> Block:
    return {"type": "section", "text": mrkdwn(text)}


def with_side(block: Block, element: Block | None) -> Block:
    """Put an element beside a section's text."""
    return block if element is None else block | {"accessory": element}


def context(text: str) -> Block:
    """Make small print."""
    return {"type": "context", "elements": [mrkdwn(text)]}


def header(text: str) -> Block:
    """Make a headline, in which Slack reads no markup."""
    return {"type": "header", "text": plain(text, 150)}


def quote(text: str) -> Block:
    """Use rich text, in which nothing pings, links or formats."""
    words = {"type": "rich_text_quote", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [words]}


def quoted(text: str | None, lines: int, limit: int) -> list[Block]:
    """Quote the first lines, if there are any."""
    words = first_lines(text or "", lines, limit)
    return [quote(words)] if words else []


def inert_text(text: str) -> Block:
    """Show a person's text, in which nothing pings, links or formats."""
    words = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [words]}


def actions(elements: Sequence[Block], block_id: str | None = None) -> Block:
    made: Block = {"type": "actions", "elements": list(elements)}
    return made if block_id is None else made | {"block_id": block_id}


def message(text: str) -> SlackMessage:
    return SlackMessage(text=text, blocks=(section(text),))


# --- Buttons -----------------------------------------------------------------------------------


def button(
    text: str,
    action: str,
    value: str,
    *,
    style: str | None = None,
    confirm: Block | None = None,
    label: str | None = None,
) -> Block:
    """Carry only which issue, and nothing trusted. ``label`` is for screen readers."""
    made: Block = {"type": "button", "action_id": action, "text": plain(text), "value": value}
    if style:
        made["style"] = style
    if confirm:
        made["confirm"] = confirm
    if label:
        made["accessibility_label"] = shorten(label, 75)
    return made


def confirmation(title: str, text: str, *, yes: str, no: str) -> Block:
    """Slack asks this before a click counts."""
    return {
        "title": plain(title, 100),
        "text": plain(text, 300),
        "confirm": plain(yes, 30),
        "deny": plain(no, 30),
    }


# --- Options -----------------------------------------------------------------------------------


def option(text: str, value: str, description: str = "", *, url: str | None = None) -> Block:
    """``url`` is for menus: it opens in the browser."""
    made: Block = {"text": plain(text, OPTION_LIMIT), "value": value}
    flat = one_line(description)
    if flat:
        made["description"] = plain(flat, OPTION_LIMIT)
    return made | {"url": url[:URL_LIMIT]} if url else made


def overflow(action: str, options: Sequence[Block]) -> Block:
    return {"type": "overflow", "action_id": action, "options": list(options)}


def select(placeholder: str, options: Sequence[Block], chosen: str | None = None) -> Block:
    """``chosen`` is the value that shows."""
    made: Block = {
        "type": "static_select",
        "placeholder": plain(placeholder, 150),
        "options": list(options),
    }
    return _preselected(made, chosen)


def _preselected(element: Block, chosen: str | None) -> Block:
    initial = next((each for each in element["options"] if each["value"] == chosen), None)
    return element | {"initial_option": initial} if initial else element


def label_options(labels: Mapping[str, str], chosen: str | None) -> list[Block]:
    """Drop what a message has no room for."""
    # There must be room for the chosen one.
    names = sorted(
        (label for label in labels if 0 < len(label) <= OPTION_LIMIT),
        key=lambda label: (label != chosen, label),
    )
    options = [option(without_scope(each), each, labels[each]) for each in names[:OPTIONS_LIMIT]]
    if _size(options) > LABELS_BUDGET:
        options = [option(without_scope(each), each) for each in names[:OPTIONS_LIMIT]]
    while _size(options) > LABELS_BUDGET:
        options.pop()
    return sorted(options, key=lambda each: str(each["value"]))


def _size(options: list[Block]) -> int:
    texts = [(one["text"], one.get("description", {"text": ""})) for one in options]
    return sum(len(text["text"]) * 2 + len(about["text"]) for text, about in texts)


# --- Modals ------------------------------------------------------------------------------------


def modal(
    title: str,
    blocks: Sequence[Block],
    *,
    submit: str | None = None,
    close: str = "Cancel",
    callback: str = "",
    about: str = "",
) -> Block:
    """Make a modal.

    Without ``submit`` there is nothing to send. ``callback`` identifies the submission; ``about``,
    the issue's key, comes back with it.
    """
    made: Block = {
        "type": "modal",
        "title": plain(title, 24),
        "close": plain(close, 24),
        "blocks": list(blocks),
    }
    if submit is None:
        return made
    return made | {
        "callback_id": callback,
        "private_metadata": about,
        "submit": plain(submit, 24),
    }


def input_block(
    name: str, label: str, element: Block, *, hint: str = "", optional: bool = False
) -> Block:
    """``name`` is the id of both block and element."""
    made: Block = {
        "type": "input",
        "block_id": name,
        "label": plain(label, 2000),
        "element": {"action_id": name, **element},
        "optional": optional,
    }
    return made | {"hint": plain(hint, 2000)} if hint else made


def radio_buttons(options: Sequence[Block], chosen: str | None = None) -> Block:
    """Preselect the option of this value, or none."""
    made: Block = {"type": "radio_buttons", "options": list(options)}
    return _preselected(made, chosen)


def text_input(initial: str = "", *, limit: int, is_multiline: bool = False) -> Block:
    """Slack wants no empty initial value."""
    made: Block = {"type": "plain_text_input", "multiline": is_multiline, "max_length": limit}
    return made | {"initial_value": initial} if initial else made


def people_select() -> Block:
    return {"type": "multi_users_select"}


def ticked(options: Sequence[Block]) -> Block:
    return {"type": "checkboxes", "options": list(options), "initial_options": list(options)}
