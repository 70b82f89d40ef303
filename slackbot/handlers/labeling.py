"""Choose a feedback label."""

from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.card import CHOOSE_LABEL
from slackbot.handlers.answers import Answers
from slackbot.handlers.desk import Desk
from slackbot.handlers.incoming import Interaction
from slackbot.rules.decision import ChooseLabel
from slackbot.rules.request import Request


@dataclass(frozen=True)
class Labeling:
    desk: Desk
    answers: Answers

    def register(self, app: AsyncApp) -> None:
        app.action(CHOOSE_LABEL)(self._choose)

    async def _choose(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, CHOOSE_LABEL):
            click = Interaction.of_click(args.body)
            await self.desk.choose(click, lambda request: self._label(request, click.detail))

    def _label(self, request: Request, chosen: str) -> ChooseLabel:
        return ChooseLabel(label=chosen, replaces=request.label_of(self.desk.scope))
