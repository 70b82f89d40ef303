"""Much at once: posted at Slack's pace without a single 429, and people's clicks go ahead of it.

The stand-in counts as Slack does, only so many times as fast; the bot goes as many times as fast.
"""

from collections.abc import AsyncIterator

import pytest

from slackbot.blocks.text import without_scope
from slackbot.local.slack import ApiRequest
from tests.town import PATIENCE, Town

SPEED = 10
BURST = 60
"""Requests for contact; at Slack's pace they take five seconds here."""
LABELS = ("feedback::soft-skills", "feedback::outside-support", "feedback::known-issue")


@pytest.fixture
async def town(quiet_town: Town) -> AsyncIterator[Town]:
    quiet_town.slack.rates.scale = quiet_town.speed = SPEED
    async with quiet_town.bot_running():
        await quiet_town.polled()  # what was asked before would wait for its card
        yield quiet_town


def calls(town: Town, method: str) -> list[ApiRequest]:
    return [call for call in town.slack.requests if call.method == method]


async def test_a_burst_of_requests_is_posted_without_a_429_and_a_click_does_not_wait(
    town: Town,
) -> None:
    issues = [town.feedback(f"Negative feedback for ticket {412000 + n}") for n in range(BURST)]
    first = await town.slack.wait_for(lambda: town.cards[0])
    number = int(first.metadata["event_payload"]["key"].split("/")[1]) if first.metadata else 0
    claimed = next(issue for issue in issues if issue.iid == number)
    assert (await town.slack.click(town.avery, first, "Claim")).ok
    await town.claimed(claimed, "Avery Example")
    assert len(town.cards) < BURST, "the claim has waited for all the others"

    await town.slack.wait_for(lambda: len(town.cards) == BURST, PATIENCE)
    await town.settled()
    assert {call.status for call in town.slack.requests} == {200}


async def test_a_storm_of_changes_to_one_request_becomes_few_repaints(town: Town) -> None:
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    await town.settled()
    before = len(calls(town, "chat.update"))
    for n in range(100):
        label, others = LABELS[n % 3], [one for one in LABELS if one in issue.labels]
        town.gitlab.change_labels(issue, add=[label], remove=others, by=town.blake_gitlab)
    await town.card(issue, f"{without_scope(LABELS[0])}\n")
    await town.settled()
    assert len(calls(town, "chat.update")) - before < 20
    assert {call.status for call in town.slack.requests} == {200}


async def test_what_goes_on_elsewhere_is_not_told_to_slack_again_and_again(town: Town) -> None:
    """A label gets another description: every card is painted once more, and no more than that."""
    issues = [town.feedback(f"Negative feedback for ticket {412000 + n}") for n in range(9)]
    for issue in issues:
        await town.card(issue, "🟠 Unclaimed")
    await town.settled()
    before = len(calls(town, "chat.update"))
    for issue in issues:
        town.gitlab.edit(issue, title=f"{issue.title}, looked at", by=town.blake_gitlab)
    for issue in issues:
        await town.card(issue, f"ticket {issue.title.split()[4].rstrip(',')}")
    await town.settled()
    assert len(calls(town, "chat.update")) - before <= 2 * len(issues)
