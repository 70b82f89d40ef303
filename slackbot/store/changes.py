"""What a change of the record sets going: every place where people see it follows."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from slackbot.rules.request import IssueKey
from slackbot.store import cards, jobs
from slackbot.store.database import Transaction
from slackbot.store.jobs import EVERY_ISSUE, Lane
from slackbot.worker import Bells

HOME_PATIENCE = timedelta(seconds=3)
"""So long changes are gathered before the App Homes that are open are published again."""


async def announce(
    tx: Transaction,
    key: IssueKey,
    now: datetime,
    *,
    urgent: bool = False,
    rank: datetime | None = None,
) -> None:
    """Ask for everything that shows a request to be brought up to date, with the change itself.

    Args:
        tx: The transaction that changes the record.
        key: The issue that has changed.
        now: The current moment, UTC.
        urgent: Whether a person waits to see it.
        rank: The order among those that wait: the earlier goes first.
    """
    await announce_all(tx, {key: rank}, now, urgent=urgent)


async def announce_all(
    tx: Transaction,
    ranks: Mapping[IssueKey, datetime | None],
    now: datetime,
    *,
    urgent: bool = False,
) -> None:
    """Announce several requests, each with its rank.

    Rows are written in one order everywhere, cards before errands, so that no two transactions
    wait for each other: a click must not fail for what is done beside it.
    """
    for key in sorted(ranks):
        await cards.make_stale(tx, key)
    for key in sorted(ranks):
        await jobs.ask(tx, Lane.SHOW, [key], now, urgent=urgent, rank=ranks[key])
    await jobs.ask(tx, Lane.REMIND, ranks, now)
    await announce_queue(tx, now)


async def announce_queue(tx: Transaction, now: datetime) -> None:
    """Ask for the App Homes that are open to follow a change of what the queue shows."""
    await jobs.ask(tx, Lane.HOME, [EVERY_ISSUE], now + HOME_PATIENCE)


def ring(bells: Bells) -> None:
    """Wake the lanes that ``announce`` has asked, after the commit."""
    bells.ring(Lane.SHOW, Lane.REMIND, Lane.HOME)
