"""Good reviews: read, thanked for, closed. Handbook, "Handling 'Good' Reviews"."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from slackbot.local.gitlab import Issue, Project
from slackbot.local.slack import Channel, Ephemeral, Message, Outcome
from slackbot.store.jobs import IssueQueue, PeriodicQueue
from slackbot.store.schema import kudos
from tests.town import Town, text_of

GOOD = "satisfaction::good"
WORDS = "Blake found it in ten minutes.\n@avery <!channel> Best support ever."
WEEK, WEEK_LABEL = "gitlab-com/support/week", "week-in-review"
KUDOS = {"ssat_kudos_channel": "#kudos", "ssat_week_project": WEEK, "ssat_week_label": WEEK_LABEL}
WHOM, OWN_WORDS = "Whom does the customer thank?", "In your own words"


@pytest.fixture
def kudos_channel(quiet_town: Town) -> Channel:
    people = [quiet_town.avery.id, quiet_town.blake.id]
    return quiet_town.slack.add_channel("kudos", members=people)


@pytest.fixture
def week(quiet_town: Town) -> Project:
    """The project of the week's review issues; the bot is a guest there."""
    project = quiet_town.gitlab.add_project(WEEK)
    quiet_town.gitlab.add_label(project, WEEK_LABEL)
    quiet_town.gitlab.add_member(project, quiet_town.bot, 10)
    return project


@pytest.fixture
async def thankful(quiet_town: Town, kudos_channel: Channel, week: Project) -> AsyncIterator[Town]:
    """A town with a kudos channel and a week's review issue."""
    async with quiet_town.bot_running(**KUDOS):
        yield quiet_town


def open_week(town: Town, week: Project, title: str = "Week in review") -> Issue:
    return town.gitlab.open_issue(week, author=town.avery_gitlab, title=title, labels=(WEEK_LABEL,))


def good(town: Town, ticket: int = 412345, **options: Any) -> Issue:
    return town.feedback(
        f"Positive feedback for ticket {ticket}",
        **({"description": f"### Comment\n\n{WORDS}\n", "labels": [GOOD]} | options),
    )


async def good_review(town: Town, **options: Any) -> tuple[Issue, Ephemeral]:
    issue = good(town, **options)
    await town.settled()
    return issue, await town.asks(town.avery, "good")


async def give(town: Town, place: Ephemeral, **inputs: Any) -> Outcome:
    assert (await town.slack.choose(town.avery, place, "menu", "Kudos…")).ok
    return await town.slack.submit(town.avery, inputs)


async def arrived(channel: Channel, town: Town, number: int = 1) -> list[Message]:
    await town.slack.wait_for(lambda: len(channel.messages) >= number)
    return channel.messages


async def kudos_tried(town: Town) -> None:
    await town.settled()
    await town.idle(PeriodicQueue.KUDOS)


def until(town: Town, day: int, hour: int, minute: int) -> None:
    """Let time pass until a moment of February; it begins on Friday, 30 January, at 15:00."""
    then = datetime(2026, 2, day, hour, minute, tzinfo=town.clock().tzinfo)
    town.clock.forward(seconds=(then - town.clock()).total_seconds())


async def digest(town: Town, *words: str) -> str:
    def says() -> str | None:
        texts = map(text_of, town.channel.messages)
        return next((text for text in texts if all(word in text for word in words)), None)

    return await town.slack.wait_for(says)


def on_their_way(town: Town) -> int:
    with town.engine().connect() as connection:
        return connection.scalar(select(func.count()).select_from(kudos)) or 0


def said_in(issue: Issue) -> list[str]:
    return [each.body for each in issue.comments]


# --- Reading -----------------------------------------------------------------------------------


async def test_the_words_of_good_reviews_are_read_in_the_list_and_the_home(town: Town) -> None:
    long = "Thank you. " * 30
    good(town, description=f"### Comment\n\n{long}\nAnd Blake most of all.\n")
    town.feedback("Negative feedback for ticket 5", labels=["satisfaction::bad"])
    await town.settled()

    answer = text_of(await town.asks(town.avery, "good"))
    assert f"{long}And Blake most of all." in answer
    assert "ticket 5" not in answer
    assert "And Blake" not in text_of(await town.asks(town.avery))

    assert (await town.slack.open_home(town.avery)).ok
    home = await town.slack.wait_for(lambda: town.slack.homes.get(town.avery.id))
    assert (await town.slack.click(town.avery, home, "Good")).ok
    await town.slack.wait_for(
        lambda: "And Blake most of all." in text_of(town.slack.homes[town.avery.id])
    )


async def test_a_good_review_says_when_it_closes_by_itself(town: Town) -> None:
    _, row = await good_review(town)
    assert "closes by itself on Fri 6 Feb unless someone acts" in text_of(row)
    town.clock.forward(days=8)
    row = await town.asks(town.avery, "good")
    assert "closes by itself soon unless someone acts" in text_of(row)


# --- Kudos -------------------------------------------------------------------------------------


async def test_kudos_go_to_the_channel_the_week_and_the_feedback_which_is_closed(
    thankful: Town, kudos_channel: Channel, week: Project
) -> None:
    town, review = thankful, open_week(thankful, week)
    issue, row = await good_review(town)

    assert (await town.slack.choose(town.avery, row, "menu", "Kudos…")).ok
    form = town.slack.open_view(town.avery)
    assert "Blake found it in ten minutes." in text_of(form)
    assert "Goes to #kudos, the week's review issue and the feedback issue." in text_of(form)
    answers = {WHOM: [town.blake.id], OWN_WORDS: "Well done!\n/close"}
    assert (await town.slack.submit(town.avery, answers)).ok
    # No card would show it.
    assert town.slack.open_view(town.avery).title == "Saved"

    [message] = await arrived(kudos_channel, town)
    assert message.blocks[0]["text"]["text"].startswith(
        f"🎉 *Kudos* to <@{town.blake.id}> for <https://support.gitlab.com/hc/requests/412345|"
    )
    assert message.pings == {f"<@{town.blake.id}>"}
    assert "<!channel> Best support ever." in text_of(message)
    assert "Well done!" in text_of(message)
    assert "from Avery Example" in text_of(message)

    await kudos_tried(town)
    assert on_their_way(town) == 0
    [comment] = said_in(review)
    assert comment.startswith(
        "**Kudos** to Blake Sample (`@blake.sample`), from Avery Example (`@avery`): "
        "[ticket 412345](https://support.gitlab.com/hc/requests/412345)"
    )
    assert "> Blake found it in ten minutes.\n> \\@avery &lt;!channel>" in comment
    assert "> Well done!\n> /close" in comment
    assert review.state == "opened"

    [note] = said_in(issue)
    assert note.startswith(
        "**Kudos** to Blake Sample (`@blake.sample`), from Avery Example (`@avery`).\n\n"
        "> Well done!"
    )
    assert issue.state == "closed"
    assert "412345" not in text_of(await town.asks(town.avery, "good"))
    assert "kudos by Avery Example" in text_of(await town.asks(town.avery, "good done"))


async def test_the_whole_team_is_thanked_and_the_feedback_can_stay_open(
    thankful: Town, kudos_channel: Channel
) -> None:
    issue, row = await good_review(thankful)
    assert (await give(thankful, row, close=[])).ok
    [message] = await arrived(kudos_channel, thankful)
    assert "*Kudos* to the whole team" in text_of(message)
    await thankful.settled()
    assert said_in(issue)[0].startswith("**Kudos** to the whole team, from Avery Example")
    assert issue.state == "opened"
    assert "kudos by Avery Example" in text_of(await thankful.asks(thankful.avery, "good"))


@pytest.mark.parametrize("whom", [["U0BLAKE"], []], ids=["a person", "the whole team"])
async def test_kudos_mention_only_whom_a_manager_thanks(
    thankful: Town, kudos_channel: Channel, week: Project, whom: list[str]
) -> None:
    town, review = thankful, open_week(thankful, week)
    issue, row = await good_review(town, assignees=[town.duty_gitlab])
    assert (await give(town, row, **{WHOM: whom, OWN_WORDS: "Well done, @duty and <!here>!"})).ok

    [message] = await arrived(kudos_channel, town)
    assert message.pings == {f"<@{each}>" for each in whom}
    await town.in_gitlab(lambda: said_in(review))
    await kudos_tried(town)
    # GitLab tells those with an @ that stands neither in code nor behind a backslash.
    for said in (*said_in(issue), *said_in(review)):
        assert re.findall(r"(?<![\\`\w])@\w+", said) == []
    people = (town.avery, town.blake, town.casey)
    assert [town.slack.direct_messages(each) for each in people] == [[], [], []]
    assert town.channel.messages == []


async def test_several_good_reviews_get_kudos_one_after_another_from_one_list(
    thankful: Town, kudos_channel: Channel, week: Project
) -> None:
    town, review = thankful, open_week(thankful, week)
    issues = [good(town, ticket) for ticket in (501, 502, 503)]
    await town.settled()
    row = await town.asks(town.avery, "good")
    menus = [block for block in row.blocks if "accessory" in block]
    for block in menus:
        of_row = replace(row, blocks=[block])
        assert (await town.slack.choose(town.avery, of_row, "menu", "Kudos…")).ok
        assert (await town.slack.submit(town.avery, {})).ok

    await arrived(kudos_channel, town, 3)
    await kudos_tried(town)
    assert len(kudos_channel.messages) == len(said_in(review)) == 3
    assert {issue.state for issue in issues} == {"closed"}


async def test_without_channel_and_week_kudos_are_a_note_and_the_form_says_so(town: Town) -> None:
    issue, row = await good_review(town)
    assert (await town.slack.choose(town.avery, row, "menu", "Kudos…")).ok
    assert (
        "Goes only to the feedback issue: no kudos channel is set (SSAT_KUDOS_CHANNEL)."
    ) in text_of(town.slack.open_view(town.avery))
    assert (await town.slack.submit(town.avery, {WHOM: [town.blake.id]})).ok
    await kudos_tried(town)
    assert said_in(issue)[0].startswith("**Kudos** to Blake Sample")
    assert on_their_way(town) == 0


async def test_two_who_thank_for_the_same_review_do_it_once(
    thankful: Town, kudos_channel: Channel
) -> None:
    town = thankful
    _, row = await good_review(town)
    others = await town.asks(town.blake, "good")
    assert (await give(town, row)).ok
    assert (await town.slack.choose(town.blake, others, "menu", "Kudos…")).ok
    await town.told(town.blake, "Avery Example has already given kudos for this feedback.")
    await kudos_tried(town)
    assert len(kudos_channel.messages) == 1


async def test_who_has_left_slack_is_named_at_the_field_and_nothing_typed_is_lost(
    thankful: Town, kudos_channel: Channel
) -> None:
    town = thankful
    town.slack.users[town.casey.id].deleted = True
    _, row = await good_review(town)
    outcome = await give(town, row, **{WHOM: [town.blake.id, town.casey.id], OWN_WORDS: "Great."})
    assert outcome.errors == {
        "thanks": "Somebody you chose has left Slack, or is an app. Remove them, or leave this "
        "empty to thank the whole team."
    }
    assert town.slack.open_view(town.avery).values["text"]["text"]["value"] == "Great."
    assert (await town.slack.submit(town.avery, {WHOM: [town.blake.id]})).ok
    await arrived(kudos_channel, town)


# --- The week's issue --------------------------------------------------------------------------


async def test_after_the_cutoff_kudos_wait_for_the_next_weeks_issue(
    quiet_town: Town, kudos_channel: Channel, week: Project
) -> None:
    town = quiet_town
    old = open_week(town, week)
    town.clock.forward(days=7)
    async with town.bot_running(**KUDOS, ssat_digest="09:00"):
        _, row = await good_review(town)
        assert (await give(town, row, **{WHOM: [town.blake.id]})).ok
        await arrived(kudos_channel, town)
        await kudos_tried(town)
        assert said_in(old) == []

        until(town, 9, 9, 30)  # Monday
        await digest(town, "1 kudos waiting for the week's review issue")
        new = open_week(town, week, "Next week in review")
        town.clock.forward(hours=1)
        await town.in_gitlab(lambda: said_in(new))
        await kudos_tried(town)
        assert len(said_in(new)) == 1
        assert said_in(old) == []
        assert len(kudos_channel.messages) == 1


@pytest.mark.parametrize("fast", [timedelta(0), timedelta(days=1)])
async def test_a_comment_whose_answer_was_lost_is_not_written_twice_be_the_clock_a_day_fast(
    thankful: Town, kudos_channel: Channel, week: Project, fast: timedelta
) -> None:
    town, review = thankful, open_week(thankful, week)
    town.skew = fast
    town.gitlab.faults.add(method="POST", path=f"/{week.id}/.*/notes", when="after", status=502)
    _, row = await good_review(town)
    assert (await give(town, row)).ok
    await arrived(kudos_channel, town)
    await town.in_gitlab(lambda: said_in(review))
    town.clock.forward(minutes=2)
    await town.elapse(timedelta(minutes=2))
    await kudos_tried(town)
    assert len(said_in(review)) == len(kudos_channel.messages) == 1


# --- What is missing ---------------------------------------------------------------------------


async def test_a_channel_that_is_gone_is_told_the_rest_is_done_and_trying_again_works(
    thankful: Town, kudos_channel: Channel, week: Project
) -> None:
    town, review = thankful, open_week(thankful, week)
    kudos_channel.archived = True
    issue, row = await good_review(town)
    assert (await give(town, row, **{OWN_WORDS: "Well done!"})).ok

    [told] = await town.slack.wait_for(lambda: town.slack.direct_messages(town.avery))
    assert "Your kudos for <https://support.gitlab.com/hc/requests/412345|ticket 412345>" in (
        text_of(told)
    )
    assert "#kudos" in text_of(told)
    await kudos_tried(town)
    assert len(said_in(review)) == 1
    assert issue.state == "closed"

    kudos_channel.archived = False
    assert (await town.slack.click(town.avery, told, "Try again")).ok
    [message] = await arrived(kudos_channel, town)
    assert "Well done!" in text_of(message)
    await town.slack.wait_for(lambda: len(town.slack.direct_messages(town.avery)) == 2)
    await kudos_tried(town)
    assert "where it belongs" in text_of(town.slack.direct_messages(town.avery)[1])
    assert len(kudos_channel.messages) == len(said_in(review)) == 1


async def test_a_week_that_cannot_be_written_is_told_and_comes_by_itself(
    thankful: Town, kudos_channel: Channel, week: Project
) -> None:
    town, review = thankful, open_week(thankful, week)
    town.gitlab.archive_project(week)
    issue, row = await good_review(town)
    assert (await give(town, row)).ok

    await arrived(kudos_channel, town)
    [told] = await town.slack.wait_for(lambda: town.slack.direct_messages(town.avery))
    assert f"The week's review issue in {WEEK}: GitLab does not let me comment there" in (
        text_of(told)
    )
    await kudos_tried(town)
    assert issue.state == "closed"

    week.archived = False
    town.clock.forward(hours=1)
    await town.in_gitlab(lambda: said_in(review))
    await kudos_tried(town)
    assert len(said_in(review)) == len(kudos_channel.messages) == 1


async def test_kudos_for_a_feedback_that_is_gone_come_back_to_the_person(
    thankful: Town, kudos_channel: Channel
) -> None:
    town = thankful
    issue, row = await good_review(town)
    assert (await town.slack.choose(town.avery, row, "menu", "Kudos…")).ok
    town.gitlab.delete_issue(issue)
    assert (await town.slack.submit(town.avery, {OWN_WORDS: "Well done!"})).ok
    [told] = await town.slack.wait_for(lambda: town.slack.direct_messages(town.avery))
    assert "The issue was deleted or moved in GitLab." in text_of(told)
    assert "Well done!" in text_of(told)
    await kudos_tried(town)
    assert kudos_channel.messages == []


# --- Closing by itself -------------------------------------------------------------------------


async def closed_by_itself(town: Town, issue: Issue) -> None:
    await town.in_gitlab(lambda: issue.state == "closed")
    await town.in_gitlab(lambda: said_in(issue))
    await town.settled()


async def looked_for_idle(town: Town) -> None:
    await town.idle(PeriodicQueue.IDLE, IssueQueue.SYNC)
    await town.settled()


async def test_a_good_review_is_closed_after_seven_idle_days_if_so_configured(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running(ssat_close_good="true", ssat_digest="09:00"):
        issue, _ = await good_review(town)
        town.clock.forward(days=6)
        await looked_for_idle(town)
        assert issue.state == "opened"
        town.clock.forward(days=1, hours=1)
        await closed_by_itself(town, issue)
        assert said_in(issue)[0].startswith(
            "**Closed**: nobody has acted on this good review for 7 days."
        )
        assert len(said_in(issue)) == 1
        assert "412345" not in text_of(await town.asks(town.avery, "done"))

        until(town, 9, 9, 30)
        await digest(town, "Since Friday 6 Feb: 1 good review closed after 7 idle days.")


async def test_nothing_closes_by_itself_unless_configured(town: Town) -> None:
    issue, _ = await good_review(town)
    town.clock.forward(days=8)
    await looked_for_idle(town)
    assert issue.state == "opened"


async def test_what_somebody_has_acted_on_stays_open(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(ssat_close_good="true"):
        issue, _ = await good_review(town)
        town.clock.forward(days=6)
        town.gitlab.comment(issue, "I will tell the team.", by=town.blake_gitlab)
        await town.settled()
        town.clock.forward(days=3)
        await looked_for_idle(town)
        assert issue.state == "opened"
        town.clock.forward(days=5)
        await town.in_gitlab(lambda: issue.state == "closed")


async def test_an_act_that_the_bot_has_not_heard_of_keeps_it_open(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(ssat_close_good="true"):
        issue, _ = await good_review(town)
        town.clock.forward(days=6, hours=23)
        await town.settled()
        town.gitlab.hooks[-1].lose = True
        town.gitlab.comment(issue, "I will tell the team.", by=town.blake_gitlab)
        town.clock.forward(hours=2)
        await looked_for_idle(town)
        assert issue.state == "opened"
        assert len(said_in(issue)) == 1
        assert "rejected" not in text_of(await town.asks(town.avery, "good"))


async def test_an_act_between_the_look_and_the_closing_keeps_it_open(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(ssat_close_good="true"):
        issue, _ = await good_review(town)
        late = town.gitlab.faults.add(method="GET", path="resource_label_events", hang=60)
        town.clock.forward(days=7, hours=1)
        await town.in_gitlab(lambda: late.left == 0)
        town.gitlab.hooks[-1].lose = True
        town.gitlab.comment(issue, "I will tell the team.", by=town.blake_gitlab)
        town.gitlab.faults.release()
        await town.slack.wait_for(lambda: town.choices() == ["dropped"])
        await looked_for_idle(town)
        assert issue.state == "opened"
        assert len(said_in(issue)) == 1


@pytest.mark.parametrize(
    "what",
    [
        {"labels": ["satisfaction::bad"]},
        {"labels": [GOOD, "SSAT::Contact"]},
        {"labels": [GOOD], "description": f"{WORDS}\n\nManager contact requested: Yes\n"},
        {"labels": [], "description": "### Comment\n\nFine.\n"},
    ],
    ids=["bad", "labeled for contact", "asks for contact", "says nothing"],
)
async def test_no_other_feedback_closes_by_itself(quiet_town: Town, what: dict[str, Any]) -> None:
    town = quiet_town
    title = "Feedback for ticket 412345"
    async with town.bot_running(ssat_close_good="true"):
        issue = town.feedback(title, **({"description": WORDS} | what))
        await town.settled()
        town.clock.forward(days=8)
        await looked_for_idle(town)
        assert issue.state == "opened"


async def test_a_closing_whose_answer_was_lost_is_noted_once(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(ssat_close_good="true"):
        issue, _ = await good_review(town)
        town.gitlab.faults.add(method="PUT", path="/issues/", when="after", status=502)
        town.clock.forward(days=7, hours=1)
        await town.in_gitlab(lambda: issue.state == "closed")
        town.clock.forward(minutes=2)
        await town.elapse(timedelta(minutes=2))
        await closed_by_itself(town, issue)
        assert len(said_in(issue)) == 1


async def test_a_good_review_is_never_without_an_initial_response(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(ssat_digest="09:00"):
        good(town)
        bad = town.feedback("Feedback for ticket 5", labels=["satisfaction::bad"], description=None)
        await town.settled()
        until(town, 10, 9, 30)
        said = await digest(town, "1 without an initial response")
    unanswered, _, untriaged = said.partition("*Untriaged feedback*")
    assert "ticket 5" in unanswered
    assert "412345" not in unanswered
    # It is there to be read.
    assert "412345" in untriaged
    assert bad.state == "opened"
