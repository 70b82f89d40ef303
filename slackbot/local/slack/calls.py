"""The Web API's methods by name, and how their arguments are read."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from slackbot.local.json_type import Json
from slackbot.local.slack.models import SlackError
from slackbot.local.slack.state import State

T = TypeVar("T")
Call = Callable[[State, Json], Json]
Bearer = Literal["bot", "app", "configuration", "none"]
"""The kind of token that a method takes."""
# Arguments that are JSON inside a form, as slack_sdk sends them with `data=` or `params=`.
_STRUCTURED = {
    "blocks": "invalid_blocks_format",
    "attachments": "invalid_attachments",
    "metadata": "invalid_metadata_format",
    "view": "invalid_arguments",
    "unfurls": "invalid_unfurls_format",
    "files": "invalid_arguments",
}


@dataclass(frozen=True)
class Method:
    """One method: what does it, and what it needs."""

    call: Call
    scope: str | None
    tier: int
    bearer: Bearer


METHODS: dict[str, Method] = {}


def method(
    name: str,
    *,
    scope: str | None = None,
    tier: int = 3,
    bearer: Bearer = "bot",
) -> Callable[[Call], Call]:
    """Register the function as a method of the Web API."""

    def register(call: Call) -> Call:
        METHODS[name] = Method(call, scope, tier, bearer)
        return call

    return register


def structured(args: Json) -> Json:
    """Return the arguments with the JSON in them decoded."""
    decoded = {name: value for name, value in args.items() if value is not None}
    for name, error in _STRUCTURED.items():
        if isinstance(decoded.get(name), str):
            try:
                decoded[name] = json.loads(decoded[name])
            except ValueError:
                raise SlackError(error, f"[ERROR] {name} is not JSON", mistake=True) from None
    return decoded


def needed(args: Json, name: str) -> str:
    """Return an argument that must be there."""
    value = args.get(name)
    if value in (None, ""):
        raise SlackError(
            "invalid_arguments", f"[ERROR] missing required field: {name}", mistake=True
        )
    return str(value)


def flag(args: Json, name: str) -> bool:
    """Return a yes or no, which a form spells `1` or `true`."""
    return args.get(name) in (True, 1, "1", "true", "True")


def number(args: Json, name: str, default: int) -> int:
    """Return a whole number."""
    try:
        return int(args.get(name, default))
    except (TypeError, ValueError):
        raise SlackError(
            "invalid_arguments", f"[ERROR] {name} must be an integer", mistake=True
        ) from None


def page(items: Sequence[T], args: Json, default: int, maximum: int) -> tuple[list[T], str]:
    """Return the page that `cursor` and `limit` ask for, and the next cursor (empty at the end)."""
    limit = number(args, "limit", default) or default
    if not 1 <= limit <= maximum:
        raise SlackError("invalid_limit", mistake=True)
    start = _position(args.get("cursor"))
    end = start + limit
    following = base64.b64encode(f"next:{end}".encode()).decode() if end < len(items) else ""
    return list(items[start:end]), following


def _position(cursor: Any) -> int:
    if not cursor:
        return 0
    try:
        word, _, position = base64.b64decode(str(cursor)).decode().partition(":")
        if word == "next":
            return int(position)
    except ValueError:
        pass
    raise SlackError("invalid_cursor", mistake=True)


def next_cursor(cursor: str) -> Json:
    """Return the end of a paged answer."""
    return {"response_metadata": {"next_cursor": cursor}}
