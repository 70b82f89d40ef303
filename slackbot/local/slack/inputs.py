"""What a person may enter into an element, and how Slack writes it into `state.values`."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

from slackbot.local.json_type import Json
from slackbot.local.slack.block_kit import elements_of

# The field of an element's state, and of the element that gives it at first, by type.
_STATE_FIELDS = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}
_TEXT_INPUTS = frozenset({"plain_text_input", "email_text_input", "url_text_input", "number_input"})


def initial_values(blocks: list[Json]) -> dict[str, Json]:
    """Return `state.values` before a person has touched anything."""
    values: dict[str, Json] = {}
    for block, element in stateful(blocks):
        field, initial = _STATE_FIELDS[element["type"]]
        nothing: Any = [] if field.endswith("s") else None
        state = {"type": element["type"], field: element.get(initial, nothing)}
        values.setdefault(block["block_id"], {})[element["action_id"]] = state
    return values


def stateful(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    """Yield the elements that hold a value, each with its block."""
    for block in blocks:
        for element in elements_of(block):
            if element["type"] in _STATE_FIELDS:
                yield block, element


def words(element: Json) -> str:
    """Return what a person reads on an element: a button's text or a select's placeholder."""
    shown = element.get("text") or element.get("placeholder") or {}
    return str(shown.get("text", ""))


def state_of(element: Json, value: Any) -> Json:
    """Return the state of an element after a person entered `value`; options are found by words."""
    kind = element["type"]
    field, _ = _STATE_FIELDS[kind]
    if field == "selected_option":
        entered: Any = pick(element, value)
    elif field == "selected_options":
        entered = [pick(element, one) for one in value]
    elif isinstance(value, datetime):
        entered = int(value.timestamp())
    elif isinstance(value, date):
        entered = value.isoformat()
    else:
        entered = value
    return {"type": kind, field: entered}


def pick(element: Json, wanted: Any) -> Json | None:
    """Return the option that shows these words or has this value; None clears a select."""
    if wanted is None or isinstance(wanted, dict):
        return wanted
    groups = element.get("option_groups", [])
    options = [*element.get("options", []), *(o for group in groups for o in group["options"])]
    for option in options:
        if wanted in (option["text"]["text"], option["value"]):
            found: Json = option
            return found
    shown = [option["text"]["text"] for option in options]
    raise AssertionError(f"no option {wanted!r} in {words(element)!r}; there are {shown}")


def complaint(block: Json, state: Json) -> str | None:
    """Return why Slack's client would not send this input, or None."""
    element = block["element"]
    value = state[_STATE_FIELDS[element["type"]][0]]
    if value in (None, "", []):
        return None if block.get("optional") else "Please complete this required field."
    if element["type"] in _TEXT_INPUTS:
        return _text_complaint(element, str(value))
    if isinstance(value, list) and len(value) > element.get("max_selected_items", len(value)):
        return f"Choose at most {element['max_selected_items']}."
    return None


def _text_complaint(element: Json, value: str) -> str | None:
    if len(value) < element.get("min_length", 0):
        return f"Please enter at least {element['min_length']} characters."
    if len(value) > element.get("max_length", 3000):
        return f"Please enter at most {element.get('max_length', 3000)} characters."
    if element["type"] == "email_text_input" and not re.fullmatch(r"\S+@\S+\.\S+", value):
        return "Please enter an e-mail address."
    if element["type"] == "url_text_input" and not re.match(r"https?://", value):
        return "Please enter a URL."
    if element["type"] == "number_input" and not re.fullmatch(r"-?\d+(\.\d+)?", value):
        return "Please enter a number."
    return None
