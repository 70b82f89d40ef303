"""What a feedback issue says."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum

from slackbot.rules.description import DASHES, Description, Kind

MAX_TITLE = 1_000
"""In characters."""


class Sentiment(StrEnum):
    POSITIVE = "positive"
    NEUTRAL = "neutral"
    NEGATIVE = "negative"


_NOT_NEGATIVE = frozenset((Sentiment.POSITIVE, Sentiment.NEUTRAL))


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
    is_indirect: bool = False
    """Told by an account team."""

    @property
    def sentiment(self) -> Sentiment | None:
        return self.title_sentiment or self.label_sentiment or score_sentiment(self.score)


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
        is_indirect=_INDIRECT.search(title) is not None
        or any(_INDIRECT.search(label) for label in labels),
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


def score_sentiment(score: str | None) -> Sentiment | None:
    """Read a score of 1 to 7, as in ``5``, ``5/7`` or ``5 of 7``: from 5 on it is good."""
    number = score_of(score)
    if number is None:
        return None
    return Sentiment.POSITIVE if number >= GOOD_SCORE else Sentiment.NEGATIVE


def score_of(score: str | None) -> int | None:
    found = _SCORE.match(score or "")
    return int(found[1]) if found else None


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


GOOD_SCORE = 5
_SCORE = re.compile(
    r"\s{0,9}([1-7])(?:\.0)?(?:\s{0,3}(?:/|of|out of)\s{0,3}7)?(?![\d./])"
    r"(?:\s{0,3}\([^)]{0,40}\))?\s{0,9}$"
)
# Handbook, "If there is action to be taken".
_INDIRECT = re.compile(r"\bindirect\b", re.IGNORECASE)


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
