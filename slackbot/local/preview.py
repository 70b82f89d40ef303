"""Any Block Kit JSON, as `ssat-bot local --blocks FILE` shows it: with what Slack would refuse."""

import json
from pathlib import Path
from typing import Any

from slackbot.local.markdown import rendered, sources
from slackbot.local.slack.block_kit import validate_blocks, validate_view

Json = dict[str, Any]
SURFACES = {"modal", "home"}


class Preview:
    """A file: a list of blocks, a message with ``blocks``, or a view. It is read at each look."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Json:
        """Return what is in the file, and what is wrong with it."""
        shown: Json = {"name": self.path.name, "surface": "message", "blocks": [], "view": None}
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
        except OSError as error:
            return shown | {"problems": [f"{self.path}: {error.strerror}"]}
        except ValueError as error:
            return shown | {"problems": [f"{self.path} is not JSON: {error}"]}
        return shown | _judged(content)


def _judged(content: Any) -> Json:
    if isinstance(content, list):
        content = {"blocks": content}
    if not isinstance(content, dict):
        return {"problems": ["This is neither a list of blocks nor an object with blocks."]}
    if content.get("type") in SURFACES:
        problems, surface = validate_view(content), content["type"]
        view = content
    else:
        if "blocks" not in content:
            return {"problems": ['There is no "blocks" in it.']}
        problems, surface = validate_blocks(content["blocks"], "message"), "message"
        view = None
    blocks = content.get("blocks")
    drawable = [one for one in blocks if isinstance(one, dict)] if isinstance(blocks, list) else []
    return {
        "surface": surface,
        "view": view,
        "blocks": drawable,
        "markdown": {source: rendered(source) for source in sources(drawable)},
        "problems": problems,
    }
