"""From the record to what the blocks draw: the one place that makes card views."""

from zoneinfo import ZoneInfo

from slackbot.blocks.card import CardView
from slackbot.clock import Clock
from slackbot.deadline import BusinessHours
from slackbot.feedback import HANDBOOK_LABELS
from slackbot.request import IssueKey
from slackbot.store import facts
from slackbot.store.database import Transaction
from slackbot.store.picture import Picture, Vocabulary, load_picture


class Viewer:
    """Makes views of requests as they stand now."""

    def __init__(self, words: Vocabulary, hours: BusinessHours, clock: Clock) -> None:
        self.words, self._hours, self._clock = words, hours, clock

    @property
    def zone(self) -> ZoneInfo:
        """The team's time zone."""
        return self._hours.timezone

    async def picture(
        self, tx: Transaction, key: IssueKey, *, lock: bool = False
    ) -> Picture | None:
        """Return a request as decided so far; ``lock`` makes others wait until the commit."""
        return await load_picture(tx, key, self.words, lock=lock)

    async def labels(self, tx: Transaction) -> dict[str, str]:
        """Return the project's feedback labels, the handbook's until they have been read once."""
        known = await facts.load_labels(tx)
        return dict(HANDBOOK_LABELS) if known is None else known

    async def view(self, tx: Transaction, picture: Picture) -> CardView:
        """Return what a card of the request shows now."""
        problems = [recorded.problem for recorded in picture.pending if recorded.problem]
        return CardView(
            request=picture.request,
            pending=tuple(recorded.decision for recorded in picture.pending),
            waits_because=problems[0] if problems else None,
            refused=tuple(
                (recorded.decision, recorded.problem or "") for recorded in picture.refused
            ),
            labels=await self.labels(tx),
            scope=self.words.scope,
            hours=self._hours,
            now=self._clock(),
        )
