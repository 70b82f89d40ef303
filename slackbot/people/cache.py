"""Answers that are believed for a while."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

CACHE_SECONDS = 300
"""How long an answer of a platform is believed: a manager who leaves may act that much longer."""


class Cache:
    """Keeps answers about people for a while, in real time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: dict[object, tuple[float, object]] = {}

    async def get(self, key: object, ask: Callable[[], Awaitable[T]]) -> T:
        """Return the kept answer, or ask and keep the answer; a failure is not kept."""
        kept = self._kept.get(key)
        if kept and kept[0] > time.monotonic():
            return kept[1]  # type: ignore[return-value]  # one type for each kind of key
        answer = await ask()
        now = time.monotonic()
        # It is about people, so what is no longer believed is forgotten, too.
        self._kept = {each: kept for each, kept in self._kept.items() if kept[0] > now}
        self._kept[key] = (now + self._seconds, answer)
        return answer

    def forget(self, key: object) -> None:
        """Ask again next time, because the answer has just changed."""
        self._kept.pop(key, None)
