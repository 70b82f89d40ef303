"""The clock of the bot's machine is wrong for a moment, then right again."""

from collections.abc import MutableMapping
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from slackbot import watch
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from tests.town import Town, text_of

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "CLOCK_SECONDS", 0.05)


async def noticed(town: Town, logs: list[MutableMapping[str, Any]], jumps: int) -> None:
    """Wait until the bot has seen so many jumps."""
    await town.slack.wait_for(
        lambda: sum(line["event"] == "clock_jumped" for line in logs) >= jumps
    )


async def be_wrong(town: Town, by: timedelta) -> None:
    """Let the clock be wrong while the bot polls, then right again."""
    await town.polled()  # one that ends only now would put off the next one by the wrong clock
    with capture_logs() as logs:
        polls = listings(town)
        town.skew = by
        await noticed(town, logs, 1)
        await town.gitlab.wait_for(lambda: listings(town) > polls)
        await town.polled()
        town.skew = timedelta(0)
        await noticed(town, logs, 2)
        await town.polled()
    seconds = by.total_seconds()
    told = [line["seconds"] for line in logs if line["event"] == "clock_jumped"]
    assert told == [seconds, -seconds]


def listings(town: Town) -> int:
    return sum("updated_after" in request.query for request in town.gitlab.requests)


MOMENTS = {"fast": DAY, "slow": -DAY, "minutes fast": 5 * MINUTE, "minutes slow": -5 * MINUTE}


@pytest.mark.parametrize("by", MOMENTS.values(), ids=MOMENTS.keys())
async def test_a_request_whose_hook_is_lost_gets_its_card(quiet_town: Town, by: timedelta) -> None:
    async with quiet_town.bot_running(ssat_poll_seconds=60):
        await quiet_town.card(quiet_town.feedback(), "Unclaimed")
        await quiet_town.settled()
        await be_wrong(quiet_town, by)
        quiet_town.gitlab.hooks[-1].lose = True
        issue = quiet_town.feedback()
        quiet_town.clock.forward(seconds=61)
        await quiet_town.card(issue, "Unclaimed")


async def test_a_request_whose_hook_is_lost_gets_its_card_though_nobody_saw_the_jump(
    quiet_town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a replica has put off whose clock is wrong, nobody else waits for."""
    monkeypatch.setattr(watch, "CLOCK_SECONDS", 3600)
    async with quiet_town.bot_running(ssat_poll_seconds=60):
        await quiet_town.card(quiet_town.feedback(), "Unclaimed")
        await quiet_town.settled()
        await quiet_town.polled()
        polls = listings(quiet_town)
        quiet_town.skew = DAY
        await quiet_town.gitlab.wait_for(lambda: listings(quiet_town) > polls)
        await quiet_town.polled()
        quiet_town.skew = timedelta(0)
        quiet_town.gitlab.hooks[-1].lose = True
        await quiet_town.card(quiet_town.feedback(), "Unclaimed")


async def test_a_card_that_was_painted_meanwhile_tells_the_right_time_again(town: Town) -> None:
    issue = town.feedback()
    await town.card(issue, "Unclaimed", "47 business hours")
    await town.settled()
    with capture_logs() as logs:
        town.skew = timedelta(days=5)
        await noticed(town, logs, 1)
        await town.card(issue, "overdue")
        town.skew = timedelta(0)
        await noticed(town, logs, 2)
    await town.card(issue, "47 business hours", without="overdue")


async def test_what_was_posted_meanwhile_with_a_doubtful_outcome_is_not_posted_again(
    town: Town,
) -> None:
    await town.settled()
    town.skew = DAY
    fault = town.slack.faults.add("chat.postMessage", drop=True, when="after")
    issue = town.feedback()
    await town.slack.wait_for(lambda: fault.hits)
    town.skew = timedelta(0)
    await town.slack.wait_for(lambda: "Unclaimed" in shown(town))
    await town.idle(IssueQueue.CARD)
    await town.card(issue, "Unclaimed")
    await town.settled()
    assert len(town.cards) == 1


async def test_a_card_that_waits_by_a_wrong_clock_comes_after_a_start_with_the_right_one(
    quiet_town: Town,
) -> None:
    """What is chosen by a clock of tomorrow keeps the sooner time for which its card waits."""
    async with quiet_town.bot_running():
        issue, card = await quiet_town.request()
        await quiet_town.quiet()  # the card waits until it reads differently, up to an hour
        update = quiet_town.slack.faults.add("chat.update", hang=3600)
        quiet_town.skew = DAY
        await quiet_town.slack.wait_for(lambda: update.hits)
        await quiet_town.slack.click(quiet_town.avery, card, "Claim")
        await quiet_town.slack.wait_for(lambda: issue.assignees)
    quiet_town.skew = timedelta(0)
    async with quiet_town.bot_running():
        await quiet_town.claimed(issue, "Avery Example")


def shown(town: Town) -> str:
    return "\n".join(text_of(card) for card in town.cards)


async def test_a_home_that_is_open_is_kept_up_all_the_same(town: Town) -> None:
    assert (await town.slack.open_home(town.avery)).ok
    await town.slack.wait_for(lambda: town.slack.homes.get(town.avery.id))
    with capture_logs() as logs:
        town.skew = DAY
        await noticed(town, logs, 1)
        issue = town.feedback("Negative feedback for ticket 412341")
        await town.card(issue, "Unclaimed")
        town.clock.forward(seconds=5)
        await town.idle(PeriodicQueue.HOMES)
        town.skew = timedelta(0)
        await noticed(town, logs, 2)
    await town.card(town.feedback("Negative feedback for ticket 412342"), "Unclaimed")
    town.clock.forward(seconds=5)
    await town.slack.wait_for(lambda: "412342" in text_of(town.slack.homes[town.avery.id]))
