"""Create an issue to discuss a feedback: the modal, and its submission."""

import asyncio
from dataclasses import dataclass

import structlog

from slackbot.blocks.elements import Block
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.follow_up import Draft, follow_up_modal, read_follow_up
from slackbot.blocks.view import CardView
from slackbot.handlers.answers import Answers
from slackbot.handlers.desk import Desk
from slackbot.handlers.incoming import Body, Interaction
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.gitlab.client import GitLabClient
from slackbot.rules.decision import Review
from slackbot.sync.writing.notes import reviewed

log = structlog.get_logger()

PATIENCE_SECONDS = 0.8
"""Slack waits three seconds for a form."""


@dataclass(frozen=True)
class FollowingUp:
    """``template`` names an issue template of the project."""

    desk: Desk
    answers: Answers
    gitlab: GitLabClient
    project: str
    template: str | None

    async def form(self, click: Interaction) -> Block:
        who = await self.desk.admit(click)
        view = await self.answers.view(click.key)
        return follow_up_modal(view, who, await self._draft(view))

    async def _draft(self, view: CardView) -> Draft:
        """Do without what GitLab does not tell in time."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                template, points = await asyncio.gather(self._template(), self._points(view))
        except TimeoutError:
            log.info("follow_up_without_template")
            template, points = None, None
        return Draft(project=self.project, template=template, points=points)

    async def _template(self) -> str | None:
        if self.template is None:
            return None
        try:
            return await self.gitlab.issue_template(self.project, self.template)
        except PlatformError as error:
            log.info("template_not_read", problem=str(error))
            return None

    async def _points(self, view: CardView) -> tuple[str, str] | None:
        """Prefer a review that is on its way to GitLab; the record keeps no other's text."""
        for decision in reversed(view.pending):
            if isinstance(review := decision.action, Review):
                return review.summary or "", review.to_do or "None"
        if view.request.reviewed_at is None:
            return None
        try:
            own, notes = await self.gitlab.own_username(), await self.gitlab.notes(view.key)
        except PlatformError as error:
            log.info("review_not_read", problem=str(error))
            return None
        return reviewed(notes, own)

    async def submit(self, form: Interaction, view: Body) -> None:
        follow_up = read_follow_up(Entered.of(view))
        await self.desk.choose(form, lambda _: follow_up)
