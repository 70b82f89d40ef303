"""Tickets that receive no survey: handbook, the note under the page's introduction. Pure."""

import re
from collections.abc import Collection

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

    An organization has to be named so; a tag is among the ``labels`` of issue and ticket, or a
    word of its own in the description that looks like a tag, because ``spam`` may be what a
    customer complains about.
    """
    tags = (word for word in re.findall(r"\w+", description[:MOST_READ]) if "_" in word)
    named = {each.casefold() for each in (organization or "", *labels, *tags)}
    return next((kind for kind in kinds if kind.casefold() in named), None)
