"""The time to a deadline, counted in whole steps. Pure; all moments are UTC."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from slackbot.rules.timing.deadline import BusinessHours

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
COUNTED_IN_HOURS = 2 * DAY
"""Overdue time counts in hours up to here, then in days."""


@dataclass(frozen=True)
class Left:
    """Business time to the deadline."""

    hours: int


@dataclass(frozen=True, kw_only=True)
class Overdue:
    """Elapsed time since the deadline."""

    hours: int = 0
    days: int = 0


def countdown(due_at: datetime, now: datetime, hours: BusinessHours) -> Left | Overdue:
    if now < due_at:
        return Left(hours.between(now, due_at) // HOUR)
    late = now - due_at
    return Overdue(hours=late // HOUR) if late < COUNTED_IN_HOURS else Overdue(days=late // DAY)


def next_change(due_at: datetime, now: datetime, hours: BusinessHours) -> datetime:
    if now >= due_at:
        late = now - due_at
        step = HOUR if late < COUNTED_IN_HOURS else DAY
        return due_at + (late // step + 1) * step
    left = hours.between(now, due_at)
    if left < HOUR:
        return due_at
    # A full hour reads the same until the next one begins, perhaps after a weekend.
    full = hours.add(now, left % HOUR)
    return hours.next_opening(full) + timedelta(seconds=1)
