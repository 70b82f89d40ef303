"""Claim, take over, release."""

from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.card import CLAIM, RELEASE, TAKE_OVER
from slackbot.handlers.answers import Answers
from slackbot.handlers.desk import Desk
from slackbot.handlers.incoming import Interaction
from slackbot.rules.decision import Claim, Release, TakeOver
from slackbot.rules.request import Request


@dataclass(frozen=True)
class Claiming:
    desk: Desk
    answers: Answers

    def register(self, app: AsyncApp) -> None:
        app.action(CLAIM)(self._claim)
        app.action(TAKE_OVER)(self._take_over)
        app.action(RELEASE)(self._release)

    async def _claim(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, CLAIM) as reply:
            await self.desk.choose(Interaction.of_click(args.body), lambda _: Claim())
            reply.show_choice()

    async def _take_over(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, TAKE_OVER) as reply:
            click = Interaction.of_click(args.body)
            await self.desk.choose(click, lambda request: taken_over(request, click.detail))
            reply.show_choice()

    async def _release(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, RELEASE) as reply:
            click = Interaction.of_click(args.body)
            await self.desk.choose(click, lambda request: Release(since=request.held_since))
            reply.show_choice()


def taken_over(request: Request, seen: str) -> Claim | TakeOver:
    """If another owner than the one seen has it now, it is a mere claim."""
    holder = request.holder
    if holder is None or holder.handle != seen:
        return Claim()
    return TakeOver(holder=holder, since=request.held_since)
