"""Find the cards that stand in the channel although the record lost them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import structlog

from slackbot.blocks.card import CARD_EVENT
from slackbot.platforms.errors import PlatformError
from slackbot.platforms.slack.client import SlackClient
from slackbot.platforms.slack.outbox import Outbox
from slackbot.rules.request import IssueKey
from slackbot.rules.routes import Route, Routes
from slackbot.store import facts, jobs
from slackbot.store.engine.database import Record
from slackbot.store.jobs import IssueQueue
from slackbot.store.messages import cards

log = structlog.get_logger()

CARD_MEMORY = timedelta(days=90)
"""Far longer than a customer waits."""


@dataclass(frozen=True, kw_only=True)
class Adoption:
    standing: Mapping[IssueKey, str]
    """The ``ts`` of each issue's newest card."""
    news: Sequence[IssueKey]
    """Their card was unknown, or known elsewhere."""
    doubled: Sequence[IssueKey]
    """Nobody will repaint their older cards."""

    def beside(self, other: "Adoption") -> "Adoption":
        """Add what was found in another channel; a card in both stands in this one."""
        return Adoption(
            standing={**other.standing, **self.standing},
            news=[*self.news, *(key for key in other.news if key not in self.news)],
            doubled=sorted({*self.doubled, *other.doubled}),
        )


NOTHING = Adoption(standing={}, news=(), doubled=())


class CardAdoption:
    def __init__(self, record: Record, slack: SlackClient, outbox: Outbox, routes: Routes) -> None:
        self._record, self._slack, self._outbox = record, slack, outbox
        self._routes, self._searching = routes, asyncio.Lock()
        self._done: set[str] = set()

    async def ensure(self, route: Route) -> None:
        """Adopt a team's cards once, before anything is posted to its channel.

        Replicas may do it at the same time.

        Raises:
            PlatformError: The channel cannot be read.
        """
        async with self._searching:
            if route.name not in self._done and not await self._was_done(route):
                await self._adopt(route)
            self._done.add(route.name)

    async def _was_done(self, route: Route) -> bool:
        async with self._record.transaction() as tx:
            return await facts.CARDS_ADOPTED.of(route.name).load(tx) is not None

    async def adopt(self) -> Adoption:
        """Search all channels and note every card; safe to repeat.

        Raises:
            PlatformError: A channel cannot be read; of that nothing is noted.
        """
        found = NOTHING
        for route in self._routes:
            found = found.beside(await self._adopt(route))
        return found

    async def _adopt(self, route: Route) -> Adoption:
        main = await self._search(await self._outbox.channel(route.channel), route)
        return main.beside(await self._search_bad(route))

    async def _search_bad(self, route: Route) -> Adoption:
        """No customer waits there, so its trouble holds nothing up."""
        if route.bad_channel is None:
            return NOTHING
        try:
            return await self._search(await self._outbox.channel(route.bad_channel), route)
        except PlatformError as error:
            log.warning("bad_channel_not_searched", problem=str(error))
            return NOTHING

    async def _search(self, channel: str, route: Route) -> Adoption:
        since = (self._record.now() - CARD_MEMORY).timestamp()
        newest: dict[IssueKey, str] = {}
        doubled = []
        async for message in self._slack.own_messages(channel, CARD_EVENT, since=since):
            key = _issue(message.key)
            if key is not None and newest.setdefault(key, message.ts) != message.ts:
                log.warning("card_doubled", issue=str(key), ts=message.ts)
                doubled.append(key)
        news = await self._note(channel, newest, route)
        log.info("cards_found", cards=len(newest), news=len(news))
        return Adoption(standing=newest, news=news, doubled=doubled)

    async def _note(
        self, channel: str, found: Mapping[IssueKey, str], route: Route
    ) -> list[IssueKey]:
        async with self._record.transaction() as tx:
            news = [
                key
                for key, ts in sorted(found.items())
                if await cards.save_found(tx, key, channel, ts)
            ]
            # Listings lack closed issues; their cards are kept up, too.
            for queue in IssueQueue:
                jobs.enqueue(tx, queue, news, self._record.now())
            await facts.CARDS_ADOPTED.of(route.name).save(tx, channel)
        return news


def _issue(key: str) -> IssueKey | None:
    try:
        return IssueKey.parse(key)
    except ValueError:
        return None
