"""The record is gone or damaged: it comes back from GitLab and Slack, and nothing comes twice."""

import random
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Table, select

from slackbot.app import connect
from slackbot.blocks.text import without_scope
from slackbot.local.gitlab import Issue
from slackbot.local.slack import Message
from slackbot.rebuild import rebuild_record
from slackbot.rules.request import IssueKey, State
from slackbot.store.jobs import IssueQueue
from slackbot.store.schema import decisions, metadata, requests
from tests.process import bot_process, launched, present_town
from tests.town import CONTACT, CONTACTED, FAST, PATIENCE, Town, buttons, text_of

SOFT_SKILLS = "feedback::soft-skills"
TRY_AGAIN = 2
"""The exit code when something clients, or the set-up, has stopped it."""
UNCHANGED = "Nothing had to be changed."


async def rebuilt(town: Town) -> list[str]:
    """What a rebuild says at its end; the bot is not running."""
    settings = town.set_up()
    async with connect(settings, FAST) as clients:
        report = await rebuild_record(settings, clients, lambda *_: None, clock=town.clock)
    return list(report.lines())


def key_of(town: Town, issue: Issue) -> IssueKey:
    return IssueKey(town.project.id, issue.iid)


def posts(town: Town) -> int:
    return sum(call.method == "chat.postMessage" for call in town.slack.requests)


def shown(town: Town) -> dict[str, tuple[str, list[str]]]:
    """Where each card stands, what it says, and what can be done on it."""
    return {card.ts: (text_of(card), buttons(card)) for card in town.cards}


async def click(town: Town, issue: Issue, who: str, button: str, *then: str) -> Message:
    card = town.card_of(issue)
    assert card
    assert (await town.slack.click(getattr(town, who), card, button)).ok
    return await town.card(issue, *then, delivered=True)


async def click_dismiss(town: Town, issue: Issue) -> None:
    """Give up what GitLab refused."""
    card = await town.card(issue, "🟠 Unclaimed", "GitLab rejected this:")
    assert (await town.slack.click(town.avery, card, "Dismiss")).ok
    await town.card(issue, "🟠 Unclaimed", delivered=True)


Backup = dict[Table, list[dict[str, Any]]]


def backed_up(town: Town) -> Backup:
    """Every row of the database, which must not be running."""
    with town.engine().connect() as connection:
        return {
            table: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in metadata.sorted_tables
        }


async def restore(town: Town, backup: Backup) -> None:
    """Put a backup in the place of the record."""

    def put_back(connection: Connection) -> None:
        for table, rows in backup.items():
            connection.execute(table.delete())
            if rows:
                connection.execute(table.insert(), rows)

    await town.change_record(put_back)


async def claim_refused_after_its_note(town: Town, card: Message) -> None:
    """Let GitLab take the note of Avery's claim, refuse its change, and take no note after that."""
    refusal = town.gitlab.faults.add(method="PUT", status=422, hang=60)
    assert (await town.slack.click(town.avery, card, "Claim")).ok
    await town.in_gitlab(lambda: refusal.left == 0)
    town.gitlab.faults.add(method="POST", path="/notes", status=502, times=None)
    town.gitlab.faults.release()


async def claimed_during_an_outage(town: Town) -> tuple[Issue, Backup]:
    """Let Avery claim while GitLab is away; return a backup of then, when GitLab has the claim."""
    async with town.bot_running():
        issue, card = await town.request()
        await town.settled()
        town.gitlab.down()
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.card(issue, "⏳ Saved")
        await town.idle_but_for_gitlab()
    backup = backed_up(town)
    town.gitlab.up()
    async with town.bot_running():
        town.clock.forward(minutes=6)
        await town.thread(issue, "Avery Example claimed")
        await town.settled()
    return issue, backup


class Week:
    """All that can become of requests: made once, told by the state that each ends in."""

    def __init__(self, town: Town) -> None:
        self.town = town
        names = ["waiting", "held", "unlinked", "taken over", "released", "labelled"]
        names += ["contacted", "marked in gitlab", "assigned", "withdrawn", "closed", "asked again"]
        self.issues = {
            name: town.feedback(f"Negative feedback for ticket {number}")
            for number, name in enumerate(names, 412_001)
        }
        self.plain = town.feedback(
            "Negative feedback for ticket 2", description=None, labels=["satisfaction::bad"]
        )
        duty = [town.duty_gitlab]
        self.issues["suggested"] = town.feedback("Negative feedback for ticket 1", assignees=duty)

    async def happen(self) -> None:
        town = self.town
        for issue in self.issues.values():
            await town.card(issue, "🟠 Unclaimed")
        town.clock.forward(minutes=50)  # no full hour: hours left read alike
        await town.settled()
        await self._in_slack()
        await self._handed_on()
        await self._contacted()
        town.clock.forward(minutes=50)
        await town.settled()
        self._in_gitlab()
        await town.settled()

    async def _in_slack(self) -> None:
        town, issues = self.town, self.issues
        await click(town, issues["held"], "avery", "Claim", "Claimed by Avery")
        await click(town, issues["unlinked"], "casey", "Claim", "Claimed by Casey")
        card = town.card_of(issues["labelled"])
        assert card
        await town.slack.choose(town.blake, card, "Feedback label", SOFT_SKILLS)
        await town.card(issues["labelled"], without_scope(SOFT_SKILLS), delivered=True)

    async def _handed_on(self) -> None:
        town, issues = self.town, self.issues
        await click(town, issues["taken over"], "avery", "Claim", "Claimed by Avery")
        await click(town, issues["taken over"], "blake", "Take over", "Claimed by Blake")
        await click(town, issues["released"], "avery", "Claim", "Claimed by Avery")
        await click(town, issues["released"], "avery", "Release", "🟠 Unclaimed")
        await click(town, issues["assigned"], "avery", "Claim", "Claimed by Avery")

    async def _contacted(self) -> None:
        town, issue = self.town, self.issues["contacted"]
        await click(town, issue, "blake", "Claim", "Claimed by Blake")
        card = town.card_of(issue)
        assert card
        assert (await town.mark_contacted(town.blake, card, channel="Call")).ok
        await town.card(issue, "Contacted", delivered=True)

    def _in_gitlab(self) -> None:
        town, issues = self.town, self.issues
        gitlab, duty = town.gitlab, town.duty_gitlab
        gitlab.assign(issues["assigned"], town.blake_gitlab, by=duty)
        gitlab.change_labels(issues["marked in gitlab"], add=[CONTACTED], by=town.blake_gitlab)
        gitlab.change_labels(issues["withdrawn"], remove=[CONTACT], by=duty)
        gitlab.close(issues["closed"], by=duty)
        gitlab.change_labels(issues["asked again"], remove=[CONTACT], by=duty)
        gitlab.change_labels(issues["asked again"], add=[CONTACT], by=duty)


@pytest.fixture
async def week(quiet_town: Town) -> Week:
    """A week of work, after which the bot has been stopped."""
    async with quiet_town.bot_running():
        await quiet_town.polled()  # what was asked before would wait for its card
        week = Week(quiet_town)
        await week.happen()
    states = [request.state for request in quiet_town.on_record().values()]
    assert {*states} == {*State} - {State.GONE}
    return week


# The record is gone


@pytest.mark.parametrize("is_lost", [True, False], ids=["a lost record", "a rebuild"])
async def test_a_claim_made_as_soon_as_the_issue_was_there_survives(
    quiet_town: Town, is_lost: bool
) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, _ = await town.request()
        # GitLab does not know Casey: the claim is a note, for which it dates no issue anew so soon.
        await click(town, issue, "casey", "Claim", "Claimed by Casey Nolink")
        await town.settled()
    assert issue.updated_at == issue.created_at
    if is_lost:
        town.lose_record()
    else:
        await rebuilt(town)
    async with town.bot_running():
        await town.polled()
        await town.settled()
        (card,) = town.cards
        assert "Claimed by Casey Nolink" in text_of(card)


async def test_the_bot_starts_on_nothing_and_everything_stands_as_it_stood(week: Week) -> None:
    town = week.town
    record, cards, posted = town.on_record(), shown(town), posts(town)
    town.lose_record()

    async with town.bot_running():
        await town.slack.wait_for(lambda: len(town.on_record()) == len(record), PATIENCE)
        await town.settled()

        assert town.on_record() == record
        assert shown(town) == cards
        assert posts(town) == posted  # no card twice, and no step

        # The buttons go on working, and new requests come.
        await click(town, week.issues["held"], "blake", "Take over", "Claimed by Blake")
        await click(town, week.issues["waiting"], "avery", "Claim", "Claimed by Avery")
        await town.card(town.feedback("Negative feedback for ticket 99"), "🟠 Unclaimed")


async def test_a_rebuild_restores_everything_and_the_bot_goes_on(week: Week) -> None:
    town = week.town
    record, cards, posted = town.on_record(), shown(town), posts(town)
    stored = sorted(town.everything_stored().splitlines())
    assert (await rebuilt(town))[-1] == UNCHANGED
    assert sorted(town.everything_stored().splitlines()) == stored
    town.lose_record()

    said = await rebuilt(town)
    asked = {key: each for key, each in record.items() if each.state is not State.OPEN}
    assert town.on_record() == asked  # what else there is comes with the first poll
    assert posts(town) == posted
    assert f"{len(asked)} requests for contact now" in said[0]
    assert f"Found {len(cards)} cards in the channel." in said
    assert not [line for line in said if line.startswith("Changed")]

    again = await rebuilt(town)
    assert again[-1] == UNCHANGED
    assert "are lost" in "".join(said)
    assert "are lost" not in "".join(again), "nothing was lost"

    async with town.bot_running():
        await town.polled()
        await town.settled()
        assert town.on_record() == record
        assert shown(town) == cards
        assert posts(town) == posted
        await click(town, week.issues["held"], "blake", "Take over", "Claimed by Blake")


async def test_a_request_that_came_while_there_was_no_bot_is_posted_and_no_other(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():
        known = town.feedback()
        await town.card(known, "🟠 Unclaimed")
        await town.settled()
    town.lose_record()
    missed = town.feedback("Negative feedback for ticket 412399")
    said = await rebuilt(town)
    words = f"Open and without a card; `ssat-bot run` posts it: {key_of(town, missed)}."
    assert words in said
    assert words in await rebuilt(town)
    assert len(town.cards) == 1

    async with town.bot_running():
        await town.card(missed, "🟠 Unclaimed")
        await town.settled()
    assert len(town.cards) == 2


async def test_what_was_done_in_gitlab_meanwhile_is_named_by_its_fields(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, other = town.feedback(), town.feedback("Negative feedback for ticket 412346")
        await town.card(issue, "🟠 Unclaimed")
        await town.card(other, "🟠 Unclaimed")
        await town.settled()
    town.gitlab.assign(issue, town.blake_gitlab, by=town.blake_gitlab)
    town.gitlab.delete_issue(other)

    said = await rebuilt(town)

    assert f"Changed in {key_of(town, issue)}: assignees, owner, owner since, first claim." in said
    assert f"Changed in {key_of(town, other)}: whether GitLab has it." in said
    assert said[-1] == f"No longer in GitLab: {key_of(town, other)}."
    assert not any("Blake" in line or "412345" in line for line in said)
    async with town.bot_running():
        await town.card(issue, "Claimed by Blake Sample")
        await town.card(other, "No longer in GitLab")
        await town.settled()
    assert town.steps(issue) == []  # the card says how it stands; nobody was there to be told


# What counts


async def test_who_has_changed_their_username_since_is_recognized(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        claimed, assigned = town.feedback(), town.feedback("Negative feedback for ticket 412346")
        await town.card(claimed, "🟠 Unclaimed")
        await town.card(assigned, "🟠 Unclaimed")
        await click(town, claimed, "avery", "Claim", "Claimed by Avery Example")
        town.gitlab.assign(assigned, town.blake_gitlab, by=town.duty_gitlab)
        await town.card(assigned, "Claimed by Blake Sample")
    before = town.on_record()
    town.gitlab.rename_user(town.avery_gitlab, "avery.renamed")
    town.gitlab.rename_user(town.blake_gitlab, "blake.renamed")
    town.lose_record()
    await rebuilt(town)
    after = town.on_record()
    for issue, name in ((claimed, "avery.renamed"), (assigned, "blake.renamed")):
        had, has = before[key_of(town, issue)].holder, after[key_of(town, issue)].holder
        assert had
        assert has
        assert has.gitlab == name
        assert has.name == had.name
        assert after[key_of(town, issue)].held_since == before[key_of(town, issue)].held_since


async def test_markers_and_cards_of_others_do_not_count(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        issue = town.feedback()
        await town.card(issue, "🟠 Unclaimed")
        await click(town, issue, "avery", "Claim", "Claimed by Avery")
        await town.settled()
    [claim] = issue.comments
    forged = claim.body.replace("Avery Example", "Mallory Example").replace("U0AVERY", "U0MALLORY")
    unmarked = town.feedback("Negative feedback for ticket 412399")
    for each in (issue, unmarked):
        town.gitlab.comment(each, re.sub("[0-9a-f]{8}-", "00000000-", forged), town.duty_gitlab)
    card = town.card_of(issue)
    assert card
    town.slack.post(
        town.channel,
        town.casey.id,
        "No card of the bot's",
        metadata={
            "event_type": "ssat_card",
            "event_payload": {"key": str(key_of(town, unmarked))},
        },
    )
    before = town.on_record()
    town.lose_record()

    await rebuilt(town)

    record = town.on_record()
    was = replace(before[key_of(town, issue)], comments=2)  # the forged one counts as a comment
    assert record[key_of(town, issue)] == was
    assert record[key_of(town, unmarked)].state is State.WAITING
    async with town.bot_running():
        await town.slack.wait_for(
            lambda: [c for c in town.cards if c.user == town.slack.bot_user_id][1:], PATIENCE
        )
        await town.settled()
    assert len([c for c in town.cards if c.user == town.slack.bot_user_id]) == 2


async def test_a_choice_that_is_half_in_gitlab_is_left_to_be_delivered(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        issue = town.feedback()
        await town.card(issue, "🟠 Unclaimed")
        card = await click(town, issue, "avery", "Claim", "Claimed by Avery")
        town.gitlab.faults.add(method="PUT", status=502, times=None)
        assert (await town.slack.click(town.blake, card, "Take over")).ok
        await town.in_gitlab(lambda: len(issue.comments) == 2)  # the note stands
    town.gitlab.faults.clear()

    said = await rebuilt(town)

    assert said[-2:] == [f"Kept 1 choice for GitLab: {key_of(town, issue)}.", UNCHANGED]
    async with town.bot_running():
        await town.claimed(issue, "Blake Sample")
        await town.thread(issue, "<@U0AVERY>: Blake Sample took over this request from you")
        await town.settled()
    assert issue.assigned_to == ["blake.sample"]
    assert len(issue.comments) == 2


async def test_what_gitlab_refused_after_the_note_is_no_claim_once_the_record_is_lost(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, card = await town.request()
        await claim_refused_after_its_note(town, card)
        await click_dismiss(town, issue)
    town.gitlab.faults.clear()  # the bot was stopped between the refusal and its second note
    async with town.bot_running():
        town.clock.forward(minutes=6)
        await town.settled()
    assert [note.body.split("**")[1] for note in issue.comments] == ["Claimed", "Not carried out"]
    before = town.on_record()
    assert before[key_of(town, issue)].state is State.WAITING
    town.lose_record()

    await rebuilt(town)

    assert town.on_record() == before


# An older record


async def test_a_choice_that_an_older_record_has_on_its_way_is_not_delivered_again(
    quiet_town: Town,
) -> None:
    town = quiet_town
    issue, backup = await claimed_during_an_outage(town)
    before = town.on_record()
    await restore(town, backup)

    said = await rebuilt(town)

    assert f"Kept 1 choice for GitLab: {key_of(town, issue)}." in said
    async with town.bot_running():
        await town.claimed(issue, "Avery Example")
        await town.settled()
    assert len(issue.comments) == 1
    assert town.steps(issue) == ["🔵 Avery Example claimed this request"]
    assert town.on_record() == before


async def test_what_was_decided_after_an_older_record_is_not_undone(quiet_town: Town) -> None:
    town = quiet_town
    issue, backup = await claimed_during_an_outage(town)
    async with town.bot_running():
        await click(town, issue, "blake", "Take over", "Claimed by Blake Sample")
        await town.settled()
    before, told = town.on_record(), town.steps(issue)
    await restore(town, backup)

    said = await rebuilt(town)

    assert not [line for line in said if line.startswith("Kept")]
    assert town.choices() == ["delivered"]
    async with town.bot_running():
        await town.claimed(issue, "Blake Sample")
        await town.settled()
    assert issue.assigned_to == ["blake.sample"]
    assert len(issue.comments) == 2
    assert town.steps(issue) == told
    assert town.on_record() == before


async def test_what_an_older_record_calls_refused_is_looked_for_before_it_is_tried_again(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, card = await town.request()
        town.gitlab.faults.add(method="POST", path="/notes", status=403)
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.card(issue, "GitLab rejected this:")
        await town.settled()
    backup = backed_up(town)
    async with town.bot_running():
        await click(town, issue, "avery", "Try again", "Claimed by Avery Example")
        await town.settled()
    await restore(town, backup)
    await rebuilt(town)

    async with town.bot_running():
        await town.card(issue, "GitLab rejected this:")
        await town.settled()
        await click(town, issue, "avery", "Try again", "Claimed by Avery Example")
        await town.settled()
    assert len(issue.comments) == 1
    assert town.steps(issue)[1:] == ["🔵 Avery Example claimed this request"]


async def test_what_an_older_record_has_yet_to_withdraw_may_have_been_delivered_since(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, card = await town.request()
        await claim_refused_after_its_note(town, card)
        await town.card(issue, "GitLab rejected this:")
        await town.settled()
    backup = backed_up(town)
    async with town.bot_running():  # GitLab takes no withdrawal yet
        await click(town, issue, "avery", "Try again", "Claimed by Avery Example")
        await town.settled()
    town.gitlab.faults.clear()
    await restore(town, backup)

    await rebuilt(town)

    async with town.bot_running():
        town.clock.forward(minutes=6)
        await town.settled()
    assert [note.body.split("**")[1] for note in issue.comments] == ["Claimed"]


async def test_a_step_that_an_older_record_has_not_told_is_looked_for(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, card = await town.request()
        town.clock.stop()  # the ten seconds must not pass by themselves
        silence = town.gitlab.faults.add(
            method="POST", path="/notes$", when="before", hang=PATIENCE
        )
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.in_gitlab(lambda: silence.left == 0)
        await town.card(issue, "Claimed by Avery Example", "⏳")
        await town.idle(IssueQueue.CARD)
        trouble = town.slack.faults.add(
            "chat.postMessage", status=429, headers={"Retry-After": "10"}
        )
        town.gitlab.faults.release()
        await town.claimed(issue, "Avery Example")
        await town.slack.wait_for(lambda: trouble.hits == 1, PATIENCE)
        await town.settled()
    backup = backed_up(town)
    assert town.steps(issue) == []
    async with town.bot_running():
        town.clock.forward(minutes=2)
        await town.thread(issue, "Avery Example claimed")
        await town.settled()
    await restore(town, backup)
    await rebuilt(town)

    async with town.bot_running():
        town.clock.forward(minutes=2)
        await town.settled()
    assert town.steps(issue) == ["🔵 Avery Example claimed this request"]


async def test_of_two_cards_the_newest_is_kept_up_and_the_other_is_named(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, card = await town.request()
        await town.settled()
    newer = town.slack.post(
        town.channel, town.slack.bot_user_id, "🟠 Unclaimed", metadata=card.metadata
    )
    said = await rebuilt(town)
    assert f"Cards new to the record: {key_of(town, issue)}." in said
    assert said[-1] == f"More than one card; the newest is kept up: {key_of(town, issue)}."
    async with town.bot_running():
        await town.slack.wait_for(lambda: "🟠 Unclaimed" in text_of(newer))
        await town.settled()


async def test_a_contact_whose_label_is_missing_is_named(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        issue, card = await town.request()
        town.gitlab.faults.add(method="PUT", status=403)
        assert (await town.mark_contacted(town.avery, card, channel="Call")).ok
        await town.card(issue, "GitLab rejected this:")
        await town.settled()
    town.lose_record()

    said = await rebuilt(town)

    key = key_of(town, issue)
    assert said[-1] == f"A note says contacted, but the label is not there: {key}."
    assert "The record has 0 links made by /ssat link and 0 snoozes. Others are lost" in said[2]
    assert town.on_record()[key].state is State.WAITING


async def test_rows_that_cannot_be_read_are_replaced_and_lost_choices_are_named(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():
        issues = [town.feedback(f"Negative feedback for ticket {number}") for number in (1, 2, 3)]
        claimed, waiting, gone = issues
        for issue in issues:
            await town.card(issue, "🟠 Unclaimed")
        await click(town, claimed, "avery", "Claim", "Claimed by Avery")
        await town.settled()
        town.gitlab.down()
        for issue in (claimed, waiting):
            card = town.card_of(issue)
            assert card
            assert (await town.mark_contacted(town.avery, card, channel="Call")).ok
            await town.card(issue, "⏳ Saved")
    town.gitlab.up()
    town.gitlab.delete_issue(gone)
    await town.spoil(requests, requests.c.iid.in_((claimed.iid, gone.iid)))
    await town.spoil(
        decisions, (decisions.c.iid == waiting.iid) & (decisions.c.status == "pending")
    )

    said = await rebuilt(town)

    keys = [key_of(town, issue) for issue in issues]
    assert f"Kept 1 choice for GitLab: {keys[0]}." in said
    assert f"Could not be read, and replaced: {keys[0]}, {keys[2]}." in said
    assert f"A choice could not be read, and has to be made again: {keys[1]}." in said
    assert town.on_record().keys() == {keys[0], keys[1]}
    assert town.choices() == ["delivered", "pending", "dropped"]
    async with town.bot_running():
        await town.card(claimed, "Contacted", "Avery Example", delivered=True)
        await town.card(waiting, "🟠 Unclaimed", delivered=True)
        await town.settled()
    assert waiting.comments == []


async def test_a_row_that_cannot_be_read_keeps_nobody_from_starting_nor_others_from_working(
    quiet_town: Town,
) -> None:
    town = quiet_town
    async with town.bot_running():
        broken, whole = town.feedback(), town.feedback("Negative feedback for ticket 412399")
        for issue in (broken, whole):
            await town.card(issue, "🟠 Unclaimed")
        await town.settled()
    await town.spoil(requests, requests.c.iid == broken.iid)

    async with town.bot_running():
        await click(town, whole, "avery", "Claim", "Claimed by Avery")

    await rebuilt(town)
    async with town.bot_running():
        await click(town, broken, "avery", "Claim", "Claimed by Avery")
        await town.settled()


# Nothing is posted before the channel has been searched


async def test_nothing_is_posted_while_the_channel_cannot_be_searched(quiet_town: Town) -> None:
    town = quiet_town
    async with town.bot_running():
        await town.request()
        await town.settled()
    town.lose_record()
    other = town.feedback("Negative feedback for ticket 412399")
    trouble = town.slack.faults.add("conversations.history", error="internal_error", times=5)

    async with town.bot_running():
        await town.slack.wait_for(lambda: trouble.hits == 5, PATIENCE)
        await town.card(other, "🟠 Unclaimed")
        await town.settled()
    assert len(town.cards) == 2
    assert posts(town) == 2


async def test_the_channel_is_searched_once_whatever_is_posted(quiet_town: Town) -> None:
    town = quiet_town

    def searches() -> int:
        return sum(call.method == "conversations.history" for call in town.slack.requests)

    for _ in range(2):
        async with town.bot_running():
            issues = [town.feedback(f"Negative feedback for ticket {n}") for n in (1, 2, 3)]
            for issue in issues:
                await town.card(issue, "🟠 Unclaimed")
            await town.settled()
        assert searches() == 1


# The file is damaged, and the command


@pytest.fixture
async def present(tmp_path: Path) -> AsyncIterator[Town]:
    """A town of today, for processes."""
    async with present_town(tmp_path) as built:
        yield built
        built.check()


async def run_rebuild(town: Town, **changes: Any) -> tuple[int, str, str]:
    """Run the command; return its exit code, what it has printed, and what it complained of."""
    async with launched(town, "rebuild", **changes) as process:
        code = await process.ended()
        assert "Traceback" not in process.complained
        return code, process.said, process.complained


def damage(file: Path, how: str) -> None:
    """Spoil what stands in GitLab and Slack anyway; where choices stand, the file stays whole."""
    with closing(sqlite3.connect(file)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'cards'"
        page = connection.execute(query).fetchone()[0] - 1
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    content = bytearray(file.read_bytes())
    if how == "cut off":
        del content[-5 * size :]
    else:
        content[page * size : (page + 1) * size] = random.Random(1).randbytes(size)
    file.write_bytes(content)


@pytest.mark.parametrize("how", ["cut off", "noise in the middle"])
async def test_a_choice_in_a_damaged_file_reaches_gitlab_once(present: Town, how: str) -> None:
    town = present
    issue, other = town.feedback(), town.feedback("Negative feedback for ticket 412346")
    async with town.bot_running():
        await town.card(other, "🟠 Unclaimed")
        await click(town, other, "casey", "Claim", "Claimed by Casey")
        card = await town.card(issue, "🟠 Unclaimed")
        await town.settled()
        town.gitlab.down()
        assert (await town.slack.click(town.avery, card, "Claim")).ok
        await town.card(issue, "Claimed by Avery Example", "⏳ Saved")
    town.gitlab.up()
    damage(town.folder / "ssat-bot.db", how)

    async with launched(town, "run") as process:
        assert await process.ended() == TRY_AGAIN
        assert "ssat-bot.db is damaged: run `ssat-bot rebuild`" in process.complained

    code, said, _ = await run_rebuild(town)

    assert code == 0
    assert "The database was damaged. It is kept as " in said
    assert f"Kept 1 choice for GitLab: {key_of(town, issue)}." in said
    assert issue.comments == []
    assert len(list(town.folder.glob("ssat-bot.db.damaged-*Z"))) == 1
    async with bot_process(town):
        await town.claimed(issue, "Avery Example")
        await town.card(other, "Claimed by Casey Nolink")
        await town.settled()
    assert issue.assigned_to == ["avery"]
    assert len(issue.comments) == 1
    assert len(town.cards) == 2
    assert town.steps(issue) == ["🔵 Avery Example claimed this request"]

    code, said, _ = await run_rebuild(town)
    assert (code, said.splitlines()[-1]) == (0, UNCHANGED)


async def test_a_rebuild_that_gitlab_or_slack_stops_says_so_and_can_be_run_again(
    present: Town,
) -> None:
    town = present
    issues = [town.feedback(f"Negative feedback for ticket {number}") for number in (1, 2, 3)]
    async with town.bot_running():
        for issue in issues:
            await town.card(issue, "🟠 Unclaimed")
        await town.settled()
    town.lose_record()

    outage = town.gitlab.faults.add(path=f"issues/{issues[2].iid}/notes", status=502, times=1)
    code, said, complained = await run_rebuild(town)
    assert (code, said) == (TRY_AGAIN, "")
    assert outage.left == 0
    assert "GitLab is failing (502)\nThe rebuild has stopped; it can be run again." in complained

    town.slack.faults.add("conversations.history", drop=True)
    code, said, complained = await run_rebuild(town)
    assert (code, said) == (TRY_AGAIN, "")
    assert "The rebuild has stopped; it can be run again." in complained

    code, said, _ = await run_rebuild(town)
    assert code == 0
    assert "3 requests for contact now, 3 of them unfinished" in said
    code, said, _ = await run_rebuild(town)
    assert (code, said.splitlines()[-1]) == (0, UNCHANGED)
    assert len(town.cards) == posts(town) == 3


async def test_a_platform_that_asks_for_patience_gets_it(present: Town) -> None:
    town = present
    town.feedback()
    wait = {"Retry-After": "1"}
    town.slack.faults.add("conversations.history", status=429, headers=wait)
    town.gitlab.faults.add(path="/notes", status=429, headers=wait)
    code, said, complained = await run_rebuild(town)
    assert code == 0
    assert "1 request for contact" in said
    assert complained.count('"waiting"') == 2


async def test_a_rebuild_beside_a_running_bot_is_refused(present: Town) -> None:
    async with bot_process(present):
        code, said, complained = await run_rebuild(present)
    assert (code, said) == (TRY_AGAIN, "")
    assert "another ssat-bot works on" in complained
