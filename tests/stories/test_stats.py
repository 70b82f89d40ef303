"""Trends: what `/ssat stats` answers, in which form, and what a channel gets on Monday."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest

from slackbot.blocks.answers.stats import STATS_EVENT
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Ephemeral, Message, User
from slackbot.local.slack.models import Upload
from slackbot.store.jobs import PeriodicQueue
from slackbot.store.schema import requests
from tests.town import CONTACT, PATIENCE, Town, text_of

PNG = b"\x89PNG\r\n\x1a\n"
CHART, TABLE = "data_visualization", "data_table"

# The town's clock begins on Friday, 30 January 2026, at 15:00 UTC.


def until(town: Town, day: int, hour: int, minute: int = 0) -> None:
    """Let time pass until a moment of February."""
    then = datetime(2026, 2, day, hour, minute, tzinfo=town.clock().tzinfo)
    town.clock.forward(seconds=(then - town.clock()).total_seconds())


async def ask(town: Town, user: User, text: str) -> None:
    outcome = await town.slack.command(user, "/ssat", f"stats {text}".strip(), town.channel)
    assert outcome.ok
    assert not outcome.body  # Slack tells only after the ack whether it takes charts


async def told(town: Town, user: User, text: str, *words: str) -> Ephemeral:
    """Let somebody ask for figures; return the answer that has these words."""
    await ask(town, user, text)
    return await town.told(user, *words)


def kinds(message: Any) -> list[str]:
    return [block["type"] for block in message.blocks]


def table(message: Any) -> list[list[str]]:
    [found] = [block for block in message.blocks if block["type"] == TABLE]
    return [[cell["text"] for cell in row] for row in found["rows"]]


async def two_requests(town: Town) -> tuple[Issue, Issue]:
    """Let one customer be contacted in time, and another wait until after the deadline."""
    town.gitlab.add_label(town.project, "OrganizationRegion::EMEA")
    answered = town.feedback(labels=(CONTACT, "OrganizationRegion::EMEA", "feedback::soft-skills"))
    card = await town.card(answered, "🟠 Unclaimed")
    waiting = town.feedback("Negative feedback for ticket 412346")
    await town.card(waiting, "🟠 Unclaimed")
    town.clock.forward(hours=4)
    await town.mark_contacted(town.avery, card, text="Sorry.")
    await town.card(answered, "Contacted", delivered=True)
    until(town, 4, 12)
    await town.quiet()
    return answered, waiting


async def test_figures_are_shown_to_the_asker_as_text_with_charts_and_a_table(town: Town) -> None:
    await two_requests(town)
    answer = await told(town, town.blake, "7d", "Trends: 29 Jan to 4 Feb 2026 (7 days)")
    text = text_of(answer)
    for line in (
        "*Contact requests:* 2\n",
        "The record is complete only since 30 Jan 2026",
        "*Contacted on time:* 1 of 2, 50%",
        "*Business hours until contacted:* median 4, 90% within 4",
        "*Still open:* 1, 1 of them overdue",
        "• Not explained: 1",
    ):
        assert line in text
    assert (kinds(answer).count(CHART), kinds(answer).count(TABLE)) == (2, 1)
    assert table(answer) == [["Label", "Feedback"], ["soft-skills", "1"], ["No label", "1"]]
    assert "• soft-skills" not in text  # once is enough
    await town.quiet()
    assert [one for one in town.slack.ephemerals if one.user == town.blake.id] == [answer]
    assert town.slack.direct_messages(town.blake) == []


async def test_figures_are_grouped_by_region_and_by_the_manager_who_contacted(town: Town) -> None:
    await two_requests(town)
    by_region = await told(town, town.blake, "7d by region", "EMEA")
    assert table(by_region)[0] == [
        *("Group", "Requests", "On time", "On time, %", "Hours to contact", "Overdue")
    ]
    assert table(by_region)[1] == ["EMEA", "1", "1", "100", "4", "0"]
    by_manager = await told(town, town.blake, "by manager 7d", "Not contacted")
    assert table(by_manager)[1:] == [
        ["Avery Example", "1", "1", "100", "4", "0"],
        ["Not contacted", "1", "0", "0", "\u2013", "1"],
    ]
    town.slack.takes_data_blocks = False
    by_manager = await told(town, town.blake, "by manager 7d", "By the manager who contacted")
    assert "• Avery Example: 1 request; 1 of 1, 100% on time" in text_of(by_manager)
    assert "• Not contacted: 1 request; 0 of 1, 0% on time; 1 overdue" in text_of(by_manager)


async def test_a_choice_that_gitlab_does_not_have_yet_counts(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.down()
    await town.mark_contacted(town.avery, card, text="Sorry.")
    await town.card(issue, "Contact saved")
    answer = await told(town, town.blake, "7d", "Contacted on time")
    assert "*Contacted on time:* 1 of 1, 100%" in text_of(answer)
    town.gitlab.up()
    await town.card(issue, "Contacted", delivered=True)


# --- Where Slack shows no charts ---------------------------------------------------------------


def received(town: Town, user: User) -> list[Upload]:
    return [file for message in town.slack.direct_messages(user) for file in message.files]


async def test_where_slack_refuses_charts_the_text_comes_and_then_a_picture(town: Town) -> None:
    town.slack.takes_data_blocks = False
    await two_requests(town)
    answer = await told(town, town.blake, "7d", "Contacted on time:* 1 of 2, 50%")
    assert set(kinds(answer)) == {"section", "context"}
    await town.told(town.blake, "I sent them to you as a picture, in a direct message")
    [picture] = received(town, town.blake)
    assert picture.content is not None
    assert picture.content.startswith(PNG)
    assert picture.mimetype == "image/png"
    assert "Bar chart, contact requests" in picture.alt
    assert "2 not on time" not in picture.alt
    assert "1 on time, 1 not on time" in picture.alt


async def test_without_the_scope_for_files_the_text_is_there_and_says_why_no_picture_is(
    town: Town,
) -> None:
    town.slack.takes_data_blocks = False
    town.slack.scopes.discard("files:write")
    await two_requests(town)
    await told(town, town.blake, "7d", "Contacted on time:* 1 of 2, 50%")
    await town.told(town.blake, "the app lacks the scope files:write", "figures above are complete")
    assert received(town, town.blake) == []


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
async def test_a_picture_that_slack_does_not_take_is_explained(town: Town, method: str) -> None:
    town.slack.takes_data_blocks = False
    await town.request()
    town.slack.faults.add(method, error="file_uploads_disabled")
    await told(town, town.blake, "7d", "Contact requests:* 1")
    await town.told(town.blake, "file_uploads_disabled", "figures above are complete")
    assert received(town, town.blake) == []


# --- Files -------------------------------------------------------------------------------------


async def test_figures_come_as_a_file_on_request(town: Town) -> None:
    await two_requests(town)
    await told(town, town.blake, "7d by region csv", "I sent you the CSV file")
    [file] = received(town, town.blake)
    assert file.name == "ssat-2026-01-29-to-2026-02-04-by-region.csv"
    assert file.content is not None
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    found = {(row["group"], row["figure"]): row["value"] for row in rows}
    assert found["all", "contact requests"] == "2"
    assert found["all", "contacted on time, %"] == "50"
    assert found["region: EMEA", "contact requests"] == "1"


COMMAND = "`ssat-bot stats --by region --csv 2026-01-24..2026-01-31`"


async def test_without_the_scope_for_files_the_command_line_is_offered(town: Town) -> None:
    town.slack.scopes.discard("files:write")
    await told(town, town.blake, "7d by region csv", "the app lacks the scope", COMMAND)
    assert received(town, town.blake) == []


async def test_without_direct_messages_the_command_line_is_offered(town: Town) -> None:
    town.slack.scopes.discard("im:write")
    await told(town, town.blake, "7d by region csv", "I can't send you direct messages", COMMAND)


async def test_a_file_that_slack_does_not_take_can_be_asked_for_again(town: Town) -> None:
    town.slack.faults.add("upload", status=500)
    await told(town, town.blake, "7d by region csv", "Slack is failing (500)", COMMAND)
    assert received(town, town.blake) == []
    await told(town, town.blake, "7d by region csv", "I sent you the CSV file")
    assert len(received(town, town.blake)) == 1


# --- Bad input ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-02-01..2026-01-01", "has no day. The second date must be later"),
        ("2030-01-01..2030-02-01", "is in the future. Choose one that has begun"),
        ("2026-02-30..2026-03-01", "There is no date `2026-02-30`"),
        ("by engineer", "I can't group by `engineer`"),
        ("quater", "Did you mean `quarter`?"),
        ("label", "Did you mean `by label`?"),
        ("7d 30d", "`30d` is one too many. Name one period and one grouping at most."),
        ("7d", "There is no feedback from 24 Jan to 30 Jan 2026 on record"),
        ("60d", "`ssat-bot stats --from-gitlab` on the command line"),
    ],
)
async def test_a_question_without_an_answer_is_met_with_a_sentence(
    town: Town, text: str, words: str
) -> None:
    await told(town, town.blake, text, words)


async def test_who_may_not_look_gets_no_figures(town: Town) -> None:
    guest = town.slack.add_user("U0GUEST", "guest", is_restricted=True)
    town.channel.members.add(guest.id)
    await told(town, guest, "7d", "Guests can't take action")


async def test_when_the_record_fails_the_asker_is_told(town: Town) -> None:
    await town.request()
    await town.quiet()
    await town.spoil(requests, requests.c.iid > 0)
    await told(town, town.blake, "7d", "Something went wrong")


# --- Every Monday ------------------------------------------------------------------------------

ON = {"ssat_stats_channel": "#support_trends"}


@pytest.fixture
async def weekly_town(quiet_town: Town) -> Town:
    """A town with a channel for the figures of each week."""
    quiet_town.slack.add_channel("support_trends", members=[quiet_town.avery])
    return quiet_town


def posted(town: Town) -> list[Message]:
    return [
        message
        for message in town.slack.channel("support_trends").messages
        if message.metadata and message.metadata["event_type"] == STATS_EVENT
    ]


async def test_a_channel_gets_the_figures_of_the_week_on_monday_morning_once(
    weekly_town: Town,
) -> None:
    town = weekly_town
    async with town.bot_running(**ON):
        await town.request()
        until(town, 2, 8, 59)
        await town.quiet()
        assert posted(town) == []
        until(town, 2, 9, 1)
        await town.slack.wait_for(lambda: posted(town), PATIENCE)
        await town.quiet()
    async with town.bot_running(**ON):  # a restart
        await town.quiet()
        until(town, 2, 15)
        await town.quiet()
        until(town, 8, 15)
        await town.quiet()
        [message] = posted(town)
        until(town, 9, 9, 1)
        await town.slack.wait_for(lambda: len(posted(town)) == 2, PATIENCE)
    assert "Trends: 26 Jan to 1 Feb 2026 (7 days)" in text_of(message)
    assert "*Contact requests:* 1\n" in text_of(message)
    assert kinds(message).count(CHART) == 1
    assert message.pings == set()
    assert "Trends: 2 Feb to 8 Feb 2026 (7 days)" in text_of(posted(town)[1])


async def test_figures_missed_on_monday_come_until_wednesday_once(weekly_town: Town) -> None:
    town = weekly_town
    until(town, 4, 8, 59)  # on Wednesday
    async with town.bot_running(**ON):
        await town.request()
        await town.quiet()
        assert posted(town) == []
        until(town, 4, 9, 1)
        await town.slack.wait_for(lambda: posted(town), PATIENCE)
        await town.quiet()
    async with town.bot_running(**ON):  # a restart
        until(town, 4, 15)
        await town.quiet()
        until(town, 8, 15)
        await town.quiet()
        [message] = posted(town)
        assert "Trends: 26 Jan to 1 Feb 2026 (7 days)" in text_of(message)
    until(town, 12, 12)  # on Thursday
    async with town.bot_running(**ON):
        await town.quiet()
        until(town, 15, 23)
        await town.quiet()
        assert posted(town) == [message]


async def test_what_monday_has_had_does_not_come_again_on_tuesday(weekly_town: Town) -> None:
    town = weekly_town
    async with town.bot_running(**ON):
        until(town, 2, 9, 1)
        await town.slack.wait_for(lambda: posted(town), PATIENCE)
        for day in (3, 4, 5):
            until(town, day, 9, 1)
            await town.idle(PeriodicQueue.STATS)
            await town.quiet()
        assert len(posted(town)) == 1


async def test_the_figures_come_at_the_time_of_the_digest(weekly_town: Town) -> None:
    town = weekly_town
    async with town.bot_running(**ON, ssat_digest="10:30"):
        until(town, 2, 10, 29)
        await town.quiet()
        assert posted(town) == []
        until(town, 2, 10, 31)
        await town.slack.wait_for(lambda: posted(town), PATIENCE)


async def test_a_channel_that_shows_no_charts_gets_them_as_a_picture_in_the_thread(
    weekly_town: Town,
) -> None:
    town = weekly_town
    town.slack.takes_data_blocks = False
    async with town.bot_running(**ON):
        await town.request()
        until(town, 2, 9, 1)
        await town.slack.wait_for(lambda: posted(town) and posted(town)[0].thread, PATIENCE)
        await town.quiet()
        [message] = posted(town)
    assert "*Contact requests:* 1" in text_of(message)
    assert CHART not in kinds(message)
    [reply] = message.thread
    [picture] = reply.files
    assert picture.content is not None
    assert picture.content.startswith(PNG)
    assert "Bar chart" in picture.alt


async def test_a_picture_that_fails_does_not_hold_up_the_figures(weekly_town: Town) -> None:
    town = weekly_town
    town.slack.takes_data_blocks = False
    town.slack.scopes.discard("files:write")
    async with town.bot_running(**ON):
        await town.request()
        until(town, 2, 9, 1)
        await town.slack.wait_for(lambda: posted(town), PATIENCE)
        await town.quiet()
        assert [message.thread for message in posted(town)] == [[]]


async def test_a_channel_that_the_bot_is_not_in_gets_the_figures_once_it_is(
    weekly_town: Town,
) -> None:
    town = weekly_town
    channel = town.slack.channel("support_trends")
    channel.members.discard(town.slack.bot_user_id)
    async with town.bot_running(**ON):
        until(town, 2, 9, 1)
        await town.idle(PeriodicQueue.STATS)
        assert posted(town) == []
        channel.members.add(town.slack.bot_user_id)
        town.clock.forward(minutes=10)
        await town.slack.wait_for(lambda: posted(town), PATIENCE)


async def test_no_channel_gets_figures_unless_it_is_set(weekly_town: Town) -> None:
    town = weekly_town
    async with town.bot_running():
        until(town, 2, 12)
        await town.quiet()
        town.clock.forward(hours=timedelta(days=7) / timedelta(hours=1))
        await town.quiet()
    assert posted(town) == []
