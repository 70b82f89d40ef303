"""Slack's ids; their first letter says of what."""

import re

USERS, GROUPS, CHANNELS = "UW", "S", "CG"

_MENTION = re.compile(r"<(?:[#@]|!subteam\^)([A-Z0-9]+)(?:\|[^>]*)?>")


def read_id(text: str, letters: str) -> str | None:
    """Return the id that ``text`` is, mentions, or has as a part of a link."""
    mention = _MENTION.fullmatch(text)
    parts = [mention[1]] if mention else re.split("[/?#]", text)
    return next((each for each in parts if is_id(each, letters)), None)


def is_group(whom: str) -> bool:
    """Tell a user group's id from a person's."""
    return whom.startswith(GROUPS)


def is_id(text: str, letters: str) -> bool:
    return re.fullmatch(f"[{letters}][A-Z0-9]+", text) is not None
