"""For commands: wait as long as a platform wants."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from slackbot.platforms.errors import Throttled

T = TypeVar("T")
log = structlog.get_logger()


async def patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """Retry while a platform only asks for patience."""
    while True:
        try:
            return await attempt()
        except Throttled as error:
            log.info("waiting", problem=str(error), seconds=round(error.retry_after))
            await asyncio.sleep(error.retry_after)
