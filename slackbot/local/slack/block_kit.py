"""What Slack accepts as the blocks of a message, a modal or a home tab."""

from collections.abc import Iterator
from typing import Any, Literal

from slackbot.local.json_type import Json
from slackbot.local.slack import elements
from slackbot.local.slack.data_blocks import check_together, data_blocks
from slackbot.local.slack.elements import LIMITS, identifier, plain, text, url
from slackbot.local.slack.schema import (
    Check,
    Problems,
    Spec,
    anything,
    boolean,
    by_type,
    integer,
    list_of,
    listing,
    one_of,
    string,
)

Surface = Literal["message", "modal", "home"]

MAX_BLOCKS: dict[Surface, int] = {"message": 50, "modal": 100, "home": 100}
# "12,000 text characters with a buffer for block containers", says Slack in
# https://github.com/slackapi/bolt-js/issues/2509. The smallest count that was seen to be refused is
# 11,341: https://github.com/slackapi/bolt-js/issues/2867
MAX_CHARACTERS = 11_340

_ID = {"block_id": identifier}
_STYLE = {"style": anything}
_IN_RICH_TEXT: dict[str, Check] = {
    "text": Spec(required={"text": string(min_length=1)}, optional=_STYLE),
    "link": Spec(
        required={"url": string(min_length=1)},
        optional={**_STYLE, "text": string(), "unsafe": boolean},
    ),
    "emoji": Spec(
        required={"name": string(min_length=1)},
        optional={**_STYLE, "unicode": string(), "skin_tone": integer(), "url": string()},
    ),
    "user": Spec(required={"user_id": string(min_length=1)}, optional=_STYLE),
    "usergroup": Spec(required={"usergroup_id": string(min_length=1)}, optional=_STYLE),
    "channel": Spec(required={"channel_id": string(min_length=1)}, optional=_STYLE),
    "team": Spec(required={"team_id": string(min_length=1)}, optional=_STYLE),
    "broadcast": Spec(required={"range": one_of("here", "channel", "everyone")}, optional=_STYLE),
    "color": Spec(required={"value": string(min_length=1)}, optional=_STYLE),
    "date": Spec(
        required={"timestamp": integer(), "format": string(min_length=1)},
        optional={**_STYLE, "url": url, "fallback": string()},
    ),
}
_line = listing(by_type(_IN_RICH_TEXT, "rich text element"))
_BORDER = {"border": integer(0, 1)}
_rich_section = Spec(required={"elements": _line})
_RICH_TEXT: dict[str, Check] = {
    "rich_text_section": _rich_section,
    "rich_text_preformatted": Spec(
        required={"elements": _line}, optional={**_BORDER, "language": string()}
    ),
    "rich_text_quote": Spec(required={"elements": _line}, optional=_BORDER),
    "rich_text_list": Spec(
        required={
            "elements": listing(by_type({"rich_text_section": _rich_section}, "list item")),
            "style": one_of("bullet", "ordered"),
        },
        optional={**_BORDER, "indent": integer(0), "offset": integer(0)},
    ),
}


def _something_to_show(problems: Problems, path: str, block: Json) -> None:
    if "text" not in block and "fields" not in block:
        problems.add(path, "missing required field: text")


_SECTION = LIMITS["section"]
_BLOCKS: dict[str, Check] = {
    "section": Spec(
        optional={
            **_ID,
            "text": text(_SECTION["text"]["max_length"]),
            "fields": listing(
                text(_SECTION["fields"]["item_max_length"]), _SECTION["fields"]["max_items"], 1
            ),
            "accessory": elements.in_section,
            "expand": boolean,
        },
        also=_something_to_show,
    ),
    "divider": Spec(optional=_ID),
    "header": Spec(
        required={"text": plain(LIMITS["header"]["text"]["max_length"])},
        optional={**_ID, "level": integer(1, 6)},
    ),
    "context": Spec(
        required={
            "elements": listing(elements.in_context, LIMITS["context"]["elements"]["max_items"], 1)
        },
        optional=_ID,
    ),
    "actions": Spec(
        required={
            "elements": listing(elements.in_actions, LIMITS["actions"]["elements"]["max_items"], 1)
        },
        optional=_ID,
    ),
    "image": Spec(
        required={"alt_text": string(LIMITS["image"]["alt_text"]["max_length"], 1)},
        optional={
            **_ID,
            "image_url": url,
            "slack_file": anything,
            "title": plain(LIMITS["image"]["alt_text"]["max_length"]),
        },
    ),
    "input": Spec(
        required={
            "label": plain(LIMITS["input"]["label"]["max_length"]),
            "element": elements.in_input,
        },
        optional={
            **_ID,
            "hint": plain(LIMITS["input"]["hint"]["max_length"]),
            "optional": boolean,
            "dispatch_action": boolean,
        },
    ),
    "rich_text": Spec(
        required={"elements": listing(by_type(_RICH_TEXT, "rich text"))}, optional=_ID
    ),
}
_MARKDOWN = Spec(
    required={"text": string(LIMITS["markdown"]["text"]["max_length"], 1)}, optional=_ID
)
# Other new kinds (card, container, alert, …) are refused: nothing here has need of them.
_ON_SURFACE: dict[Surface, Check] = {
    "message": by_type(
        {**_BLOCKS, **data_blocks(_BLOCKS["rich_text"]), "markdown": _MARKDOWN}, "block"
    ),
    "modal": by_type(_BLOCKS, "block"),
    "home": by_type(_BLOCKS, "block"),
}
_VIEW = LIMITS["view"]
_VIEW_COMMON: dict[str, Check] = {
    "private_metadata": string(_VIEW["private_metadata"]["max_length"]),
    "callback_id": string(_VIEW["callback_id"]["max_length"]),
    "external_id": string(255),
    "blocks": anything,
}
_MODAL = Spec(
    required={"title": plain(_VIEW["title"]["max_length"])},
    optional={
        **_VIEW_COMMON,
        "close": plain(_VIEW["close"]["max_length"]),
        "submit": plain(_VIEW["submit"]["max_length"]),
        "clear_on_close": boolean,
        "notify_on_close": boolean,
        "submit_disabled": boolean,
    },
)
_HOME = Spec(optional=_VIEW_COMMON)


def validate_blocks(blocks: Any, surface: Surface, path: str = "/blocks") -> list[str]:
    """Return what Slack would refuse in these blocks, each with the path of the culprit."""
    problems = Problems()
    listing(_ON_SURFACE[surface], MAX_BLOCKS[surface])(problems, path, blocks)
    if isinstance(blocks, list):
        objects = [one for one in blocks if isinstance(one, dict)]
        _unique_ids(problems, path, objects)
        check_together(problems, path, objects)
    return problems.found


def validate_view(view: Any) -> list[str]:
    """Return what Slack would refuse in a modal or a home tab."""
    problems = Problems()
    by_type({"modal": _MODAL, "home": _HOME}, "view")(problems, "/view", view)
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        return problems.found
    blocks = view.get("blocks")
    if not blocks and view["type"] == "modal":
        problems.add("/view/blocks", "no fewer than 1 items allowed")
    problems.found += validate_blocks(blocks, view["type"], "/view/blocks")
    kinds = [one.get("type") for one in list_of(blocks) if isinstance(one, dict)]
    if view["type"] == "modal" and "input" in kinds and "submit" not in view:
        problems.add("/view/submit", "missing required field: submit (the view has inputs)")
    focused = [one for one in _actionable(blocks) if one.get("focus_on_load")]
    if len(focused) > 1:
        problems.add("/view/blocks", "only one element may have focus_on_load")
    return problems.found


def characters(blocks: Any) -> int:
    """Count the characters over all blocks, as far as Slack says what it counts."""
    if isinstance(blocks, dict):
        return sum(
            len(value) if name == "text" and isinstance(value, str) else characters(value)
            for name, value in blocks.items()
        )
    return sum(characters(one) for one in blocks) if isinstance(blocks, list) else 0


def elements_of(block: Json) -> list[Json]:
    """Return the elements of a block that a person can act upon."""
    inside = [block.get("accessory"), block.get("element")]
    if block.get("type") == "actions":
        inside += list_of(block.get("elements"))
    return [one for one in inside if isinstance(one, dict) and one.get("type") != "image"]


def _actionable(blocks: Any) -> Iterator[Json]:
    for block in list_of(blocks):
        if isinstance(block, dict):
            yield from elements_of(block)


def _unique_ids(problems: Problems, path: str, blocks: list[Json]) -> None:
    seen: set[str] = set()
    for position, block in enumerate(blocks):
        block_id = block.get("block_id")
        if isinstance(block_id, str):
            if block_id in seen:
                problems.add(f"{path}/{position}/block_id", f"duplicate block_id: {block_id}")
            seen.add(block_id)
        actions = [one["action_id"] for one in elements_of(block) if "action_id" in one]
        if len(actions) != len({str(one) for one in actions}):
            problems.add(f"{path}/{position}/elements", "duplicate action_id in a block")
