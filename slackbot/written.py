"""What people write by hand: names nearly right, and files of any editor."""

import codecs
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path


def nearest(name: str, known: Iterable[str], likeness: float = 0.7) -> str | None:
    """Return the known name that is most like this one, whatever the case."""
    folded = {each.casefold(): each for each in known}
    found = get_close_matches(name.casefold(), folded, n=1, cutoff=likeness)
    return folded[found[0]] if found else None


def encoding_of(file: Path) -> str:
    """Tell it by the mark with which editors on Windows begin a file; without one it is UTF-8."""
    with file.open("rb") as opened:
        is_wide = opened.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return "utf-16" if is_wide else "utf-8-sig"
