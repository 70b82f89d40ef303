"""Retry a decision that GitLab rejected, or dismiss it."""

from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.card import DISMISS, TRY_AGAIN
from slackbot.handlers.answers import Answers
from slackbot.handlers.desk import Desk
from slackbot.handlers.incoming import Interaction


@dataclass(frozen=True)
class Retrying:
    desk: Desk
    answers: Answers

    def register(self, app: AsyncApp) -> None:
        app.action(TRY_AGAIN)(self._retry)
        app.action(DISMISS)(self._dismiss)

    async def _retry(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, TRY_AGAIN):
            await self.desk.retry(Interaction.of_click(args.body))

    async def _dismiss(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, DISMISS):
            await self.desk.dismiss(Interaction.of_click(args.body))
