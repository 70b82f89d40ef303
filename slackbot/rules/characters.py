"""Characters that cannot be kept, and those that nobody sees. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from typing import Any

_UNKEPT = re.compile("[\x00\ud800-\udfff]")
"""Half a character is no UTF-8, and PostgreSQL keeps no NUL."""

_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
"""Letters and symbols without a shape, such as Hangul fillers."""
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs"})
"""Controls, spaces, and what no font has."""


def whole(sent: Any) -> Any:
    """Drop from JSON what no database and no platform takes.

    JSON may have half a character, of a text cut in the middle of an emoji.
    """
    match sent:
        case str():
            return _UNKEPT.sub("", sent)
        case dict():
            return {whole(name): whole(each) for name, each in sent.items()}
        case list():
            return [whole(each) for each in sent]
        case _:
            return sent


def is_visible(text: str) -> bool:
    """Return whether a reader sees anything; marks alone have nothing to stand on."""
    return any(
        each not in _BLANK
        and (kind := unicodedata.category(each)) not in _UNSEEN
        and not kind.startswith("M")
        for each in text
    )


def first_visible(texts: Iterable[str | None], otherwise: str) -> str:
    return next((text for text in texts if text and is_visible(text)), otherwise)
