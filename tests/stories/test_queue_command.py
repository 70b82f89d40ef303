"""``/ssat``: what is open, most urgent first, for the asker only."""

from typing import Any

import pytest

from slackbot.local.slack import Outcome, User
from tests.town import CONTACT, Town

NO_REQUEST = "**Score:** 2\n**Comment:** Nobody answered for three days."


async def asks(town: Town, user: User) -> Outcome:
    """Let somebody type the command; whatever it says comes with the ack, to them alone."""
    posted, told = len(town.channel.messages), len(town.slack.ephemerals)
    outcome = await town.slack.command(user, "/ssat", "", town.channel)
    assert outcome.ok  # within Slack's three seconds
    assert outcome.body["response_type"] == "ephemeral"
    assert [one.user for one in town.slack.ephemerals[told:]] == [user.id]
    assert len(town.channel.messages) == posted
    return outcome


def rows(outcome: Outcome) -> list[str]:
    """What is shown, block by block."""
    return [
        block["text"]["text"] if "text" in block else block["elements"][0]["text"]
        for block in outcome.body["blocks"]
    ]


async def test_an_empty_queue_is_told_kindly(town: Town) -> None:
    outcome = await asks(town, town.avery)
    assert rows(outcome) == ["No customer is waiting for a manager's contact. ✅"]
    assert outcome.body["text"] == rows(outcome)[0]


async def test_open_requests_are_listed_by_deadline_with_who_has_them(town: Town) -> None:
    # The first issue asks for contact last, so it is due last.
    late = town.feedback(
        "Negative feedback for ticket 412341", labels=["satisfaction::bad"], description=NO_REQUEST
    )
    early = town.feedback("Negative feedback for ticket 412342")
    await town.card(early, "Waiting")
    town.clock.forward(hours=1)
    middle = town.feedback("Negative feedback for ticket 412343")
    town.clock.forward(hours=1)
    town.gitlab.change_labels(late, add=[CONTACT], by=town.blake_gitlab)
    card = await town.card(middle, "Waiting")
    await town.card(late, "Waiting")
    await town.slack.click(town.avery, card, "Claim")
    await town.card(middle, "Claimed by Avery Example", without="not in GitLab")

    first, *listed = rows(await asks(town, town.blake))

    assert first == "*3 customers are waiting for a manager's contact*"
    assert [row.splitlines()[0] for row in listed] == [
        "🟠 Waiting: contact requested, ticket 412342",
        "🔵 Claimed by Avery Example: contact requested, ticket 412343",
        "🟠 Waiting: contact requested, ticket 412341",
    ]
    for row, issue, due in zip(
        listed, (early, middle, late), ("15:00", "16:00", "17:00"), strict=True
    ):
        assert f"Tue 3 Feb, {due} UTC>" in row
        assert f"/-/issues/{issue.iid}|#{issue.iid}>" in row

    # The deadline passes for one of them.
    town.clock.forward(days=3, hours=22)
    await town.settled()
    row = rows(await asks(town, town.blake))[1]
    assert row.startswith("🔴 Overdue, unclaimed: contact requested, ticket 412342")


async def test_what_is_done_is_not_listed_even_while_gitlab_does_not_know_yet(town: Town) -> None:
    done, closed = town.feedback(), town.feedback("Negative feedback for ticket 412346")
    card = await town.card(done, "Waiting")
    await town.card(closed, "Waiting")
    assert len(rows(await asks(town, town.avery))) == 3
    town.gitlab.close(closed, by=town.blake_gitlab)
    await town.card(closed, "Closed without contact")
    [count, row] = rows(await asks(town, town.avery))
    assert count == "*1 customer is waiting for a manager's contact*"
    assert "ticket 412345" in row

    town.gitlab.down()
    await town.mark_contacted(town.avery, card, channel="Call")
    assert "No customer is waiting" in rows(await asks(town, town.avery))[0]


async def test_the_queue_is_answered_while_gitlab_is_down_and_slack_takes_no_posts(
    town: Town,
) -> None:
    issue = town.feedback()
    await town.card(issue, "Waiting")
    await asks(town, town.avery)
    await town.settled()
    town.gitlab.down()
    town.slack.down()
    seen, read = len(town.slack.requests), len(town.gitlab.requests)
    assert "ticket 412345" in rows(await asks(town, town.avery))[1]
    assert len(town.slack.requests) == seen  # all of it comes from the record
    assert len(town.gitlab.requests) == read


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ({"is_restricted": True}, "Guests cannot act here"),
        ({"is_ultra_restricted": True}, "Guests cannot act here"),
        ({"team_id": "T0CUSTOMER"}, "Only members of this workspace"),
        ({"deleted": True}, "Only people can act here"),
    ],
)
async def test_a_stranger_sees_nothing_of_the_queue(
    town: Town, kind: dict[str, Any], words: str
) -> None:
    await town.card(town.feedback(), "Waiting")
    stranger = town.slack.add_user("U0STRANGER", "stranger", **kind)
    [said] = rows(await asks(town, stranger))
    assert words in said


async def test_nobody_is_shown_the_queue_while_slack_does_not_say_who_it_is(town: Town) -> None:
    await town.card(town.feedback(), "Waiting")
    town.slack.faults.add("users.info", drop=True)
    [said] = rows(await asks(town, town.avery))
    assert "Slack does not say who you are just now" in said


async def test_of_more_than_fit_the_most_urgent_are_shown_and_the_rest_counted(town: Town) -> None:
    issues = [town.feedback(f"Negative feedback for ticket {500000 + n}") for n in range(22)]
    for issue in issues:
        await town.card(issue, "Waiting")

    first, *listed, last = rows(await asks(town, town.casey))

    assert first == "*22 customers are waiting for a manager's contact*"
    assert last == "… and 2 more, due later"
    tickets = [row.splitlines()[0].rpartition(" ")[2] for row in listed]
    assert tickets == [str(500000 + n) for n in range(20)]
