"""Time limits that are fair on a busy machine: without a processor nobody can be in time.

Linux tells how long a thread was kept waiting; elsewhere all time counts.
"""

import asyncio
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

_SCHEDULER = Path("/proc/self/schedstat")
_SHORTEST = 0.001


def seconds_run_and_kept_waiting() -> tuple[float, float]:
    """Return how long this thread has run, and how long it could have but had no processor."""
    if not _SCHEDULER.exists():
        return 0, 0
    ran, waited, _ = map(int, _SCHEDULER.read_text().split())
    return ran / 1e9, waited / 1e9


def fair_time() -> float:
    """Return seconds that go on as the monotonic clock does, but while this thread has to wait."""
    _, waited = seconds_run_and_kept_waiting()
    return time.monotonic() - waited


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Return what comes of some work.

    Raises:
        TimeoutError: It took longer, of fair time.
    """
    until = fair_time() + seconds
    task = asyncio.create_task(work)
    try:
        while (left := until - fair_time()) > _SHORTEST:
            if (await asyncio.wait({task}, timeout=left))[0]:
                return task.result()
        raise TimeoutError
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
