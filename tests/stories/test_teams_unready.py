"""One team's channel is broken, and whatever job meets that: the bot is ready for the others."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from sqlalchemy import select

from slackbot.local.slack import Channel
from slackbot.store.jobs import IssueQueue, PeriodicQueue, Queue
from slackbot.store.schema import errands
from tests.stories.test_teams import EMEA, FILE, Teams, write
from tests.town import PATIENCE, Town, cards_in

# The town's clock begins on Friday, 30 January 2026, at 15:00 UTC. The deadline of emea is on
# Monday at 15:00, and for a score of 1 on Friday at 19:00.

POSTS = """\
channel = "#emea"
digest = "13:00"
reminders = "4,1"
quiet_hours = "off"
"""


@pytest.fixture
def teams(quiet_town: Town) -> Teams:
    found = Teams(quiet_town)
    found.file = write(quiet_town.folder, FILE.replace('channel = "#emea"\n', POSTS))
    return found


def archive(town: Town, channel: Channel) -> None:
    channel.archived = True


def remove_bot(town: Town, channel: Channel) -> None:
    channel.members.discard(town.slack.bot_user_id)


def hide(town: Town, channel: Channel) -> None:
    remove_bot(town, channel)
    channel.private = True


LOSE = pytest.mark.parametrize("lose", [archive, remove_bot, hide])
Lose = Callable[[Town, Channel], None]


@contextlib.asynccontextmanager
async def always_ready(town: Town) -> AsyncIterator[None]:
    """Ask all the time; since the bot was ready first, it has to stay so."""
    said: list[Any] = []

    async def ask() -> None:
        async with aiohttp.ClientSession() as session:
            while True:
                async with session.get(f"{town.url}/readyz") as answer:
                    said.append((answer.status, await answer.json()))
                await asyncio.sleep(0.02)

    asking = asyncio.create_task(ask())
    try:
        await town.slack.wait_for(lambda: said and said[-1][0] == 200, PATIENCE)
        said.clear()
        yield
        before = len(said)
        await town.slack.wait_for(lambda: len(said) > before + 1, PATIENCE)
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    assert [each for each in said if each[0] != 200] == []


async def refused(town: Town, *queues: Queue) -> None:
    """Wait until Slack has refused what jobs of these queues wanted."""

    def refused_by_now() -> bool:
        query = select(errands.c.lane).where(errands.c.problem.contains("Slack answered"))
        with town.engine().connect() as connection:
            return set(connection.scalars(query)) >= {str(each) for each in queues}

    await town.slack.wait_for(refused_by_now, PATIENCE)


@LOSE
async def test_a_channel_that_breaks_makes_no_job_call_the_bot_unready(
    teams: Teams, lose: Lose
) -> None:
    town = teams.town
    async with town.bot_running(ssat_routes_file=teams.file):
        issue, *_ = [
            teams.feedback(412410 + number, EMEA, score=1 if number else 2) for number in range(5)
        ]
        await town.slack.wait_for(lambda: len(cards_in(teams.emea)) == 5, PATIENCE)
        await town.quiet()
        town.clock.forward(hours=7)  # so that what is due at the deadline comes late
        await town.slack.wait_for(
            lambda: sum(bool(each.thread) for each in cards_in(teams.emea)) == 4, PATIENCE
        )
        await town.idle(IssueQueue.REMINDERS)
        async with always_ready(town):
            lose(town, teams.emea)
            town.clock.forward(minutes=3)
            await refused(town, PeriodicQueue.GAP)
            town.gitlab.assign(issue, town.avery_gitlab, by=town.avery_gitlab)
            teams.feedback(412420, EMEA)
            await refused(town, IssueQueue.CARD)
            town.clock.forward(hours=63)  # Monday 13:03
            await refused(town, IssueQueue.REMINDERS, PeriodicQueue.DIGEST)
            town.clock.forward(minutes=6)
            teams.feedback(412402)
            await teams.shows(teams.rest, "🟠 Unclaimed")


@LOSE
async def test_a_channel_that_is_broken_at_the_start_keeps_the_bot_from_nothing(
    teams: Teams, lose: Lose
) -> None:
    town = teams.town
    for number in range(12):
        teams.feedback(412410 + number, EMEA)
    town.clock.forward(minutes=10)
    lose(town, teams.emea)
    async with town.bot_running(ssat_routes_file=teams.file), always_ready(town):
        await refused(town, PeriodicQueue.SUMMARY)
        teams.feedback(412402)
        await teams.shows(teams.rest, "🟠 Unclaimed")
