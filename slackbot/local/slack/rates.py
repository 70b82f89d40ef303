"""How often a method may be called (https://docs.slack.dev/apis/web-api/rate-limits)."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

POSTING_PER_SECOND = 1.0
POSTING_BURST = 5.0
# Calls a minute of Slack's tiers; a minute's worth may come at once.
TIERS = {1: 1, 2: 20, 3: 50, 4: 100}
# "A small amount of burst behavior is tolerated", also for the rarest calls.
LEAST_BURST = 10.0
POSTING = frozenset({"chat.postMessage"})


@dataclass
class _Bucket:
    level: float
    filled_at: float


@dataclass
class Rates:
    """Token buckets per method, and per channel for posting; in real time, not the workspace's.

    `scale` makes everything that many times faster. `per_minute` overrides a method's tier.
    """

    scale: float = 1.0
    per_minute: dict[str, float] = field(default_factory=dict)
    now: Callable[[], float] = time.monotonic
    _enforced: bool = True
    _buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)

    def enforce(self, on: bool) -> None:
        """Switch the limits on or off, and forget what has been used."""
        self._enforced = on
        self.forget()

    def forget(self) -> None:
        """Forget what has been used."""
        self._buckets.clear()

    def wait(self, method: str, tier: int, channel: str = "") -> int:
        """Take one call; return 0, or the whole seconds after which to try again."""
        if not self._enforced:
            return 0
        per_second, burst = self._limit(method, tier)
        key = (method, channel if method in POSTING else "")
        now = self.now()
        bucket = self._buckets.setdefault(key, _Bucket(burst, now))
        bucket.level = min(burst, bucket.level + (now - bucket.filled_at) * per_second)
        bucket.filled_at = now
        if bucket.level < 1:
            return max(1, math.ceil((1 - bucket.level) / per_second))
        bucket.level -= 1
        return 0

    def _limit(self, method: str, tier: int) -> tuple[float, float]:
        if method in POSTING and method not in self.per_minute:
            return POSTING_PER_SECOND * self.scale, POSTING_BURST * max(1.0, self.scale)
        if method in self.per_minute:
            per_minute = self.per_minute[method] * self.scale
            return per_minute / 60, max(1.0, per_minute)
        per_minute = TIERS[tier] * self.scale
        return per_minute / 60, max(LEAST_BURST, per_minute)
