"""What people ask to see: every query is answered from the record, and none is an error."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from slackbot.blocks.duty import duty_words
from slackbot.blocks.elements import message
from slackbot.blocks.queue import Asker, render_found, render_help, render_queue
from slackbot.blocks.words import NOTHING_NAMED, REFRESHING, SAY_WHICH
from slackbot.handlers.desk import Desk
from slackbot.platforms.message import SlackMessage
from slackbot.rules.query import (
    Listing,
    Mentioned,
    NotUnderstood,
    Order,
    Query,
    Show,
    Turn,
    Verb,
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What stands behind a verb, and who asks."""

    asker: Asker
    rest: str


Answer = Callable[[Asked], Awaitable[SlackMessage]]


class Looking:
    """Answers what people ask to see.

    Args:
        desk: Has the record.
        verbs: Who answers further verbs, which other modules see to.
    """

    def __init__(self, desk: Desk, verbs: Mapping[Verb, Answer]) -> None:
        self._desk = desk
        self._verbs: dict[Verb, Answer] = {
            Verb.DUTY: self._duty,
            Verb.REFRESH: self._refresh,
            Verb.HELP: self._help,
            **verbs,
        }

    async def asker(self, team: str, user: str) -> Asker:
        """Return who asks, if they may look.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        return await self._desk.look(team, user)

    async def answer(self, query: Query, asker: Asker, turn: Turn | None = None) -> SlackMessage:
        """Answer a query; ``turn`` says which page."""
        match query:
            case Listing():
                return await self._queue(query, asker, turn)
            case Show():
                return await self.show(query, asker, nothing=SAY_WHICH)
            case Order(verb=verb, rest=rest) if verb in self._verbs:
                return await self._verbs[verb](Asked(asker=asker, rest=rest))
            case NotUnderstood() | Mentioned():
                return render_help(query)
            case Order():
                return render_help()

    async def _queue(self, listing: Listing, asker: Asker, turn: Turn | None) -> SlackMessage:
        days = listing.days if listing.shows_done else None
        async with self._desk.transaction() as tx:
            board = await self._desk.viewer.board(tx, days=days)
        return render_queue(board, listing, asker, turn)

    async def show(self, show: Show, asker: Asker, nothing: str = NOTHING_NAMED) -> SlackMessage:
        """Show single feedbacks; ``nothing`` is said where none is named."""
        if not show.targets:
            return message(nothing)
        async with self._desk.transaction() as tx:
            found = await self._desk.viewer.find(tx, show.targets)
        return render_found(found, asker)

    async def _duty(self, _: Asked) -> SlackMessage:
        async with self._desk.transaction() as tx:
            view = await self._desk.viewer.duty(tx)
        return message(duty_words(view, self._desk.viewer.zone))

    async def _refresh(self, _: Asked) -> SlackMessage:
        await self._desk.refresh()
        return message(REFRESHING)

    async def _help(self, _: Asked) -> SlackMessage:
        return render_help()
