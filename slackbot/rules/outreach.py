"""An email to a customer: its topic, and the links that open it. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote, urlencode

TEXT_LIMIT = 3000
"""Slack's limit of a text input."""
LINK_LIMIT = 2900
"""Slack's limit of a text is 3,000 characters, and the link has words beside it."""
MAILTO_LIMIT = 2000
"""Windows hands no longer address to a program: 2,083 is ``INTERNET_MAX_URL_LENGTH``."""


class Topic(StrEnum):
    """What an apology or clarification is about, by the feedback label."""

    DOCS = "docs"
    PRODUCT = "product"
    SUPPORT = "support"
    """What a support engineer did."""
    PROCESS = "process"
    OTHER = ""


_TOPICS = (
    ("docs-", Topic.DOCS),
    ("known-issue", Topic.PRODUCT),
    ("product-", Topic.PRODUCT),
    ("new-product-", Topic.PRODUCT),
    ("missing-info-by-engineer", Topic.SUPPORT),
    ("soft-skills", Topic.SUPPORT),
    ("technical-skills-engineer", Topic.SUPPORT),
    ("process-", Topic.PROCESS),
)


def topic_of(label: str) -> Topic:
    name = label.rpartition("::")[2]
    return next((topic for begin, topic in _TOPICS if name.startswith(begin)), Topic.OTHER)


@dataclass(frozen=True, kw_only=True)
class EmailFacts:
    """What a template may name; what is unknown is empty."""

    name: str
    role: str
    signature: str
    booking_link: str = ""
    organization: str = ""
    ticket: str = ""
    ticket_link: str = ""
    words: str = ""
    """The customer's, in one line."""
    score: str = ""
    label: str = ""
    label_description: str = ""
    """For the team: not written for customers."""
    topic: Topic = Topic.OTHER


@dataclass(frozen=True, kw_only=True)
class Email:
    subject: str
    text: str


class Webmail(StrEnum):
    OFF = "off"
    GMAIL = "gmail"
    OUTLOOK = "outlook"


_COMPOSE = {
    Webmail.GMAIL: ("https://mail.google.com/mail/?view=cm&fs=1&", "su"),
    Webmail.OUTLOOK: ("https://outlook.office.com/mail/deeplink/compose?", "subject"),
}


def mailto_link(email: Email) -> str | None:
    """Return ``None`` where it would be too long; the bot does not know the customer's address.

    https://www.rfc-editor.org/rfc/rfc6068: line breaks are ``%0D%0A``.
    """
    made = f"mailto:?{_query(subject=email.subject, body=email.text)}"
    return made if len(made) <= MAILTO_LIMIT else None


def compose_link(webmail: Webmail, email: Email) -> str | None:
    """Return ``None`` without webmail, and where it would be too long."""
    if webmail not in _COMPOSE:
        return None
    address, subject = _COMPOSE[webmail]
    made = f"{address}{_query(**{subject: email.subject, 'body': email.text})}"
    return made if len(made) <= LINK_LIMIT else None


def _query(**said: str) -> str:
    lines = {name: "\r\n".join(text.splitlines()) for name, text in said.items()}
    return urlencode(lines, quote_via=quote, safe="", errors="ignore")
