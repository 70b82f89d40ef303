"""Claim, take over, release."""

from collections.abc import Callable

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond

from slackbot.blocks.card import CLAIM, RELEASE, TAKE_OVER
from slackbot.handlers.desk import Desk
from slackbot.handlers.listening import Body, Click, Listener, answer
from slackbot.handlers.surface import Surfaces
from slackbot.rules.decision import Action, Claim, Release, TakeOver
from slackbot.rules.request import Request


def take_over(request: Request, click: Click) -> Action:
    """Take over from whom the person saw; if that is not who holds it now, it is a mere claim."""
    holder = request.holder
    if holder is None or holder.handle != click.detail:
        return Claim()
    return TakeOver(holder=holder, since=request.held_since)


ACTIONS: dict[str, Callable[[Request, Click], Action]] = {
    CLAIM: lambda *_: Claim(),
    TAKE_OVER: take_over,
    RELEASE: lambda request, _: Release(since=request.held_since),
}


def register(app: AsyncApp, desk: Desk, surfaces: Surfaces) -> None:
    """Listen for the buttons that say who has a request."""
    for action_id, action_on in ACTIONS.items():
        app.action(action_id)(_listener(desk, surfaces, action_id, action_on))


def _listener(
    desk: Desk,
    surfaces: Surfaces,
    action_id: str,
    action_on: Callable[[Request, Click], Action],
) -> Listener:
    async def listen(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        async def work() -> None:
            click = Click.of(body)
            await desk.choose(
                click.key, click.interaction, lambda request: action_on(request, click)
            )

        tell, then = surfaces.telling(body, respond), surfaces.following(body, respond)
        await answer(work, tell, ack=ack, what=action_id, then=then)

    return listen
