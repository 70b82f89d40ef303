"""A form of its own module: opened for an offer, and submitted."""

from typing import Any, Protocol

from slackbot.blocks.elements import Block
from slackbot.handlers.incoming import Body, Interaction

Answer = dict[str, Any]
"""What Slack does with the modal."""

ALL_CLOSED: Answer = {"response_action": "clear"}
"""Also what lies below: the list of offers, or a draft."""


class Dialog(Protocol):
    async def form(self, click: Interaction) -> Block: ...

    async def submit(self, form: Interaction, view: Body) -> Answer | None:
        """Return ``None`` where it is enough to say that it is saved."""
        ...
