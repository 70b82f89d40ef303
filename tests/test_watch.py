"""What the gauges say while a platform is away, which is when an administrator looks at them."""

from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import aiohttp
import pytest

from tests.conftest import MovableClock
from tests.port import Port
from tests.town import Town
from tests.town import town as build_town


@pytest.fixture
async def town(clock: MovableClock, tmp_path: Path, sqlite: str) -> AsyncIterator[Town]:
    async with build_town(clock, tmp_path, sqlite) as built:
        async with built.bot_running(ssat_poll_seconds=0.1):
            yield built
        built.check()


async def gauge(town: Town, name: str, is_right: Callable[[float], bool]) -> None:
    """Wait until a gauge shows what is right."""
    async with aiohttp.ClientSession() as session, session.get(f"{town.url}/healthz"):
        port = Port(town=town, session=session)
        shown = -1.0
        for _ in range(600):
            lines = (await port.get("/metrics")).text.splitlines()
            shown = next(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))
            if is_right(shown):
                return
            await town.slack.next_change(0.05)
        raise AssertionError(f"{name} is {shown}")


async def test_choices_that_wait_for_gitlab_are_counted_with_their_age(town: Town) -> None:
    _, card = await town.request()
    town.gitlab.down()
    await town.slack.click(town.avery, card, "Claim")
    await gauge(town, "ssat_decisions_pending", lambda number: number == 1)
    town.clock.forward(hours=2)
    await gauge(town, "ssat_decisions_pending_oldest_seconds", lambda age: age >= 7200)
    town.clock.forward(hours=120)
    await gauge(town, "ssat_requests_overdue", lambda number: number == 1)


async def test_what_gitlab_refused_is_counted_until_somebody_sees_to_it(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.faults.add(method="POST", path="/notes", status=403)
    await town.slack.click(town.avery, card, "Claim")
    card = await town.card(issue, "GitLab rejected this:")
    await gauge(town, "ssat_decisions_refused", lambda number: number == 1)

    assert (await town.slack.click(town.avery, card, "Try again")).ok
    await town.claimed(issue, "Avery Example")
    await gauge(town, "ssat_decisions_refused", lambda number: number == 0)


async def test_a_job_that_fails_again_and_again_is_counted(town: Town) -> None:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    town.slack.faults.add("chat.update", error="some_new_error", times=1000)
    town.gitlab.edit(issue, title="Negative feedback for ticket 412399", by=town.blake_gitlab)
    for times in range(1, 9):
        await town.slack.wait_for(partial(has_refused, town, times))
        town.clock.forward(minutes=6)
    await gauge(town, 'ssat_errands_stuck{lane="show"}', lambda number: number == 1)
    town.slack.faults.clear()


def has_refused(town: Town, times: int) -> bool:
    calls = [one for one in town.slack.requests if one.method == "chat.update"]
    return sum(not one.ok for one in calls) >= times
