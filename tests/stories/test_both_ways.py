"""What is done in GitLab's own pages shows on the card: at once by hook, or with the next poll."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Text, literal, select, type_coerce, update

from slackbot.blocks.text import without_scope
from slackbot.local.gitlab import Request
from slackbot.store.schema import requests
from tests.town import CONTACT, CONTACTED, Town, buttons, chosen_label, menu_of, text_of
from tests.turns import take_duty

SOFT_SKILLS, OUTSIDE = "feedback::soft-skills", "feedback::outside-support"

BY_POLL_ALONE = {"gitlab_webhook_secret": None, "ssat_poll_seconds": 0.2}


@pytest.fixture(params=["hooks", "poll alone"])
async def watched_town(quiet_town: Town, request: pytest.FixtureRequest) -> AsyncIterator[Town]:
    """A town whose bot is told of changes by hooks, or has nothing but its poll."""
    by_hooks = request.param == "hooks"
    async with quiet_town.bot_running(**({} if by_hooks else BY_POLL_ALONE)):
        quiet_town.gitlab.hooks[0].lose = not by_hooks
        yield quiet_town


async def test_who_is_assigned_in_gitlab_has_the_request(watched_town: Town) -> None:
    town = watched_town
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")

    town.gitlab.assign(issue, town.blake_gitlab, by=town.duty_gitlab)
    card = await town.card(issue, "Claimed by Blake Sample")
    assert "Take over" in buttons(card)
    await town.thread(issue, "Dana Duty assigned <@U0BLAKE> in GitLab")  # whom an e-mail tells

    # Avery has a line in the people file; she need not read that she did it.
    town.gitlab.assign(issue, town.avery_gitlab, by=town.duty_gitlab)
    await town.card(issue, "Claimed by Avery Example")
    told = await town.thread(issue, "Dana Duty assigned <@U0AVERY> instead of <@U0BLAKE>")
    assert told.pings == {"<@U0AVERY>", "<@U0BLAKE>"}
    town.gitlab.assign(issue, town.blake_gitlab, by=town.blake_gitlab)
    await town.card(issue, "Claimed by Blake Sample")
    told = await town.thread(issue, "Blake Sample assigned themselves instead of <@U0AVERY>")
    assert told.pings == {"<@U0AVERY>"}

    town.gitlab.assign(issue, by=town.duty_gitlab)
    card = await town.card(issue, "🟠 Unclaimed")
    assert "Claim" in buttons(card)
    told = await town.thread(issue, "Unclaimed: Dana Duty unassigned <@U0BLAKE> in GitLab")
    assert told.pings == {"<@U0BLAKE>"}
    await town.settled()
    assert town.writes(issue) == []


async def test_who_changes_their_username_in_gitlab_keeps_the_request(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(ssat_poll_seconds=60):
        issue = town.feedback()
        other, card = await town.request()
        town.gitlab.assign(issue, town.avery_gitlab, by=town.duty_gitlab)
        await town.card(issue, "Claimed by Avery Example")
        await town.settled()
        told = town.steps(issue)

        town.gitlab.rename_user(town.avery_gitlab, "avery.renamed")
        town.clock.forward(minutes=2)
        await town.polled()
        await town.settled()
        assert town.steps(issue) == told  # nobody did anything

        # The people file still has the old name, which may be somebody else's by now.
        town.gitlab.add_user("avery", "Another Avery")
        mine = await town.asks(town.avery, "mine")
        assert "Claimed by Avery Example" in text_of(mine)
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.claimed(other, "Avery Example")
        assert other.assigned_to == ["avery.renamed"]
        card = await town.card(issue, "Claimed by Avery Example")
        assert (await town.slack.click(town.avery, card, "Release")).ok
        await town.card(issue, "🟠 Unclaimed", delivered=True)
        assert issue.assigned_to == []


async def test_a_takeover_relieves_a_colleague_who_has_changed_their_username_meanwhile(
    town: Town,
) -> None:
    issue, card = await town.request()
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    card = await town.claimed(issue, "Avery Example")
    town.gitlab.down()
    # Nobody knows Blake's account, so GitLab gets no other assignee.
    town.gitlab.delete_user(town.blake_gitlab)
    assert (await town.slack.click(town.blake, card, "Take over")).ok
    await town.card(issue, "Claimed by Blake")
    town.gitlab.rename_user(town.avery_gitlab, "avery.renamed")
    town.gitlab.up()
    town.clock.forward(minutes=6)
    await town.card(issue, "Claimed by Blake", delivered=True)
    assert issue.assigned_to == []


async def test_the_bot_knows_its_notes_again_when_its_own_username_changes(town: Town) -> None:
    issue, card = await town.request()
    # GitLab keeps each note and the answer is lost: the bot looks for its own before it repeats.
    town.gitlab.faults.add(method="POST", path="/notes", when="after", status=502)
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    card = await town.claimed(issue, "Avery Example")
    town.gitlab.rename_user(town.bot, "ssat-bot.renamed")
    town.gitlab.faults.add(method="POST", path="/notes", when="after", status=502)
    assert (await town.slack.click(town.avery, card, "Release")).ok
    await town.card(issue, "🟠 Unclaimed", delivered=True)
    said = [note.body.partition(" by ")[0] for note in issue.comments]
    assert said == ["**Claimed**", "**Released**"]


async def test_labels_and_words_changed_in_gitlab_show_on_the_card(watched_town: Town) -> None:
    town = watched_town
    issue = town.feedback()
    assert chosen_label(await town.card(issue, "ticket 412345")) is None

    town.gitlab.change_labels(issue, add=[SOFT_SKILLS], by=town.blake_gitlab)
    assert chosen_label(await town.card(issue, without_scope(SOFT_SKILLS))) == SOFT_SKILLS
    await town.thread(issue, f"Blake Sample chose the feedback label *{SOFT_SKILLS}* in GitLab")
    town.gitlab.change_labels(issue, add=[OUTSIDE], remove=[SOFT_SKILLS], by=town.blake_gitlab)
    await town.card(issue, without_scope(OUTSIDE), without=without_scope(SOFT_SKILLS))
    town.gitlab.change_labels(issue, remove=[OUTSIDE], by=town.blake_gitlab)
    assert chosen_label(await town.card(issue, without=without_scope(OUTSIDE))) is None

    town.gitlab.edit(issue, title="Negative feedback for ticket 412399", by=town.blake_gitlab)
    await town.card(issue, "ticket 412399")
    town.gitlab.edit(issue, description="**Comment:** All is said.", by=town.blake_gitlab)
    await town.card(issue, "All is said.", without="Nobody answered")
    town.gitlab.edit(issue, title="Positive feedback for ticket 412399", by=town.blake_gitlab)
    await town.card(issue, "Contact request withdrawn* · ticket 412399")


async def test_closing_and_reopening_in_gitlab(watched_town: Town) -> None:
    town = watched_town
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    town.gitlab.assign(issue, town.avery_gitlab, by=town.avery_gitlab)
    card = await town.card(issue, "Claimed by Avery Example")

    town.gitlab.close(issue, by=town.blake_gitlab)
    closed = await town.card(issue, "Closed without contact* · ticket 412345")
    assert menu_of(closed) == ["Add note…", "Change label…", "Open issue", "Open ticket", "More…"]
    told = await town.thread(issue, "No contact recorded", "closed the issue in GitLab")
    assert "<@U0AVERY>: if the customer is still waiting, please reopen it" in told.text
    assert told.pings == {"<@U0AVERY>"}

    town.gitlab.reopen(issue, by=town.blake_gitlab)
    card = await town.card(issue, "Claimed by Avery Example")  # where it stood
    assert "Release" in menu_of(card)
    await town.thread(issue, "The issue was reopened in GitLab")


async def test_a_customer_who_waits_in_an_ended_issue_is_told_of_once(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**BY_POLL_ALONE):
        closed, deleted = town.feedback("For ticket 101"), town.feedback("For ticket 102")
        for issue in (closed, deleted):
            await town.card(issue, "🟠 Unclaimed")
    await take_duty(town, town.blake)
    async with town.bot_running(**BY_POLL_ALONE):
        town.gitlab.close(closed, by=town.avery_gitlab)
        town.gitlab.delete_issue(deleted)
        # GitLab's answers get lost on the way, and so do Slack's.
        town.gitlab.faults.add(method="GET", path=f"/issues/{closed.iid}$", status=502)
        town.slack.faults.add("chat.postMessage", drop=True, when="after")
        told = await town.thread(closed, "closed the issue in GitLab", "please reopen it")
        assert told.pings == {"<@U0BLAKE>"}  # nobody owns it, and Blake is on duty
        told = await town.thread(deleted, "deleted or moved", "may still be waiting")
        assert told.pings == {"<@U0BLAKE>"}
        town.clock.forward(minutes=6)
        await town.settled()
    async with town.bot_running(**BY_POLL_ALONE):
        await town.polled()
        await town.settled()
    assert len(town.steps(closed)) == len(town.steps(deleted)) == 1


async def test_who_owns_a_request_by_then_is_asked_about_its_customer(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**BY_POLL_ALONE):
        passed_on, let_go = town.feedback("For ticket 101"), town.feedback("For ticket 102")
        for issue in (passed_on, let_go):
            await town.card(issue, "🟠 Unclaimed")
            town.gitlab.assign(issue, town.avery_gitlab, by=town.avery_gitlab)
            town.clock.forward(minutes=2)
            await town.card(issue, "Claimed by Avery Example")
    await take_duty(town, town.casey)
    town.gitlab.assign(passed_on, town.blake_gitlab, by=town.duty_gitlab)
    town.gitlab.assign(let_go, by=town.duty_gitlab)
    for issue in (passed_on, let_go):
        town.gitlab.close(issue, by=town.duty_gitlab)
    async with town.bot_running(**BY_POLL_ALONE):
        told = await town.thread(passed_on, "closed the issue in GitLab", "please reopen it")
        assert told.pings == {"<@U0BLAKE>"}
        told = await town.thread(let_go, "closed the issue in GitLab", "please reopen it")
        assert told.pings == {"<@U0CASEY>"}


async def test_who_claimed_a_request_meanwhile_is_asked_about_its_customer(town: Town) -> None:
    issue, card = await town.request()
    town.gitlab.down()
    await town.slack.click(town.blake, card, "Claim")
    await town.card(issue, "Claimed by Blake Sample")
    town.gitlab.close(issue, by=town.duty_gitlab)
    town.gitlab.up()
    town.clock.forward(minutes=6)
    told = await town.thread(issue, "closed the issue in GitLab", "please reopen it")
    assert told.pings == {"<@U0BLAKE>"}


async def test_a_customer_who_waits_is_told_to_who_is_on_duty_when_the_owner_has_left(
    town: Town,
) -> None:
    await take_duty(town, town.blake)
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    town.gitlab.assign(issue, town.avery_gitlab, by=town.avery_gitlab)
    await town.card(issue, "Claimed by Avery Example")
    town.avery.deleted = True
    town.gitlab.close(issue, by=town.duty_gitlab)
    told = await town.thread(issue, "closed the issue in GitLab", "please reopen it")
    assert told.pings == {"<@U0BLAKE>"}


async def test_nobody_is_told_of_a_customer_whose_contact_gitlab_does_not_have_yet(
    town: Town,
) -> None:
    issue, card = await town.request()
    await town.slack.click(town.blake, card, "Claim")
    card = await town.claimed(issue, "Blake Sample")
    town.gitlab.down()
    await town.mark_contacted(town.blake, card, **{"What you sent": "Sorry."})
    await town.card(issue, "Contact saved, updating GitLab")
    town.gitlab.close(issue, by=town.avery_gitlab)
    town.gitlab.up()
    town.clock.forward(minutes=6)
    await town.card(issue, "Contacted", delivered=True)
    await town.thread(issue, "Blake Sample contacted the customer by email")
    closed = await town.thread(issue, "closed the issue in GitLab")
    assert closed.pings == set()


async def test_who_is_assigned_in_gitlab_after_letting_go_in_slack_keeps_the_request(
    watched_town: Town,
) -> None:
    town = watched_town
    issue, card = await town.request()
    await town.settled()
    town.gitlab.faults.add(method="GET", path=f"/issues/{issue.iid}$", status=502, times=None)
    await town.slack.click(town.blake, card, "Claim")
    card = await town.card(issue, "Claimed by Blake Sample")
    await town.slack.click(town.blake, card, "Release")
    await town.card(issue, "🟠 Unclaimed")
    town.clock.forward(minutes=1)
    town.gitlab.assign(issue, town.blake_gitlab, by=town.duty_gitlab)
    town.gitlab.faults.clear()

    await town.thread(issue, "You were assigned in GitLab after you released this request")
    await town.card(issue, "Claimed by Blake Sample")
    await town.settled()
    assert issue.assigned_to == ["blake.sample"]


async def test_who_was_suggested_and_is_assigned_again_in_gitlab_has_the_request(
    watched_town: Town,
) -> None:
    town = watched_town
    issue = town.feedback(assignees=[town.duty_gitlab])
    card = await town.card(issue, "🟠 Unclaimed", "assigned to duty")
    await town.settled()
    town.clock.forward(minutes=5)
    town.gitlab.faults.add(method="GET", path=f"/issues/{issue.iid}$", status=502, times=None)
    town.gitlab.assign(issue, by=town.avery_gitlab)
    await town.slack.click(town.blake, card, "Claim")
    await town.card(issue, "Claimed by Blake Sample")
    town.clock.forward(minutes=1)
    town.gitlab.assign(issue, town.duty_gitlab, by=town.duty_gitlab)
    town.gitlab.faults.clear()

    await town.card(issue, "Claimed by Dana Duty")
    await town.thread(issue, "your choice was not carried out: Dana Duty owns this request")
    await town.settled()
    assert issue.assigned_to == ["duty"]


async def test_withdrawing_and_asking_again_in_gitlab(watched_town: Town) -> None:
    town = watched_town
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed", "Tue 3 Feb, 15:00 UTC")

    town.gitlab.change_labels(issue, remove=[CONTACT], by=town.duty_gitlab)
    withdrawn = await town.card(issue, "Contact request withdrawn* · ticket 412345")
    links = ["Open issue", "Open ticket", "More…"]
    assert menu_of(withdrawn) == ["Review…", "Close without contact…", *links]
    await town.thread(issue, "Dana Duty withdrew the contact request in GitLab")

    await town.settled()
    town.clock.forward(hours=2)  # the promise counts from now on
    town.gitlab.change_labels(issue, add=[CONTACT], by=town.duty_gitlab)
    await town.card(issue, "🟠 Unclaimed", "Tue 3 Feb, 17:00 UTC")
    await town.thread(issue, "Contact was requested again")
    await town.settled()
    assert town.writes(issue) == []


async def test_a_contact_noted_in_gitlab_counts_and_can_be_taken_back(watched_town: Town) -> None:
    town = watched_town
    issue = town.feedback()
    await town.card(issue, "🟠 Unclaimed")
    town.clock.forward(hours=3, minutes=1)

    town.gitlab.change_labels(issue, add=[CONTACTED], by=town.blake_gitlab)
    card = await town.card(
        issue,
        "Contacted on time, issue open* · ticket 412345",
        "Blake Sample · no feedback label",
    )
    assert "Mark contacted" not in buttons(card)
    await town.thread(issue, "Blake Sample marked the customer as contacted in GitLab")

    town.gitlab.change_labels(issue, remove=[CONTACTED], by=town.duty_gitlab)
    card = await town.card(issue, "🟠 Unclaimed", "business hours left")
    assert "Mark contacted" in buttons(card)
    await town.thread(issue, 'Dana Duty removed the "customer contacted" label')


@pytest.mark.parametrize("path", ["gitlab-com/support/elsewhere", "another/group/elsewhere"])
async def test_an_issue_moved_to_another_project_leaves_a_card_that_says_where_it_is(
    watched_town: Town, path: str
) -> None:
    town = watched_town
    issue, _ = await town.request()
    elsewhere = town.gitlab.add_project(path)
    moved = town.gitlab.move_issue(issue, elsewhere, by=town.duty_gitlab)
    # The hooks came before GitLab said that it was moved; so does the next change.
    town.gitlab.comment(issue, "It belongs there.", by=town.duty_gitlab)
    card = await town.card(issue, "⚫ Moved without contact* · ticket 412345")
    there = f"{town.gitlab.url}/{path}/-/issues/{moved.iid}"
    assert there in str(card.blocks)  # of "Open issue" in its menu
    link = f"<{there}|another project>"
    await town.thread(issue, f"No contact recorded: Dana Duty moved the issue to {link} in GitLab")
    await town.settled()
    assert [step for step in town.steps(issue) if "moved" in step] == [
        f"⚫ No contact recorded: Dana Duty moved the issue to {link} in GitLab. "
        "The customer may still be waiting"
    ]


async def test_a_move_is_told_once_though_an_older_replica_forgets_it(town: Town) -> None:
    issue, _ = await town.request()
    elsewhere = town.gitlab.add_project("gitlab-com/support/elsewhere")
    town.gitlab.move_issue(issue, elsewhere, by=town.duty_gitlab)
    for _ in range(3):
        town.gitlab.comment(issue, "It belongs there.", by=town.duty_gitlab)
        await town.card(issue, "⚫ Moved without contact")
        await town.settled()
        await town.change_record(forget_what_the_release_before_did_not_know)
    assert len([step for step in town.steps(issue) if "moved" in step]) == 1


def forget_what_the_release_before_did_not_know(connection: Connection) -> None:
    [kept] = connection.scalars(select(type_coerce(requests.c.document, Text)))
    document = json.loads(kept)
    for name in ("moved_to", "is_provisional", "accounts"):
        del document[name]
    connection.execute(update(requests).values(document=literal(json.dumps(document), Text)))


async def test_an_issue_deleted_in_gitlab_leaves_a_card_that_says_so(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**BY_POLL_ALONE):  # GitLab tells no hook of it
        issue = town.feedback()
        await town.card(issue, "🟠 Unclaimed")
        town.gitlab.delete_issue(issue)
        card = await town.card(issue, "No longer in GitLab* · ticket 412345")
        assert menu_of(card) == ["Open ticket"]
        await town.thread(issue, "The issue was deleted or moved in GitLab")


async def test_a_project_out_of_sight_is_an_outage_and_no_deletion(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running(**BY_POLL_ALONE):
        issue, card = await town.request()
        town.gitlab.add_member(town.project, town.bot, 0)
        await town.slack.click(town.avery, card, "Claim")
        await town.card(issue, "Claimed by Avery Example", "⏳ Saved", "404")
        await town.settled()
        assert town.steps(issue) == []

        town.gitlab.add_member(town.project, town.bot, 20)
        town.clock.forward(minutes=6)
        await town.claimed(issue, "Avery Example")
        assert issue.assigned_to == ["avery"]


async def test_the_bot_does_not_answer_itself(quiet_town: Town) -> None:
    town = quiet_town
    # Every write of the bot's comes back to it: by two hooks of the same, and by its poll.
    async with town.bot_running(ssat_poll_seconds=0.2):
        town.gitlab.hooks[0].double = True
        issue, card = await town.request()
        await town.slack.click(town.avery, card, "Claim")
        card = await town.claimed(issue, "Avery Example")
        await town.slack.choose(town.avery, card, "Feedback label", SOFT_SKILLS)
        card = await town.card(issue, without_scope(SOFT_SKILLS), delivered=True)
        await town.mark_contacted(town.avery, card, channel="Call")
        await town.card(issue, "Contacted", delivered=True)
        await town.settled()

        painted = _posts(town)
        polls = len(_polls(town))
        await town.in_gitlab(lambda: len(_polls(town)) > polls + 3)
        town.gitlab.hooks[0].double = False
        town.gitlab.comment(issue, "Thank you, Avery!", by=town.duty_gitlab)
        await town.settled()

        assert _posts(town) == painted
        # A note and a change for each choice, and nothing else.
        assert [write.method for write in town.writes(issue)] == ["POST", "PUT"] * 3
        assert town.steps(issue) == [
            "🔵 Avery Example claimed this request",
            f"🏷️ Avery Example chose the feedback label *{SOFT_SKILLS}*",
            "✅ Avery Example contacted the customer by call",
        ]


def _posts(town: Town) -> int:
    return sum(call.method.startswith("chat.") for call in town.slack.requests)


def _polls(town: Town) -> list[Request]:
    return [
        each
        for each in town.gitlab.requests
        if each.path.endswith(f"{town.project.id}/issues") or each.path.endswith("feedback/issues")
    ]


async def test_the_poll_catches_up_with_what_happened_while_the_bot_was_down(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, other = town.feedback(), town.feedback("Negative feedback for ticket 412346")
        await town.card(issue, "🟠 Unclaimed")
        await town.card(other, "🟠 Unclaimed")
        await town.settled()
    town.gitlab.assign(issue, town.blake_gitlab, by=town.blake_gitlab)
    town.gitlab.close(other, by=town.duty_gitlab)
    missed = town.feedback("Negative feedback for ticket 412347", assignees=[town.duty_gitlab])
    taken = town.feedback("Negative feedback for ticket 412348", assignees=[town.duty_gitlab])
    town.gitlab.assign(taken, town.avery_gitlab, by=town.avery_gitlab)
    town.clock.forward(seconds=timedelta(days=1).total_seconds())

    async with town.bot_running():
        await town.card(issue, "Claimed by Blake Sample")
        await town.card(other, "Closed without contact")
        # The promise counts from the request, not from when the bot got to know.
        await town.card(missed, "🟠 Unclaimed", "Tue 3 Feb, 15:00 UTC")
        await town.card(taken, "Claimed by Avery Example")  # not a suggestion: she took it
        assert len(town.cards) == 4
