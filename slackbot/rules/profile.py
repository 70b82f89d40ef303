"""How a manager signs an email to a customer. Pure."""

import re
from dataclasses import asdict, dataclass, fields
from urllib.parse import urlsplit

from slackbot.rules.refusals import NotABookingLink

DEFAULT_ROLE = "Support Manager"

LIMITS = {"name": 80, "role": 80, "booking_link": 200, "signature": 300, "language": 8}
"""In characters: an email has to fit into Slack's form."""

_LANGUAGE = re.compile("[a-z]{2,3}(-[A-Z]{2})?")


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What is empty is not said."""

    name: str = ""
    role: str = ""
    booking_link: str = ""
    signature: str = ""
    language: str = ""
    """Such as ``en`` or ``pt-BR``."""

    def over(self, other: "Profile") -> "Profile":
        """Fill what is empty with the other's."""
        return Profile(**{name: said or asdict(other)[name] for name, said in asdict(self).items()})


FIELDS = tuple(field.name for field in fields(Profile))


def judge_profile(profile: Profile) -> NotABookingLink | None:
    link = profile.booking_link
    return None if not link or is_web_address(link) else NotABookingLink("booking_link")


def is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    has_space = any(each.isspace() for each in text)
    return parts.scheme in ("https", "http") and bool(parts.hostname) and not has_space


def is_language(text: str) -> bool:
    return _LANGUAGE.fullmatch(text) is not None


def with_defaults(profile: Profile, name: str) -> Profile:
    """Return what an email needs at least; ``name`` is that of the Slack account."""
    named = profile.over(Profile(name=name, role=DEFAULT_ROLE))
    return named.over(Profile(signature=f"{named.name}\n{named.role}, GitLab"))
