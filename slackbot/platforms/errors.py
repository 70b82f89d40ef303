"""Errors of platforms, by what the caller can do."""

from datetime import datetime, timedelta
from enum import StrEnum

from slackbot.platforms.network import (
    distrust,
    distrust_words,
    is_out_of_time,
    no_answer_words,
)

PLATFORM_TIMEOUT = timedelta(seconds=60)
"""By then a platform has done what the bot asked, or never will."""


def lands_by(begun_at: datetime | None, now: datetime) -> datetime | None:
    """Return when an unanswered call has had its effect, if ever.

    A ``begun_at`` far ahead was noted while the clock was wrong.
    """
    if begun_at is None:
        return None
    moment = begun_at + PLATFORM_TIMEOUT
    return moment if moment <= now + 2 * PLATFORM_TIMEOUT else now


class Platform(StrEnum):
    """The values name them in ``/readyz``."""

    SLACK = "slack"
    GITLAB = "gitlab"


NAMES = {Platform.SLACK: "Slack", Platform.GITLAB: "GitLab"}


class PlatformError(Exception):
    """The message, for log and card, says why; without ``after``, the back-off decides."""

    after: timedelta | None = None
    is_unsettled = False
    """The platform may still be at it: no process may go on with the same thing."""
    needs_administrator = False

    def __init__(self, platform: Platform, problem: str) -> None:
        super().__init__(problem)
        self.platform = platform


class Unreachable(PlatformError):
    """No answer, or one that leaves open whether the platform has acted."""

    def __init__(self, platform: Platform, problem: str, status: int | None = None) -> None:
        super().__init__(platform, problem)
        self.status = status


class Unsettled(Unreachable):
    """No answer to a change in time."""

    after = PLATFORM_TIMEOUT
    is_unsettled = True


class Throttled(PlatformError):
    """The platform has not acted: HTTP 429."""

    def __init__(self, platform: Platform, retry_after: float) -> None:
        super().__init__(platform, f"{NAMES[platform]} asks for patience (429)")
        self.retry_after = retry_after
        self.after = timedelta(seconds=retry_after)


_OF_A_CHANNEL = frozenset(
    {"channel_not_found", "is_archived", "not_in_channel", "restricted_action"}
)


class Denied(PlatformError):
    """The platform has not acted, and won't until an administrator fixes something."""

    needs_administrator = True
    code = ""

    def __init__(self, platform: Platform, code: str, remedy: str) -> None:
        super().__init__(platform, f"{NAMES[platform]} answered {code}: {remedy}")
        self.code, self.remedy = code, remedy

    @property
    def is_unauthorized(self) -> bool:
        """Return whether GitLab does not accept a token, or the OAuth application."""
        return self.code == "401"

    @property
    def is_about_channel(self) -> bool:
        """Return whether it is one channel's trouble; any other denial is the whole bot's."""
        return self.code in _OF_A_CHANNEL


class Untrusted(Denied):
    """The platform's certificate is not trusted: nothing was sent."""

    def __init__(self, platform: Platform, words: str) -> None:
        PlatformError.__init__(self, platform, words)
        self.code, self.remedy = "certificate", words


class WrongWorkspace(Denied):
    """The token is not that of the workspace where the record's cards are."""

    def __init__(self, words: str) -> None:
        PlatformError.__init__(self, Platform.SLACK, words)
        self.code, self.remedy = "workspace", words


def no_answer(platform: Platform, url: str, error: Exception) -> PlatformError:
    """Name what kept a call from the platform; what passes by itself is ``Unreachable``."""
    name = NAMES[platform]
    if problem := distrust(error):
        kind = Unreachable if is_out_of_time(problem) else Untrusted
        return kind(platform, distrust_words(name, problem))
    return Unreachable(platform, no_answer_words(name, url, error))


class Rejected(PlatformError):
    """The platform has not acted, nor will it later; ``code``: Slack's word, or GitLab's status."""

    def __init__(self, platform: Platform, code: str, reason: str = "") -> None:
        super().__init__(
            platform, f"{NAMES[platform]} answered {code}" + (f": {reason}" if reason else "")
        )
        self.code, self.reason = code, reason


class Missing(Rejected):
    """404: GitLab has none, or hides it from the bot."""
