"""Turns: calls go out no faster than a platform allows, a short burst excepted.

https://docs.slack.dev/apis/web-api/rate-limits, https://docs.gitlab.com/security/rate_limits/.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Protocol

PATIENCE_SECONDS = 10.0
"""How long a call waits for its turn, as a rule, before it lets other work go first."""


LONGEST_HOLD_SECONDS = 3600.0
"""For no longer is anything held back that a platform has asked to wait with; it may ask again."""


@dataclass(eq=False)
class TooBusy(Exception):
    """The next turn is so far away that other work should not wait for it."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How many calls a second, and how many at once after a rest."""

    per_second: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds between two calls that follow each other for long."""
        return 1 / self.per_second

    def wait(self, taken_until: float, now: float) -> float:
        """Return the seconds until the next turn.

        Args:
            taken_until: The moment at which all turns taken so far will have been paid for.
            now: The current moment, in seconds on the same scale.
        """
        paid = max(taken_until, now) + self.interval
        return max(0.0, paid - self.burst * self.interval - now)

    def take(self, taken_until: float, now: float) -> float:
        """Return the new ``taken_until`` after one more turn."""
        return max(taken_until, now) + self.interval

    def held(self, taken_until: float, now: float, seconds: float) -> float:
        """Return the new ``taken_until`` if nothing may go out for some seconds."""
        held = min(seconds, LONGEST_HOLD_SECONDS)
        return max(taken_until, now + held + (self.burst - 1) * self.interval)

    def believed(self, taken_until: float, now: float) -> float:
        """Return ``taken_until``, or ``now`` where it is so far off that a clock was wrong."""
        farthest = now + LONGEST_HOLD_SECONDS + self.burst * self.interval
        return taken_until if taken_until <= farthest else now


Allowances = Mapping[str, Allowance]


def faster(allowances: Allowances, times: float) -> Allowances:
    """Return allowances of so many times the calls."""
    return {
        name: Allowance(per_second=each.per_second * times, burst=ceil(each.burst * times))
        for name, each in allowances.items()
    }


class Pace(Protocol):
    """Hands out turns for one kind of call."""

    async def turn(self, patience: float = PATIENCE_SECONDS) -> float:
        """Take the next turn, in order of arrival; return the seconds until it comes.

        Args:
            patience: How many seconds it may be away.

        Raises:
            TooBusy: It is too far away; it was not taken.
        """

    async def hold(self, seconds: float) -> None:
        """Let nothing through for some seconds from now, as the platform asks."""


class OwnPace:
    """The turns of one process, in real time."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._taken_until = time.monotonic()

    async def turn(self, patience: float = PATIENCE_SECONDS) -> float:
        """Take the next turn; see ``Pace``."""
        now = time.monotonic()
        seconds = self._allowance.wait(self._taken_until, now)
        if seconds > patience:
            raise TooBusy(seconds)
        self._taken_until = self._allowance.take(self._taken_until, now)
        return seconds

    async def hold(self, seconds: float) -> None:
        """Let nothing through for a while; see ``Pace``."""
        self._taken_until = self._allowance.held(self._taken_until, time.monotonic(), seconds)


class Paces:
    """The turns for every kind of call to one platform; a kind without an allowance needs none."""

    def __init__(self, allowances: Allowances) -> None:
        self._allowances = allowances
        self._paces: Mapping[str, Pace] = {
            name: OwnPace(allowance) for name, allowance in allowances.items()
        }

    def share(self, shared: Callable[[str, Allowance], Pace]) -> None:
        """Take turns with others from now on; ``shared`` makes what hands them out by name."""
        self._paces = {name: shared(name, each) for name, each in self._allowances.items()}

    async def wait(self, name: str, patience: float = PATIENCE_SECONDS) -> None:
        """Wait for the next turn for a kind of call, in order of arrival.

        Args:
            name: The kind of call.
            patience: How many seconds away its turn may be.

        Raises:
            TooBusy: It is too far away; it was not taken.
        """
        if pace := self._paces.get(name):
            await asyncio.sleep(await pace.turn(patience))

    async def hold(self, name: str, seconds: float) -> None:
        """Let no call of a kind through for some seconds, as the platform asks."""
        if pace := self._paces.get(name):
            await pace.hold(seconds)
