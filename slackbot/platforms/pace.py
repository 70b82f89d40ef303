"""Turns: calls go out no faster than a platform allows, a short burst excepted.

https://docs.slack.dev/apis/web-api/rate-limits, https://docs.gitlab.com/security/rate_limits/.
"""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Protocol

from sqlalchemy import select, text, update

from slackbot.store.database import Database, Transaction, database_now, upsert
from slackbot.store.schema import paces

PATIENCE_SECONDS = 10.0
"""How long a call waits for its turn, as a rule, before it lets other work go first."""


LONGEST_HOLD_SECONDS = 3600.0
"""For no longer is anything held back that a platform has asked to wait with; it may ask again."""


@dataclass(eq=False)
class TooBusy(Exception):
    """The next turn is so far away that other work should not wait for it."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How many calls a second, and how many at once after a rest."""

    per_second: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds between two calls that follow each other for long."""
        return 1 / self.per_second

    def wait(self, taken_until: float, now: float) -> float:
        """Return the seconds until the next turn.

        Args:
            taken_until: The moment at which all turns taken so far will have been paid for.
            now: The current moment, in seconds on the same scale.
        """
        paid = max(taken_until, now) + self.interval
        return max(0.0, paid - self.burst * self.interval - now)

    def take(self, taken_until: float, now: float) -> float:
        """Return the new ``taken_until`` after one more turn."""
        return max(taken_until, now) + self.interval

    def held(self, taken_until: float, now: float, seconds: float) -> float:
        """Return the new ``taken_until`` if nothing may go out for some seconds."""
        held = min(seconds, LONGEST_HOLD_SECONDS)
        return max(taken_until, now + held + (self.burst - 1) * self.interval)

    def believed(self, taken_until: float, now: float) -> float:
        """Return ``taken_until``, or ``now`` where it is so far off that a clock was wrong."""
        farthest = now + LONGEST_HOLD_SECONDS + self.burst * self.interval
        return taken_until if taken_until <= farthest else now


Allowances = Mapping[str, Allowance]


def faster(allowances: Allowances, times: float) -> Allowances:
    """Return allowances of so many times the calls."""
    return {
        name: Allowance(per_second=each.per_second * times, burst=ceil(each.burst * times))
        for name, each in allowances.items()
    }


class Pace(Protocol):
    """Hands out turns for one kind of call."""

    async def turn(self, patience: float = PATIENCE_SECONDS) -> float:
        """Take the next turn, in order of arrival; return the seconds until it comes.

        Args:
            patience: How many seconds it may be away.

        Raises:
            TooBusy: It is too far away; it was not taken.
        """

    async def hold(self, seconds: float) -> None:
        """Let nothing through for some seconds from now, as the platform asks."""


class OwnPace:
    """The turns of one process, in real time."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._taken_until = time.monotonic()

    async def turn(self, patience: float = PATIENCE_SECONDS) -> float:
        """Take the next turn; see ``Pace``."""
        now = time.monotonic()
        seconds = self._allowance.wait(self._taken_until, now)
        if seconds > patience:
            raise TooBusy(seconds)
        self._taken_until = self._allowance.take(self._taken_until, now)
        return seconds

    async def hold(self, seconds: float) -> None:
        """Let nothing through for a while; see ``Pace``."""
        self._taken_until = self._allowance.held(self._taken_until, time.monotonic(), seconds)


class SharedPace:
    """The turns of all replicas, by the database's clock; platforms count their calls together."""

    def __init__(self, database: Database, name: str, allowance: Allowance) -> None:
        self._database, self._name, self._allowance = database, name, allowance

    async def turn(self, patience: float = PATIENCE_SECONDS) -> float:
        """Take the next turn; see ``Pace``."""
        async with self._database.transaction() as tx:
            taken_until, now = await self._lock(tx)
            seconds = self._allowance.wait(taken_until, now)
            if seconds > patience:
                raise TooBusy(seconds)
            await self._save(tx, self._allowance.take(taken_until, now))
        return seconds

    async def hold(self, seconds: float) -> None:
        """Let nothing of any replica through for a while; see ``Pace``."""
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
        # Only now: others may have kept this one waiting before.
        now: datetime = (await tx.execute(select(database_now(tx)))).scalar_one()
        believed = self._allowance.believed(taken_until.timestamp(), now.timestamp())
        return believed, now.timestamp()

    async def _save(self, tx: Transaction, taken_until: float) -> None:
        moment = datetime.fromtimestamp(taken_until, UTC)
        await tx.execute(update(paces).where(paces.c.name == self._name).values(taken_until=moment))


class Paces:
    """The turns for every kind of call to one platform; a kind without an allowance needs none."""

    def __init__(self, allowances: Allowances) -> None:
        self._allowances = allowances
        self._paces: Mapping[str, Pace] = {
            name: OwnPace(allowance) for name, allowance in allowances.items()
        }

    def share(self, database: Database) -> None:
        """Take turns with the other replicas from now on."""
        self._paces = {
            name: SharedPace(database, name, each) for name, each in self._allowances.items()
        }

    async def wait(self, name: str, patience: float = PATIENCE_SECONDS) -> None:
        """Wait for the next turn for a kind of call, in order of arrival.

        Args:
            name: The kind of call.
            patience: How many seconds away its turn may be.

        Raises:
            TooBusy: It is too far away; it was not taken.
        """
        if pace := self._paces.get(name):
            await asyncio.sleep(await pace.turn(patience))

    async def hold(self, name: str, seconds: float) -> None:
        """Let no call of a kind through for some seconds, as the platform asks."""
        if pace := self._paces.get(name):
            await pace.hold(seconds)
