"""What is done with a feedback by a form; and the menu that leads there."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.elements import Block
from slackbot.blocks.forms.entered import Entered
from slackbot.blocks.forms.form import (
    FORMS,
    after_review,
    read_form,
    render_form,
    render_more,
    saved_modal,
)
from slackbot.blocks.menu import MENU, MORE
from slackbot.blocks.reminder import EXPLAIN_WITH
from slackbot.handlers.answers import Answers, Reply
from slackbot.handlers.clicking import Act
from slackbot.handlers.desk import Desk
from slackbot.handlers.dialog import ALL_CLOSED, Answer, Dialog
from slackbot.handlers.incoming import Interaction
from slackbot.people.addressees import Addressees
from slackbot.platforms.errors import PlatformError
from slackbot.rules.decision import Action, Explain, Miss, Review, Tell, refuse_contact
from slackbot.rules.offers import Offer
from slackbot.rules.refusals import Refusal, Unknown

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
        app.action(EXPLAIN_WITH)(self._explain)
        for offer in (*FORMS, *self.dialogs):
            app.action(offer)(self._opening(offer))
            app.view(offer)(self._submitting(offer))
        # A form that the release before has opened may be submitted to this one.
        app.view("contact")(self._submitting(Offer.MARK_CONTACTED))

    async def _open_from_menu(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, MENU) as reply:
            click = Interaction.of_click(args.body)
            if click.detail in (MORE, Offer.TAKE_OVER):  # a release before offered that there
                who = await self.desk.admit(click)
                await reply.open_form(render_more(await self.answers.view(click.key), who))
            elif click.detail in self.clicks:
                await self.clicks[Offer(click.detail)](reply, click)
            elif click.detail in set(Offer):
                await self._open(Offer(click.detail), reply, click)

    async def _explain(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, EXPLAIN_WITH) as reply:
            click = Interaction.of_click(args.body)
            if click.detail == Miss.OTHER:
                await self._open(Offer.EXPLAIN, reply, click)
            elif click.detail in set(Miss):
                await self.desk.choose(click, lambda _: Explain(reason=Miss(click.detail)))
            else:
                raise Unknown

    def _opening(self, offer: Offer) -> Callable[[AsyncArgs], Awaitable[None]]:
        async def open_form(args: AsyncArgs) -> None:
            async with self.answers.answering(args, offer) as reply:
                await self._open(offer, reply, Interaction.of_click(args.body))

        return open_form

    async def _open(self, offer: Offer, reply: Reply, click: Interaction) -> None:
        await reply.open_form(await self._form(offer, click))

    async def _form(self, offer: Offer, click: Interaction) -> Block:
        if offer in self.dialogs:
            return await self.dialogs[offer].form(click)
        who = await self.desk.admit(click)
        return render_form(offer, await self.answers.view(click.key), who)

    def _submitting(self, offer: Offer) -> Callable[[AsyncArgs], Awaitable[None]]:
        async def submit(args: AsyncArgs) -> None:
            async with self.answers.submitting(args, offer) as answer:
                form, view = Interaction.of_form(args.body), args.body["view"]
                if offer in self.dialogs:
                    said = await self.dialogs[offer].submit(form, view)
                    answer |= said or await self._saved(form)
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
        """Handbook: a review leads to the contact, or to closing what needs nothing."""
        request = (await self.answers.view(form.key)).request
        match action:
            case Review(contact=True) if refuse_contact(request) is None:
                return await self._leading_to(Offer.DRAFT_EMAIL, form)
            case Review(contact=False, to_do=None) if request.is_open:
                return await self._leading_to(Offer.CLOSE, form)
            case _:
                return await self._saved(form)

    async def _leading_to(self, offer: Offer, review: Interaction) -> Answer:
        """Say that the review is saved where something keeps the next form from being made."""
        try:
            return _replaced_by(after_review(await self._form(offer, review)))
        except Refusal as refusal:
            log.info("next_form_not_opened", offer=offer, refusal=type(refusal).__name__)
            return await self._saved(review)

    async def _saved(self, form: Interaction) -> Answer:
        """Say it where no card shows it."""
        view = await self.answers.view(form.key)
        return ALL_CLOSED if view.url else _replaced_by(saved_modal(view))


def _replaced_by(view: Block) -> Answer:
    return {"response_action": "update", "view": view}
