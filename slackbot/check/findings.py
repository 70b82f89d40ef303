"""What a check has found, and how bad it is."""

from collections.abc import AsyncIterable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from slackbot.platforms.errors import Denied, PlatformError, Rejected, Untrusted
from slackbot.rules.routes import Route
from slackbot.rules.timing.rota import NoAnswer


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
    teams: frozenset[str] = frozenset()
    """Whom alone it is about, by name; empty: all."""
    where: str = ""
    """The team or project, where there are several."""

    @property
    def is_fatal(self) -> bool:
        return self.verdict is Verdict.PROBLEM

    @property
    def subject(self) -> str:
        return f"{self.where}: {self.about}" if self.where else self.about

    def said(self, *, by_the_bot: bool) -> str:
        """Write it as a line; only the bot goes on without an answer."""
        said = f": {self.problem}" if self.problem else ""
        goes_on = "; the bot starts and keeps trying" if self.is_unanswered and by_the_bot else ""
        return f"{self.verdict:<9}{self.subject}{said}{goes_on}"

    def __str__(self) -> str:
        return self.said(by_the_bot=True)


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
    problem = f"could not be checked: {error}"
    return replace(unknown(about, problem), is_unanswered=True)


async def of_section(section: Section, findings: AsyncIterable[Finding]) -> list[Finding]:
    return in_section(section, [finding async for finding in findings])


def in_section(section: Section, findings: Iterable[Finding]) -> list[Finding]:
    return [replace(finding, section=section) for finding in findings]


# --- Several teams -----------------------------------------------------------------------------

Teams = Collection[Route]
"""Empty if the file of routes cannot be read."""


def of_team(team: Route, finding: Finding, teams: Teams) -> Finding:
    where = team.name if len(teams) > 1 else ""
    facts = {**finding.facts, "team": team.name} if where else finding.facts
    return replace(finding, teams=frozenset({team.name}), where=where, facts=facts)


def spare_others(findings: Iterable[Finding], teams: Teams) -> list[Finding]:
    """Keep the bot from starting only if no team can work: customers of the others wait."""
    found = list(findings)
    stopped = {name for each in found if each.is_fatal for name in each.teams}
    if stopped >= {team.name for team in teams}:
        return found
    return [_spared(each) if each.is_fatal and each.teams else each for each in found]


def _spared(finding: Finding) -> Finding:
    names = ", ".join(sorted(finding.teams))
    problem = f"{finding.problem}; until then only the other teams work, not {names}"
    return replace(finding, verdict=Verdict.WARNING, problem=problem)
