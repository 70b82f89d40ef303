"""What is done with a feedback by a form; and the menu that leads there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.entered import Entered
from slackbot.blocks.forms import (
    FORMS,
    read_form,
    render_form,
    render_more,
    saved_modal,
)
from slackbot.blocks.menu import MENU, MORE
from slackbot.handlers.answers import Answers, Reply, submitting
from slackbot.handlers.clicking import Act
from slackbot.handlers.desk import Desk
from slackbot.handlers.dialog import ALL_CLOSED, Answer, Dialog
from slackbot.handlers.incoming import Interaction
from slackbot.people.addressees import Addressees
from slackbot.platforms.errors import PlatformError
from slackbot.rules.decision import Action, Review, Tell
from slackbot.rules.offers import Offer

log = structlog.get_logger()

PATIENCE_SECONDS = 1.0
"""An ack is due within three seconds, and who clicks is looked up, too."""


@dataclass(frozen=True)
class Acting:
    desk: Desk
    answers: Answers
    clicks: Mapping[Offer, Act]
    dialogs: Mapping[Offer, Dialog]
    """Of what is done in other modules."""
    addressees: Addressees

    def register(self, app: AsyncApp) -> None:
        app.action(MENU)(self._open_from_menu)
        for offer in (*FORMS, *self.dialogs):
            app.action(offer)(self._opening(offer))
            app.view(offer)(self._submitting(offer))
        # A form that the release before has opened may be submitted to this one.
        app.view("contact")(self._submitting(Offer.MARK_CONTACTED))

    async def _open_from_menu(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, MENU) as reply:
            click = Interaction.of_click(args.body)
            if click.detail == MORE:
                await self.desk.admit(click)
                await reply.open_form(render_more(await self.answers.view(click.key)))
            elif click.detail in self.clicks:
                await self.clicks[Offer(click.detail)](reply, click)
            elif click.detail in set(Offer):
                await self._open(Offer(click.detail), reply, click)

    def _opening(self, offer: Offer) -> Callable[[AsyncArgs], Awaitable[None]]:
        async def open_form(args: AsyncArgs) -> None:
            async with self.answers.answering(args, offer) as reply:
                await self._open(offer, reply, Interaction.of_click(args.body))

        return open_form

    async def _open(self, offer: Offer, reply: Reply, click: Interaction) -> None:
        if offer in self.dialogs:
            await self.dialogs[offer].open(reply, click)
            return
        who = await self.desk.admit(click)
        await reply.open_form(render_form(offer, await self.answers.view(click.key), who))

    def _submitting(self, offer: Offer) -> Callable[[AsyncArgs], Awaitable[None]]:
        async def submit(args: AsyncArgs) -> None:
            async with submitting(args, offer) as answer:
                form, view = Interaction.of_form(args.body), args.body["view"]
                if offer in self.dialogs:
                    answer |= await self.dialogs[offer].submit(form, view)
                else:
                    answer |= await self._submit(offer, form, Entered.of(view))

        return submit

    async def _submit(self, offer: Offer, form: Interaction, entered: Entered) -> Answer:
        action = read_form(offer, entered, form.detail, self.desk.now())
        if isinstance(action, Tell):
            action = await self._looked_up(action)
        await self.desk.choose(form, lambda _: action)
        return await self._next(action, form)

    async def _looked_up(self, tell: Tell) -> Tell:
        """Look up the names, unless GitLab takes too long: the delivery does it again.

        Raises:
            InvalidField: One of them cannot be mentioned.
        """
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                return replace(tell, names=await self.addressees.look_up(tell), people=())
        except (PlatformError, TimeoutError) as error:
            log.info("names_not_looked_up", problem=str(error) or "no answer in time")
            return tell

    async def _next(self, action: Action, form: Interaction) -> Answer:
        """Say what comes next; without a card, at least that it is saved.

        Handbook: a review leads to the contact, or to closing what needs nothing.
        """
        view = await self.answers.view(form.key)
        following = None if view.url else saved_modal(view)
        match action:
            case Review(contact=True) if view.request.contacted_at is None:
                following = render_form(Offer.MARK_CONTACTED, view, await self.desk.admit(form))
            case Review(contact=False, to_do=None) if view.request.is_open:
                following = render_form(Offer.CLOSE, view, await self.desk.admit(form))
        return {"response_action": "update", "view": following} if following else ALL_CLOSED
