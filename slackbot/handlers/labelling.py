"""Choose a feedback label."""

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond

from slackbot.blocks.card import CHOOSE_LABEL
from slackbot.handlers.desk import Desk
from slackbot.handlers.listening import Body, Click, answer, privately
from slackbot.rules.decision import ChooseLabel
from slackbot.rules.request import Request


def register(app: AsyncApp, desk: Desk) -> None:
    """Listen for the select "Feedback label"."""

    @app.action(CHOOSE_LABEL)
    async def listen(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        async def work() -> None:
            click = Click.of(body)

            def choice(request: Request) -> ChooseLabel:
                replaced = request.label_of(desk.viewer.rules.scope)
                return ChooseLabel(label=click.detail, replaces=replaced)

            await desk.choose(click.key, click.interaction, choice)

        await answer(work, privately(respond), ack=ack, what=CHOOSE_LABEL)
