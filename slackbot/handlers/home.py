"""The App Home: opened, narrowed down, refreshed."""

import re
from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.answers.home import FILTER, REFRESH
from slackbot.handlers.answers import Answers
from slackbot.handlers.incoming import Body, sender_of
from slackbot.rules.reading.query import Listing, read_query

HOME_TAB = "home"


@dataclass(frozen=True)
class Home:
    answers: Answers

    def register(self, app: AsyncApp) -> None:
        app.event("app_home_opened")(self.answers.once_acked(self._open))
        app.action(re.compile(f"^{FILTER}_"))(self._narrow)
        app.action(REFRESH)(self._refresh)

    async def _open(self, body: Body) -> None:
        event = body["event"]
        if event.get("tab") == HOME_TAB:
            await self.answers.open_home(str(body["team_id"]), str(event["user"]))

    async def _narrow(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, FILTER):
            asked = read_query(str(args.body["actions"][0].get("value") or ""))
            chosen = str(asked) if isinstance(asked, Listing) else ""
            await self.answers.open_home(*sender_of(args.body), chosen)

    async def _refresh(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, REFRESH):
            team, user = sender_of(args.body)
            await self.answers.look(team, user)
            await self.answers.refresh()
            await self.answers.open_home(team, user)
