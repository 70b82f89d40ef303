"""What the stand-ins enforce of the platforms' rules, each with its source."""

import re
from dataclasses import dataclass
from typing import Literal

Platform = Literal["Slack", "GitLab", "PagerDuty"]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of a platform.

    `meets` finds the titles of the exchanges that it governs: the first rule that fits is the
    main one. `broken` finds it in the words with which a stand-in records that it was broken.
    """

    platform: Platform
    words: str
    source: str
    meets: str = ""
    broken: str = ""


@dataclass(frozen=True, kw_only=True)
class Met:
    """A rule as one exchange met it."""

    words: str
    source: str
    kept: bool


RULES = (
    Rule(
        platform="Slack",
        words="At most one message a second in a channel, with some burst",
        source="https://docs.slack.dev/apis/web-api/rate-limits",
        meets=r"^chat\.postMessage$",
        broken=r"ratelimited",
    ),
)


def rule_of(platform: Platform, title: str, problem: str | None) -> Met | None:
    """Return the rule that an exchange broke, if there was a problem, or the main one it met."""
    of_platform = [rule for rule in RULES if rule.platform == platform]
    if problem is not None:
        broken = (rule for rule in of_platform if rule.broken and re.search(rule.broken, problem))
        rule = next(broken, None)
        return Met(words=problem, source=rule.source if rule else "", kept=False)
    met = (rule for rule in of_platform if rule.meets and re.search(rule.meets, title))
    main = next(met, None)
    return Met(words=main.words, source=main.source, kept=True) if main else None
