"""Workers of which a test wants to know nothing but when they are woken."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator

from slackbot.store.engine.database import LOOKOUT, Database
from slackbot.store.jobs import IssueQueue, PeriodicQueue

SLEEPERS: tuple[str, ...] = (*IssueQueue, *PeriodicQueue, LOOKOUT)
PATIENCE_SECONDS = 10


class Sleepers:
    """A worker of each queue and the lookout, who wait to be woken, and how often each was."""

    def __init__(self, database: Database) -> None:
        self.woken: Counter[str] = Counter()
        self._database, self._changed = database, asyncio.Event()

    @contextlib.asynccontextmanager
    async def asleep(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self._sleep(queue)) for queue in SLEEPERS]
        try:
            await self.now()
            self.woken.clear()  # of what was said before they fell asleep
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _sleep(self, queue: str) -> None:
        while True:
            self._database.wake_ups.start_look(queue)
            await self._database.wake_ups.wait(queue, 3600)
            self.woken[queue] += 1
            self._changed.set()

    async def now(self) -> Counter[str]:
        """Give them a moment in which all wake who were called; who are awake by now, how often."""
        for _ in range(10):
            await asyncio.sleep(0)
        return self.woken

    async def until(self, queue: str, times: int) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while self.woken[queue] < times:
                self._changed.clear()
                await self._changed.wait()
