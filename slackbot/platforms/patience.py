"""What to do when a platform does not answer: wait as long as it wants, or try the others."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import structlog

from slackbot.platforms.errors import PlatformError, Throttled

T = TypeVar("T")
log = structlog.get_logger()


async def patiently(attempt: Callable[[], Awaitable[T]]) -> T:
    """For commands: retry while a platform only asks for patience."""
    while True:
        try:
            return await attempt()
        except Throttled as error:
            log.info("waiting", problem=str(error), seconds=round(error.retry_after))
            await asyncio.sleep(error.retry_after)


async def all_tried(attempts: Iterable[Awaitable[T]]) -> list[T]:
    """Try the others, too, when one fails.

    Raises:
        PlatformError: One after which nobody may go on at once, if there is any.
    """
    results: list[T] = []
    errors: list[PlatformError] = []
    for attempt in attempts:
        try:
            results.append(await attempt)
        except PlatformError as error:
            errors.append(error)
    if errors:
        raise max(errors, key=lambda error: error.is_unsettled)
    return results
