"""What works and what does not, as the parts of the running bot report it."""

from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()

DATABASE, SLACK, GITLAB, WORKER = "database", "slack", "gitlab", "worker"
SOCKET = "socket"
STARTING = "starting"


@dataclass
class Health:
    """The present problem of each part, ``None`` when it works; a part unheard of is not ready."""

    problems: dict[str, str | None] = field(
        default_factory=lambda: dict.fromkeys((DATABASE, SLACK, GITLAB, WORKER), STARTING)
    )

    outages: set[str] = field(default_factory=set)
    """The parts whose problem passes by itself and keeps no choice from being recorded."""

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

    @property
    def is_ready(self) -> bool:
        """Whether everything works that the bot cannot do without.

        Without GitLab it still records choices, so an outage there must not keep clicks away.
        """
        return not any(
            problem for part, problem in self.problems.items() if part not in self.outages
        )
