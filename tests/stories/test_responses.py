"""The initial response within seven days: who is reminded of it, when, and with what."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from slackbot.local.gitlab import Issue
from slackbot.local.slack import Message
from slackbot.local.slack import User as SlackUser
from slackbot.rules.handbook import TEMPLATE
from tests.town import Town, text_of

BAD, GOOD = "satisfaction::bad", "satisfaction::good"


@pytest.fixture
async def town(quiet_town: Town) -> AsyncIterator[Town]:
    """A town whose bot reminds people."""
    async with quiet_town.bot_running(ssat_reminders="24,12,4,1"):
        yield quiet_town


def born(town: Town, label: str = BAD, **options: Any) -> Issue:
    title = "Positive feedback" if label == GOOD else "Negative feedback"
    options.setdefault("title", f"{title} for ticket 412345")
    return town.feedback(description="### Comment\n\nToo slow.\n", labels=[label], **options)


def reminders_of(town: Town, user: SlackUser) -> list[Message]:
    found = town.slack.direct_messages(user)
    return [each for each in found if "initial response" in each.text]


async def reminded(town: Town, user: SlackUser, number: int = 1) -> list[Message]:
    await town.slack.wait_for(lambda: len(reminders_of(town, user)) >= number)
    return reminders_of(town, user)


async def test_the_assignee_is_reminded_on_the_fifth_and_the_seventh_day(town: Town) -> None:
    issue = born(town, assignees=[town.blake_gitlab])
    await town.settled()
    town.clock.forward(days=4, hours=23)
    await town.quiet()
    assert reminders_of(town, town.blake) == []

    town.clock.forward(hours=2)
    [first] = await reminded(town, town.blake)
    assert "Please send an initial response to" in first.text
    assert "Too slow." in text_of(first)
    town.clock.forward(hours=12)
    await town.quiet()
    assert len(reminders_of(town, town.blake)) == 1
    town.clock.forward(days=1, hours=6)
    _, last = await reminded(town, town.blake, 2)
    assert "Please send an initial response to" in last.text

    # It carries what answers it.
    assert (await town.slack.click(town.blake, last, "Review…")).ok
    answers = {"Summary of ticket/feedback": "Slow.", "Action to be taken": "Talk."}
    assert (await town.slack.submit(town.blake, answers)).ok
    await town.in_gitlab(lambda: issue.comments)
    town.clock.forward(days=1)
    await town.quiet()
    assert len(reminders_of(town, town.blake)) == 2


async def test_a_reminder_that_was_late_says_since_when_the_response_is_due(town: Town) -> None:
    born(town, assignees=[town.blake_gitlab])
    await town.settled()
    town.clock.forward(days=7, hours=1)
    [only] = await reminded(town, town.blake)
    assert "now. It was due" in only.text


@pytest.mark.parametrize("how", ["commented", "labeled", "good", "closed"])
async def test_nobody_is_reminded_of_what_needs_no_response(town: Town, how: str) -> None:
    label = GOOD if how == "good" else BAD
    issue = born(town, label, assignees=[town.blake_gitlab])
    await town.settled()
    match how:
        case "commented":
            town.gitlab.comment(issue, "We looked at it.", by=town.duty_gitlab)
        case "labeled":
            town.gitlab.change_labels(issue, add=["feedback::soft-skills"], by=town.duty_gitlab)
        case "closed":
            town.gitlab.close(issue, by=town.duty_gitlab)
    await town.settled()
    town.clock.forward(days=5, hours=1)
    await town.quiet()
    assert reminders_of(town, town.blake) == []


@pytest.mark.parametrize(
    ("username", "says"),
    [
        ("project_1_bot_0a", "Thank you for the feedback."),
        ("survey-robot", "\n".join(f"* **{line}**" for line in TEMPLATE[:3])),
    ],
)
async def test_what_only_another_bot_said_is_no_response(
    town: Town, username: str, says: str
) -> None:
    robot = town.gitlab.add_user(username, "Survey bot")
    town.gitlab.add_member(town.project, robot)
    issue = born(town, assignees=[town.blake_gitlab])
    await town.settled()
    town.gitlab.comment(issue, says, by=robot)
    await town.settled()
    town.clock.forward(days=5, hours=1)
    assert len(await reminded(town, town.blake)) == 1


async def test_who_has_claimed_a_feedback_has_not_responded(town: Town) -> None:
    issue = born(town)
    await town.settled()
    rows = await town.asks(town.blake, "bad")
    assert (await town.slack.choose(town.blake, rows, "menu", "More…")).ok
    assert (await town.slack.click(town.blake, town.slack.open_view(town.blake), "Claim")).ok
    await town.in_gitlab(lambda: issue.comments)
    await town.settled()
    town.clock.forward(days=5, hours=1)
    assert len(await reminded(town, town.blake)) == 1
