"""Notices when a process was kept from a processor: of acks that come late then, it is innocent."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from slackbot.local.patience import seconds_run_and_kept_waiting
from tests.faults.history import Interruption

SECONDS = 0.5
"""From one look to the next."""
LEAST = 0.1
"""So many of them a process has to have waited: one that wants little does not get it at once."""


async def feel(note: Callable[[Interruption], None]) -> None:
    """Go on for ever; tell of each time in which this process waited for longer than it ran.

    A bot that blocks its own loop runs meanwhile; of that it is guilty.
    """
    while True:
        at, (ran, waited) = datetime.now(UTC), seconds_run_and_kept_waiting()
        await asyncio.sleep(SECONDS)
        runs, waits = seconds_run_and_kept_waiting()
        if waits - waited > max(runs - ran, LEAST):
            note(Interruption(at=at, until=datetime.now(UTC)))
