"""What works and what does not, as the bot's parts report it."""

from dataclasses import dataclass, field

import structlog

from slackbot.platforms.errors import Platform, PlatformError, Throttled, Unreachable

log = structlog.get_logger()

DATABASE, SLACK, GITLAB, WORKER = "database", "slack", "gitlab", "worker"
SOCKET = "socket"
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

    remarks: dict[str, str] = field(default_factory=dict)
    """For an administrator to fix; the part works."""

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

    def remark(self, part: str, remark: str | None) -> None:
        if self.remarks.get(part) == remark:
            return
        if remark:
            self.remarks[part] = remark
            log.error("to_be_fixed", part=part, problem=remark)
        else:
            log.info("fixed", part=part, before=self.remarks.pop(part))

    @property
    def words(self) -> dict[str, str]:
        return {
            part: problem or self.remarks.get(part) or "ok"
            for part, problem in self.problems.items()
        }

    @property
    def is_ready(self) -> bool:
        """Without GitLab, choices are still recorded: clicks must get through."""
        return not any(
            problem for part, problem in self.problems.items() if part not in self.outages
        )
