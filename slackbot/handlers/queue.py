"""``/ssat``: the open requests for contact, for the asker only, from the record."""

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from slackbot.blocks.card import SlackMessage
from slackbot.blocks.queue import ROWS, render_queue
from slackbot.blocks.text import mrkdwn
from slackbot.blocks.words import refusal_words
from slackbot.handlers.desk import Desk
from slackbot.handlers.listening import Body, log_failure
from slackbot.refusals import Refusal
from slackbot.request import UNFINISHED
from slackbot.store import record

COMMAND = "/ssat"


def register(app: AsyncApp, desk: Desk) -> None:
    """Listen for the command."""

    @app.command(COMMAND)
    async def listen(ack: AsyncAck, body: Body) -> None:
        try:
            await desk.recognise(str(body["team_id"]), str(body["user_id"]))
            answer = await _queue(desk)
        except Refusal as refusal:
            await _say(ack, refusal_words(refusal))
        except Exception:
            await _say(ack, log_failure(COMMAND))
        else:
            await ack(text=answer.text, blocks=list(answer.blocks), response_type="ephemeral")


async def _say(ack: AsyncAck, words: str) -> None:
    blocks = [{"type": "section", "text": mrkdwn(words)}]
    await ack(text=words, blocks=blocks, response_type="ephemeral")


async def _queue(desk: Desk) -> SlackMessage:
    async with desk.database.transaction() as tx:
        pictures = [
            picture
            for key in await record.unfinished_keys(tx)
            if (picture := await desk.viewer.picture(tx, key))
            and picture.request.state in UNFINISHED
        ]
        views = [await desk.viewer.view(tx, picture) for picture in pictures[:ROWS]]
    return render_queue(views, len(pictures))
