"""When people are reminded of an initial response. Pure; moments are UTC."""

from datetime import datetime, timedelta
from enum import StrEnum

from slackbot.rules.feedback import Sentiment
from slackbot.rules.request import RESPONSE_DAYS, Request


class Mark(StrEnum):
    """The days after the creation on which people are reminded."""

    FIFTH = "5d"
    LAST = "7d"


FIRST_REMINDER = timedelta(days=5)
LAST_REMINDER = timedelta(days=RESPONSE_DAYS)
TOO_LATE = timedelta(days=RESPONSE_DAYS + 5)
"""Then, after a long weekend, the digest alone tells of it."""


def reminded_from(request: Request) -> datetime:
    return (request.created_at or request.asked_at) + FIRST_REMINDER


def respond_by(request: Request) -> datetime:
    return (request.created_at or request.asked_at) + LAST_REMINDER


def mark_of(request: Request, now: datetime) -> Mark | None:
    """Return the reminder that is due. Good reviews are read and closed: handbook."""
    is_bad_or_neutral = request.sentiment is not Sentiment.POSITIVE
    if request.created_at is None or not request.awaits_triage or not is_bad_or_neutral:
        return None
    age = now - request.created_at
    if age < FIRST_REMINDER or age >= TOO_LATE:
        return None
    return Mark.FIFTH if age < LAST_REMINDER else Mark.LAST
