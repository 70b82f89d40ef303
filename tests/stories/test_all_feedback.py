"""Feedback that asks for no contact: on record, in the queue, and what becomes of a choice."""

from typing import Any

import pytest
from sqlalchemy import Connection, delete

from slackbot.blocks.menu import MENU
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Message
from slackbot.rules.request import State
from slackbot.store.decisions import Status
from slackbot.store.jobs import PeriodicQueue
from slackbot.store.schema import facts, requests
from tests.town import PATIENCE, Town, as_read, buttons, menu_of, text_of

BAD, GOOD = "satisfaction::bad", "satisfaction::good"
ORGANIZATION = "Meadow Placeholder Inc."


def said(score: int, words: str) -> str:
    return f"**Organisation:** {ORGANIZATION}\n**Score:** {score}\n**Comment:** {words}\n"


def praise(town: Town) -> Issue:
    return town.feedback(
        "Positive feedback for ticket 412401", description=said(7, "So fast!"), labels=[GOOD]
    )


def blame(town: Town) -> Issue:
    return town.feedback(
        "Negative feedback for ticket 412402",
        description=said(2, "It took a week.\nAnd then nobody knew."),
        labels=[BAD],
    )


def without_label_or_ticket(town: Town) -> dict[str, Issue]:
    """Let feedback come that only its title and its form show to be one."""
    quoted = "> They were slow."
    return {
        "🙁 Negative feedback · Meadow Placeholder Inc. · feedback #1": town.feedback(
            "Negative feedback from Meadow", description=said(2, "So slow."), labels=[]
        ),
        "🙁 Negative feedback · feedback #2": town.feedback(
            "Negative feedback", description=quoted, labels=[]
        ),
        "💬 Feedback · feedback #3": town.feedback(
            "Indirect feedback from Meadow", description=quoted, labels=[]
        ),
        "💬 Feedback · Meadow · feedback #4": town.feedback(
            "Feedback from Meadow", description=f"Organization: Meadow\n\n{quoted}", labels=[]
        ),
        "🙂 Positive feedback · Meadow Placeholder Inc. · feedback #5": town.feedback(
            "Feedback from Meadow", description=said(6, "Well done."), labels=[]
        ),
        "🙂 Positive feedback · ticket 12345": town.feedback(
            "Customer feedback: ticket 12345", description=f"Score: 6\n\n{quoted}", labels=[]
        ),
        "🙁 Negative feedback · ticket 412345": town.feedback(
            "SSAT 412345 score", description=f"Score: 2\nTicket: 412345\n\n{quoted}", labels=[]
        ),
    }


def others_of_the_project(town: Town) -> list[Issue]:
    """Let the team open issues about feedback, which are none."""
    return [
        town.feedback("Collect scores of ticket 412345", description="Score: 2", labels=[]),
        town.feedback("Improve the feedback form", description="Score: 2", labels=[]),
        town.feedback("Feedback label list", description="> All of them.", labels=[]),
        town.feedback("Discuss feedback for the docs team", description=None, labels=[]),
        town.feedback("Handling negative feedback", description=None, labels=[]),
        town.feedback("Indirect feedback process", description=None, labels=[]),
    ]


def one_of_each(town: Town) -> dict[str, Issue]:
    """Let the automation open feedback of each kind, by what its first line shows."""
    return {
        "🙂 Positive feedback · Meadow Placeholder Inc. · ticket 412401": praise(town),
        "🙁 Negative feedback · Meadow Placeholder Inc. · ticket 412402": blame(town),
        "😐 Neutral feedback · Meadow Placeholder Inc. · ticket 412403": town.feedback(
            "Neutral feedback for ticket 412403", description=said(4, "As always."), labels=[]
        ),
        "🙁 Negative feedback · Meadow Placeholder Inc. · feedback #4": town.feedback(
            "A prospect is unhappy", description=said(3, "No answer."), labels=[BAD]
        ),
        "🙁 Negative feedback · Meadow Placeholder Inc. · feedback #5": town.feedback(
            "Indirect feedback: negative", description=said(3, "They dread us."), labels=[BAD]
        ),
        # Neither title nor labels say how it was, but the score does.
        "🙂 Positive feedback · Meadow Placeholder Inc. · ticket 412406": town.feedback(
            "Feedback for ticket 412406", description=said(5, "Well done."), labels=[]
        ),
        "🙁 Negative feedback · Meadow Placeholder Inc. · ticket 412407": town.feedback(
            "Feedback for ticket 412407", description=said(4, "Not well done."), labels=[]
        ),
    }


async def test_all_feedback_is_listed_with_organization_score_first_words_and_links(
    town: Town,
) -> None:
    kinds = one_of_each(town)
    await town.gitlab.hooks_settled()
    await town.settled()
    answer = await town.asks(town.avery)
    shown = as_read(answer)
    assert "7 untriaged feedbacks" in shown
    for first_line in kinds:
        assert f"{first_line}\n“" in shown
    for words in ("“So fast!”\n", "“They dread us.”\n", "“It took a week. …”\n"):
        assert words in shown
    assert "since Fri 30 Jan, 15:00 UTC · unassigned · score 2 · #2 · ticket 412402" in shown
    # Good reviews are read and closed.
    by_itself = "closes by itself on Fri 6 Feb unless someone acts"
    assert f"unassigned · {by_itself} · score 7 · #1 · ticket 412401" in shown
    assert shown.count(by_itself) == 2
    assert "unassigned · score 3 · indirect: told by an account team · #5\n" in f"{shown}\n"
    links = text_of(answer)
    assert f"<{town.gitlab.url}/{town.project.path}/-/issues/4|#4>" in links
    assert "<https://support.gitlab.com/hc/requests/412402|ticket 412402>" in links
    assert town.cards == []  # nobody waits


@pytest.mark.parametrize("opened", ["before the bot starts", "while it runs"])
async def test_feedback_without_label_or_ticket_is_listed_and_no_other_issue(
    quiet_town: Town, opened: str
) -> None:
    town = quiet_town
    before = opened == "before the bot starts"
    kinds = without_label_or_ticket(town) if before else {}
    if before:
        others_of_the_project(town)
    async with town.bot_running():
        if not before:
            kinds = without_label_or_ticket(town)
            others_of_the_project(town)
        await town.polled()
        await town.gitlab.hooks_settled()
        await town.settled()
        shown = as_read(await town.asks(town.avery))
        for first_line in kinds:
            assert f"{first_line}\n“" in shown, first_line
        assert "7 untriaged feedbacks" in shown
        assert shown.count("“They were slow.”") == 5
        assert len(town.on_record()) == len(kinds)
    assert town.cards == []  # nobody waits


async def test_rows_name_the_assignee_whom_the_record_knows(quiet_town: Town) -> None:
    town = quiet_town
    town.slack.add_usergroup("S0DUTY", "ssat-on-duty", [town.avery])
    async with town.bot_running(ssat_duty_group="S0DUTY"):
        await town.idle(PeriodicQueue.DUTY)
        for user in (town.avery_gitlab, town.blake_gitlab):
            town.feedback("Negative feedback", description=None, labels=[], assignees=[user])
        await town.gitlab.hooks_settled()
        await town.settled()
        for question in ("", "show #1", "show #2"):
            shown = as_read(await town.asks(town.avery, question))
            assert "assigned to avery" not in shown
            assert ("assigned to Avery Example" in shown) is (question != "show #2")
            # Nothing says who that is.
            assert ("assigned to blake.sample" in shown) is (question != "show #1")


async def test_good_neutral_and_bad_feedback_are_listed_by_themselves(town: Town) -> None:
    kinds = one_of_each(town)
    await town.gitlab.hooks_settled()
    await town.settled()
    for word, mark in (("good", "🙂"), ("neutral", "😐"), ("bad", "🙁")):
        shown = as_read(await town.asks(town.avery, word))
        for first_line in kinds:
            assert (f"{first_line}\n" in shown) is first_line.startswith(mark), (word, first_line)
    # What is triaged and still open is read, too.
    town.gitlab.change_labels(
        kinds["🙂 Positive feedback · Meadow Placeholder Inc. · ticket 412401"],
        add=["feedback::soft-skills"],
        by=town.avery_gitlab,
    )
    await town.gitlab.hooks_settled()
    await town.settled()
    assert "412401" not in as_read(await town.asks(town.avery))
    assert "“So fast!”" in as_read(await town.asks(town.avery, "good"))


async def test_a_home_shows_all_feedback_with_what_can_be_done(town: Town) -> None:
    kinds = one_of_each(town)
    await town.gitlab.hooks_settled()
    await town.settled()
    assert (await town.slack.open_home(town.avery)).ok

    def shows() -> Any:
        home = town.slack.homes.get(town.avery.id)
        return home if home and all(f"{each}\n“" in as_read(home) for each in kinds) else None

    home = await town.slack.wait_for(shows, PATIENCE)
    assert "Untriaged feedback (7)" in as_read(home)
    links = ["Open issue", "Open ticket", "More…"]
    assert menu_of(home, "412401") == ["Kudos…", "Close…", *links]
    assert menu_of(home, "412402") == ["Review…", "Close…", *links]
    assert menu_of(home, "#4") == ["Review…", "Close…", "Claim", "Open issue", "More…"]
    # Whoever opens the ticket tells the bot, too, which has nothing to add.
    assert (await town.slack.choose(town.avery, home, MENU, "Open ticket")).ok


async def test_a_closed_feedback_leaves_the_queue_and_one_reopened_comes_back(town: Town) -> None:
    issue = praise(town)
    await town.gitlab.hooks_settled()
    await town.settled()
    town.gitlab.close(issue, by=town.blake_gitlab)
    await town.gitlab.hooks_settled()
    await town.settled()
    assert "412401" not in as_read(await town.asks(town.avery, "good"))
    town.gitlab.reopen(issue, by=town.blake_gitlab)
    await town.gitlab.hooks_settled()
    await town.settled()
    assert "412401" in as_read(await town.asks(town.avery, "good"))


# --- An upgrade --------------------------------------------------------------------------------


async def test_the_first_poll_after_an_upgrade_fills_the_record(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        asking, _ = await town.request()
        praise(town), blame(town)
        await town.polled()
        await town.gitlab.hooks_settled()
        await town.settled()
    await town.change_record(as_the_release_before_left_it)
    assert {key.iid for key in town.on_record()} == {asking.iid}
    async with town.bot_running():
        await town.polled()
        await town.settled()
        shown = as_read(await town.asks(town.avery))
        assert "1 customer is waiting" in shown
        assert "2 untriaged feedbacks" in shown
        assert "“So fast!”" in shown
    assert {each.state for each in town.on_record().values()} == {State.WAITING, State.OPEN}
    # It was no news to the channel.
    assert [town.card_of(asking)] == town.cards
    assert town.summaries == []


def as_the_release_before_left_it(connection: Connection) -> None:
    """Leave only requests for contact on record, and what that release says of its polls."""
    connection.execute(delete(requests).where(requests.c.state == State.OPEN))
    connection.execute(delete(facts).where(facts.c.name == "all_feedback_read"))


# --- A refusal ---------------------------------------------------------------------------------


async def test_a_refusal_about_feedback_without_a_card_comes_with_what_was_typed(
    town: Town,
) -> None:
    issue = praise(town)
    await town.gitlab.hooks_settled()
    await town.settled()
    town.gitlab.faults.add(method="POST", path="/notes", status=403)
    await note(town, "412401", "Passed on to *the team*.\n<!channel>")

    told = await told_in_private(town, "Your choice was not carried out")
    words = text_of(told)
    assert "ticket 412401" in words
    assert "Passed on to *the team*.\n<!channel>" in words
    assert told.pings == set()
    assert buttons(told) == ["Try again", "Dismiss"]
    await town.settled()
    assert town.cards == []
    assert issue.comments == []

    assert (await town.slack.click(town.avery, told, "Try again")).ok
    await town.in_gitlab(lambda: issue.comments)
    assert "> Passed on to *the team*.\n" in issue.comments[0].body
    await town.settled()
    assert town.choices() == [Status.DELIVERED]
    assert len(town.slack.direct_messages(town.avery)) == 1
    await town.slack.click(town.avery, told, "Dismiss")
    await town.told(town.avery, "already")


async def test_a_refusal_that_is_dismissed_in_private_is_forgotten(town: Town) -> None:
    issue = praise(town)
    await town.gitlab.hooks_settled()
    await town.settled()
    town.gitlab.faults.add(method="POST", path="/notes", status=403)
    await note(town, "412401", "Passed on to the team.")
    told = await told_in_private(town, "Your choice was not carried out")
    assert "Passed on to the team." in town.everything_stored()
    assert (await town.slack.click(town.avery, told, "Dismiss")).ok
    await town.settled()
    assert town.choices() == [Status.DROPPED]
    assert "Passed on to the team." not in town.everything_stored()
    assert issue.comments == []


async def told_in_private(town: Town, words: str) -> Message:
    def shows() -> Message | None:
        said = town.slack.direct_messages(town.avery)
        return next((each for each in said if words in text_of(each)), None)

    return await town.slack.wait_for(shows, PATIENCE)


async def note(town: Town, ticket: str, text: str) -> None:
    """Let Avery note something on a feedback, from its row in ``/ssat``."""
    row = await town.asks(town.avery, ticket)
    assert (await town.slack.choose(town.avery, row, MENU, "More…")).ok
    assert (await town.slack.click(town.avery, town.slack.open_view(town.avery), "Add note…")).ok
    assert (await town.slack.submit(town.avery, {"text": text})).ok
