"""``/ssat``: the queue, for the asker only, and its pages."""

import asyncio
from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp
from slack_bolt.kwargs_injection.async_args import AsyncArgs

from slackbot.blocks.answers.queue import NEXT, PREVIOUS
from slackbot.blocks.elements import message
from slackbot.handlers.answers import Answers, explain, present
from slackbot.handlers.incoming import Body
from slackbot.handlers.profile import ProfileForm
from slackbot.handlers.stats import StatsAnswer
from slackbot.people.accounts import AccountSearch
from slackbot.platforms.slack.message import SlackMessage
from slackbot.rules.reading.query import Order, Query, Verb, read_query
from slackbot.rules.refusals import TakesLonger

COMMAND = "/ssat"
TURN = "queue_turn"
WITH_ACK_SECONDS = 2.2
"""Slack waits three seconds for the ack."""
LATEST_SECONDS = 20.0
"""What is later than the ack comes by itself."""


@dataclass(frozen=True)
class QueueCommand:
    answers: Answers
    accounts: AccountSearch
    profile_form: ProfileForm
    stats: StatsAnswer

    def register(self, app: AsyncApp) -> None:
        app.command(COMMAND)(self._ask)
        app.action(PREVIOUS)(self._turn)
        app.action(NEXT)(self._turn)

    async def _ask(self, args: AsyncArgs) -> None:
        query = read_query(str(args.body.get("text") or ""))
        if isinstance(query, Order) and query.verb is Verb.STATS:
            await args.ack()
            self.answers.afterwards.start(self.stats.tell(args, query.rest))
            return
        answering = self.answers.afterwards.start(self._answer(args.body, query))
        await asyncio.wait({answering}, timeout=WITH_ACK_SECONDS)
        if not answering.done():
            await args.ack()
            self.answers.afterwards.start(self._present(args, answering))
        elif said := answering.result():
            await args.ack(text=said.text, blocks=list(said.blocks), response_type="ephemeral")
        else:
            await args.ack()

    async def _present(self, args: AsyncArgs, answering: asyncio.Task[SlackMessage | None]) -> None:
        if said := await answering:
            await present(args.respond, said, in_place=False)

    async def _answer(self, body: Body, query: Query) -> SlackMessage | None:
        """Return ``None`` where a form is the answer."""
        try:
            async with asyncio.timeout(LATEST_SECONDS):
                asker = await self.answers.look(str(body["team_id"]), str(body["user_id"]))
                try:
                    if isinstance(query, Order) and query.verb is Verb.PROFILE:
                        await self.profile_form.open(asker.person, body)
                        return None
                    return await self.answers.answer(query, asker, at=self.answers.team_at(body))
                finally:
                    # Only now, in the background: no answer waits for their GitLab account.
                    self.accounts.seek(asker.person)
        except TimeoutError:
            return message(explain(TakesLonger(), COMMAND))
        except Exception as error:
            return message(explain(error, COMMAND))

    async def _turn(self, args: AsyncArgs) -> None:
        async with self.answers.answering(args, TURN) as reply:
            asked = str(args.body["actions"][0].get("value") or "")
            reply.show(await self.answers.answer_again(asked, args.body), in_place=True)
