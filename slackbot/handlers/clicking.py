"""What is done with one click on a card: claim, take over, release, label, retry, dismiss."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.card import CHOOSE_LABEL, CLAIM, DISMISS, RELEASE, TAKE_OVER, TRY_AGAIN
from slackbot.handlers.answers import Answers, Reply
from slackbot.handlers.desk import Desk
from slackbot.handlers.incoming import Interaction
from slackbot.rules.decision import Action, ChooseLabel, Claim, Release, TakeOver
from slackbot.rules.offers import Offer
from slackbot.rules.request import Request

Act = Callable[[Reply, Interaction], Awaitable[None]]


@dataclass(frozen=True)
class Clicking:
    desk: Desk
    answers: Answers

    def register(self, app: AsyncApp) -> None:
        acts: dict[str, Act] = {
            CLAIM: self._choosing(_claimed),
            TAKE_OVER: self._choosing(taken_over),
            RELEASE: self._choosing(_released),
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

    def _choosing(self, action_on: Callable[[Request, str], Action]) -> Act:
        """``action_on`` gets the request, and what the click says besides."""

        async def choose(reply: Reply, click: Interaction) -> None:
            await self.desk.choose(click, lambda request: action_on(request, click.detail))
            reply.show_choice()

        return choose

    @property
    def of_menu(self) -> Mapping[Offer, Act]:
        """Return what the menu offers that needs no form."""
        return {
            Offer.CLAIM: self._choosing(_claimed),
            Offer.RELEASE: self._choosing(_released),
        }

    async def _choose_label(self, _: Reply, click: Interaction) -> None:
        scope = self.desk.scope
        await self.desk.choose(
            click,
            lambda request: ChooseLabel(label=click.detail, replaces=request.label_of(scope)),
        )


def _claimed(_request: Request, _detail: str) -> Claim:
    return Claim()


def _released(request: Request, _detail: str) -> Release:
    return Release(since=request.held_since)


def taken_over(request: Request, seen: str) -> Claim | TakeOver:
    """If another owner than the one seen has it now, it is a mere claim."""
    holder = request.holder
    if holder is None or holder.handle != seen:
        return Claim()
    return TakeOver(holder=holder, since=request.held_since)
