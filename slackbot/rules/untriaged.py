"""A feedback that asks for no contact, and how far its triage is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from slackbot.rules.feedback import Sentiment, ticket_url
from slackbot.rules.request import IssueKey, Person

RESPONSE_DAYS = 7
"""Handbook, "How fast do I need to respond?": an initial response within 7 days of creation."""


class Triage(StrEnum):
    AWAITED = "awaited"
    """Open, without a feedback label."""
    LABELED = "labelled"
    """Open, with a feedback label."""
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True)
class UntriagedFeedback:
    """Moments are UTC, by GitLab's clock."""

    key: IssueKey
    url: str
    title: str
    ticket: int | None = None
    sentiment: Sentiment | None = None
    author: str
    assignees: tuple[str, ...] = ()
    """GitLab usernames."""
    comments: int = 0
    """By people and bots; none means no response."""
    created_at: datetime
    updated_at: datetime

    @property
    def ticket_url(self) -> str | None:
        return ticket_url(self.ticket) if self.ticket else None

    def is_of(self, person: Person) -> bool:
        own = (person.gitlab or "").casefold()
        return any(each.casefold() == own for each in self.assignees)

    def awaits_response(self, now: datetime) -> bool:
        return not self.comments and self.is_response_due(now)

    def is_response_due(self, now: datetime) -> bool:
        """Return whether there should have been one by now.

        Handbook, "Handling 'Good' Reviews": such a feedback is read and closed.
        """
        is_old = now - self.created_at > timedelta(days=RESPONSE_DAYS)
        return is_old and self.sentiment is not Sentiment.POSITIVE
