"""Text for Slack: https://docs.slack.dev/messaging/formatting-message-text. Pure."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from slackbot.rules.reading.characters import is_visible

ELLIPSIS = "…"
SOMEONE = "someone"
"""A person without a known name."""

_REFERENCE = re.compile(r"<(?:@|!subteam\^)[A-Z0-9]+>")
_SPACE = re.compile(r"\s+")
_LAST_WORD = re.compile(r"\S+\Z")
_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u200b\u202a-\u202e\u2066-\u2069]")


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def name(text: str, limit: int = 80) -> str:
    """Make a person's line inert in mrkdwn; escaped."""
    flat = inert(text)
    room = limit
    while len(escaped := escape(shorten(flat, room))) > limit:  # Slack counts what is sent
        room -= 1
    return escaped if is_visible(flat) else SOMEONE


def inert(text: str) -> str:
    """Make one line in which nothing pings or formats; not escaped yet."""
    flat = one_line(text)
    for mark, look_alike in (("@", "\uff20"), ("*", "\u2217"), ("`", "\u02cb"), ("~", "\u223c")):
        flat = flat.replace(mark, look_alike)
    return flat


def one_line(text: str) -> str:
    """Drop characters that nobody sees or that turn others around."""
    return " ".join(_INVISIBLE.sub("", _SPACE.sub(" ", text)).split())


def shorten(text: str, limit: int) -> str:
    """Cut on a word boundary where there is one."""
    if len(text) <= limit:
        return text
    cut = text[: limit - len(ELLIPSIS)]
    at_word = cut if text[len(cut)].isspace() else _LAST_WORD.sub("", cut)
    # Cut a word longer than half of the room, rather than drop it.
    kept = at_word if len(at_word) > limit // 2 else cut
    return kept.rstrip(" \n,;:.-") + ELLIPSIS


def first_lines(text: str, lines: int, limit: int) -> str:
    """``limit`` is in characters."""
    kept = [line for each in text.splitlines() if (line := one_line(each))]
    shown = "\n".join(kept[:lines])
    if len(kept) > lines:
        shown += " " + ELLIPSIS
    return shorten(shown, limit)


def moment(at: datetime, zone: ZoneInfo) -> str:
    """Show weekday and date in the reader's zone, never "yesterday".

    The fallback names the team's zone.
    """
    return f"<!date^{int(at.timestamp())}^{{date_long}}, {{time}}|{plain_moment(at, zone)}>"


def short_moment(at: datetime, zone: ZoneInfo) -> str:
    """Leave room on a phone: Slack says "tomorrow" where that is so as it is read."""
    return f"<!date^{int(at.timestamp())}^{{date_short_pretty}}, {{time}}|{plain_moment(at, zone)}>"


def plain_moment(at: datetime, zone: ZoneInfo) -> str:
    """Use the team's zone, where Slack cannot translate."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M} {local.tzname() or zone.key}"


def without_scope(label: str) -> str:
    """For places where all labels are of the same scope."""
    return label.rpartition("::")[2] or label


def count(number: int, one: str, many: str | None = None) -> str:
    """Say "1 hour" or "2 hours"."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def capitalized(text: str) -> str:
    """Leave the rest of it as it is."""
    return text[:1].upper() + text[1:]


def ordinal(number: int) -> str:
    """Say "1st", "2nd", "11th"."""
    is_teen = number % 100 in (11, 12, 13)
    ending = "th" if is_teen else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def duration(length: timedelta) -> str:
    """Count in minutes, in hours, from two days on in days."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 60:
        return count(minutes, "minute")
    if minutes < 48 * 60:
        return count(minutes // 60, "hour")
    days, hours = divmod(minutes // 60, 24)
    return " and ".join([count(days, "day"), *([count(hours, "hour")] if hours else [])])


def without_markup(text: str) -> str:
    """For our own mrkdwn, where Slack reads none."""
    text = _REFERENCE.sub("a manager", text)
    for mark in "*`":
        text = text.replace(mark, "")
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
