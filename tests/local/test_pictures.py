"""Each picture that is shown can be taken anew, and each that is taken is shown."""

import re
from pathlib import Path

from tests.local.pictures import DOCS, PICTURES

SHOWN = re.compile(r"!\[[^\]]+\]\((?:docs/)?([a-z-]+)\.png\)")


def test_make_screenshots_takes_what_the_docs_show_and_nothing_else() -> None:
    pages: list[Path] = [DOCS.parent / "README.md", *DOCS.glob("*.md")]
    shown = {name for page in pages for name in SHOWN.findall(page.read_text(encoding="utf-8"))}
    assert {name for names in PICTURES.values() for name in names} == shown
    assert {path.stem for path in DOCS.glob("*.png")} == shown
