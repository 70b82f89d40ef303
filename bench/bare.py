"""What the bot is measured beside: a Bolt app that only acks, and a script that only posts.

Both as people write them, in one process: Bolt serves itself, and whatever GitLab's webhook says,
the script posts one message to Slack.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient


def main() -> None:
    token = os.environ["SLACK_BOT_TOKEN"]
    client = AsyncWebClient(token, base_url=os.environ["SLACK_API_URL"])
    app = AsyncApp(client=client, signing_secret=os.environ["SLACK_SIGNING_SECRET"])

    @app.action(re.compile(".+"))
    async def only_ack(ack: AsyncAck) -> None:
        await ack()

    @app.command("/ssat")
    async def answer(ack: AsyncAck) -> None:
        await ack("Nothing is on record.")

    async def post(request: web.Request) -> web.Response:
        await request.json()
        await client.chat_postMessage(**_message())
        return web.Response()

    server = app.server(host="127.0.0.1", port=int(os.environ["PORT"]))
    server.web_app.router.add_post("/gitlab/webhook", post)
    server.start()


def _message() -> dict[str, Any]:
    message: dict[str, Any] = json.loads(Path(os.environ["BARE_MESSAGE"]).read_text())
    return message


if __name__ == "__main__":
    main()
