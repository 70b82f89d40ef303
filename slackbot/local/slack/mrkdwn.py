"""What Slack would turn into a ping or a link in a message."""

import re
from collections.abc import Iterator
from typing import Any

# https://docs.slack.dev/messaging/formatting-message-text#special-mentions
_MARKED_PING = re.compile(r"<(!channel|!here|!everyone|!subteam\^\w+|@[UW]\w+)(?:\|[^>]*)?>")
_LITERAL_PING = re.compile(r"(?<![\w@.])@(here|channel|everyone)\b")
_MARKED_LINK = re.compile(r"<((?:https?://|mailto:)[^|>]+)(?:\|[^>]*)?>")
_BARE_LINK = re.compile(r"(?<![<|\w])https?://[^\s<>|]+")


def pings(content: Any, *, literal: bool = True) -> set[str]:
    """Return what in a text or in blocks would notify people.

    A string is read as the top-level `text` of a message; anything else as blocks, or as a list or
    dict that holds them. A mention comes back as Slack writes it (`<!channel>`, `<@U123>`), a
    literal one as it stands (`@here`). `literal=False` leaves the literal ones of a string out, for
    a message that was posted with `parse=none`.
    """
    found: set[str] = set()
    for text, verbatim in _marked_up(content, verbatim=not literal):
        found.update(f"<{match[1]}>" for match in _MARKED_PING.finditer(text))
        if not verbatim:
            found.update(match[0] for match in _LITERAL_PING.finditer(text))
    return found | set(_rich_text_pings(content))


def links(content: Any) -> set[str]:
    """Return the addresses that Slack would make clickable in running text (not of buttons)."""
    found: set[str] = set()
    for text, verbatim in _marked_up(content, verbatim=False):
        found.update(match[1] for match in _MARKED_LINK.finditer(text))
        if not verbatim:
            found.update(match[0] for match in _BARE_LINK.finditer(text))
    return found | {part["url"] for part in _dicts(content) if part.get("type") == "link"}


def _marked_up(content: Any, *, verbatim: bool) -> Iterator[tuple[str, bool]]:
    """Yield every text that Slack parses as markup, and whether it looks for literals in it."""
    if isinstance(content, str):
        yield content, verbatim
        return
    for part in _dicts(content):
        if part.get("type") in {"mrkdwn", "markdown"} and isinstance(part.get("text"), str):
            # verbatim turns the search for literal names and bare links off, not the <…> marks:
            # https://docs.slack.dev/reference/block-kit/composition-objects/text-object
            yield part["text"], part.get("verbatim") is True


def _rich_text_pings(content: Any) -> Iterator[str]:
    for part in _dicts(content):
        match part:
            case {"type": "broadcast", "range": str(who)}:
                yield f"<!{who}>"
            case {"type": "user", "user_id": str(who)}:
                yield f"<@{who}>"
            case {"type": "usergroup", "usergroup_id": str(who)}:
                yield f"<!subteam^{who}>"


def _dicts(content: Any) -> Iterator[dict[str, Any]]:
    if isinstance(content, dict):
        yield content
        for value in content.values():
            yield from _dicts(value)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _dicts(value)
