"""What works and what does not, as the bot's parts report it."""

from dataclasses import dataclass, field

import structlog

from slackbot.platforms.errors import Denied, Platform, PlatformError, Throttled, Unreachable

log = structlog.get_logger()

DATABASE, SLACK, GITLAB, WORKER = "database", "slack", "gitlab", "worker"
SOCKET = "socket"
EXPIRY = "expiry"
"""What a remark on GitLab may be about, besides others."""
DUTY = "duty"
"""Who is on duty: only ever a remark, the bot works without."""
STARTING = "starting"


@dataclass
class Health:
    """``None`` when a part works; a part unheard of is not ready."""

    problems: dict[str, str | None] = field(
        default_factory=lambda: dict.fromkeys((DATABASE, SLACK, GITLAB, WORKER), STARTING)
    )

    outages: set[str] = field(default_factory=set)
    """They pass by themselves; choices are still recorded."""

    remarks: dict[tuple[str, str], str] = field(default_factory=dict)
    """For an administrator to fix, by part and what it is about; the part works."""

    has_teams: bool = False
    """Then one team's channel is for an administrator to fix: ``Watch`` remarks it."""

    def report(self, part: str, problem: str | None, *, is_outage: bool = False) -> None:
        """Log changes only."""
        (self.outages.add if is_outage else self.outages.discard)(part)
        before = self.problems.get(part, STARTING)
        if before == problem:
            return
        self.problems[part] = problem
        if problem:
            log.error("unhealthy", part=part, problem=problem)
        else:
            log.info("healthy", part=part, before=before)

    def report_error(self, error: PlatformError) -> None:
        """Let GitLab's outages pass: all else needs an administrator."""
        is_outage = error.platform is Platform.GITLAB and isinstance(error, Unreachable | Throttled)
        self.report(error.platform, str(error), is_outage=is_outage)

    def report_error_of_job(self, error: PlatformError) -> None:
        """Report it, unless it is about the channel of one of several teams."""
        if not (self.has_teams and isinstance(error, Denied) and error.is_about_channel):
            self.report_error(error)

    def remark(self, part: str, remark: str | None, about: str = "") -> None:
        key = (part, about)
        if self.remarks.get(key) == remark:
            return
        if remark:
            self.remarks[key] = remark
            log.error("to_be_fixed", part=part, problem=remark)
        else:
            log.info("fixed", part=part, before=self.remarks.pop(key))

    @property
    def words(self) -> dict[str, str]:
        return {
            part: problem or self._remarks_on(part) or "ok"
            for part, problem in self.problems.items()
        }

    def _remarks_on(self, part: str) -> str:
        return "; ".join(said for (on, _), said in sorted(self.remarks.items()) if on == part)

    @property
    def is_ready(self) -> bool:
        """Without GitLab, choices are still recorded: clicks must get through."""
        return not any(
            problem for part, problem in self.problems.items() if part not in self.outages
        )
