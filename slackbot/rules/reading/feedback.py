"""What a feedback issue says."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from slackbot.rules.reading.description import DASHES, Description, Kind

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
    next_action: str | None = None
    tags: frozenset[str] = frozenset()
    """Of the ticket."""
    is_form: bool = False

    @property
    def sentiment(self) -> Sentiment | None:
        return self.title_sentiment or self.label_sentiment or score_sentiment(self.score)


def read_feedback(*, title: str, description: str | None, labels: Collection[str]) -> Feedback:
    """Never fails: what is not found is None."""
    title = title[:MAX_TITLE]
    is_indirect = any(map(_INDIRECT.search, (title, *labels)))
    said = Description(description or "", has_action=is_indirect)
    return Feedback(
        title_sentiment=_title_sentiment(title),
        label_sentiment=_label_sentiment(labels),
        ticket=_first_number((_TICKET_LINK, _TICKET_WORD, _TICKET_HASH, _LONE_NUMBER), title)
        or _first_number((_TICKET_LINK, _ANY_NUMBER), *said.raw_values(Kind.TICKET))
        or _first_number((_TICKET_LINK, _TICKET_WORD), said.text),
        comment=said.comment(),
        organization=said.value(Kind.ORGANIZATION) or said.value(Kind.CUSTOMER),
        score=said.value(Kind.SCORE),
        says_contact_requested=said.says_contact_requested(),
        is_indirect=is_indirect,
        next_action=said.written(Kind.ACTION) if is_indirect else None,
        tags=said.tags(),
        is_form=said.is_form(),
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

    Handbook: "Positive/Negative/Neutral feedback for ticket nnnnnn"; a sentiment label is enough.
    The team writes about feedback, too: a title that is about one has to have more with it.
    """
    title, sentiment, ticket = title[:MAX_TITLE], feedback.title_sentiment, feedback.ticket
    says_more = sentiment or ticket or feedback.is_indirect or feedback.is_form
    return bool(
        feedback.label_sentiment
        or (says_more and _ONE_FEEDBACK.search(title))
        or (ticket and (sentiment or _FEEDBACK_FOR_TICKET.search(title)))
        or (score_of(feedback.score) and _SCORED.search(title))
    )


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
# Not "feedback form", "feedback label list", "positive feedback of the week".
_FEEDBACK = (
    rf"feedback\b(?=\W{{0,5}}$|\W{{1,3}}\d|\s{{0,3}}[,:(\[]|\s[{DASHES}]\s"
    r"|\s(?:from|by|on|for|about|regarding|via|received|after)\b)"
)
# "Customer feedback: …", "Acme: negative onboarding feedback"; not "Collect positive feedback".
_ONE_FEEDBACK = re.compile(
    rf"(?:^|[:\])]\s|\s[{DASHES}]\s)\W{{0,5}}"
    r"(?:(?:an?|new|another|more|very|customer|client|user|prospect|support|survey|[cs]sat)"
    r"(?:['\u2019]s)?\s{1,3}){0,4}"
    r"(?:(?:positive|negative|neutral|indirect)\b"
    rf"(?:\W{{1,3}}(?!(?:of|in|on|to|for)\b)\w{{1,20}}){{0,2}}\W{{1,3}})?{_FEEDBACK}",
    re.IGNORECASE,
)
_SCORED = re.compile(
    rf"\b{_FEEDBACK}|^\W{{0,5}}(?:{_SENTIMENT_WORD}[:)\]]|[cs]sat\b\D{{0,20}}[0-9]{{5}})",
    re.IGNORECASE,
)
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


def _first_number(patterns: Collection[re.Pattern[str]], *texts: str) -> int | None:
    found = (pattern.search(text) for text in texts for pattern in patterns)
    return next((int(match[1]) for match in found if match and int(match[1])), None)
