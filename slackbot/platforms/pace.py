"""Turns: calls go out no faster than a platform allows, but for a short burst."""

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol

from sqlalchemy import select, text, update

from slackbot import metrics
from slackbot.store.engine.away import RecordAway
from slackbot.store.engine.database import Database, Transaction, database_now, upsert
from slackbot.store.schema import paces

PATIENCE_SECONDS = 10.0
"""A call waits no longer: other work goes first."""


LONGEST_HOLD_SECONDS = 3600.0
"""No platform's window is longer; one that wants more may ask again."""
LEAVING = " leaving"
MARGIN = 1.02
"""Times a platform's interval: on their way, two calls may come closer to each other."""


def seconds_asked(told: str | None, date: str | None, default: float) -> float:
    """Read ``Retry-After``, at least a second and at most the longest hold.

    It is a number of seconds or, from some proxies, a moment by the clock that wrote ``date``.
    """
    try:
        seconds = _seconds(told or "", date or "")
    except (ValueError, OverflowError):
        seconds = default
    return min(max(seconds, 1.0), LONGEST_HOLD_SECONDS)


def _seconds(told: str, date: str) -> float:
    try:
        seconds = float(told)
    except ValueError:
        return (_moment(told) - (_clock(date) or datetime.now(UTC))).total_seconds()
    if not math.isfinite(seconds):
        raise ValueError
    return seconds


def _clock(date: str) -> datetime | None:
    try:
        return _moment(date)
    except (ValueError, OverflowError):
        return None


def _moment(written: str) -> datetime:
    moment = parsedate_to_datetime(written)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(eq=False)
class TooBusy(Exception):
    """The next turn is too far away to wait for."""

    seconds: float


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """``burst`` calls may go at once after a rest."""

    per_second: float
    burst: int

    @property
    def interval(self) -> float:
        """Seconds."""
        return MARGIN / self.per_second

    def wait(self, taken_until: float, now: float) -> float:
        """Return seconds; at ``taken_until`` all turns so far are paid for."""
        paid = max(taken_until, now) + self.interval
        return max(0.0, paid - self.burst * self.interval - now)

    def take(self, taken_until: float, now: float) -> float:
        return max(taken_until, now) + self.interval

    def held(self, taken_until: float, now: float, seconds: float) -> float:
        held = min(seconds, LONGEST_HOLD_SECONDS)
        return max(taken_until, now + held + (self.burst - 1) * self.interval)

    def believed(self, taken_until: float, now: float) -> float:
        """Return ``now`` where ``taken_until`` is so far off that a clock was wrong."""
        farthest = now + LONGEST_HOLD_SECONDS + self.burst * self.interval
        return taken_until if taken_until <= farthest else now


Allowances = Mapping[str, Allowance]


def faster(allowances: Allowances, times: float) -> Allowances:
    return {
        name: Allowance(per_second=each.per_second * times, burst=math.ceil(each.burst * times))
        for name, each in allowances.items()
    }


class Pace(Protocol):
    """Hands out turns for one kind of call."""

    async def turn(self, patience: float = PATIENCE_SECONDS) -> float:
        """Take a turn, in order of arrival; return the seconds until it comes.

        Raises:
            TooBusy: More than ``patience`` seconds; no turn is taken.
        """

    async def hold(self, seconds: float) -> None:
        """Let nothing through, as the platform asks."""


class OwnPace:
    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._taken_until = time.monotonic()

    async def turn(self, patience: float = PATIENCE_SECONDS) -> float:
        now = time.monotonic()
        seconds = self._allowance.wait(self._taken_until, now)
        if seconds > patience:
            raise TooBusy(seconds)
        self._taken_until = self._allowance.take(self._taken_until, now)
        return seconds

    async def hold(self, seconds: float) -> None:
        self._taken_until = self._allowance.held(self._taken_until, time.monotonic(), seconds)


class SharedPace:
    """The turns of all replicas, by the database's clock.

    While the record is away, each replica counts for itself: people must be told of it.
    """

    def __init__(self, database: Database, name: str, allowance: Allowance) -> None:
        self._database, self._name, self._allowance = database, name, allowance
        self._own = OwnPace(allowance)

    async def turn(self, patience: float = PATIENCE_SECONDS) -> float:
        try:
            async with self._database.transaction() as tx:
                taken_until, now = await self._lock(tx)
                seconds = self._allowance.wait(taken_until, now)
                if seconds > patience:
                    raise TooBusy(seconds)
                await self._save(tx, self._allowance.take(taken_until, now))
        except RecordAway:
            return await self._own.turn(patience)
        return seconds

    async def hold(self, seconds: float) -> None:
        try:
            # In any case: the platform said so, whoever has the job.
            async with self._database.transaction(in_any_case=True) as tx:
                taken_until, now = await self._lock(tx)
                await self._save(tx, self._allowance.held(taken_until, now, seconds))
        except RecordAway:
            await self._own.hold(seconds)

    async def _lock(self, tx: Transaction) -> tuple[float, float]:
        """Return ``taken_until`` and now; others wait for the commit."""
        if not tx.is_sqlite:  # a turn that a crash forgets does no harm
            await tx.execute(text("SET LOCAL synchronous_commit TO OFF"))
        now = database_now(is_sqlite=tx.is_sqlite)
        fresh = upsert(tx, paces).values(name=self._name, taken_until=now)
        await tx.execute(fresh.on_conflict_do_nothing())
        query = select(paces.c.taken_until).where(paces.c.name == self._name).with_for_update()
        taken_until: datetime = (await tx.execute(query)).scalar_one()
        # Only now: others may have kept it waiting.
        moment: datetime = (await tx.execute(select(now))).scalar_one()
        believed = self._allowance.believed(taken_until.timestamp(), moment.timestamp())
        return believed, moment.timestamp()

    async def _save(self, tx: Transaction, taken_until: float) -> None:
        moment = datetime.fromtimestamp(taken_until, UTC)
        await tx.execute(update(paces).where(paces.c.name == self._name).values(taken_until=moment))


class Paces:
    """A kind of call without an allowance needs no turn."""

    def __init__(self, allowances: Allowances, whose: str = "") -> None:
        self._given, self._whose = allowances, whose
        self._database: Database | None = None
        self._others: dict[str, Paces] = {}
        exits = {f"{name}{LEAVING}": each for name, each in allowances.items() if each.burst == 1}
        self._allowances = {**allowances, **exits}
        self._paces: Mapping[str, Pace] = {
            name: OwnPace(allowance) for name, allowance in self._allowances.items()
        }

    def share(self, database: Database) -> None:
        """Share turns with the other replicas."""
        self._database = database
        self._paces = {
            name: SharedPace(database, f"{name}{self._whose}", each)
            for name, each in self._allowances.items()
        }

    def of(self, account: int) -> "Paces":
        """Return the paces of another account, which the platform counts by itself."""
        whose = f" {account}"
        if whose not in self._others:
            paces = self._others[whose] = Paces(self._given, whose)
            if self._database is not None:
                paces.share(self._database)
        return self._others[whose]

    async def leave(self, name: str) -> None:
        """Keep clear of the call before, right before a call.

        Much may come between a turn and its call, and one that is late would meet the next. Only
        where nothing may burst: all else has a minute's room.
        """
        await self.wait(f"{name}{LEAVING}", math.inf)

    async def wait(self, name: str, patience: float = PATIENCE_SECONDS) -> None:
        """Wait in order of arrival.

        Raises:
            TooBusy: More than ``patience`` seconds; no turn is taken.
        """
        pace = self._paces.get(name)
        if pace is None:
            return
        label = name.removesuffix(LEAVING)
        try:
            seconds = await pace.turn(patience)
        except TooBusy:
            metrics.PACE_REFUSALS.labels(label).inc()
            raise
        metrics.PACE_SECONDS.labels(label).inc(seconds)
        await asyncio.sleep(seconds)

    async def hold(self, name: str, seconds: float) -> None:
        if pace := self._paces.get(name):
            await pace.hold(seconds)
