"""Which of Slack's interactions have had their effect: each has one."""

from datetime import datetime

from slackbot.store import decisions, facts
from slackbot.store.engine.database import Transaction

_PREFIX = "slack:"
"""Webhooks are in the same table."""


async def is_known(tx: Transaction, interaction: str) -> bool:
    if await decisions.load_by_interaction(tx, interaction):
        return True
    return await facts.was_seen(tx, _name(interaction))


async def note(tx: Transaction, interaction: str, now: datetime) -> bool:
    """For one that leads to no decision. Return whether it is new."""
    return bool(await facts.remember_deliveries(tx, [_name(interaction)], now))


def _name(interaction: str) -> str:
    return f"{_PREFIX}{interaction}"[:255]


async def last_hook(tx: Transaction) -> datetime | None:
    """Return when GitLab's latest webhook came; deliveries of two days are known."""
    return await facts.last_delivery(tx, but_not=_PREFIX)
