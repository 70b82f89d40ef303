"""What can go wrong with a platform, by what the caller can do about it."""

from datetime import datetime, timedelta
from enum import StrEnum

PLATFORM_TIMEOUT = timedelta(seconds=60)
"""After this long a platform has done what the bot asked, or never will: its own limit."""


def lands_by(begun_at: datetime | None, now: datetime) -> datetime | None:
    """Return when a call without an answer has had its effect, if it ever has.

    Args:
        begun_at: When the call began; ``None`` where there was none.
        now: The current moment. A call that begins much later was noted while the clock was wrong.
    """
    if begun_at is None:
        return None
    moment = begun_at + PLATFORM_TIMEOUT
    return moment if moment <= now + 2 * PLATFORM_TIMEOUT else now


class Platform(StrEnum):
    """The platforms between which the bot stands; the values name them in ``/readyz``."""

    SLACK = "slack"
    GITLAB = "gitlab"


NAMES = {Platform.SLACK: "Slack", Platform.GITLAB: "GitLab"}


class PlatformError(Exception):
    """A platform did not do what the bot asked; the message says why, for log and card.

    ``after`` is how long to wait before the next try; without it, the back-off decides.
    """

    after: timedelta | None = None
    is_unsettled = False
    """Whether the platform may still be at it: no process may go on with the same thing yet."""
    needs_administrator = False

    def __init__(self, platform: Platform, problem: str) -> None:
        super().__init__(problem)
        self.platform = platform


class Unreachable(PlatformError):
    """No answer, or one that leaves open whether the platform has acted; it may work later.

    ``status`` is the HTTP status of the answer, if there was one.
    """

    def __init__(self, platform: Platform, problem: str, status: int | None = None) -> None:
        super().__init__(platform, problem)
        self.status = status


class Unsettled(Unreachable):
    """No answer to a change in time: the platform may still be at it."""

    after = PLATFORM_TIMEOUT
    is_unsettled = True


class Throttled(PlatformError):
    """The platform has not acted, and asks for patience: HTTP 429 with ``Retry-After``."""

    def __init__(self, platform: Platform, retry_after: float) -> None:
        super().__init__(platform, f"{NAMES[platform]} asks for patience (429)")
        self.retry_after = retry_after
        self.after = timedelta(seconds=retry_after)


class Denied(PlatformError):
    """The platform has not acted, and won't until an administrator has fixed something."""

    needs_administrator = True

    def __init__(self, platform: Platform, code: str, remedy: str) -> None:
        super().__init__(platform, f"{NAMES[platform]} answered {code}: {remedy}")
        self.code, self.remedy = code, remedy


class Rejected(PlatformError):
    """The platform has not acted, and the same call won't work later.

    ``code`` is Slack's own word, or GitLab's HTTP status.
    """

    def __init__(self, platform: Platform, code: str, reason: str = "") -> None:
        super().__init__(
            platform, f"{NAMES[platform]} answered {code}" + (f": {reason}" if reason else "")
        )
        self.code, self.reason = code, reason


class Missing(Rejected):
    """GitLab does not have it, or the bot may not see it: 404."""
