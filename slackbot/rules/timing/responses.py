"""When people are reminded of an initial response. Pure; moments are UTC."""

from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from slackbot.rules.reading.feedback import Sentiment
from slackbot.rules.request import RESPONSE_DAYS, Request
from slackbot.rules.timing.reminders import ReminderRules


class Mark(StrEnum):
    """The days after the creation on which people are reminded, in their own hours."""

    FIFTH = "5d"
    LAST = "7d"


FIRST_REMINDER = timedelta(days=5)
LAST_REMINDER = timedelta(days=RESPONSE_DAYS)
TIME_TO_RESPOND = timedelta(hours=1)
"""So much is left at least after the last reminder, where nothing is in its way."""
TOO_LATE = timedelta(days=RESPONSE_DAYS + 5)
"""Then, after a long weekend, the digest alone tells of it."""


def reminded_from(request: Request) -> datetime:
    return (request.created_at or request.asked_at) + FIRST_REMINDER


def respond_by(request: Request) -> datetime:
    return (request.created_at or request.asked_at) + LAST_REMINDER


def needs_response(request: Request, now: datetime) -> bool:
    """Good reviews are read and closed: handbook."""
    if request.created_at is None or request.sentiment is Sentiment.POSITIVE:
        return False
    return request.awaits_triage and FIRST_REMINDER <= now - request.created_at < TOO_LATE


def mark_of(request: Request, now: datetime, zone: ZoneInfo, rules: ReminderRules) -> Mark:
    """Return which reminder is due for a person in a zone, of what needs a response."""
    return Mark.LAST if now >= _last_morning(request, zone, rules) else Mark.FIFTH


def _last_morning(request: Request, zone: ZoneInfo, rules: ReminderRules) -> datetime:
    """Return when the last day begins on which they can respond in time."""
    latest = respond_by(request) - TIME_TO_RESPOND
    midnight = datetime.combine(latest.astimezone(zone).date(), time(), tzinfo=zone)
    mornings = (
        rules.quiet.end(midnight - timedelta(days=back), zone, rules.hours)
        for back in range(RESPONSE_DAYS)
    )
    return next((each for each in mornings if each <= latest), latest)
