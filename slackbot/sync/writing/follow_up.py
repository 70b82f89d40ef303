"""Create the issue of a follow-up once: it is looked for by its marker before it is created."""

from dataclasses import replace

import structlog

from slackbot.platforms.errors import Missing, Platform, PlatformError, Rejected, Unreachable
from slackbot.platforms.gitlab.client import GitLabClient, obstacle_in
from slackbot.platforms.gitlab.snapshot import IssueSnapshot
from slackbot.rules.decision import Decision, FollowUp, NewIssue
from slackbot.rules.refusals import NoFollowUp, Obstacle
from slackbot.store import decisions
from slackbot.store.engine.database import Record
from slackbot.sync.writing.notes import description_of

log = structlog.get_logger()


class FollowUps:
    """``project`` is a path or a number."""

    def __init__(self, record: Record, gitlab: GitLabClient, project: str) -> None:
        self._record, self._gitlab, self._project = record, gitlab, project

    async def create(self, decision: Decision, feedback: IssueSnapshot) -> Decision:
        """Return the decision with its issue. The record says already that it may exist.

        Raises:
            NoFollowUp: GitLab does not create it.
            PlatformError: GitLab does not answer.
        """
        try:
            found = await self._find(decision, feedback) or await self._open(decision, feedback)
        except Rejected as error:
            raise await self._refusal(error) from error
        return await self._with(decision, found)

    async def find(self, decision: Decision, feedback: IssueSnapshot) -> Decision:
        """Return the decision, with its issue if that can be seen."""
        try:
            found = await self._find(decision, feedback)
        except Rejected as error:
            log.warning("follow_up_out_of_sight", issue=str(decision.key), problem=error.code)
            return decision
        return await self._with(decision, found) if found else decision

    async def _find(self, decision: Decision, feedback: IssueSnapshot) -> IssueSnapshot | None:
        return await self._gitlab.find_issue(self._project, decision.id, feedback.created_at)

    async def _open(self, decision: Decision, feedback: IssueSnapshot) -> IssueSnapshot:
        follow_up = _follow_up_in(decision)
        return await self._gitlab.create_issue(
            self._project,
            follow_up.title or "",
            description_of(decision, follow_up, feedback.url),
            confidential=follow_up.is_confidential,
        )

    async def _with(self, decision: Decision, found: IssueSnapshot) -> Decision:
        """Note it: people may delete its marker."""
        created = NewIssue(key=found.key, url=found.url)
        decision = replace(decision, action=replace(_follow_up_in(decision), created=created))
        async with self._record.transaction() as tx:
            await decisions.save_decision(tx, decision)
        return decision

    async def _refusal(self, error: Rejected) -> NoFollowUp:
        """Say what is in the way.

        Raises:
            Unreachable: GitLab shows the project, though it says that there is none.
        """
        if error.code == "405":
            return NoFollowUp(self._project, Obstacle.MOVED)
        try:
            obstacle = obstacle_in(await self._gitlab.project_at(self._project))
        except Missing:
            return NoFollowUp(self._project, Obstacle.MISSING)
        except PlatformError:
            obstacle = None
        if obstacle is None and isinstance(error, Missing):
            problem = "GitLab does not find the project that it shows (404)"
            raise Unreachable(Platform.GITLAB, problem, 404)
        return NoFollowUp(self._project, obstacle, error.reason)


def _follow_up_in(decision: Decision) -> FollowUp:
    if not isinstance(decision.action, FollowUp):
        raise TypeError(f"no follow-up: {decision.action.kind}")
    return decision.action
