"""Mark a customer as contacted: the modal, and its submission."""

from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.card import MARK_CONTACTED
from slackbot.blocks.contact import (
    CALLBACK,
    CHANNEL,
    FIELD_BLOCKS,
    LABEL,
    contact_modal,
    read_contact,
)
from slackbot.handlers.answers import Answers, submitting
from slackbot.handlers.desk import Desk
from slackbot.handlers.incoming import Body, Interaction
from slackbot.rules.refusals import AlreadyContacted, InvalidField, UnknownLabel
from slackbot.rules.request import State


@dataclass(frozen=True)
class Contacting:
    desk: Desk
    answers: Answers

    def register(self, app: AsyncApp) -> None:
        app.action(MARK_CONTACTED)(self._open_form)
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
