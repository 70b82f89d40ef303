"""Any Block Kit JSON, as `ssat-bot local --blocks FILE` shows it: with what Slack would refuse."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slackbot.local.json_type import Json
from slackbot.local.markdown import rendered, sources
from slackbot.local.slack.block_kit import (
    MAX_BLOCKS,
    MAX_CHARACTERS,
    characters,
    validate_blocks,
    validate_view,
)

SURFACES = ("modal", "home")
DEEPEST = 100
"""How deep JSON may be nested: no block comes near, and Python can't write what is much deeper."""
MOST_BLOCKS = max(MAX_BLOCKS.values())
MOST_PROBLEMS = 100
"""How many problems are listed: a browser has to draw each of them."""


class Preview:
    """A file: a list of blocks, a message with ``blocks``, or a view. It is read at each look."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Json:
        """Return what is in the file, and what is wrong with it; nothing in it raises an error."""
        shown: Json = {"name": self.path.name, "surface": "message", "blocks": [], "view": None}
        try:
            content = _loaded(self.path.read_text(encoding="utf-8"))
        except OSError as error:
            return shown | {"problems": [f"{self.path}: {error.strerror}"]}
        except ValueError as error:
            return shown | {"problems": [f"{self.path} is not JSON: {error}"]}
        return shown | _judged(content)


def _loaded(text: str) -> Any:
    """Return JSON that every reader takes; Python's own takes more.

    Raises:
        ValueError: It isn't JSON, or holds what can't be sent to a browser.
    """
    too_deep = f"it is nested more than {DEEPEST} levels deep"
    try:
        content = json.loads(text)
    except RecursionError:
        raise ValueError(too_deep) from None
    if _is_deeper(content, DEEPEST):
        raise ValueError(too_deep)
    # NaN, Infinity and halves of a character.
    json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    return content


def _is_deeper(content: Any, levels: int) -> bool:
    """Return whether lists and objects lie in each other more than so many levels deep."""
    level = [content]
    for _ in range(levels + 1):
        level = [one for each in level for one in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _judged(content: Any) -> Json:
    if isinstance(content, list):
        content = {"blocks": content}
    if not isinstance(content, dict):
        return {"problems": ["This is neither a list of blocks nor an object with blocks."]}
    blocks = content.get("blocks")
    if content.get("type") in SURFACES:
        problems, surface, view = validate_view(content), content["type"], content
    elif "blocks" not in content:
        return {"problems": ['There is no "blocks" in it.']}
    else:
        problems, surface, view = validate_blocks(blocks, "message"), "message", None
        if characters(blocks) > MAX_CHARACTERS:
            problems.append("[ERROR] too many characters [json-pointer:/blocks]")
    drawable = [one for one in blocks if isinstance(one, dict)] if isinstance(blocks, list) else []
    drawable = drawable[:MOST_BLOCKS]
    if (more := len(problems) - MOST_PROBLEMS) > 0:
        problems = [*problems[:MOST_PROBLEMS], f"… and {more} more"]
    return {
        "surface": surface,
        "view": view,
        "blocks": drawable,
        "markdown": {source: rendered(source) for source in sources(drawable)},
        "problems": problems,
    }
