"""``/ssat``: what is to be done, for the asker only, from the record; and the turning of pages."""

import asyncio

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond

from slackbot.blocks.elements import message
from slackbot.blocks.queue import NEXT, PREVIOUS
from slackbot.blocks.words import refusal_words
from slackbot.handlers.desk import Desk
from slackbot.handlers.listening import Body, Listener, answer, log_failure
from slackbot.handlers.looking import Looking
from slackbot.handlers.surface import Surfaces, present
from slackbot.platforms.message import SlackMessage
from slackbot.rules.query import read_query
from slackbot.rules.refusals import Refusal, TakesLonger

COMMAND = "/ssat"
WITH_ACK_SECONDS = 2.2
"""How long an answer may take to come with the ack, for which Slack waits for three seconds."""
LATEST_SECONDS = 20.0
"""How long an answer may take at all; one that is late comes by itself, after the ack."""


def register(app: AsyncApp, desk: Desk, looking: Looking, surfaces: Surfaces) -> None:
    """Listen for the command and for the buttons under a long queue."""

    @app.command(COMMAND)
    async def listen(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        async with asyncio.TaskGroup() as tasks:
            answering = tasks.create_task(_answer(desk, looking, body))
            await asyncio.wait({answering}, timeout=WITH_ACK_SECONDS)
            if answering.done():
                said = answering.result()
                await ack(text=said.text, blocks=list(said.blocks), response_type="ephemeral")
            else:
                await ack()
                await present(respond, await answering, in_place=False)

    for action_id in (PREVIOUS, NEXT):
        app.action(action_id)(_turning(surfaces, action_id))


async def _answer(desk: Desk, looking: Looking, body: Body) -> SlackMessage:
    """Answer whoever asks, and have them looked for in GitLab if they may look."""
    try:
        async with asyncio.timeout(LATEST_SECONDS):
            asker = await looking.asker(str(body["team_id"]), str(body["user_id"]))
            try:
                return await looking.answer(read_query(str(body.get("text") or "")), asker)
            finally:
                desk.seek(asker.person)  # in the background, and only now: no answer waits for it
    except TimeoutError:
        return message(refusal_words(TakesLonger()))
    except Refusal as refusal:
        return message(refusal_words(refusal))
    except Exception:
        return message(log_failure(COMMAND))


def _turning(surfaces: Surfaces, action_id: str) -> Listener:
    async def listen(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        pages: list[SlackMessage] = []

        async def work() -> None:
            asked = str(body["actions"][0].get("value") or "")
            pages.append(await surfaces.again(asked, body))

        async def show() -> None:
            await present(respond, pages[0], in_place=True)

        tell = surfaces.telling(body, respond)
        await answer(work, tell, ack=ack, what=action_id, then=show)

    return listen
