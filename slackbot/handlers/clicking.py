"""What is done with one click on a card: claim, take over, release, label, retry, dismiss."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.card import CHOOSE_LABEL, CLAIM, DISMISS, RELEASE, TAKE_OVER, TRY_AGAIN
from slackbot.handlers.answers import Answers, Reply
from slackbot.handlers.desk import Desk
from slackbot.handlers.incoming import Interaction
from slackbot.rules.decision import ChooseLabel, Claim, Release, TakeOver
from slackbot.rules.offers import Offer
from slackbot.rules.request import Request

Act = Callable[[Reply, Interaction], Awaitable[None]]


@dataclass(frozen=True)
class Clicking:
    desk: Desk
    answers: Answers

    def register(self, app: AsyncApp) -> None:
        acts: dict[str, Act] = {
            CLAIM: self.claim,
            TAKE_OVER: self._take_over,
            RELEASE: self._release,
            CHOOSE_LABEL: self._choose_label,
            TRY_AGAIN: lambda _, click: self.desk.retry(click),
            DISMISS: lambda _, click: self.desk.dismiss(click),
        }
        for name, act in acts.items():
            app.action(name)(self._answering(name, act))

    def _answering(self, name: str, act: Act) -> Callable[[AsyncArgs], Awaitable[None]]:
        async def answer(args: AsyncArgs) -> None:
            async with self.answers.answering(args, name) as reply:
                await act(reply, Interaction.of_click(args.body))

        return answer

    async def claim(self, reply: Reply, click: Interaction) -> None:
        await self.desk.choose(click, lambda _: Claim())
        reply.show_choice()

    @property
    def of_menu(self) -> Mapping[Offer, Act]:
        """Return what the menu offers that needs no form."""
        return {
            Offer.CLAIM: self.claim,
            Offer.RELEASE: self._release,
        }

    async def _take_over(self, reply: Reply, click: Interaction) -> None:
        await self.desk.choose(click, lambda request: taken_over(request, click.detail))
        reply.show_choice()

    async def _release(self, reply: Reply, click: Interaction) -> None:
        await self.desk.choose(click, lambda request: Release(since=request.held_since))
        reply.show_choice()

    async def _choose_label(self, _: Reply, click: Interaction) -> None:
        scope = self.desk.scope
        await self.desk.choose(
            click,
            lambda request: ChooseLabel(label=click.detail, replaces=request.label_of(scope)),
        )


def taken_over(request: Request, seen: str) -> Claim | TakeOver:
    """If another owner than the one seen has it now, it is a mere claim."""
    holder = request.holder
    if holder is None or holder.handle != seen:
        return Claim()
    return TakeOver(holder=holder, since=request.held_since)
