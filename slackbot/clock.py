"""The time, as the composition root hands it out: rules never look at a clock themselves."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""Returns the current moment, aware, in UTC."""


def system_clock() -> datetime:
    """Return the current moment of this machine, UTC."""
    return datetime.now(UTC)


SMALLEST_JUMP = timedelta(seconds=5)
"""A clock that is kept in step by small corrections does not jump."""


class Jumps:
    """Compares a clock with one that nobody can set.

    Args:
        monotonic: Measures time, in seconds.
    """

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._started_at = self._measure()

    def look(self) -> timedelta:
        """Return how far the clock has jumped since the last look; negative if it was set back."""
        before, self._started_at = self._started_at, self._measure()
        jump = self._started_at - before
        return jump if abs(jump) >= SMALLEST_JUMP else timedelta(0)

    def _measure(self) -> datetime:
        """Return when the other clock was zero, by this one: a moment that stays the same."""
        return self._clock() - timedelta(seconds=self._monotonic())
