"""Kudos: the form, its submission, and another try for what could not go everywhere."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.elements import Block, message
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.kudos import (
    THANKS,
    TRY_KUDOS_AGAIN,
    Venue,
    read_kudos,
    render_kudos_form,
)
from slackbot.handlers.answers import Answers
from slackbot.handlers.desk import Desk
from slackbot.handlers.incoming import Body, Interaction
from slackbot.people.directory import Directory
from slackbot.platforms.errors import PlatformError
from slackbot.rules.refusals import AlreadyThanked, NobodyThere, TakesLonger
from slackbot.rules.request import Person

SLACK_SECONDS = 1.5
"""Slack waits three seconds for the answer to a form."""


@dataclass(frozen=True)
class Thanking:
    desk: Desk
    answers: Answers
    directory: Directory
    venue: Venue

    def register(self, app: AsyncApp) -> None:
        app.action(TRY_KUDOS_AGAIN)(self._try_again)

    async def form(self, click: Interaction) -> Block:
        who = await self.desk.admit(click)
        view = await self.answers.view(click.key)
        if view.request.thanked_by is not None:
            raise AlreadyThanked(view.request.thanked_by)
        return render_kudos_form(view, who, self.venue)

    async def submit(self, form: Interaction, view: Body) -> None:
        entered = Entered.of(view)
        kudos = read_kudos(entered, await self._people(entered.people(THANKS)))
        await self.desk.choose(form, lambda _: kudos)

    async def _people(self, users: Iterable[str]) -> tuple[Person, ...]:
        """Return who they are.

        Raises:
            NobodyThere: One has left Slack, or is an app.
            TakesLonger: Slack does not say who they are.
        """
        try:
            async with asyncio.timeout(SLACK_SECONDS):
                asked = map(self.directory.colleague, dict.fromkeys(users))
                found = await asyncio.gather(*asked)
        except (PlatformError, TimeoutError) as error:
            raise TakesLonger from error
        people = tuple(each for each in found if each is not None)
        if len(people) < len(found):
            raise NobodyThere("thanks")
        return people

    async def _try_again(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, TRY_KUDOS_AGAIN) as reply:
            await self.desk.bring_kudos(Interaction.of_click(args.body))
            reply.show(message("Trying again now."), in_place=False)
