"""Tickets that receive no survey: handbook, the note under the page's introduction. Pure."""

import re
from collections.abc import Collection, Iterator

EXEMPT = ("spam", "free_customer", "com_embargo", "GitLab", "DigitalOcean Support")
"""Tags of tickets, and organizations."""
MOST_READ = 10_000
"""Characters of a description."""


def parse_exempt(text: str) -> tuple[str, ...]:
    """Read what a team adds: tags and organizations, separated by commas."""
    added = (" ".join(part.split()) for part in text.split(","))
    return (*EXEMPT, *(part for part in added if part))


def exempt_kind(
    kinds: Collection[str], *, organization: str | None, labels: Collection[str], description: str
) -> str | None:
    """Return the first of ``kinds`` that a feedback is of.

    An organization has to be named so; a tag is a label, or a word of its own in the description
    that looks like a tag, because ``spam`` may be what a customer complains about.
    """
    folded = {label.casefold() for label in labels}
    return next(_matching(kinds, (organization or "").casefold(), folded, description), None)


def _matching(
    kinds: Collection[str], organization: str, labels: Collection[str], description: str
) -> Iterator[str]:
    for kind in kinds:
        is_tag = re.fullmatch(r"\w+_\w+", kind) is not None
        if kind.casefold() in (organization, *labels) or (is_tag and _names(description, kind)):
            yield kind


def _names(description: str, tag: str) -> bool:
    found = re.search(rf"(?<!\w){re.escape(tag)}(?!\w)", description[:MOST_READ], re.IGNORECASE)
    return found is not None
