"""The one message about many requests that were found at once. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from slackbot.blocks.card import SlackMessage
from slackbot.blocks.text import duration, mrkdwn

SUMMARY_EVENT = "ssat_summary"
"""The event type in the metadata of a summary."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """How many requests were found, by how much time is left for each."""

    away: timedelta | None
    """How long nobody looked; ``None`` at the first start."""
    overdue: int
    near: int
    later: int
    near_hours: int
    """How many business hours are near, for the words."""

    @property
    def total(self) -> int:
        """How many requests there are in all."""
        return self.overdue + self.near + self.later


def render_summary(summary: Summary) -> SlackMessage:
    """Draw the summary."""
    sentences = [_opening(summary), _urgent(summary), _later(summary)]
    said = " ".join(sentence for sentence in sentences if sentence)
    return SlackMessage(text=said, blocks=({"type": "section", "text": mrkdwn(said)},))


def _opening(summary: Summary) -> str:
    one = summary.total == 1
    customers = "1 customer" if one else f"{summary.total} customers"
    if summary.away is None:
        verb = "is" if one else "are"
        return f"👋 Here from now on: *{customers} {verb} waiting for a manager's contact.*"
    away = duration(summary.away)
    return f"👋 Back after {away}: *{customers} asked for a manager's contact meanwhile.*"


def _urgent(summary: Summary) -> str:
    if not summary.overdue + summary.near:
        return ""
    near = f"{_are(summary.near)} due within {summary.near_hours} business hours"
    counts = [f"{_are(summary.overdue)} overdue"] if summary.overdue else []
    counts += [near] if summary.near else []
    if summary.overdue + summary.near == 1:
        return f"{counts[0]}: the card is on its way."
    return f"{', '.join(counts)}: their cards are on the way, most urgent first."


def _later(summary: Summary) -> str:
    if not summary.later:
        return ""
    cards = "the card comes" if summary.later == 1 else "their cards come"
    return f"{_are(summary.later)} due later: {cards} in time, and `/ssat` shows all now."


def _are(number: int) -> str:
    return f"{number} is" if number == 1 else f"{number} are"


def summary_metadata(key: str) -> dict[str, Any]:
    """Return what a summary is known by when it must be found again."""
    return {"event_type": SUMMARY_EVENT, "event_payload": {"key": key}}
