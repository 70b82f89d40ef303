"""A modal that is opened for an offer, and submitted."""

from typing import Any, Protocol

from slackbot.handlers.answers import Reply
from slackbot.handlers.incoming import Body, Interaction

Answer = dict[str, Any]
"""What Slack does with the modal."""

CLOSED: Answer = {}
ALL_CLOSED: Answer = {"response_action": "clear"}
"""Also what lies below: the list of offers, or a draft."""


class Dialog(Protocol):
    async def open(self, reply: Reply, click: Interaction) -> None: ...

    async def submit(self, form: Interaction, view: Body) -> Answer: ...
