"""What a check has found, and how bad it is."""

from collections.abc import AsyncIterable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from slackbot.platforms.errors import Denied, PlatformError, Rejected, Untrusted
from slackbot.rules.rota import NoAnswer


class Verdict(StrEnum):
    """The values are what a line begins with."""

    OK = "ok"
    WARNING = "warning"
    UNKNOWN = "unknown"
    PROBLEM = "PROBLEM"
    """The bot does not start."""


class Section(StrEnum):
    """The values are headings, in the order of the screen."""

    SETTINGS = "Settings"
    SLACK = "Slack"
    GITLAB = "GitLab"
    WEBHOOK = "Webhook"
    DEADLINE = "Deadline"
    PEOPLE = "People"
    FEATURES = "Features"
    RECORD = "Record"
    LIVE = "Live"


@dataclass(frozen=True, kw_only=True)
class Finding:
    about: str
    problem: str | None = None
    """What is wrong, and what to do."""
    verdict: Verdict = Verdict.OK
    section: Section = Section.SETTINGS
    facts: Mapping[str, object] = field(default_factory=dict)
    """For programs; no secret is among them."""
    is_unanswered: bool = False
    """Unknown because something did not answer: another time it may."""

    @property
    def is_fatal(self) -> bool:
        return self.verdict is Verdict.PROBLEM

    def __str__(self) -> str:
        said = f": {self.problem}" if self.problem else ""
        return f"{self.verdict:<9}{self.about}{said}"


def good(about: str, **facts: object) -> Finding:
    return Finding(about=about, facts=facts)


def fatal(about: str, problem: object) -> Finding:
    return Finding(about=about, problem=str(problem), verdict=Verdict.PROBLEM)


def denied(error: Denied | Rejected, token: str, address: str) -> Finding:
    return fatal(address if isinstance(error, Untrusted) else token, error)


def warning(about: str, problem: object, **facts: object) -> Finding:
    return Finding(about=about, problem=str(problem), verdict=Verdict.WARNING, facts=facts)


def unknown(about: str, problem: object, **facts: object) -> Finding:
    """For what nobody can tell here, however often it is asked."""
    return Finding(about=about, problem=str(problem), verdict=Verdict.UNKNOWN, facts=facts)


def not_answered(about: str, error: PlatformError | NoAnswer) -> Finding:
    """Say what is wrong, or that nobody knows."""
    if isinstance(error, Rejected) or error.needs_administrator:
        return warning(about, error)
    problem = f"could not be checked: {error}; the bot starts and keeps trying"
    return replace(unknown(about, problem), is_unanswered=True)


async def of_section(section: Section, findings: AsyncIterable[Finding]) -> list[Finding]:
    return in_section(section, [finding async for finding in findings])


def in_section(section: Section, findings: Iterable[Finding]) -> list[Finding]:
    return [replace(finding, section=section) for finding in findings]
