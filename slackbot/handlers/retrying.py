"""Try a decision again that GitLab refused, or dismiss it; and the buttons that are links."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond

from slackbot.blocks.card import DISMISS, OPEN_ISSUE, OPEN_TICKET, TRY_AGAIN
from slackbot.handlers.desk import Desk, Interaction
from slackbot.handlers.listening import Body, Click, Listener, answer, privately
from slackbot.rules.request import IssueKey

Follow = Callable[[IssueKey, Interaction, UUID], Awaitable[None]]


def register(app: AsyncApp, desk: Desk) -> None:
    """Listen for the buttons under a refused decision."""
    app.action(TRY_AGAIN)(_listener(desk, TRY_AGAIN, desk.retry))
    app.action(DISMISS)(_listener(desk, DISMISS, desk.dismiss))
    for link in (OPEN_ISSUE, OPEN_TICKET):
        app.action(link)(_just_ack)


def _listener(desk: Desk, action_id: str, follow: Follow) -> Listener:
    async def listen(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        async def work() -> None:
            click = Click.of(body)
            await follow(click.key, click.interaction, click.decision)

        await answer(work, privately(respond), ack=ack, what=action_id)

    return listen


async def _just_ack(ack: AsyncAck) -> None:
    """Ack a button that only opens a page: Slack reports the click all the same."""
    await ack()
