"""The poll of all projects."""

from collections.abc import Callable
from datetime import datetime, timedelta

from slackbot import metrics
from slackbot.health import GITLAB, Health
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.rules.routes import Routes
from slackbot.store.engine.database import Record
from slackbot.store.jobs import Postponed
from slackbot.sync.reading.forgetting import forget_ended
from slackbot.sync.reading.project import ProjectPoll


class Poll:
    """Reconciles the queue ``POLL``, on one replica at a time.

    An idle poll costs the same for any number of issues.
    """

    def __init__(
        self,
        record: Record,
        gitlab: GitLabClient,
        routes: Routes,
        health: Health,
        *,
        every: timedelta,
        retention: timedelta,
    ) -> None:
        self._record, self._health = record, health
        self._every, self._retention = every, retention
        self._remarks: dict[str, str | None] = {}
        self._failures: dict[str, str | None] = {}
        self._projects = [
            ProjectPoll(
                record,
                each,
                gitlab.projects,
                routes,
                every=every,
                remark=self._remark_about(each.named),
            )
            for each in gitlab.projects
        ]

    async def reconcile(self) -> datetime:
        """Return when to repeat; a failed try goes on where it stopped.

        Raises:
            Postponed: GitLab is unreachable, throttles, or refuses the token.
        """
        errors = [error for each in self._projects if (error := await self._tried(each))]
        if is_any_read := len(errors) < len(self._projects):
            self._health.report(GITLAB, None)
            metrics.POLLED_AT.set(self._record.now().timestamp())
            await forget_ended(self._record, self._retention)
        else:
            self._health.report_error(errors[0])
        outcome = "partial" if errors and is_any_read else "failed" if errors else "done"
        metrics.POLLS.labels(outcome).inc()
        wait = max([self._every, *(error.after or self._every for error in errors)])
        if not is_any_read:
            raise Postponed(str(errors[0]), wait) from errors[0]
        return self._record.now() + wait  # one of several keeps no job from its end

    async def _tried(self, project: ProjectPoll) -> PlatformError | None:
        """Read one; the trouble of one of several is for an administrator to fix."""
        try:
            await project.read()
        except PlatformError as error:
            self._note_failure(project.named, str(error))
            return error
        self._note_failure(project.named, None)
        return None

    def _note_failure(self, project: str, problem: str | None) -> None:
        if len(self._projects) > 1:
            self._failures[project] = f"{project}: {problem}" if problem else None
            self._remark()

    def _remark_about(self, project: str) -> Callable[[str | None], None]:
        def remark(problem: str | None) -> None:
            self._remarks[project] = problem
            self._remark()

        return remark

    def _remark(self) -> None:
        """Tell what is to be fixed, of all projects."""
        found = (*self._failures.values(), *self._remarks.values())
        self._health.remark(GITLAB, "; ".join(filter(None, found)) or None)
