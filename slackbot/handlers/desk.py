"""Where a person's choice is judged and recorded, before anything is acked."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID, uuid4

from slackbot import metrics
from slackbot.clock import Clock
from slackbot.delivery.worker import Bells
from slackbot.people import People
from slackbot.refusals import AlreadySettled, Unknown
from slackbot.request import IssueKey, Person, Request
from slackbot.store import cards, errands, record
from slackbot.store.database import Database, Transaction
from slackbot.store.errands import Lane
from slackbot.store.picture import Picture
from slackbot.store.record import Status
from slackbot.triage import Action, Decision, MarkContacted, decide
from slackbot.views import Viewer


class Desk:
    """Judges choices by the rules and records them as decisions."""

    def __init__(
        self, database: Database, people: People, viewer: Viewer, *, bells: Bells, clock: Clock
    ) -> None:
        self.database, self._people, self.viewer = database, people, viewer
        self._bells, self._clock = bells, clock

    def now(self) -> datetime:
        """Return the current moment, UTC."""
        return self._clock()

    async def admit(self, team: str, user: str) -> Person:
        """Return the person if they may act.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        return await self._people.admit(team, user)

    async def recognise(self, team: str, user: str) -> Person:
        """Return the person if they may look.

        Raises:
            NotAllowed: They may not, or Slack does not tell.
        """
        return await self._people.recognise(team, user)

    async def picture(self, key: IssueKey) -> Picture:
        """Return a request as decided so far.

        Raises:
            Unknown: The record has no such request.
        """
        async with self.database.transaction() as tx:
            return await self._picture(tx, key)

    async def _picture(self, tx: Transaction, key: IssueKey, *, lock: bool = False) -> Picture:
        picture = await self.viewer.picture(tx, key, lock=lock)
        if picture is None:
            raise Unknown
        return picture

    async def choose(
        self,
        key: IssueKey,
        who: Person,
        interaction: str,
        action_on: Callable[[Request], Action],
    ) -> None:
        """Judge a choice and record it; once this returns, it is committed.

        Args:
            key: The issue.
            who: The person, admitted.
            interaction: Slack's id of the interaction: the same one again has no further effect.
            action_on: Makes the action from the request as decided so far.

        Raises:
            Refusal: The rules do not allow it; nothing is recorded.
        """
        async with self.database.transaction() as tx:
            picture = await self._picture(tx, key, lock=True)
            if await record.find_interaction(tx, interaction):
                return
            action = action_on(picture.request)
            await self._judge(tx, picture.request, action, who)
            decision = Decision(id=uuid4(), key=key, by=who, at=self._clock(), action=action)
            await record.add_decision(tx, decision, interaction)
            await self._set_going(tx, key)
        metrics.CLICKS.labels(action.kind, "recorded").inc()
        self._bells.ring(Lane.SYNC, Lane.SHOW)

    async def _judge(self, tx: Transaction, request: Request, action: Action, who: Person) -> None:
        refusal = decide(
            request,
            action,
            who,
            self._clock(),
            labels=await self.viewer.labels(tx),
            scope=self.viewer.words.scope,
        )
        if refusal is not None:
            metrics.CLICKS.labels(action.kind, type(refusal).__name__).inc()
            raise refusal

    async def _set_going(self, tx: Transaction, key: IssueKey) -> None:
        now = self._clock()
        await cards.make_stale(tx, key)
        await errands.ask(tx, Lane.SYNC, [key], now, urgent=True)
        await errands.ask(tx, Lane.SHOW, [key], now, urgent=True)

    async def retry(self, key: IssueKey, decision: UUID) -> None:
        """Put a decision that GitLab refused back on its way.

        Raises:
            Refusal: There is none, or somebody was faster.
        """
        async with self.database.transaction() as tx:
            refused = await self._refused(tx, key, decision)
            if not isinstance(refused.action, MarkContacted):  # a contact has happened anyway
                picture = await self._picture(tx, key)
                await self._judge(tx, picture.request, refused.action, refused.by)
            await record.revive_decision(tx, key, decision)
            await self._set_going(tx, key)
        self._bells.ring(Lane.SYNC, Lane.SHOW)

    async def dismiss(self, key: IssueKey, decision: UUID) -> None:
        """Give a decision up that GitLab refused, and forget its text.

        Raises:
            Refusal: There is none, or somebody was faster.
        """
        async with self.database.transaction() as tx:
            refused = await self._refused(tx, key, decision)
            await record.finish_decision(tx, refused, Status.DROPPED, self._clock())
            await self._set_going(tx, key)
        self._bells.ring(Lane.SYNC, Lane.SHOW)

    async def _refused(self, tx: Transaction, key: IssueKey, decision: UUID) -> Decision:
        await self._picture(tx, key, lock=True)
        recorded = await record.find_decision(tx, key, decision)
        if recorded is None:
            raise Unknown
        if recorded.status is not Status.REFUSED:
            raise AlreadySettled
        return recorded.decision
