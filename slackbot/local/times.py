"""Moments as people say them: ``2 hours``, ``1 hour before the deadline``, ``Monday 09:00``."""

import re
from datetime import datetime, time, timedelta

_UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LATER = re.compile(r"(\d+) (minute|hour|day)s?(?: (before|after) the deadline)?")
_DAY = re.compile(rf"(next morning|workday|{'|'.join(_DAYS)})(?: (\d\d):(\d\d))?")
_ALLOWED = (
    "Write a time as '2 hours', '1 hour before the deadline', 'next morning', 'workday 10:00' or "
    "'Monday 09:30'."
)
MORNING = time(9, 0)


def moment_of(words: str, now: datetime, due_at: datetime | None = None) -> datetime:
    """Return the moment that is meant, in the zone of ``now``.

    Raises:
        ValueError: The message says how to write it, or that it has passed.
    """
    said = words.strip().lower()
    moment = _relative(said, now, due_at) or _on_a_day(said, now)
    if moment is None:
        raise ValueError(_ALLOWED)
    if moment < now:
        raise ValueError(f"{words} has passed: the time goes forward only.")
    return moment


def _relative(said: str, now: datetime, due_at: datetime | None) -> datetime | None:
    match = _LATER.fullmatch(said)
    if match is None:
        return None
    amount = int(match[1]) * _UNITS[match[2]]
    if match[3] is None:
        return now + amount
    if due_at is None:
        raise ValueError("There is no deadline: nobody is waiting for contact.")
    return due_at - amount if match[3] == "before" else due_at + amount


def _on_a_day(said: str, now: datetime) -> datetime | None:
    """Return the next such moment after ``now``."""
    match = _DAY.fullmatch(said)
    if match is None:
        return None
    at = time(int(match[2]), int(match[3])) if match[2] else MORNING
    moment = datetime.combine(now.date(), at, tzinfo=now.tzinfo)
    while moment <= now or not _is_meant(match[1], moment):
        moment += timedelta(days=1)
    return moment


def _is_meant(name: str, day: datetime) -> bool:
    if name == "workday":
        return day.weekday() < _DAYS.index("saturday")
    return name == "next morning" or day.weekday() == _DAYS.index(name)
