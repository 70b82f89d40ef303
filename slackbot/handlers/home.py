"""The App Home: opened, narrowed down, refreshed."""

import re

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.context.respond.async_respond import AsyncRespond

from slackbot.blocks.home import FILTER, REFRESH
from slackbot.handlers.desk import Desk
from slackbot.handlers.listening import Body, answer, team_of
from slackbot.handlers.surface import Surfaces
from slackbot.rules.query import Listing, read_query

HOME_TAB = "home"


def register(app: AsyncApp, desk: Desk, surfaces: Surfaces) -> None:
    """Listen for who looks at their home, and for the page's own buttons."""

    @app.event("app_home_opened")
    async def opened(body: Body) -> None:
        event = body["event"]
        if event.get("tab") == HOME_TAB:
            await desk.open_home(str(body["team_id"]), str(event["user"]))

    @app.action(re.compile(f"^{FILTER}_"))
    async def narrow(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        async def work() -> None:
            asked = read_query(str(body["actions"][0].get("value") or ""))
            chosen = str(asked) if isinstance(asked, Listing) else ""
            await desk.open_home(team_of(body), str(body["user"]["id"]), chosen)

        await answer(work, surfaces.telling(body, respond), ack=ack, what=FILTER)

    @app.action(REFRESH)
    async def refresh(ack: AsyncAck, body: Body, respond: AsyncRespond) -> None:
        async def work() -> None:
            team, user = team_of(body), str(body["user"]["id"])
            await desk.look(team, user)
            await desk.refresh()
            await desk.open_home(team, user)

        await answer(work, surfaces.telling(body, respond), ack=ack, what=REFRESH)
