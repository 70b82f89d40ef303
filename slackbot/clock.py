"""The time, from the composition root: rules never look at a clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]
"""The current moment, aware, UTC."""


def system_clock() -> datetime:
    return datetime.now(UTC)


SMALLEST_JUMP = timedelta(seconds=5)
"""Small corrections are no jumps."""


class Jumps:
    """Compares a clock with a monotonic one, in seconds, which nobody can set."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._started_at = self._measure()

    def look(self) -> timedelta:
        """Return the jump since the last look; negative if set back."""
        before, self._started_at = self._started_at, self._measure()
        jump = self._started_at - before
        return jump if abs(jump) >= SMALLEST_JUMP else timedelta(0)

    def _measure(self) -> datetime:
        """Return when the monotonic clock was zero: constant until a jump."""
        return self._clock() - timedelta(seconds=self._monotonic())
