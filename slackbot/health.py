"""What works and what does not, as the parts of the running bot report it."""

from dataclasses import dataclass, field

import structlog

from slackbot.platforms.errors import Platform, PlatformError, Throttled, Unreachable

log = structlog.get_logger()

DATABASE, SLACK, GITLAB, WORKER = "database", "slack", "gitlab", "worker"
SOCKET = "socket"
DUTY = "duty"
"""Of the schedule that says who is on duty: only ever a remark, for the bot works without."""
STARTING = "starting"


@dataclass
class Health:
    """The present problem of each part, ``None`` when it works; a part unheard of is not ready."""

    problems: dict[str, str | None] = field(
        default_factory=lambda: dict.fromkeys((DATABASE, SLACK, GITLAB, WORKER), STARTING)
    )

    outages: set[str] = field(default_factory=set)
    """The parts whose problem passes by itself and keeps no choice from being recorded."""

    remarks: dict[str, str] = field(default_factory=dict)
    """What an administrator should mend in a part that works all the same."""

    def report(self, part: str, problem: str | None, *, is_outage: bool = False) -> None:
        """Note that a part works, or what is wrong with it; changes are logged once."""
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
        """Report what is wrong with a platform.

        An outage of GitLab passes, and choices are recorded meanwhile; a dead token needs an
        administrator, and so does everything that keeps the bot from posting.
        """
        is_outage = error.platform is Platform.GITLAB and isinstance(error, Unreachable | Throttled)
        self.report(error.platform, str(error), is_outage=is_outage)

    def remark(self, part: str, remark: str | None) -> None:
        """Note what should be mended in a part, or that it was; changes are logged once."""
        if self.remarks.get(part) == remark:
            return
        if remark:
            self.remarks[part] = remark
            log.error("to_be_mended", part=part, problem=remark)
        else:
            log.info("mended", part=part, before=self.remarks.pop(part))

    @property
    def words(self) -> dict[str, str]:
        """What is to be said of each part: its problem, a remark, or that it is well."""
        return {
            part: problem or self.remarks.get(part) or "ok"
            for part, problem in self.problems.items()
        }

    @property
    def is_ready(self) -> bool:
        """Whether everything works that the bot cannot do without.

        Without GitLab it still records choices, so an outage there must not keep clicks away.
        """
        return not any(
            problem for part, problem in self.problems.items() if part not in self.outages
        )
