"""Text for Slack: escaping, times in the reader's zone, shortening. Pure.

https://docs.slack.dev/messaging/formatting-message-text
"""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

ELLIPSIS = "…"
SOMEONE = "someone"
"""Stands for a person of whom no name is known."""

_REFERENCE = re.compile(r"<(?:@|!subteam\^)[A-Z0-9]+>")
_SPACE = re.compile(r"\s+")
_LAST_WORD = re.compile(r"\S+\Z")
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b\u202a-\u202e\u2066-\u2069]")


def escape(text: str) -> str:
    """Escape the three characters that Slack gives a meaning to."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def name(text: str, limit: int = 80) -> str:
    """Make a name, or another line that a person wrote, inert in mrkdwn; escaped."""
    flat = inert(text)
    room = limit
    while len(escaped := escape(shorten(flat, room))) > limit:  # Slack counts what is sent
        room -= 1
    return escaped or SOMEONE


def inert(text: str) -> str:
    """Put a text on one line in which nothing pings or formats; not escaped yet."""
    flat = one_line(text)
    for mark, look_alike in (("@", "\uff20"), ("*", "\u2217"), ("`", "\u02cb"), ("~", "\u223c")):
        flat = flat.replace(mark, look_alike)
    return flat


def one_line(text: str) -> str:
    """Put a text on one line, without characters that cannot be seen or turn others around."""
    return " ".join(_INVISIBLE.sub("", _SPACE.sub(" ", text)).split())


def shorten(text: str, limit: int) -> str:
    """Cut text to ``limit`` characters, on a word boundary where there is one."""
    if len(text) <= limit:
        return text
    cut = text[: limit - len(ELLIPSIS)]
    at_word = cut if text[len(cut)].isspace() else _LAST_WORD.sub("", cut)
    # A word longer than half of the room is cut rather than dropped.
    kept = at_word if len(at_word) > limit // 2 else cut
    return kept.rstrip(" \n,;:.-") + ELLIPSIS


def first_lines(text: str, lines: int, limit: int) -> str:
    """Keep the first lines of a text, at most ``limit`` characters."""
    kept = [line for each in text.splitlines() if (line := one_line(each))]
    shown = "\n".join(kept[:lines])
    if len(kept) > lines:
        shown += " " + ELLIPSIS
    return shorten(shown, limit)


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Show a moment in the reader's own zone, by weekday and date: never as "yesterday".

    The fallback is in the team's zone, which it names.
    """
    return f"<!date^{int(at.timestamp())}^{{date_long}}, {{time}}|{plain_moment(at, zone)}>"


def plain_moment(at: datetime, zone: ZoneInfo) -> str:
    """Show a moment in the team's zone, where Slack cannot translate it."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M} {local.tzname() or zone.key}"


def count(number: int, one: str, many: str | None = None) -> str:
    """Count things, as in "1 hour" and "2 hours"."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def duration(length: timedelta) -> str:
    """Say a length of time: in minutes, in hours, from two days on in days."""
    minutes = max(int(length.total_seconds() // 60), 1)
    if minutes < 60:
        return count(minutes, "minute")
    if minutes < 48 * 60:
        return count(minutes // 60, "hour")
    days, hours = divmod(minutes // 60, 24)
    return " and ".join([count(days, "day"), *([count(hours, "hour")] if hours else [])])


def without_markup(text: str) -> str:
    """Turn our own mrkdwn into plain words, for where Slack reads no markup."""
    text = _REFERENCE.sub("a manager", text)
    for mark in "*`":
        text = text.replace(mark, "")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
