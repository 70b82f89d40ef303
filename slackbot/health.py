"""What works and what does not, as the parts of the running bot report it."""

from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()

DATABASE, SLACK, GITLAB, WORKER = "database", "slack", "gitlab", "worker"


@dataclass
class Health:
    """The present problem of each part, ``None`` when it works; a part unheard of is not ready."""

    problems: dict[str, str | None] = field(
        default_factory=lambda: dict.fromkeys((DATABASE, SLACK, GITLAB, WORKER), "starting")
    )

    def report(self, part: str, problem: str | None) -> None:
        """Note that a part works, or what is wrong with it; changes are logged once."""
        if self.problems.get(part) == problem:
            return
        before, self.problems[part] = self.problems.get(part), problem
        if problem:
            log.error("unhealthy", part=part, problem=problem)
        else:
            log.info("healthy", part=part, before=before)

    @property
    def is_ready(self) -> bool:
        """Whether everything works."""
        return not any(self.problems.values())
