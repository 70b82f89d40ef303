"""Characters that cannot be kept, and those that nobody sees. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

_UNKEPT = re.compile("[\x00\ud800-\udfff]")
"""Half a character is no UTF-8, and PostgreSQL keeps no NUL."""

BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
"""Letters and symbols without a shape, such as Hangul fillers."""
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
"""Controls, spaces, and what no font has."""
JOINERS = "\u200c\u200d"
"""They make one emoji of several, and are part of words in some scripts."""
_WITHOUT_SHAPE = re.compile(
    # Controls, and halves of characters.
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
    # What Unicode says to ignore, but for joiners and for variants of signs.
    "\u00ad\u034f\u061c\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff]"
)
_JOINS_NOTHING = re.compile(rf"(?<!\S)[{JOINERS}]+|[{JOINERS}](?!\S)")
_BLANKS = re.compile(f"[{''.join(BLANK)}]")


def whole(sent: Any) -> Any:
    """Drop from JSON what no database and no platform takes.

    JSON may have half a character, of a text cut in the middle of an emoji.
    """
    match sent:
        case str():
            return whole_text(sent)
        case dict():
            return {whole(name): whole(each) for name, each in sent.items()}
        case list():
            return [whole(each) for each in sent]
        case _:
            return sent


def whole_text(text: str) -> str:
    return _UNKEPT.sub("", text)


def without_invisible(text: str) -> str:
    """Drop what has neither shape nor width, and make spaces of blanks."""
    shaped = _WITHOUT_SHAPE.sub("", text)
    return shaped if shaped.isascii() else _JOINS_NOTHING.sub("", _BLANKS.sub(" ", shaped))


def is_visible(text: str) -> bool:
    """Return whether a reader sees anything; marks alone have nothing to stand on."""
    return any(
        each not in BLANK
        and (kind := unicodedata.category(each)) not in _UNSEEN
        and not kind.startswith("M")
        for each in text
    )


def first_visible(texts: Iterable[str | None], otherwise: str) -> str:
    return next((text for text in texts if text and is_visible(text)), otherwise)
