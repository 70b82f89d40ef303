"""What an errand makes of the platforms' errors: when it is tried again."""

import contextlib
from collections.abc import Awaitable, Iterable, Iterator
from datetime import datetime, timedelta

from slackbot.health import SLACK, Health
from slackbot.platforms import errors as tracker
from slackbot.platforms.errors import TrackerError
from slackbot.platforms.slack import Denied, SlackError, Throttled, Unsettled
from slackbot.worker import PLATFORM_TIMEOUT, Postponed


def postponed(error: SlackError | TrackerError) -> Postponed:
    """Say when what a platform did not do is tried again, and whether it may still be at it."""
    match error:
        case Throttled(retry_after=seconds) | tracker.Throttled(retry_after=seconds):
            return Postponed(str(error), timedelta(seconds=seconds))
        case Unsettled() | tracker.Unsettled():
            return Postponed(str(error), PLATFORM_TIMEOUT, is_unsettled=True)
        case _:
            return Postponed(str(error))


async def each_by_itself(runs: Iterable[Awaitable[datetime | None]]) -> datetime | None:
    """Do one thing after another, though Slack does not take some of them.

    Returns:
        The earliest of the moments at which they are to be done again.

    Raises:
        SlackError: The first one that was met, when all have been done.
    """
    moments: list[datetime] = []
    errors: list[SlackError] = []
    for run in runs:
        try:
            moments += filter(None, [await run])
        except SlackError as error:
            errors.append(error)
    if errors:
        raise errors[0]
    return min(moments, default=None)


@contextlib.contextmanager
def waiting_for_slack(health: Health) -> Iterator[None]:
    """Put an errand off when Slack cannot be reached, throttles, or needs an administrator.

    Raises:
        Postponed: In the place of a ``SlackError``.
    """
    try:
        yield
    except SlackError as error:
        if isinstance(error, Denied):
            health.report(SLACK, str(error))
        raise postponed(error) from error
