"""What a feedback issue says."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from slackbot.rules.description import DASHES, Description, Kind

MAX_TITLE = 1_000
"""In characters."""


class Sentiment(StrEnum):
    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


_NOT_NEGATIVE = frozenset((Sentiment.POSITIVE, Sentiment.NEUTRAL))

HANDBOOK_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "feedback::customer-resolved": "The customer resolved the ticket",
        "feedback::docs-new-issue": (
            "Encountered Documentation problem; new Issue and/or MR filed"
        ),
        "feedback::docs-not-helpful": (
            "Documentation unhelpful to customer and/or Support Engineer"
        ),
        "feedback::known-issue": "Known issue with Issue already created",
        "feedback::product-new-issue": "Encountered Product problem; new Issue and/or MR filed",
        "feedback::missing-info-from-customer": (
            "Customer did not supply enough information for investigation"
        ),
        "feedback::missing-info-by-engineer": (
            "Support Engineer did not provide adequate information to customer"
        ),
        "feedback::outside-support": ("Problem internal to GitLab but not directly by Support"),
        "feedback::process-confusing-customer": (
            "Customer found support process confusing or unclear"
        ),
        "feedback::process-engineer-not-followed": (
            "Support Engineer did not follow documented support process"
        ),
        "feedback::process-does-not-exist": ("Problem does not have an existing Support process"),
        "feedback::process-sfdc": (
            "Problem caused by Zendesk-Salesforce integration (includes delays due to needs-org, "
            "incorrect contact info/matching in SFDC, unable to validate subscription)"
        ),
        "feedback::soft-skills": (
            "Support Engineer responses unhelpful or customer expectations mishandled"
        ),
        "feedback::technical-skills-engineer": (
            "Support Engineer lacks skills or permissions to troubleshoot or resolve problem"
        ),
        "feedback::technical-skills-customer": (
            "Customer lacks skills or permissions to troubleshoot or resolve problem"
        ),
    }
)
"""For projects without own descriptions. Handbook, "Understanding the customer's reason":

https://about.gitlab.com/handbook/support/workflows/how-to-respond-to-feedback.html
"""


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """`organization`, `score` and `comment` are raw customer text: escape them where shown."""

    title_sentiment: Sentiment | None = None
    label_sentiment: Sentiment | None = None
    ticket: int | None = None
    comment: str | None = None
    organization: str | None = None
    score: str | None = None
    says_contact_requested: bool = False

    @property
    def sentiment(self) -> Sentiment | None:
        return self.title_sentiment or self.label_sentiment


def read_feedback(*, title: str, description: str | None, labels: Collection[str]) -> Feedback:
    """Never fails: what is not found is None."""
    title = title[:MAX_TITLE]
    said = Description(description or "")
    return Feedback(
        title_sentiment=_title_sentiment(title),
        label_sentiment=_label_sentiment(labels),
        ticket=_ticket(title) or _ticket_in_field(said) or _ticket_in_prose(said.text),
        comment=said.comment(),
        organization=said.value(Kind.ORGANIZATION) or said.value(Kind.CUSTOMER),
        score=said.value(Kind.SCORE),
        says_contact_requested=said.says_contact_requested(),
    )


def is_request_for_contact(feedback: Feedback, *, has_contact_label: bool) -> bool:
    """Return whether the customer asks for a manager's contact, in an open or closed issue.

    Handbook: "An issue requiring contact can be identified by an 'SSAT::Contact' label and a field
    within the issue"; either is enough. The option exists "if the feedback is negative", so a
    positive or neutral title or label excludes it.
    """
    if {feedback.title_sentiment, feedback.label_sentiment} & _NOT_NEGATIVE:
        return False
    return has_contact_label or feedback.says_contact_requested


def is_feedback(feedback: Feedback, title: str) -> bool:
    """Tell feedback from the project's other issues.

    Handbook: "Positive/Negative/Neutral feedback for ticket nnnnnn"; the title may lack the
    sentiment, and a sentiment label is enough.
    """
    if feedback.label_sentiment is not None:
        return True
    has_words = feedback.title_sentiment or _FEEDBACK_FOR_TICKET.search(title[:MAX_TITLE])
    return has_words is not None and feedback.ticket is not None


def ticket_url(ticket: int) -> str:
    """Handbook, "If the customer should be contacted"."""
    return f"https://support.gitlab.com/hc/requests/{ticket}"


def ticket_of_link(text: str) -> int | None:
    return _first_number((_TICKET_LINK,), text)


# --- Sentiment ---------------------------------------------------------------------------------

_SENTIMENT_WORD = r"(positive|negative|neutral)\b"
# "Not positive about the outcome" must not hide a request,
# nor the second word of "Positive/Negative": hence no slash or hyphen before it.
_TITLE_SENTIMENTS = (
    # "Negative feedback", "Negative customer feedback"
    re.compile(
        rf"(?<![\w/-]){_SENTIMENT_WORD}(?=(?:\s{{1,3}}\w{{1,20}}){{0,2}}\s{{1,3}}feedback\b)"
    ),
    # "Indirect feedback: negative", "Feedback (negative)"
    re.compile(rf"\bfeedback\s{{0,3}}[:(\[{DASHES}]\s{{0,3}}{_SENTIMENT_WORD}(?!/)"),
    # "[Negative] ticket 412345"
    re.compile(rf"[(\[]{_SENTIMENT_WORD}[)\]]"),
    # "Negative: ticket 412345"
    re.compile(rf"^\W{{0,5}}{_SENTIMENT_WORD}(?::|\s[{DASHES}]\s)"),
)
_FEEDBACK_FOR_TICKET = re.compile(r"\bfeedback (?:for|on|about) ticket\b", re.IGNORECASE)
_LABEL_SENTIMENTS = {
    "satisfaction::bad": Sentiment.NEGATIVE,
    "satisfaction::neutral": Sentiment.NEUTRAL,
    "satisfaction::good": Sentiment.POSITIVE,
}


def _title_sentiment(title: str) -> Sentiment | None:
    found = {word for pattern in _TITLE_SENTIMENTS for word in pattern.findall(title.lower())}
    # "Positive and negative feedback" says nothing.
    return Sentiment(found.pop()) if len(found) == 1 else None


def _label_sentiment(labels: Collection[str]) -> Sentiment | None:
    """Return the worst of several, so that no request is missed."""
    carried = {label.lower() for label in labels}
    return next((says for label, says in _LABEL_SENTIMENTS.items() if label in carried), None)


# --- Ticket ------------------------------------------------------------------------------------

_NUMBER = r"([0-9]{1,12})(?![0-9])"
_TICKET_LINK = re.compile(
    r"(?:support\.gitlab\.com|zendesk\.com)/(?:hc/|agent/|[a-z]{2}(?:-[a-z]{2,4})?/|#/){0,3}"
    rf"(?:requests|tickets)/{_NUMBER}",
    re.IGNORECASE,
)
_TICKET_WORD = re.compile(
    rf"\btickets?(?:\s(?:id|no|number))?[\s:#.\[(*_]{{0,6}}{_NUMBER}", re.IGNORECASE
)
_TICKET_HASH = re.compile(rf"(?<!\w)#{_NUMBER}")
# Too many digits for a year or a score.
_LONE_NUMBER = re.compile(r"(?<![\w.])([0-9]{5,12})(?!\w)")
_ANY_NUMBER = re.compile(rf"(?<![0-9]){_NUMBER}")


def _first_number(patterns: Iterable[re.Pattern[str]], text: str) -> int | None:
    numbers = (int(match[1]) for pattern in patterns if (match := pattern.search(text)))
    return next((number for number in numbers if number), None)


def _ticket(title: str) -> int | None:
    return _first_number((_TICKET_LINK, _TICKET_WORD, _TICKET_HASH, _LONE_NUMBER), title)


def _ticket_in_prose(text: str) -> int | None:
    return _first_number((_TICKET_LINK, _TICKET_WORD), text)


def _ticket_in_field(said: Description) -> int | None:
    texts = said.raw_values(Kind.TICKET)
    numbers = (_first_number((_TICKET_LINK, _ANY_NUMBER), text) for text in texts)
    return next((number for number in numbers if number), None)
