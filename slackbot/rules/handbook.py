"""The words that the handbook's page prescribes; the quotations name its sections.

https://about.gitlab.com/handbook/support/workflows/how-to-respond-to-feedback.html
"""

import re

PAGE = "https://about.gitlab.com/handbook/support/workflows/how-to-respond-to-feedback.html"

_REASONS = {
    "customer-resolved": "The customer resolved the ticket",
    "docs-new-issue": "Encountered Documentation problem; new Issue and/or MR filed",
    "docs-not-helpful": "Documentation unhelpful to customer and/or Support Engineer",
    "known-issue": "Known issue with Issue already created",
    "product-new-issue": "Encountered Product problem; new Issue and/or MR filed",
    "missing-info-from-customer": "Customer did not supply enough information for investigation",
    "missing-info-by-engineer": "Support Engineer did not provide adequate information to customer",
    "outside-support": "Problem internal to GitLab but not directly by Support",
    "process-confusing-customer": "Customer found support process confusing or unclear",
    "process-engineer-not-followed": "Support Engineer did not follow documented support process",
    "process-does-not-exist": "Problem does not have an existing Support process",
    "process-sfdc": (
        "Problem caused by Zendesk-Salesforce integration (includes delays due to needs-org, "
        "incorrect contact info/matching in SFDC, unable to validate subscription)"
    ),
    "soft-skills": "Support Engineer responses unhelpful or customer expectations mishandled",
    "technical-skills-engineer": (
        "Support Engineer lacks skills or permissions to troubleshoot or resolve problem"
    ),
    "technical-skills-customer": (
        "Customer lacks skills or permissions to troubleshoot or resolve problem"
    ),
}
HANDBOOK_LABELS = {f"feedback::{reason}": text for reason, text in _REASONS.items()}
"""For projects without own descriptions. "Understanding the customer's reason"."""

TEMPLATE = (
    "Summary of ticket/feedback:",
    "Action to be taken:",
    "Contact customer to discuss feedback? (Y/N)",
    "Make the CSM aware? (Y/N)",
)
"""Of the comment on a review. "Handling 'Bad' Reviews"; the last line is a later practice."""

POINTS = (
    "introduce yourself, describing who you are and your role at GitLab",
    "note the specifics of the situation, including ticket ID",
    "restate and validate the customer's comments",
    "offer any apologies or clarifications required, including links to relevant documentation",
    "offer your Calendly link to schedule a video call",
)
TICKET_CHECKLIST = (
    "assign and brief a support engineer (typically the existing assignee) on the next actions",
    "reopening a closed or solved ticket affects the reopen rate and the time to resolution",
)
"""Of reaching out. "If the customer should be contacted"."""

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_LIST_MARK = re.compile(r"^[\s>]*(?:[-*+]|[0-9]+[.)])\s")
_NO_WORD = re.compile(r"[\W_]+")


def _bare(line: str) -> str:
    """Leave the letters and digits of a line, whatever its marks, colons and spaces."""
    return _NO_WORD.sub("", _LIST_MARK.sub("", line).lower()).removesuffix("yn")


_LINES = tuple(map(_bare, TEMPLATE))
_ASKS_CSM = re.compile(r"\bCSM\b[^.!]{0,30}[?:)][\s*_]*$", re.IGNORECASE)
"""Each team has its own words for the fourth line."""


def is_empty_template(comment: str) -> bool:
    """Return whether a comment is the template without answers; words before it don't count."""
    lines = [line for line in _COMMENT.sub("", comment).splitlines() if _bare(line)]
    first = next((at for at, line in enumerate(lines) if _bare(line) in _LINES), len(lines))
    left = lines[first:]
    is_whole = {_bare(line) for line in left} >= set(_LINES[:3])
    return is_whole and all(_bare(line) in _LINES or _ASKS_CSM.search(line) for line in left)
