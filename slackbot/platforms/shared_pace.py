"""Turns that replicas share, for the platforms count the calls of all of them together."""

from datetime import UTC, datetime

from sqlalchemy import select, text, update

from slackbot.platforms.pace import PATIENCE_SECONDS, Allowance, TooBusy
from slackbot.store.database import Database, Transaction, database_now, upsert
from slackbot.store.schema import paces


class SharedPace:
    """Hands out the turns for one kind of call to all replicas, by the database's clock."""

    def __init__(self, database: Database, name: str, allowance: Allowance) -> None:
        self._database, self._name, self._allowance = database, name, allowance

    async def turn(self, patience: float = PATIENCE_SECONDS) -> float:
        """Take the next turn; see ``slackbot.pace.Pace``."""
        async with self._database.transaction() as tx:
            taken_until, now = await self._lock(tx)
            seconds = self._allowance.wait(taken_until, now)
            if seconds > patience:
                raise TooBusy(seconds)
            await self._save(tx, self._allowance.take(taken_until, now))
        return seconds

    async def hold(self, seconds: float) -> None:
        """Let nothing of any replica through for a while; see ``slackbot.pace.Pace``."""
        # In any case: the platform has said so, whoever has the job by now.
        async with self._database.transaction(in_any_case=True) as tx:
            taken_until, now = await self._lock(tx)
            await self._save(tx, self._allowance.held(taken_until, now, seconds))

    async def _lock(self, tx: Transaction) -> tuple[float, float]:
        """Return until when turns are taken and the current moment; others wait for the commit."""
        if not tx.is_sqlite:  # a turn that a crash forgets does no harm
            await tx.execute(text("SET LOCAL synchronous_commit TO OFF"))
        fresh = upsert(tx, paces).values(name=self._name, taken_until=database_now(tx))
        await tx.execute(fresh.on_conflict_do_nothing(index_elements=["name"]))
        query = select(paces.c.taken_until).where(paces.c.name == self._name).with_for_update()
        taken_until: datetime = (await tx.execute(query)).scalar_one()
        # Only now: before, others may have kept this one waiting.
        now: datetime = (await tx.execute(select(database_now(tx)))).scalar_one()
        believed = self._allowance.believed(taken_until.timestamp(), now.timestamp())
        return believed, now.timestamp()

    async def _save(self, tx: Transaction, taken_until: float) -> None:
        moment = datetime.fromtimestamp(taken_until, UTC)
        await tx.execute(update(paces).where(paces.c.name == self._name).values(taken_until=moment))
