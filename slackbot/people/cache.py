"""Answers that are believed for a while."""

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

CACHE_SECONDS = 300
"""A manager who leaves may act that much longer."""


class Cache:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: dict[object, tuple[float, object]] = {}

    async def get(self, key: object, ask: Callable[[], Awaitable[T]]) -> T:
        """Keep an answer, but no failure."""
        kept = self._kept.get(key)
        if kept and kept[0] > time.monotonic():
            return kept[1]  # type: ignore[return-value]  # one type for each kind of key
        answer = await ask()
        now = time.monotonic()
        # It is about people: forget what is no longer believed.
        self._kept = {each: kept for each, kept in self._kept.items() if kept[0] > now}
        self._kept[key] = (now + self._seconds, answer)
        return answer

    def forget(self, key: object) -> None:
        self._kept.pop(key, None)
