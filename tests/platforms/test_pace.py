"""Turns: in order, no faster than allowed, and over all replicas together where they share them."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from slackbot.platforms.gitlab.api import PACES as GITLAB
from slackbot.platforms.pace import (
    LONGEST_HOLD_SECONDS,
    PATIENCE_SECONDS,
    Allowance,
    OwnPace,
    Pace,
    Paces,
    SharedPace,
    TooBusy,
    seconds_asked,
)
from slackbot.store import schema
from slackbot.store.engine.database import Database, LeaseLost, Transaction, fenced_by

Make = Callable[[Allowance], Awaitable[Pace]]


@pytest.fixture(params=["own", "postgresql"])
def shared_at(request: pytest.FixtureRequest) -> str | None:
    """Where a pace is shared, if it is."""
    return None if request.param == "own" else request.getfixturevalue("postgresql")


@pytest.fixture
async def make(shared_at: str | None) -> AsyncIterator[Make]:
    """Makes paces that have rested for long."""
    if shared_at is None:

        async def own(allowance: Allowance) -> Pace:
            return OwnPace(allowance)

        yield own
        return
    database = Database(shared_at)

    async def shared(allowance: Allowance) -> Pace:
        return SharedPace(database, "test", allowance)

    yield shared
    await database.close()


async def test_a_burst_goes_at_once_and_what_would_wait_too_long_is_told_how_long(
    make: Make,
) -> None:
    pace = await make(Allowance(per_second=0.001, burst=3))
    assert [await pace.turn() for _ in range(3)] == [0, 0, 0]
    for _ in range(3):  # being turned away costs nothing
        with pytest.raises(TooBusy) as caught:
            await pace.turn()
        assert 1010 < caught.value.seconds <= 1020


async def test_turns_come_in_order_and_no_faster_than_allowed(make: Make) -> None:
    allowance = Allowance(per_second=2, burst=2)
    pace = await make(allowance)
    begun = time.monotonic()
    turns = [await pace.turn() for _ in range(12)]
    took = time.monotonic() - begun
    assert turns == sorted(turns)
    for number, seconds in enumerate(turns[2:], start=1):
        assert number * allowance.interval - took <= seconds <= number * allowance.interval


async def test_who_has_waited_as_long_as_is_bearable_is_the_last_to_be_let_in(make: Make) -> None:
    pace = await make(Allowance(per_second=1, burst=1))
    turns = await asyncio.gather(*(pace.turn() for _ in range(20)), return_exceptions=True)
    let_in = [seconds for seconds in turns if isinstance(seconds, float)]
    assert PATIENCE_SECONDS <= len(let_in) <= PATIENCE_SECONDS + 2
    assert max(let_in) <= PATIENCE_SECONDS
    assert all(isinstance(one, float | TooBusy) for one in turns)


def test_nobody_waits_for_turns_that_were_taken_by_a_wrong_clock() -> None:
    allowance = Allowance(per_second=1, burst=5)
    held = allowance.held(0, 1000, 3600)
    assert allowance.believed(held, 1000) == held
    assert allowance.believed(1000 + 86400, 1000) == 1000


async def test_a_held_pace_lets_nothing_through_until_then(make: Make) -> None:
    pace = await make(Allowance(per_second=1000, burst=1000))
    await pace.hold(3600)
    with pytest.raises(TooBusy) as caught:
        await pace.turn()
    assert 3590 < caught.value.seconds <= 3600


async def test_no_platform_is_left_alone_for_longer_than_its_windows_can_be(make: Make) -> None:
    pace = await make(Allowance(per_second=1000, burst=1000))
    await pace.hold(1795892217)
    with pytest.raises(TooBusy) as caught:
        await pace.turn()
    assert caught.value.seconds <= LONGEST_HOLD_SECONDS


async def test_a_hold_of_years_on_record_is_not_believed_after_a_restart(postgresql: str) -> None:
    database = Database(postgresql)
    pace = SharedPace(database, "gitlab.calls", Allowance(per_second=1000, burst=1000))
    try:
        await pace.hold(600)
        async with database.transaction() as tx:
            ahead = datetime.now(UTC) + timedelta(days=56 * 365)
            await tx.execute(update(schema.paces).values(taken_until=ahead))
        assert await pace.turn() == 0
    finally:
        await database.close()


NOW = "Sun, 29 Nov 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("17", 17),
        (" 2.5 ", 2.5),
        ("0", 1),
        ("-3", 1),
        ("1795892217", LONGEST_HOLD_SECONDS),
        ("9" * 400, 60),
        ("1e400", 60),
        ("inf", 60),
        ("nan", 60),
        ("soon", 60),
        ("", 60),
        (None, 60),
        ("Sun, 29 Nov 2026 12:00:40 GMT", 40),
        ("Sunday, 29-Nov-26 12:00:40 GMT", 40),
        ("Sun Nov 29 12:00:40 2026", 40),
        ("Sun, 29 Nov 2026 13:00:40 +0100", 40),
        ("Sun, 29 Nov 2026 11:00:00 GMT", 1),
        ("Fri, 29 Nov 2082 12:00:00 GMT", LONGEST_HOLD_SECONDS),
        ("Sun, 99 Nov 2026 12:00:00 GMT", 60),
    ],
)
def test_how_long_a_platform_asks_to_wait_is_understood_or_the_default(
    told: str | None, seconds: float
) -> None:
    assert seconds_asked(told, NOW, default=60) == seconds


def test_a_moment_without_the_platforms_own_time_is_read_by_this_machines() -> None:
    told = format_datetime(datetime.now(UTC) + timedelta(seconds=600), usegmt=True)
    for date in (None, "", "yesterday"):
        assert 500 < seconds_asked(told, date, default=60) <= 600


@given(told=st.text() | st.floats().map(str) | st.datetimes().map(format_datetime), date=st.text())
def test_whatever_a_platform_says_the_wait_has_bounds(told: str, date: str) -> None:
    assert 1 <= seconds_asked(told, date, default=60) <= LONGEST_HOLD_SECONDS


async def test_a_short_hold_does_not_shorten_a_longer_one(make: Make) -> None:
    pace = await make(Allowance(per_second=1, burst=1))
    await pace.hold(3600)
    await pace.hold(1)
    with pytest.raises(TooBusy) as caught:
        await pace.turn()
    assert caught.value.seconds > 3590


async def test_a_hold_ends(make: Make) -> None:
    pace = await make(Allowance(per_second=1, burst=5))
    begun = time.monotonic()
    await pace.hold(5)
    seconds = await pace.turn()
    assert 5 - (time.monotonic() - begun) <= seconds <= 5


async def test_replicas_take_turns_from_one_pace(postgresql: str) -> None:
    replicas = [Database(postgresql) for _ in range(3)]
    try:
        allowance = Allowance(per_second=1, burst=1)
        begun = time.monotonic()
        turns = await asyncio.gather(
            *(SharedPace(one, "chat.postMessage", allowance).turn() for one in replicas * 3)
        )
        took = time.monotonic() - begun
    finally:
        for database in replicas:
            await database.close()
    for number, seconds in enumerate(sorted(turns)):
        assert number * allowance.interval - took <= seconds <= number * allowance.interval


async def test_calls_that_come_late_after_their_turns_keep_clear_of_each_other(
    shared_at: str | None,
) -> None:
    allowance = Allowance(per_second=10, burst=1)
    replicas = [Paces({"chat.postMessage": allowance}) for _ in range(2 if shared_at else 1)]
    databases = [Database(shared_at) for _ in replicas if shared_at]
    for paces, database in zip(replicas, databases, strict=False):
        paces.share(database)
    calls = 4
    begun = time.monotonic()
    for paces in itertools.islice(itertools.cycle(replicas), calls):
        await paces.leave("chat.postMessage")
    took = time.monotonic() - begun
    for database in databases:
        await database.close()
    assert took >= (calls - 1) * allowance.interval


async def test_what_a_platform_asks_for_holds_for_all_though_the_job_is_somebody_elses_by_now(
    postgresql: str,
) -> None:
    async def lost(_tx: Transaction) -> None:
        raise LeaseLost

    database = Database(postgresql)
    await database.open()
    pace = SharedPace(database, "chat.postMessage", Allowance(per_second=1000, burst=1000))
    try:
        with fenced_by(lost), pytest.raises(LeaseLost):
            await pace.hold(3600)
        with pytest.raises(TooBusy):
            await pace.turn()
    finally:
        await database.close()


@given(
    per_second=st.floats(0.01, 100),
    burst=st.integers(1, 50),
    gaps=st.lists(st.tuples(st.floats(0, 60), st.floats(0, 1)), max_size=60),
)
def test_a_platform_counts_no_more_than_the_burst_and_what_it_earns_though_some_calls_come_late(
    per_second: float, burst: int, gaps: list[tuple[float, float]]
) -> None:
    allowance, taken_until, now = Allowance(per_second=per_second, burst=burst), 0.0, 0.0
    latest = allowance.interval - 1 / per_second
    arrived: list[float] = []
    for gap, late in gaps:
        now += gap
        arrived.append(now + allowance.wait(taken_until, now) + late * latest)
        taken_until = allowance.take(taken_until, now)
    arrived.sort()  # one that comes late may come after the next
    for first, begun in enumerate(arrived):
        for last in range(first, len(arrived)):
            earned = burst + (arrived[last] - begun) * per_second
            assert last - first + 1 <= earned + 1e-6


def test_a_call_may_be_late_by_a_fiftieth_of_the_interval() -> None:
    allowance = Allowance(per_second=1, burst=1)
    assert allowance.interval >= 1.02


def test_a_minute_of_gitlab_has_room_for_a_minute_of_ours() -> None:
    """gitlab.com counts 2,000 requests and 60 notes of a user in any minute."""
    most = {name: each.burst + 60 * each.per_second for name, each in GITLAB.items()}
    assert most["gitlab.calls"] <= 2000
    assert most["gitlab.notes"] <= 60
