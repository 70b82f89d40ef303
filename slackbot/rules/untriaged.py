"""A feedback that asks for no contact, and how far its triage has come: frozen data."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from slackbot.rules.feedback import Sentiment, ticket_url
from slackbot.rules.request import IssueKey, Person

RESPONSE_DAYS = 7
"""Handbook, "How fast do I need to respond?": an initial response within 7 days of creation."""


class Triage(StrEnum):
    """How far the triage of a feedback has come."""

    AWAITED = "awaited"
    """It is open, without a feedback label."""
    LABELED = "labelled"
    """It has a feedback label and is still open."""
    CLOSED = "closed"


@dataclass(frozen=True, kw_only=True)
class UntriagedFeedback:
    """One feedback issue that asks for no contact; moments are UTC, by GitLab's clock."""

    key: IssueKey
    url: str
    title: str
    ticket: int | None = None
    sentiment: Sentiment | None = None
    author: str
    assignees: tuple[str, ...] = ()
    """GitLab usernames."""
    comments: int = 0
    """How many comments people and bots have left; none means that nobody has responded."""
    created_at: datetime
    updated_at: datetime

    @property
    def ticket_url(self) -> str | None:
        """Where the customer's ticket is."""
        return ticket_url(self.ticket) if self.ticket else None

    def is_of(self, person: Person) -> bool:
        """Return whether GitLab has assigned it to a person."""
        own = (person.gitlab or "").casefold()
        return any(each.casefold() == own for each in self.assignees)

    def awaits_response(self, now: datetime) -> bool:
        """Return whether nobody has responded to it within the handbook's days."""
        return not self.comments and now - self.created_at > timedelta(days=RESPONSE_DAYS)
