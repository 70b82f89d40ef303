"""A message as plain data."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class SlackMessage:
    """``text`` shows in notifications."""

    text: str
    blocks: tuple[dict[str, Any], ...]
