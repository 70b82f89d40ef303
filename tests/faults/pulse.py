"""Notices when a process got no processor: of acks that come late then, the bot is innocent."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime

from tests.faults.history import Interruption

BEAT, MISSED = 0.1, 0.5
"""Seconds between two looks, and how much later than that one has to be to count."""


async def feel(note: Callable[[Interruption], None]) -> None:
    """Go on for ever; tell of each time in which this process stood still and had nothing to do."""
    while True:
        at, begun, worked = datetime.now(UTC), time.monotonic(), time.process_time()
        await asyncio.sleep(BEAT)
        late = time.monotonic() - begun - BEAT
        # A bot that blocks its own loop works meanwhile; of that it is guilty.
        if late > MISSED and time.process_time() - worked < late / 2:
            note(Interruption(at=at, until=datetime.now(UTC)))
