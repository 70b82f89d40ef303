"""The time, as the composition root hands it out: rules never look at a clock themselves."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the current moment, aware, in UTC."""


def system_clock() -> datetime:
    """Return the current moment of this machine, UTC."""
    return datetime.now(UTC)
