"""Mark a customer as contacted: the modal, and its submission."""

from dataclasses import dataclass

import structlog
from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.card import MARK_CONTACTED
from slackbot.blocks.contact import (
    CALLBACK,
    CHANNEL,
    FIELD_BLOCKS,
    LABEL,
    contact_modal,
    read_channel,
    read_contact,
)
from slackbot.handlers.answers import Answers, submitting
from slackbot.handlers.desk import Desk
from slackbot.handlers.incoming import Body, Interaction
from slackbot.platforms.errors import PlatformError
from slackbot.rules.refusals import AlreadyContacted, InvalidField, Refusal, UnknownLabel
from slackbot.rules.request import State

log = structlog.get_logger()


@dataclass(frozen=True)
class Contacting:
    desk: Desk
    answers: Answers

    def register(self, app: AsyncApp) -> None:
        app.action(MARK_CONTACTED)(self._open_form)
        app.action(CHANNEL)(self._choose_channel)
        app.view(CALLBACK)(self._submit)

    async def _open_form(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, MARK_CONTACTED) as reply:
            click = Interaction.of_click(args.body)
            who = await self.desk.admit(click)
            view = await self.answers.view(click.key)
            request = view.request
            if request.state is State.CONTACTED:
                raise AlreadyContacted(request.contacted_by)
            await reply.open_form(
                contact_modal(request, who, labels=view.labels, scope=view.scope, now=view.now)
            )

    async def _choose_channel(self, args: AsyncArgs) -> None:
        """Let the form say whether the text is required; its submission is judged anyway."""
        try:
            choice = Interaction.of_form(args.body)
            who = await self.desk.admit(choice)
            view = await self.answers.view(choice.key)
            form = contact_modal(
                view.request,
                who,
                labels=view.labels,
                scope=view.scope,
                now=view.now,
                channel=read_channel(args.body["view"]["state"]["values"]),
            )
            await self.answers.change_form(args.body, form)
        except (Refusal, PlatformError, TimeoutError) as error:
            log.warning("form_not_changed", problem=type(error).__name__)
        await args.ack()

    async def _submit(self, args: AsyncArgs) -> None:
        async with submitting(args, CALLBACK, input_of):
            form = Interaction.of_form(args.body)
            contact = read_contact(args.body["view"]["state"]["values"], self.desk.now())
            await self.desk.choose(form, lambda _: contact)


def input_of(error: Exception, body: Body) -> str:
    """Slack shows words only at an input that there is."""
    match error:
        case InvalidField(field=field):
            return FIELD_BLOCKS[field]
        case UnknownLabel() if _has_input(body, LABEL):
            return LABEL
        case _:
            return CHANNEL


def _has_input(body: Body, name: str) -> bool:
    return any(block.get("block_id") == name for block in body["view"].get("blocks", ()))
