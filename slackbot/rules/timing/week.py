"""The issue of the team's week in review: which one takes what is said now. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from slackbot.rules.timing.deadline import parse_workdays
from slackbot.rules.timing.period import midnight


@dataclass(frozen=True, kw_only=True)
class ReviewWeek:
    """``cutoff`` is the last weekday of a week's issue, with Monday as 0."""

    project: str
    label: str
    cutoff: int
    zone: ZoneInfo

    def last_cutoff(self, now: datetime) -> datetime:
        """Return when the last cut-off day ended, in UTC."""
        today = now.astimezone(self.zone).date()
        day = today - timedelta(days=(today.weekday() - self.cutoff - 1) % 7)
        return midnight(day, self.zone)

    def takes(self, created_at: datetime, now: datetime) -> bool:
        """Return whether an issue of this age is this week's."""
        return created_at >= self.last_cutoff(now)


def parse_weekday(text: str) -> int:
    """Read ``Thu`` or ``Thursday``.

    Raises:
        ValueError: It is no single day.
    """
    try:
        [day] = parse_workdays(text)
    except ValueError as error:
        raise ValueError("write one day of the week, such as Thu") from error
    return day
