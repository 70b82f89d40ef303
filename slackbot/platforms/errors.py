"""What can go wrong with GitLab, by what the caller can do about it."""

from dataclasses import dataclass


class TrackerError(Exception):
    """GitLab did not do what was asked."""


class Unreachable(TrackerError):
    """GitLab cannot be reached or is failing; the same call may work later."""


class TimedOut(Unreachable):
    """GitLab has not answered in time."""


class Unsettled(TimedOut):
    """GitLab has not answered to a change in time, and may still be at it: nothing may follow."""


@dataclass(eq=False)
class Throttled(Unreachable):
    """GitLab asks for patience: HTTP 429 with ``Retry-After``, in seconds."""

    retry_after: float

    def __str__(self) -> str:
        return "GitLab asks for patience (429)"


class Unauthorized(TrackerError):
    """The token is not valid any more; an administrator has to replace it (``GITLAB_TOKEN``)."""


@dataclass(eq=False)
class Rejected(TrackerError):
    """GitLab understood and refused: 400, 403, 404, 409, 422. The same call will not mend."""

    status: int
    reason: str

    def __str__(self) -> str:
        return f"GitLab answered {self.status}: {self.reason}"


class Missing(Rejected):
    """There is no such thing, or the bot may not see it: 404."""
