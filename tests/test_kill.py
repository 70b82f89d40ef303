"""The process is killed between a person's click and GitLab: nothing is lost, nothing comes twice.

A real process, killed with SIGKILL at a known moment; then the bot starts again on what is left.
"""

import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from slackbot.local.gitlab import Issue
from slackbot.local.gitlab.faults import Fault
from slackbot.platforms.errors import PLATFORM_TIMEOUT
from slackbot.store.jobs import SETTLING
from slackbot.worker import LEASE
from tests.process import bot_process, present_town
from tests.town import Town

LONG = 60
"""Seconds for which a stand-in keeps silent: longer than any test takes."""

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what is the same code on both databases: a test with two processes takes seconds."""


@pytest.fixture
async def town(tmp_path: Path, database_url: str) -> AsyncIterator[Town]:
    async with present_town(tmp_path, database_url) as built:
        yield built
        built.check()


@contextlib.asynccontextmanager
async def started_again(town: Town) -> AsyncIterator[None]:
    """Run the bot on what the killed one has left behind."""
    town.gitlab.faults.clear()
    town.slack.faults.clear()
    # What the dead one had under way is left alone for a while, for others might be at it.
    await town.elapse(LEASE)
    async with town.bot_running():
        await town.elapse(SETTLING)
        yield


async def check_claimed_once(town: Town, issue: Issue) -> None:
    """Avery's claim arrives in GitLab, and has done so once."""
    await town.claimed(issue, "Avery Example")
    await town.settled()
    assert issue.assigned_to == ["avery"]
    assert [note.body.partition(".")[0] for note in issue.comments] == [
        "**Claimed** by Avery Example (`@avery`)"
    ]
    assert town.steps(issue) == ["🔵 Avery Example claimed this request"]
    assert len(town.cards) == 1


async def claim(town: Town, issue: Issue) -> None:
    card = await town.card(issue, "🟠 Unclaimed")
    assert (await town.slack.click(town.avery, card, "Claim")).ok


async def test_a_claim_that_gitlab_never_heard_of_arrives_once(town: Town) -> None:
    issue = town.feedback()
    async with bot_process(town) as process:
        await town.card(issue, "🟠 Unclaimed")
        town.gitlab.down()
        await claim(town, issue)
        await process.kill()
    assert issue.comments == []
    assert issue.assigned_to == []
    async with started_again(town):
        await check_claimed_once(town, issue)


@ON_SQLITE
async def test_a_claim_whose_note_was_on_its_way_arrives_once(town: Town) -> None:
    """GitLab has taken the request and is silent about it; it never comes to write the note."""
    issue = town.feedback()
    async with bot_process(town) as process:
        await town.card(issue, "🟠 Unclaimed")
        silence = town.gitlab.faults.add(method="POST", path="/notes$", hang=LONG, drop=True)
        await claim(town, issue)
        await wait_until_struck(town, silence)
        await process.kill()
    assert issue.comments == []
    async with started_again(town):
        await check_claimed_once(town, issue)


async def test_a_note_that_gitlab_has_written_is_not_written_again(town: Town) -> None:
    """Killed between the note and the assignment, without having heard of the note."""
    issue = town.feedback()
    async with bot_process(town) as process:
        await town.card(issue, "🟠 Unclaimed")
        town.gitlab.faults.add(method="POST", path="/notes$", when="after", hang=LONG)
        await claim(town, issue)
        await town.in_gitlab(lambda: issue.comments)
        await process.kill()
    assert issue.assigned_to == []
    async with started_again(town):
        await check_claimed_once(town, issue)
    assert [request.method for request in town.writes(issue)] == ["POST", "PUT"]


@ON_SQLITE
async def test_an_assignment_that_gitlab_has_made_counts_as_the_claim(town: Town) -> None:
    """Killed after everything had its effect, without having heard of the last of it."""
    issue = town.feedback()
    async with bot_process(town) as process:
        await town.card(issue, "🟠 Unclaimed")
        town.gitlab.faults.add(method="PUT", when="after", hang=LONG)
        await claim(town, issue)
        await town.in_gitlab(lambda: issue.assigned_to)
        await process.kill()
    async with started_again(town):
        await check_claimed_once(town, issue)
    assert [request.method for request in town.writes(issue)].count("POST") == 1


async def test_a_card_that_slack_has_posted_is_not_posted_again(town: Town) -> None:
    """Killed after Slack has posted the card, before a word of the answer was read."""
    async with bot_process(town) as process:
        await town.settled()
        late = town.slack.faults.add("chat.postMessage", hang=0.5)
        issue = town.feedback()
        await town.slack.wait_for(lambda: late.hits)
        process.signal(signal.SIGSTOP)  # it will not see the answer any more
        await town.slack.wait_for(lambda: town.card_of(issue))
        await process.kill()
    async with started_again(town):
        await town.settled()
        card = await town.card(issue, "🟠 Unclaimed")
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await check_claimed_once(town, issue)
    assert posts(town) == 1


async def test_a_card_that_slack_repaints_long_after_shows_the_latest_in_the_end(
    town: Town,
) -> None:
    """Slack is at the dead process's repaint still when the next process repaints the card."""
    issue = town.feedback()
    async with bot_process(town) as process:
        await town.card(issue, "🟠 Unclaimed")
        await town.settled()
        town.gitlab.down()
        late = town.slack.faults.add("chat.update", hang=LONG)
        await claim(town, issue)
        await town.slack.wait_for(lambda: late.hits)
        await process.kill()
    async with started_again(town):
        await check_claimed_once(town, issue)
        town.slack.faults.release()
        await town.card(issue, "Claimed by Avery Example", "⏳ Saved")
        town.clock.forward(seconds=PLATFORM_TIMEOUT.total_seconds())
        await check_claimed_once(town, issue)


@ON_SQLITE
async def test_a_step_that_slack_has_posted_is_not_told_again(town: Town) -> None:
    """As with the card, so with what is told in its thread."""
    issue = town.feedback()
    async with bot_process(town) as process:
        await town.card(issue, "🟠 Unclaimed")
        await town.settled()
        late = town.slack.faults.add("chat.postMessage", hang=0.5)
        await claim(town, issue)
        await town.slack.wait_for(lambda: late.hits)
        process.signal(signal.SIGSTOP)
        await town.slack.wait_for(lambda: town.steps(issue))
        await process.kill()
    async with started_again(town):
        await check_claimed_once(town, issue)


@ON_SQLITE
async def test_the_text_of_a_contact_survives_and_is_forgotten_once_it_is_in_gitlab(
    town: Town,
) -> None:
    issue = town.feedback()
    async with bot_process(town) as process:
        card = await town.card(issue, "🟠 Unclaimed")
        town.gitlab.down()
        sent = await town.mark_contacted(town.avery, card, **{"What you sent": "Dear Sam"})
        assert (sent.ok, sent.errors) == (True, {})
        await process.kill()
    assert "Dear Sam" in town.everything_stored()
    async with started_again(town):
        await town.in_gitlab(lambda: issue.state == "closed")
        await town.settled()
    assert len(issue.comments) == 1
    assert "> Dear Sam" in issue.comments[0].body
    assert "Dear Sam" not in town.everything_stored()


@ON_SQLITE
async def test_process_after_process_may_die(town: Town) -> None:
    """Three processes, each killed a step further on the way of one claim; the fourth has none."""
    issue = town.feedback()
    async with bot_process(town) as process:
        await town.card(issue, "🟠 Unclaimed")
        town.gitlab.down()
        await claim(town, issue)
        await process.kill()
    town.gitlab.up()
    for method, path in (("POST", "/notes$"), ("PUT", "")):
        silence = town.gitlab.faults.add(method=method, path=path, when="after", hang=LONG)
        async with bot_process(town) as process:
            await wait_until_struck(town, silence)
            await process.kill()
        town.gitlab.faults.clear()
    async with bot_process(town):
        await check_claimed_once(town, issue)
    assert [request.method for request in town.writes(issue)].count("POST") == 1


async def wait_until_struck(town: Town, fault: Fault) -> None:
    await town.in_gitlab(lambda: fault.left == 0)


def posts(town: Town) -> int:
    """How often the bot has asked Slack for a new message at the top of the channel."""
    return sum(
        one.method == "chat.postMessage" and not one.args.get("thread_ts")
        for one in town.slack.requests
    )
