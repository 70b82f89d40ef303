"""Turns: in order, no faster than allowed, and over all replicas together where they share them."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slackbot.platforms.gitlab_api import PACES as GITLAB
from slackbot.platforms.pace import (
    PATIENCE_SECONDS,
    Allowance,
    OwnPace,
    Pace,
    SharedPace,
    TooBusy,
)
from slackbot.store.database import Database, LeaseLost, Transaction, fenced_by

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
        assert 990 < caught.value.seconds <= 1000


async def test_turns_come_in_order_and_no_faster_than_allowed(make: Make) -> None:
    pace = await make(Allowance(per_second=2, burst=2))
    begun = time.monotonic()
    turns = [await pace.turn() for _ in range(12)]
    took = time.monotonic() - begun
    assert turns == sorted(turns)
    for number, seconds in enumerate(turns[2:], start=1):
        assert number / 2 - took <= seconds <= number / 2


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
        assert number - took <= seconds <= number


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
    gaps=st.lists(st.floats(0, 60), max_size=60),
)
def test_in_no_stretch_of_time_are_there_more_than_the_burst_and_what_it_earns(
    per_second: float, burst: int, gaps: list[float]
) -> None:
    allowance, taken_until, now = Allowance(per_second=per_second, burst=burst), 0.0, 0.0
    let_in: list[float] = []
    for gap in gaps:
        now += gap
        let_in.append(now + allowance.wait(taken_until, now))
        taken_until = allowance.take(taken_until, now)
    for first, begun in enumerate(let_in):
        for last in range(first, len(let_in)):
            earned = burst + (let_in[last] - begun) * per_second
            assert last - first + 1 <= earned + 1e-6


def test_a_minute_of_gitlab_has_room_for_a_minute_of_ours() -> None:
    """gitlab.com counts 2,000 requests and 60 notes of a user in any minute."""
    most = {name: each.burst + 60 * each.per_second for name, each in GITLAB.items()}
    assert most["gitlab.calls"] <= 2000
    assert most["gitlab.notes"] <= 60
