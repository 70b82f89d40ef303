"""The short messages in a card's thread: one for each step. Pure."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from slackbot.blocks.card import SlackMessage
from slackbot.blocks.text import mrkdwn
from slackbot.blocks.words import step_words
from slackbot.rules.decision import Step

STEP_EVENT = "ssat_step"
"""The event type in the metadata of a thread message."""


def render_step(step: Step, zone: ZoneInfo) -> SlackMessage:
    """Draw a step."""
    said = step_words(step, zone)
    return SlackMessage(text=said, blocks=({"type": "section", "text": mrkdwn(said)},))


def step_metadata(message: UUID) -> dict[str, Any]:
    """Return what a thread message is known by when it must be found again."""
    return {"event_type": STEP_EVENT, "event_payload": {"key": str(message)}}
