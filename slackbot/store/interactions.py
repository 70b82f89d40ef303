"""Which of Slack's interactions have had their effect: each has one, whoever gets it."""

from datetime import datetime

from slackbot.store import decisions, facts
from slackbot.store.database import Transaction


async def is_known(tx: Transaction, interaction: str) -> bool:
    """Return whether an interaction is on record already, as a decision or by ``note``."""
    if await decisions.load_by_interaction(tx, interaction):
        return True
    return await facts.was_seen(tx, _name(interaction))


async def note(tx: Transaction, interaction: str, now: datetime) -> bool:
    """Put an interaction on record that leads to no decision; return whether it is new."""
    return bool(await facts.remember_deliveries(tx, [_name(interaction)], now))


def _name(interaction: str) -> str:
    """Name it among the deliveries, apart from GitLab's."""
    return f"slack:{interaction}"[:255]
