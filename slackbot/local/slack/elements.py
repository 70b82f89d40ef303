"""The texts, options and elements that blocks are made of, and their limits.

https://docs.slack.dev/reference/block-kit
"""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from slackbot.local.json_type import Json
from slackbot.local.slack.schema import (
    Check,
    Problems,
    Spec,
    anything,
    boolean,
    by_type,
    dict_of,
    integer,
    list_of,
    listing,
    one_of,
    string,
)


@cache
def limits() -> Json:
    """Return the limits of Block Kit as slackblocks 3.0.0 (MIT) lists them."""
    source = files("slackbot.local.slack") / "block-kit-limits.json"
    loaded: Json = json.loads(source.read_text(encoding="utf-8"))
    return loaded


LIMITS = limits()
identifier = string(LIMITS["block_id"]["max_length"], 1)
url = string(LIMITS["button"]["url"]["max_length"], 1, r"https?://\S+")
DATE = r"\d{4}-\d{2}-\d{2}"
TIME = r"([01]\d|2[0-3]):[0-5]\d"


def plain(max_length: int) -> Check:
    """Check a text object that must be plain text."""
    return by_type({"plain_text": _plain_spec(max_length)}, "text (plain_text is needed)")


def text(max_length: int) -> Check:
    """Check a text object, plain or mrkdwn."""
    mrkdwn = Spec(required={"text": string(max_length, 1)}, optional={"verbatim": boolean})
    return by_type({"plain_text": _plain_spec(max_length), "mrkdwn": mrkdwn}, "text")


def _plain_spec(max_length: int) -> Spec:
    return Spec(required={"text": string(max_length, 1)}, optional={"emoji": boolean})


confirm = Spec(
    required={
        "title": plain(LIMITS["confirmation"]["title"]["max_length"]),
        "text": text(LIMITS["confirmation"]["text"]["max_length"]),
    },
    optional={
        "confirm": plain(LIMITS["confirmation"]["confirm"]["max_length"]),
        "deny": plain(LIMITS["confirmation"]["deny"]["max_length"]),
        "style": one_of("primary", "danger"),
    },
)


def _option(kind_of_text: Any, **more: Check) -> Spec:
    limit = LIMITS["option"]
    return Spec(
        required={
            "text": kind_of_text(limit["text"]["max_length"]),
            "value": string(limit["value"]["max_length"], 1),
        },
        optional={"description": kind_of_text(limit["description"]["max_length"]), **more},
    )


option = _option(plain)
option_group = Spec(
    required={
        "label": plain(LIMITS["option_group"]["label"]["max_length"]),
        "options": listing(option, LIMITS["option_group"]["options"]["max_items"], 1),
    }
)
_rich_option = _option(text)
_COMMON: dict[str, Check] = {"action_id": identifier, "confirm": confirm, "focus_on_load": boolean}
_PLACEHOLDER = {"placeholder": plain(LIMITS["select"]["placeholder"]["max_length"])}
_MULTI = {"max_selected_items": integer(1)}
_DISPATCH = Spec(
    optional={
        "trigger_actions_on": listing(
            one_of("on_enter_pressed", "on_character_entered"), min_items=1
        )
    }
)
_FILTER = {"filter": anything, "default_to_current_conversation": boolean}
_RESPONSE = {"response_url_enabled": boolean}


def _options_of(element: Json) -> list[Any]:
    groups = [dict_of(group) for group in list_of(element.get("option_groups"))]
    grouped = [one for group in groups for one in list_of(group.get("options"))]
    return [*list_of(element.get("options")), *grouped]


def _known_initial(problems: Problems, path: str, element: Json) -> None:
    """Refuse an initial option that is not equal to one on offer, to the last field."""
    offered = _options_of(element)
    if "initial_option" in element and element["initial_option"] not in offered:
        problems.add(f"{path}/initial_option", "must be equal to one of the options")
    for position, one in enumerate(list_of(element.get("initial_options"))):
        if one not in offered:
            problems.add(
                f"{path}/initial_options/{position}", "must be equal to one of the options"
            )


def _distinct_values(problems: Problems, path: str, element: Json) -> None:
    given = [dict_of(one).get("value") for one in _options_of(element)]
    values = [one for one in given if isinstance(one, str)]
    if len(values) != len(set(values)):
        problems.add(f"{path}/options", "option values must be unique")


def _static(problems: Problems, path: str, element: Json) -> None:
    if ("options" in element) == ("option_groups" in element):
        problems.add(path, "must provide either options or option_groups, and not both")
        return
    _known_initial(problems, path, element)
    _distinct_values(problems, path, element)


def _choices(problems: Problems, path: str, element: Json) -> None:
    _known_initial(problems, path, element)
    _distinct_values(problems, path, element)


def _length_range(problems: Problems, path: str, element: Json) -> None:
    low, high = element.get("min_length", 0), element.get("max_length")
    if isinstance(low, int) and isinstance(high, int) and low > high:
        problems.add(f"{path}/min_length", "must not be more than max_length")


def _select(*, also: Any = None, **fields: Check) -> Spec:
    return Spec(optional={**_COMMON, **_PLACEHOLDER, **fields}, also=also)


_STATIC: dict[str, Check] = {
    "options": listing(option, LIMITS["select"]["options"]["max_items"], 1),
    "option_groups": listing(option_group, LIMITS["select"]["option_groups"]["max_items"], 1),
}
_EXTERNAL = {"min_query_length": integer(0)}
_INPUT_TEXT: dict[str, Check] = {**_COMMON, **_PLACEHOLDER, "dispatch_action_config": _DISPATCH}
_MAX_INPUT = LIMITS["plain_text_input"]["max_length"]["max"]
_ids = listing(string(min_length=1))

_BUTTON = Spec(
    required={"text": plain(LIMITS["button"]["text"]["max_length"])},
    optional={
        "action_id": identifier,
        "confirm": confirm,
        "url": url,
        "value": string(LIMITS["button"]["value"]["max_length"]),
        "style": one_of("primary", "danger"),
        "accessibility_label": string(LIMITS["button"]["accessibility_label"]["max_length"]),
    },
)
_OVERFLOW = Spec(
    required={
        "options": listing(_option(plain, url=url), LIMITS["overflow"]["options"]["max_items"], 1)
    },
    optional={"action_id": identifier, "confirm": confirm},
    also=_distinct_values,
)
_RADIO = Spec(
    required={"options": listing(_rich_option, LIMITS["radio_buttons"]["options"]["max_items"], 1)},
    optional={**_COMMON, "initial_option": _rich_option},
    also=_choices,
)
_CHECKBOXES = Spec(
    required={"options": listing(_rich_option, LIMITS["checkboxes"]["options"]["max_items"], 1)},
    optional={**_COMMON, "initial_options": listing(_rich_option, min_items=1)},
    also=_choices,
)
_IMAGE = Spec(
    required={"alt_text": string(LIMITS["image"]["alt_text"]["max_length"], 1)},
    optional={"image_url": url, "slack_file": anything},
)

CHOOSERS: dict[str, Check] = {
    "static_select": _select(also=_static, initial_option=option, **_STATIC),
    "multi_static_select": _select(
        also=_static, initial_options=listing(option, min_items=1), **_STATIC, **_MULTI
    ),
    "external_select": _select(initial_option=option, **_EXTERNAL),
    "multi_external_select": _select(
        initial_options=listing(option, min_items=1), **_EXTERNAL, **_MULTI
    ),
    "users_select": _select(initial_user=string(min_length=1)),
    "multi_users_select": _select(initial_users=_ids, **_MULTI),
    "conversations_select": _select(
        initial_conversation=string(min_length=1), **_FILTER, **_RESPONSE
    ),
    "multi_conversations_select": _select(initial_conversations=_ids, **_FILTER, **_MULTI),
    "channels_select": _select(initial_channel=string(min_length=1), **_RESPONSE),
    "multi_channels_select": _select(initial_channels=_ids, **_MULTI),
    "datepicker": _select(initial_date=string(pattern=DATE)),
    "timepicker": _select(initial_time=string(pattern=TIME), timezone=string(min_length=1)),
    "datetimepicker": Spec(
        # ten digits: seconds since 1970, https://docs.slack.dev/reference/block-kit/block-elements
        optional={**_COMMON, "initial_date_time": integer(1_000_000_000, 9_999_999_999)}
    ),
    "radio_buttons": _RADIO,
    "checkboxes": _CHECKBOXES,
}
_TEXT_INPUTS: dict[str, Check] = {
    "plain_text_input": Spec(
        optional={
            **_INPUT_TEXT,
            "initial_value": string(_MAX_INPUT),
            "multiline": boolean,
            "min_length": integer(0, _MAX_INPUT),
            "max_length": integer(1, _MAX_INPUT),
        },
        also=_length_range,
    ),
    "email_text_input": Spec(optional={**_INPUT_TEXT, "initial_value": string()}),
    "url_text_input": Spec(optional={**_INPUT_TEXT, "initial_value": string()}),
    "number_input": Spec(
        required={"is_decimal_allowed": boolean},
        optional={
            **_INPUT_TEXT,
            "initial_value": string(),
            "min_value": string(),
            "max_value": string(),
        },
    ),
    "rich_text_input": Spec(optional={**_INPUT_TEXT, "initial_value": anything}),
    "file_input": Spec(
        optional={"action_id": identifier, "filetypes": _ids, "max_files": integer(1, 10)}
    ),
}

in_section = by_type(
    {"button": _BUTTON, "overflow": _OVERFLOW, "image": _IMAGE, **CHOOSERS}, "element"
)
_SINGLE = {kind: spec for kind, spec in CHOOSERS.items() if not kind.startswith("multi_")}
in_actions = by_type({"button": _BUTTON, "overflow": _OVERFLOW, **_SINGLE}, "element")
in_input = by_type({**CHOOSERS, **_TEXT_INPUTS}, "element")
in_context = by_type(
    {
        "image": _IMAGE,
        "plain_text": _plain_spec(LIMITS["text"]["max_length"]),
        "mrkdwn": Spec(
            required={"text": string(LIMITS["text"]["max_length"], 1)},
            optional={"verbatim": boolean},
        ),
    },
    "element",
)
