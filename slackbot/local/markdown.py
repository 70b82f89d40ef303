"""Markdown as GitLab and Slack's ``markdown`` block have it, parsed for the page.

The page gets a tree and no HTML: it draws what is named here, and makes text of everything else.
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, TypeAlias

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

Drawn: TypeAlias = str | tuple[str, str | None, tuple["Drawn", ...]]
"""Words, or a tag with an address (of a link only) and what stands in it."""

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)  # hidden on GitLab's own page, too
_WORDS = frozenset({"text", "code_inline", "code_block", "fence"})
_IN_PLACE = frozenset({"root", "inline"})
_TAGS = {"code_block": "pre", "fence": "pre", "heading": "h3"}  # no level of the page is skipped
_REMEMBERED = 2000


@lru_cache(maxsize=_REMEMBERED)
def rendered(source: str) -> tuple[Drawn, ...]:
    """Return what Markdown looks like; HTML in it is shown as typed."""
    return tuple(_drawn(SyntaxTreeNode(_PARSER.parse(_COMMENT.sub("", source)))))


def _drawn(node: SyntaxTreeNode) -> list[Drawn]:
    inside = [each for child in node.children for each in _drawn(child)]
    if node.type == "softbreak":
        return ["\n"]
    if node.type == "image":  # of another host: the page loads none
        return [("a", str(node.attrs["src"]), (node.content or "picture",))]
    if node.type in _WORDS:
        inside = [node.content] if node.content else []
    if node.type == "text" or node.type in _IN_PLACE or node.hidden:
        return inside
    address = str(node.attrs["href"]) if node.type == "link" else None
    return [(_TAGS.get(node.type, node.tag), address, tuple(inside))]


def sources(blocks: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the Markdown among Slack's blocks."""
    for block in blocks:
        if block.get("type") == "markdown" and isinstance(block.get("text"), str):
            yield block["text"]
