"""A message as Slack takes it: plain data, which the blocks make and the clients send."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class SlackMessage:
    """A message: blocks, and the text that notifications show instead."""

    text: str
    blocks: tuple[dict[str, Any], ...]
