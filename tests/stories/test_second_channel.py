"""All bad feedback in a channel of its own, beside that of the requests for contact."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

from slackbot.local.gitlab import Issue
from slackbot.local.slack import Channel
from tests.town import CONTACT, Town, buttons, cards_in

NAME = "support_bad_reviews"
ON: dict[str, Any] = {"ssat_bad_channel": f"#{NAME}"}
BAD = "satisfaction::bad"


@pytest.fixture
def second(quiet_town: Town) -> Channel:
    members = [quiet_town.avery, quiet_town.blake, quiet_town.casey]
    return quiet_town.slack.add_channel(NAME, members=members)


@pytest.fixture
async def town(quiet_town: Town, second: Channel) -> AsyncIterator[Town]:
    async with quiet_town.bot_running(**ON):
        yield quiet_town


def blame(town: Town, ticket: int = 412402) -> Issue:
    """Let the automation open a bad feedback whose customer asks for no contact."""
    return town.feedback(
        f"Negative feedback for ticket {ticket}",
        description="**Score:** 2\n**Comment:** It took a week.",
        labels=[BAD],
    )


async def ask_for_contact(town: Town, issue: Issue) -> None:
    town.gitlab.change_labels(issue, add=[CONTACT], by=town.duty_gitlab)


async def test_bad_feedback_is_posted_there_and_no_other(town: Town, second: Channel) -> None:
    town.feedback(
        "Positive feedback for ticket 412401", description=None, labels=["satisfaction::good"]
    )
    town.feedback("Neutral feedback for ticket 412403", description=None, labels=[])
    issue, asking = blame(town), town.feedback()
    await town.card(asking, "🟠 Unclaimed")
    card = await town.card(
        issue,
        "🙁 Negative feedback* · ticket 412402",
        "since Fri 30 Jan, 15:00 UTC · score 2",
        "It took a week.",
        channel=second,
    )
    assert buttons(card) == ["Claim", "Mark contacted", "Feedback label"]
    await town.gitlab.hooks_settled()
    await town.settled()
    assert [len(town.cards), len(cards_in(second))] == [1, 1]


async def test_its_card_there_works_as_any_other(town: Town, second: Channel) -> None:
    issue = blame(town)
    card = await town.card(issue, "🙁", channel=second)
    await town.slack.click(town.avery, card, "Claim")
    card = await town.card(
        issue, "🙁 Negative feedback, claimed by Avery Example", delivered=True, channel=second
    )
    assert issue.assigned_to == ["avery"]
    await town.mark_contacted(town.avery, card, channel="Call")
    await town.card(issue, "✅ Contacted", delivered=True, channel=second)
    assert issue.state == "closed"
    await town.settled()
    assert [each.text.partition(" · ")[0] for each in card.thread] == [
        "🔵 Avery Example claimed this request",
        "✅ Avery Example contacted the customer by call",
    ]
    assert town.cards == []


async def test_bad_feedback_is_posted_once_however_often_the_bot_starts(
    quiet_town: Town, second: Channel
) -> None:
    town = quiet_town
    async with town.bot_running(**ON):
        issue = blame(town)
        await town.card(issue, "🙁", channel=second)
        await town.settled()
    town.lose_record()
    async with town.bot_running(**ON):
        await town.polled()
        await town.settled()
        assert town.card_of(issue, second)


async def test_its_card_moves_where_managers_look_once_contact_is_asked_for(
    town: Town, second: Channel
) -> None:
    issue = blame(town)
    card = await town.card(issue, "🙁", channel=second)
    await town.slack.click(town.avery, card, "Claim")
    await town.card(issue, "claimed by Avery Example", delivered=True, channel=second)
    await ask_for_contact(town, issue)
    await town.card(issue, "🔵 Claimed by Avery Example", "It took a week.", delivered=True)
    await town.settled()
    assert cards_in(second) == []
    assert len(town.cards) == 1


# --- When it is gone ---------------------------------------------------------------------------


def archive(town: Town, second: Channel) -> None:
    second.archived = True


def remove_bot(town: Town, second: Channel) -> None:
    second.members.discard(town.slack.bot_user_id)


GONE = pytest.mark.parametrize("lose", [archive, remove_bot])
Lose = Callable[[Town, Channel], None]


async def is_ready(town: Town) -> bool:
    async with aiohttp.ClientSession() as session, session.get(f"{town.url}/readyz") as answer:
        return answer.status == 200


@GONE
async def test_a_second_channel_that_is_gone_at_the_start_holds_nothing_else_up(
    quiet_town: Town, second: Channel, lose: Lose
) -> None:
    town = quiet_town
    lose(town, second)
    async with town.bot_running(**ON):
        issue = blame(town)
        _, card = await town.request()
        await town.slack.click(town.avery, card, "Claim")
        await town.slack.wait_for(lambda: "Claimed by" in str(town.cards[0].blocks))
        await town.settled()
        assert cards_in(second) == []
        assert await is_ready(town)
        # The bad one asks for contact after all.
        await ask_for_contact(town, issue)
        await town.card(issue, "🟠 Unclaimed", "It took a week.")


@pytest.mark.parametrize("error", ["channel_not_found", "cant_delete_message"])
async def test_a_card_that_can_no_longer_be_deleted_there_is_posted_anew_nevertheless(
    town: Town, second: Channel, error: str
) -> None:
    issue = blame(town)
    await town.card(issue, "🙁", channel=second)
    await town.settled()
    town.slack.faults.add("chat.delete", error=error)
    await ask_for_contact(town, issue)
    await town.card(issue, "🟠 Unclaimed", "It took a week.")
    await town.settled()
    assert len(town.cards) == 1
    assert await is_ready(town)


@GONE
async def test_what_a_second_channel_missed_is_posted_once_it_is_back(
    town: Town, second: Channel, lose: Lose
) -> None:
    before = blame(town)
    await town.card(before, "🙁", channel=second)
    await town.settled()
    lose(town, second)
    issue = blame(town, 412403)
    town.gitlab.assign(before, town.blake_gitlab, by=town.blake_gitlab)
    await town.gitlab.hooks_settled()
    await town.settled()
    assert await is_ready(town)
    second.archived = False
    second.members.add(town.slack.bot_user_id)
    town.clock.forward(minutes=10)
    await town.card(issue, "🙁", channel=second)
    await town.card(before, "claimed by Blake Sample", channel=second)
