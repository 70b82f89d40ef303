"""Answers that are believed for a while."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

CACHE_SECONDS = 300
"""A manager who leaves may act that much longer."""


class Cache:
    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: dict[object, tuple[float, object]] = {}
        self._forgotten: Counter[object] = Counter()

    async def get(self, key: object, ask: Callable[[], Awaitable[T]]) -> T:
        """Keep an answer, but no failure. What was to be forgotten meanwhile is asked again."""
        kept = self._kept.get(key)
        if kept and kept[0] > time.monotonic():
            return kept[1]  # type: ignore[return-value]  # one type for each kind of key
        while True:
            forgotten = self._forgotten[key]
            answer = await ask()
            if forgotten == self._forgotten[key]:
                break
        now = time.monotonic()
        # It is about people: forget what is no longer believed.
        self._kept = {each: kept for each, kept in self._kept.items() if kept[0] > now}
        self._kept[key] = (now + self._seconds, answer)
        return answer

    def forget(self, key: object) -> None:
        self._kept.pop(key, None)
        self._forgotten[key] += 1
